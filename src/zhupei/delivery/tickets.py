"""A value together with the moment at which it may be told: after the fsync of what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Ticket(Generic[T]):
    """``await ticket`` in an event loop, ``ticket.wait()`` in a thread: both give the value once it is on
    disk.

    Both raise ``JournalError`` if it could not be written. A ticket without a future holds something on disk
    already.
    """

    __slots__ = ("_future", "_value")

    def __init__(self, value: T, future: Future[int] | None = None) -> None:
        self._value, self._future = value, future

    def holding(self, value: U) -> Ticket[U]:
        """The same moment with another value."""
        return Ticket(value, self._future)

    def wait(self, timeout: float = 30) -> T:
        if self._future is not None:
            self._future.result(timeout)
        return self._value

    def __await__(self) -> Generator[Any, None, T]:
        if self._future is not None and not self._future.done():
            yield from asyncio.shield(asyncio.wrap_future(self._future)).__await__()
        elif self._future is not None:
            self._future.result()
        return self._value
