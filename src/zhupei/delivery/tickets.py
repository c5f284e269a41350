"""A value together with the moment at which it may be told: after the fsync of what it says."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from zhupei.delivery.journal.base import Batch

T = TypeVar("T")
U = TypeVar("U")


class Ticket(Generic[T]):
    """``await ticket`` in an event loop, ``ticket.wait()`` in a thread: both give the value once it is on disk.

    Both raise ``JournalError`` if it could not be written. A ticket without a batch holds something on disk already.
    """

    __slots__ = ("_batch", "_value")

    def __init__(self, value: T, batch: Batch | None = None) -> None:
        self._value, self._batch = value, batch

    def holding(self, value: U) -> Ticket[U]:
        """The same moment with another value."""
        return Ticket(value, self._batch)

    @property
    def done(self) -> bool:
        """True once it is on disk, or has failed."""
        return self._batch is None or self._batch.done

    def wait(self, timeout: float = 30) -> T:
        if self._batch is not None:
            self._batch.result(timeout)
        return self._value

    def __await__(self) -> Generator[Any, None, T]:
        if self._batch is not None:
            yield from self._batch.__await__()
        return self._value
