"""The servers of one hall among themselves: who is active, and the files that the standby copies.

``settings.HALL_PEERS`` names the origins of all servers of the hall, ``settings.HALL_SELF`` this one's. What they tell each
other under ``/peer`` is for them alone: a request carries a mark that only a holder of the master key can make, and the answer is
encrypted and bound to the request's path. Who listens in and sends a request again gets what he cannot read, and who answers in
another's place, or sends an old answer again, is not believed: the nonce is new each time, and the answer names its server.

    GET /peer/health/<nonce>              whether the journal takes answers, and generation; only where the hall is served
    GET /peer/state/<nonce>               generation, whether commits wait for a standby, how far the journal goes, key files
    GET /peer/files/<digest>/<start>      at most 1 MiB of a stored file
    GET /peer/keys/<name>                 a key file (itself sealed under the master key)
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

import httpx
import msgspec
from django.conf import settings
from django.db import connection

from zhupei.evidence.api import part_of
from zhupei.hall.process import running_engine
from zhupei.kernel import crypto
from zhupei.web.fields import purpose_key

from .local import LocalServer, Unreachable

log = logging.getLogger(__name__)

T = TypeVar("T")

HEADER = "x-zhupei-peer"
ANSWER_S = 2.0  # for a whole answer, however it comes: a byte now and then must not hold the standby up
PART_S = 30.0  # for a part of a file
MAX_ANSWER = 4 * 1024 * 1024
AT_ONCE = 4
_FILE = re.compile(r"/files/([0-9a-f]{64})/(\d{1,15})", re.ASCII)
_KEY = re.compile(r"/keys/([a-z0-9-]{1,60})", re.ASCII)
_STATE = re.compile(r"/state/[0-9a-f]{32}", re.ASCII)
_HEALTH = re.compile(r"/health/[0-9a-f]{32}", re.ASCII)


class Health(msgspec.Struct, frozen=True):
    """What a server says that serves the hall. ``server``: its origin; ``ok``: its journal takes answers."""

    server: str
    ok: bool
    generation: int


class State(msgspec.Struct, frozen=True):
    """What the active server tells the standby. ``synchronous``: its commits wait for a standby; ``position``: in the
    write-ahead log; ``keys``: digests of its key files by name."""

    generation: int
    synchronous: bool
    position: str
    keys: dict[str, str]


def others() -> list[str]:
    """The origins of the hall's other servers."""
    return [one for one in settings.HALL_PEERS if one != settings.HALL_SELF]


async def _asked(
    url: str, mark: str, seconds: float, transport: httpx.AsyncBaseTransport | None
) -> tuple[int, bytes]:
    """Status and content. Raises ``httpx.HTTPError``, and ``TimeoutError`` when the whole is not there in time."""
    content = bytearray()
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(timeout=seconds, transport=transport, trust_env=False) as client,
        client.stream("GET", url, headers={HEADER: mark}) as response,
    ):
        async for part in response.aiter_raw():  # not unpacked: what is packed small can be huge
            content += part
            if len(content) > MAX_ANSWER:
                raise httpx.DecodingError("the answer is too large")
        return response.status_code, bytes(content)


class NotThere(Unreachable):
    """The other server has no such thing, or does not know this one."""


class Peer:
    """Another server of the hall, as this one asks it. Its methods raise ``Unreachable``."""

    def __init__(self, origin: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.origin, self._transport = origin, transport

    def _get(self, path: str, seconds: float) -> bytes:
        path = f"/peer{path}"
        try:
            status, content = asyncio.run(_asked(self.origin + path, mark_of(path), seconds, self._transport))
            if status == 200:
                return crypto.decrypt(_seal_key(), content, path.encode())
        except httpx.HTTPError as problem:
            raise Unreachable(f"{self.origin} cannot be reached: {problem}") from None
        except TimeoutError:
            raise Unreachable(f"{self.origin} did not answer within {seconds:g} s") from None
        except crypto.DecryptionFailed:
            raise Unreachable(
                f"{self.origin} has another master key, or somebody answers in its place"
            ) from None
        if status == 404:
            raise NotThere(
                f"{self.origin}{path} answered 404. Does the hall run there, with the same master key and ZHUPEI_HALL_PEERS?"
            )
        raise Unreachable(f"{self.origin}{path} answered {status}")

    def _get_new(self, what: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self._get(f"/{what}/{secrets.token_hex(16)}", ANSWER_S), type=kind)
        except msgspec.MsgspecError:
            raise Unreachable(f"{self.origin} runs another version") from None

    def health(self) -> Health:
        """Whether it serves the hall, and how. ``NotThere`` if it does not."""
        told = self._get_new("health", Health)
        if told.server != self.origin:
            raise Unreachable(f"{told.server} answers in place of {self.origin}")
        return told

    def state(self) -> State:
        """How it stands."""
        return self._get_new("state", State)

    def part(self, digest: str, start: int) -> bytes:
        """A part of a stored file; b"" past its end."""
        return self._get(f"/files/{digest}/{start}", PART_S)

    def key(self, name: str) -> bytes:
        """A key file."""
        return self._get(f"/keys/{name}", ANSWER_S)


def mark_of(path: str) -> str:
    """What shows that a request comes from a server of this hall."""
    return crypto.hmac_sm3(purpose_key("hall-peer", 32), path.encode())


def _seal_key() -> bytes:
    return purpose_key("hall-peer-seal")


def key_files() -> dict[str, bytes]:
    """The key files of this machine by name, as they lie on disk."""
    folder = settings.DATA / "keys"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.key"))} if folder.is_dir() else {}


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class PeerApplication:
    """The ASGI application under ``/peer``. Whoever has no mark finds nothing there."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        given = next((value for name, value in scope["headers"] if name.lower() == HEADER.encode()), b"")
        status, body = 404, b""
        if settings.HALL_PEERS and scope["method"] == "GET" and crypto.equal(given, mark_of(path).encode()):
            asked = path.removeprefix("/peer")
            if _HEALTH.fullmatch(
                asked
            ):  # never behind those who wait for files, or send their requests again
                found = _health()
            else:
                async with self._slots:
                    found = await asyncio.to_thread(_answer, asked)
            if found is not None:
                status, body = 200, crypto.encrypt(_seal_key(), found, path.encode())
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def start(self) -> None:
        """With the server."""

    async def stop(self) -> None:
        """With the server."""


def _answer(path: str) -> bytes | None:
    if found := _FILE.fullmatch(path):
        return part_of(found[1], int(found[2]))
    if found := _KEY.fullmatch(path):
        return key_files().get(found[1])
    if _STATE.fullmatch(path):
        return _state()
    return None


def _health() -> bytes | None:
    made = running_engine()
    if made is None:
        return None
    health = made.health()
    return msgspec.json.encode(Health(settings.HALL_SELF, health.journal_ok, health.generation))


def _state() -> bytes | None:
    made = running_engine()
    if made is None:
        return None
    try:
        synchronous, position = LocalServer().standing()
    except Unreachable as problem:
        log.warning("the state of the journal's PostgreSQL is not known: %s", problem)
        return None
    finally:
        connection.close()
    keys = {name: crypto.sm3(content) for name, content in key_files().items()}
    return msgspec.json.encode(State(made.health().generation, synchronous, position, keys))


def peer_application() -> PeerApplication:
    """The ASGI application that the hall's other server asks."""
    return PeerApplication()
