"""What every journal promises, and the group commit that those on disk share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from zhupei.delivery.formats.base import encoder
from zhupei.delivery.formats.events import AnyEvent, Entry
from zhupei.kernel.errors import Refusal

log = logging.getLogger("zhupei.delivery")

Row: TypeAlias = tuple[str, str, bytes]
"""An event on its way: candidate, type, encoded body."""


class JournalError(Refusal):
    """The journal could not write, or is closed (503). Nothing of what failed was acknowledged."""

    def __init__(self, detail: str) -> None:
        super().__init__("journal_failed", detail, status=503)


class JournalTaken(Refusal):
    """Another writer holds the journal: one server at a time (409)."""

    def __init__(self, detail: str) -> None:
        super().__init__("engine_running", detail)


class Batch:
    """The events that go to disk together. ``result()`` in a thread and ``await`` in an event loop return once they are there.

    Both raise ``JournalError`` if they could not be written. All appends that queue up while the writer is busy share one
    batch, and its waiters in a loop are woken by one call: a save costs no future of its own beyond its waiter.
    """

    __slots__ = ("_error", "_event", "_lock", "_waiters", "done", "last", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.last = 0
        """The number of the batch's last entry, once done."""
        self._lock = threading.Lock()
        self.done = False
        self._event: threading.Event | None = None
        self._error: str | None = None
        self._waiters: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}

    def finish(self, error: str | None = None) -> None:
        """Tell everybody who waits; ``error`` is why it failed."""
        with self._lock:
            self._error, self.done = error, True
            waiters, self._waiters = self._waiters, {}
            event = self._event
        if event is not None:
            event.set()
        for loop, own in waiters.items():
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_wake, own)

    def result(self, timeout: float = 30) -> int:
        """Wait in a thread; the last entry's number. Raises ``TimeoutError`` after ``timeout`` seconds."""
        with self._lock:
            if not self.done and self._event is None:
                self._event = threading.Event()
            event = None if self.done else self._event
        if event is not None and not event.wait(timeout):
            raise TimeoutError
        self._check()
        return self.last

    def __await__(self) -> Generator[Any, None, None]:
        if not self.done:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            with self._lock:
                waits = not self.done
                if waits:
                    self._waiters.setdefault(loop, []).append(waiter)
            if waits:
                yield from waiter
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise JournalError(self._error)


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


class Journal(Protocol):
    """Where events go. Implementations are safe to call from any thread."""

    on_failure: Callable[[], None]
    """Called by the writer when a batch has failed, before its waiters learn it."""

    def append(self, events: Sequence[AnyEvent]) -> Batch:
        """Queue ``events`` in order. None: wait behind what is on its way."""
        ...

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """Every entry on disk with a number over ``after``, in order."""
        ...

    def settle(self) -> None:
        """Return when everything queued before has been written or has failed; after a failure, take appends again.

        Raises ``JournalError`` while that is not possible; then nothing is taken, and one may ask again.
        """
        ...

    def close(self) -> None:
        """Write what is queued and stop."""
        ...


def ignore() -> None:
    """Nobody has to be told."""


class GroupCommit(ABC):
    """One writer thread that takes whatever has queued up and commits it at once.

    A subclass opens its storage, sets ``_last``, then calls ``_begin``. Its three methods run in the writer thread alone.
    """

    def __init__(self) -> None:
        self.on_failure: Callable[[], None] = ignore
        self._last = 0
        self._change = threading.Condition()
        self._open: Batch | None = None
        self._settling: list[threading.Event] = []
        self._closed = False
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    @abstractmethod
    def _store(self, rows: list[Row], first: int) -> None:
        """Put ``rows`` on disk as entries ``first``, ``first + 1`` …, in one transaction; raise if that is not certain."""

    @abstractmethod
    def _recover(self) -> int:
        """After a failure: make the storage usable again and return the number of the last entry on disk; or raise."""

    @abstractmethod
    def _shut(self) -> None:
        """Close the storage."""

    @abstractmethod
    def replay(self, after: int = 0) -> Iterator[Entry]:
        """See ``Journal``."""

    def _begin(self) -> None:
        self._thread.start()

    def append(self, events: Sequence[AnyEvent]) -> Batch:
        """See ``Journal``."""
        rows = [(event.candidate_id, event.__struct_config__.tag, encoder.encode(event)) for event in events]
        with self._change:
            if self._closed:
                batch = Batch()
                batch.finish("the journal is closed")
                return batch
            if self._open is None:
                self._open = Batch()
                self._change.notify()
            batch = self._open
            batch.rows += rows  # type: ignore[arg-type]  # every event's tag is text
        return batch

    def settle(self) -> None:
        """See ``Journal``."""
        passed = threading.Event()
        with self._change:
            if self._closed:
                return
            self._settling.append(passed)
            self._change.notify()
        passed.wait()
        if self._failed is not None:
            raise JournalError(self._failed)

    def close(self) -> None:
        """See ``Journal``."""
        with self._change:
            if self._closed:
                return
            self._closed = True
            self._change.notify()
        self._thread.join()
        self._shut()

    def _run(self) -> None:
        while True:
            with self._change:
                while self._open is None and not self._settling and not self._closed:
                    self._change.wait()
                batch, self._open = self._open, None
                settling, self._settling = self._settling, []
                closed = self._closed
            if batch is not None:
                self._commit(batch)
            if settling and self._failed is not None:
                try:
                    self._last = self._recover()
                    self._failed = None
                except Exception as problem:
                    self._failed = str(problem)
            for passed in settling:
                passed.set()
            if closed:
                return

    def _commit(self, batch: Batch) -> None:
        """One transaction. Once one has failed, all later ones fail until ``settle``: their events were decided on a state
        that holds what was lost."""
        if self._failed is None and batch.rows:
            try:
                self._store(batch.rows, self._last + 1)
                self._last += len(batch.rows)
            except Exception as problem:
                self._failed = str(problem) or type(problem).__name__
                log.error("the journal failed: %s", self._failed)
                self.on_failure()
        batch.last = self._last
        batch.rows = []
        batch.finish(self._failed)
