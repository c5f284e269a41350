"""The append-only journal: the one thing that must survive a pulled plug.

``Journal`` is the whole interface: ``append`` hands events over in order and returns a future that is done
when they are on disk (after the fsync of their batch) and never before; ``replay`` reads everything back in
that order. An acknowledgement to a candidate is sent only after that future. There is one writer, so the
order of ``append`` calls is the order of the journal.

``SqliteJournal``: WAL, ``synchronous=FULL``, one writer thread that takes whatever has queued up and commits
it at once (group commit). If a batch fails (disk full, file gone), its futures and those of everything queued
behind it fail with ``JournalError``: nothing of it was acknowledged, and the engine folds its state anew from
what is on disk. Entries are never changed or deleted. A journal on PostgreSQL has only to keep the same
promises.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from zhupei.delivery.formats.base import encoder
from zhupei.delivery.formats.events import AnyEvent, Entry, event_decoder
from zhupei.kernel.errors import Refusal

MAX_BATCH = 2000


class JournalError(Refusal):
    """The journal could not write, or is closed (503). Nothing of what failed was acknowledged."""

    def __init__(self, detail: str) -> None:
        super().__init__("journal_failed", detail, status=503)


class Journal(Protocol):
    """Where events go. Implementations are safe to call from any thread."""

    def append(self, events: Sequence[AnyEvent]) -> Future[int]:
        """Queue ``events`` in order; the future gives the last entry's number once they are on disk."""
        ...

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """Every entry on disk with a number over ``after``, in order."""
        ...

    def settle(self) -> None:
        """Return when everything queued before has been written or has failed; after a failure, take appends
        again."""
        ...

    def close(self) -> None:
        """Write what is queued and stop."""
        ...


_SCHEMA = """
create table if not exists entries (
    no integer primary key,
    candidate text not null,
    type text not null,
    body blob not null
) strict;
create index if not exists entries_candidate on entries (candidate, no);
create trigger if not exists entries_keep_update before update on entries
    begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists entries_keep_delete before delete on entries
    begin select raise(abort, 'the journal is append-only'); end;
"""

_Job = tuple[list[tuple[str, str, bytes]], "Future[int]"]


class SqliteJournal:
    """A journal in one SQLite file. One process at a time (the engine holds the lock)."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._queue: queue.SimpleQueue[_Job | threading.Event | None] = queue.SimpleQueue()
        self._failed: Exception | None = None
        self._closed = False
        connection = self._connect()
        try:
            connection.executescript(_SCHEMA)
            (self._last,) = connection.execute("select coalesce(max(no), 0) from entries").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        return connection

    def append(self, events: Sequence[AnyEvent]) -> Future[int]:
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()  # the events are decided: nobody may take them back any more
        rows = [
            (event.candidate_id, str(event.__struct_config__.tag), encoder.encode(event)) for event in events
        ]
        if self._closed:
            future.set_exception(JournalError("the journal is closed"))
        else:
            self._queue.put((rows, future))
        return future

    def replay(self, after: int = 0) -> Iterator[Entry]:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            rows = connection.execute("select no, body from entries where no > ? order by no", (after,))
            for no, body in rows:
                yield Entry(no=no, event=event_decoder.decode(body))
        finally:
            connection.close()

    def settle(self) -> None:
        passed = threading.Event()
        self._queue.put(passed)
        passed.wait()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _write(self) -> None:
        while True:
            item = self._queue.get()
            jobs: list[_Job] = []
            while isinstance(item, tuple):
                jobs.append(item)
                if len(jobs) >= MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                self._commit(jobs)
            if isinstance(item, threading.Event):
                self._recover()
                item.set()
            elif item is None:
                return

    def _commit(self, jobs: list[_Job]) -> None:
        """One transaction for all of ``jobs``. Once one has failed, all later ones fail until ``settle``:
        their events were
        decided on a state that holds what was lost."""
        error = self._failed
        last, ends = self._last, []
        if error is None:
            try:
                self._connection.execute("begin immediate")
                for rows, _ in jobs:
                    numbered = [(last + n, *row) for n, row in enumerate(rows, 1)]
                    self._connection.executemany("insert into entries values (?, ?, ?, ?)", numbered)
                    last += len(rows)
                    ends.append(last)
                self._connection.execute("commit")
            except Exception as problem:
                error = self._failed = problem
                self._roll_back()
        if error is not None:
            for _, future in jobs:
                future.set_exception(JournalError(str(error)))
            return
        self._last = last
        for (_, future), end in zip(jobs, ends, strict=True):
            future.set_result(end)

    def _recover(self) -> None:
        if self._failed is None:
            return
        try:
            (self._last,) = self._connection.execute("select coalesce(max(no), 0) from entries").fetchone()
        except sqlite3.Error as problem:
            self._failed = problem
        else:
            self._failed = None

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        except sqlite3.Error:
            return
