"""The bodies of requests on their way to Django's few threads: nobody holds a thread by sending slowly.

A thread that reads a body waits for it as long as the other end likes, and a handful of strangers would stop all pages. So a body
is taken in whole, in bounded time and space, before a thread sees it. Answers need no such thing: the server holds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, Any

MAX_BODY = 600 << 20  # bytes; the largest files that pages take (bundles) have 512 MiB
MAX_HELD = 2 << 30  # bytes of all bodies at once; beyond it only small ones are taken
SMALL = 1 << 20
IN_MEMORY = 64 << 10
PIECE = 256 << 10
PAUSE_S = 30.0  # without a single byte
BYTES_PER_S = (
    1024  # on the whole, after the first pause: a slow line carries a picture, but nobody stays for ever
)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]


class TurnedAway(Exception):
    """A body that is not taken. ``status`` 0: there is nobody left to tell."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Bodies:
    """The bodies that are on their way to Django."""

    def __init__(self) -> None:
        self.held = 0

    @asynccontextmanager
    async def whole(self, scope: Message, receive: Receive) -> AsyncIterator[Receive]:
        """``receive`` for Django, with nothing left to wait for. Raises ``TurnedAway``."""
        told = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"0")
        declared = int(told) if told.isdigit() and len(told) < 16 else MAX_BODY + 1
        if not declared:  # then Django reads nothing either
            yield receive
            return
        if declared > MAX_BODY:
            raise TurnedAway(413)
        with SpooledTemporaryFile(IN_MEMORY) as file:
            try:
                await self._take(file, declared, receive)
                size, taken = file.tell(), 0
                file.seek(0)

                async def given() -> Message:
                    nonlocal taken
                    part = file.read(PIECE)
                    taken += len(part)
                    return {"type": "http.request", "body": part, "more_body": taken < size}

                yield given
            finally:
                file.seek(0, SEEK_END)
                self.held -= file.tell()

    async def _take(self, file: IO[bytes], declared: int, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        started, size, more = loop.time(), 0, True
        while more:
            left = started + PAUSE_S + size / BYTES_PER_S - loop.time()
            try:
                async with asyncio.timeout(min(left, PAUSE_S)):
                    message = await receive()
            except TimeoutError:
                raise TurnedAway(408) from None
            if message["type"] == "http.disconnect":
                raise TurnedAway(0)
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > declared:
                raise TurnedAway(413)
            if self.held + len(part) > MAX_HELD and size > SMALL:
                raise TurnedAway(503)
            self.held += len(part)
            file.write(part)


async def turn_away(status: int, send: Send) -> None:
    """The answer to a body that is not taken."""
    headers = [(b"content-length", b"0"), (b"connection", b"close"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
