"""HTTP as far as the application needs it: a request in, a response out, and whether it came from our own pages."""

from __future__ import annotations

import contextlib
import re
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from zhupei.delivery.html import Html
from zhupei.kernel.errors import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

T = TypeVar("T")

MAX_BODY = 128 * 1024
_READ = {
    name.encode(): name for name in ("content-type", "cookie", "host", "origin", "referer", "user-agent")
}
_encoder = msgspec.json.Encoder()


def security(peers: Sequence[str] = ()) -> list[tuple[bytes, bytes]]:
    """The headers of every answer. Pages may look for an image at the ``peers`` and post a form to them; these then learn
    from which origin it came."""
    others = "".join(f" {peer}" for peer in peers)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{others}; connect-src 'self'; "
        f"form-action 'self'{others}; base-uri 'none'; frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", policy.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"strict-origin-when-cross-origin" if peers else b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
    ]


@dataclass(slots=True)
class Request:
    """One HTTP request, as far as this application needs it: of the headers those in ``_READ``."""

    method: str
    path: str
    root: str
    query: dict[str, str]
    headers: dict[str, str]
    cookies: dict[str, str]
    secure: bool
    address: str
    body: bytes = b""

    @property
    def wants_json(self) -> bool:
        return self.headers.get("content-type", "").startswith("application/json") or self.path.endswith(
            ".json"
        )

    def fields(self) -> dict[str, list[str]]:
        """The fields of a posted form."""
        try:
            return urllib.parse.parse_qs(
                self.body.decode("utf-8"), keep_blank_values=True, max_num_fields=500, strict_parsing=False
            )
        except (UnicodeDecodeError, ValueError):
            raise bad_request() from None


@dataclass(slots=True)
class Response:
    status: int
    body: bytes
    type: str = "text/html; charset=utf-8"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    cache: str = "no-store"

    def cookie(
        self, request: Request, name: str, value: str, *, age: int | None = None, script: bool = False
    ) -> None:
        parts = [f"{name}={value}", f"Path={request.root or '/'}", "SameSite=Strict"]
        if not script:
            parts.append("HttpOnly")
        if request.secure:
            parts.append("Secure")
        if age is not None:
            parts.append(f"Max-Age={age}")
        self.headers.append((b"set-cookie", "; ".join(parts).encode("latin-1")))


def bad_request() -> Refusal:
    return Refusal("bad_request", status=400)


def as_page(html: Html, status: int = 200) -> Response:
    return Response(status, html.encode("utf-8"))


def as_json(value: object, status: int = 200) -> Response:
    return Response(status, _encoder.encode(value), "application/json")


def decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise bad_request() from None


def same_origin(request: Request) -> bool:
    """True unless the browser says that the request comes from another site."""
    host = request.headers.get("host", "")
    source = request.headers.get("origin") or request.headers.get("referer")
    if not source:
        return True
    try:
        return urllib.parse.urlsplit(source).netloc.lower() == host.lower()
    except ValueError:
        return False


def origin(address: str) -> str:
    """``address`` as an origin (scheme, host, port if any); ``ValueError`` if it is none."""
    if not re.fullmatch(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?/?", address):
        raise ValueError(f"not an origin: {address}")
    return address.rstrip("/").lower()


def read_request(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        name = name.lower()
        if name in _READ:
            headers[_READ[name]] = value.decode("latin-1")
    root = str(scope.get("root_path", "")).rstrip("/")
    path = str(scope["path"])
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    cookies = {name: value for name, _, value in pairs if name}
    query: list[tuple[str, str]] = []
    if asked := scope.get("query_string"):
        with contextlib.suppress(ValueError):  # none of our pages asks so much
            query = urllib.parse.parse_qsl(asked.decode("latin-1"), max_num_fields=50)
    client = scope.get("client")
    return Request(
        method=str(scope["method"]).upper(),
        path=path or "/",
        root=root,
        query=dict(query),
        headers=headers,
        cookies=cookies,
        secure=scope.get("scheme") == "https",
        address=str(client[0]) if client else "",
    )


async def read_body(request: Request, receive: Receive) -> bytes:
    return await read_whole(receive) if request.method in ("POST", "PUT", "PATCH") else b""


async def read_whole(receive: Receive) -> bytes:
    """A posted body; refused with ``too_large`` (413) beyond ``MAX_BODY`` bytes."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise Refusal("too_large", status=413)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
