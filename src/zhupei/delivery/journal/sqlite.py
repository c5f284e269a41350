"""A journal in one SQLite file: WAL, ``synchronous=FULL``."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from zhupei.delivery.formats.events import Entry, event_decoder
from zhupei.delivery.journal.base import GroupCommit, Row

_SCHEMA = """
create table if not exists entries (
    no integer primary key,
    candidate text not null,
    type text not null,
    body blob not null
) strict;
create trigger if not exists entries_keep_update before update on entries
    begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists entries_keep_delete before delete on entries
    begin select raise(abort, 'the journal is append-only'); end;
"""
_LAST = "select coalesce(max(no), 0) from entries"
_AT_ONCE = 200  # rows of one statement; a prepared one is kept for each number up to it


class SqliteJournal(GroupCommit):
    """A journal in one SQLite file. One process at a time (the engine holds the lock)."""

    def __init__(self, path: Path | str, *, make_room: Callable[[], bool] = lambda: False) -> None:
        """``make_room`` is asked when the disk is full; if it says True the batch is tried once more."""
        super().__init__()
        self._make_room = make_room
        self.path = Path(path)
        self._connection = self._connect()
        try:
            self._connection.executescript(_SCHEMA)
            (self._last,) = self._connection.execute(_LAST).fetchone()
        except sqlite3.Error:
            self._connection.close()
            raise
        self._begin()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
            cached_statements=_AT_ONCE + 10,
        )
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        return connection

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """See ``Journal``."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            rows = connection.execute("select no, body from entries where no > ? order by no", (after,))
            for no, body in rows:
                yield Entry(no=no, event=event_decoder.decode(body))
        finally:
            connection.close()

    def _store(self, rows: list[Row], first: int) -> None:
        try:
            self._write(rows, first)
        except sqlite3.OperationalError as problem:
            if "full" not in str(problem) or not self._make_room():
                raise
            self._write(rows, first)

    def _write(self, rows: list[Row], first: int) -> None:
        """One statement where that will do: it is a transaction by itself. While SQLite works, Python's lock is free, and under
        load each time the writer wants it back is a wait; so once a batch, not once a row."""
        if len(rows) <= _AT_ONCE:
            self._insert(rows, first)
            return
        try:
            self._connection.execute("begin immediate")
            for at in range(0, len(rows), _AT_ONCE):
                self._insert(rows[at : at + _AT_ONCE], first + at)
            self._connection.execute("commit")
        except Exception:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
            raise

    def _insert(self, rows: list[Row], first: int) -> None:
        values: list[int | str | bytes] = []
        for no, row in enumerate(rows, first):
            values += (no, *row)
        self._connection.execute(
            "insert into entries values (?,?,?,?)" + ",(?,?,?,?)" * (len(rows) - 1), values
        )

    def _recover(self) -> int:
        (last,) = self._connection.execute(_LAST).fetchone()
        return int(last)

    def _shut(self) -> None:
        self._connection.close()
