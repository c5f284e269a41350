"""A lean HTTP/1.1 client: one keep-alive connection, one request at a time, little work a request.

It understands what the exam application answers (``Content-Length`` or chunked) and nothing more; ten thousand fit into
one process.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import urllib.parse
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

TIMEOUT_S = 10.0  # as the page's own
MAX_ANSWER = 64 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: *([^=;\r\n]+)=([^;\r\n]*)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *([^\r\n]+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

T = TypeVar("T")


class Unreachable(Exception):
    """No answer: refused, cut, or too late."""


class Answer(NamedTuple):
    """``head``: status line and headers as they came."""

    status: int
    head: bytes
    body: bytes

    @property
    def location(self) -> str:
        found = _LOCATION.search(self.head)
        return found[1].decode("latin-1").strip() if found else ""


class _Line(asyncio.Protocol):
    """The connection: collects one answer."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Answer] | None = None
        self._body_at = -1
        self._length = 0
        self._chunked = False
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def ask(self, data: bytes) -> asyncio.Future[Answer]:
        assert self.transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._buffer.clear()
        self._body_at = -1
        self.transport.write(data)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if self._body_at < 0:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(buffer[:end])
            self._body_at = end + 4
            self._chunked = _CHUNKED.search(head) is not None
            found = _LENGTH.search(head)
            self._length = int(found[1]) if found else 0
        have = len(buffer) - self._body_at
        if have > MAX_ANSWER:
            self.fail()
        elif self._chunked:
            body = _unchunked(bytes(buffer[self._body_at :]))
            if body is not None:
                self._finish(body)
        elif have >= self._length:
            self._finish(bytes(memoryview(buffer)[self._body_at : self._body_at + self._length]))

    def _finish(self, body: bytes) -> None:
        waiter, self._waiter = self._waiter, None
        head = bytes(self._buffer[: self._body_at - 4])
        self._buffer.clear()
        self._body_at = -1
        if _CLOSE.search(head):
            self.closed = True
        if waiter is not None and not waiter.done():
            status = head[9:12]
            if status.isdigit():
                waiter.set_result(Answer(int(status), head, body))
            else:
                waiter.set_exception(Unreachable("not HTTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.fail()

    def fail(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Unreachable("cut"))
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()
        self.closed = True


def _unchunked(data: bytes) -> bytes | None:
    """The body of chunks, or None while the last one is missing."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(data[at:end].split(b";")[0], 16)
        if len(data) < end + 2 + size + 2:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


class Target:
    """Where all clients go: ``http://host[:port]`` or ``https://…``, and the root of the application there."""

    def __init__(self, base: str, root: str = "/rehearsal") -> None:
        parts = urllib.parse.urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an address of a server: {base}")
        self.root, self.host = root, parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.common = (
            f"Host: {parts.netloc}\r\nUser-Agent: Mozilla/5.0 (rehearsal)\r\nAccept: */*\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
            "Accept-Encoding: identity\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\n"
        )


class Client:
    """One browser: a connection that is made anew when it was cut, and its cookies."""

    __slots__ = ("_cookies", "_line", "cookie_line", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self._line: _Line | None = None
        self._cookies: dict[str, str] = {}
        self.cookie_line = ""

    async def send(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
        """One request, from the root. Raises ``Unreachable``; what happened at the server is then not known."""
        lines = f"{method} {self.target.root}{path} HTTP/1.1\r\n{self.target.common}{self.cookie_line}"
        if method == "POST":
            lines += (
                f"Origin: {self.target.origin}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            )
        data = f"{lines}\r\n".encode("latin-1") + body
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if self._line is None or self._line.closed:
                    self._line = await self._connect()
                answer = await self._line.ask(data)
        except (TimeoutError, OSError) as problem:
            self.close()
            raise Unreachable(type(problem).__name__) from None
        except BaseException:
            self.close()
            raise
        if b"et-" in answer.head:
            self._take_cookies(answer.head)
        return answer

    async def _connect(self) -> _Line:
        target = self.target
        _, line = await asyncio.get_running_loop().create_connection(
            _Line, target.host, target.port, ssl=target.tls
        )
        return line

    def _take_cookies(self, head: bytes) -> None:
        for name, value in _COOKIE.findall(head):
            self._cookies[name.decode("latin-1").strip()] = value.decode("latin-1")
            self.cookie_line = "Cookie: " + "; ".join(f"{k}={v}" for k, v in self._cookies.items()) + "\r\n"

    def close(self) -> None:
        """Cut the connection; the next request makes another one."""
        if self._line is not None:
            self._line.fail()
            self._line = None


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` on uvloop where it is installed."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        pass
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
