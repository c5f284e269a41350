"""One port for everything: the exam engine's pages under ``/exam``, all others by Django.

Django's views are synchronous. They run as a WSGI application on a few lasting threads, each with its own database
connection; under Django's own ASGI handler every request would get a new thread and a new connection
(``zhupei bench servers`` shows the difference).
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhupei.config.settings")

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application

pages = WSGIMiddleware(get_wsgi_application(), workers=settings.THREADS)  # type: ignore[arg-type]

from zhupei.config.patience import Bodies, TurnedAway, turn_away  # noqa: E402
from zhupei.delivery.api import PracticeApp  # noqa: E402
from zhupei.hall.api import (  # noqa: E402
    Front,
    Streams,
    exam_application,
    measuring_application,
    peer_application,
    rehearsal_application,
)
from zhupei.web.threads import close_connections  # noqa: E402

MOUNTS: dict[str, Any] = {
    "/exam": exam_application(),
    "/measure": measuring_application(),
    "/peer": peer_application(),
    "/rehearsal": rehearsal_application(),
    "/practice": PracticeApp(),
}
"""What is answered before Django, by the first part of the path. Each has ``start()`` and ``stop()``."""

bodies = Bodies()
"""What is on its way to Django."""

streams = Streams()
"""What Django's answers may turn into: the consoles' live streams. With ``start()`` and ``stop()`` too."""


def seen_by_proxy(scope: dict[str, Any]) -> dict[str, Any]:
    """The request with the address that the proxy in front saw: the last one in ``X-Forwarded-For``, which it adds itself.

    Otherwise the records of sign-ins name the proxy, and one stranger uses up everybody's rate limits. With its word that the
    line was ``https`` too: the candidates' cookies then go over no other.
    """
    if any(name.lower() == b"x-forwarded-proto" and value == b"https" for name, value in scope["headers"]):
        scope = {**scope, "scheme": "https"}
    for name, value in reversed(scope["headers"]):
        if name.lower() == b"x-forwarded-for":
            try:
                address = ip_address(value.decode("latin-1").rpartition(",")[2].strip())
            except ValueError:
                return scope
            return {**scope, "client": (str(address), 0)}
    return scope


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a request to one of the ``MOUNTS`` or to Django by its path; start and stop the mounts with the server."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["type"] != "http":
        return
    if settings.BEHIND_PROXY:
        scope = seen_by_proxy(scope)
    path: str = scope["path"]
    end = path.find("/", 1)
    root = path if end < 0 else path[:end]
    if root in MOUNTS:
        scope["root_path"] = root
        await MOUNTS[root](scope, receive, send)
        return

    async def received() -> dict[str, Any]:  # a server may give any awaitable; a2wsgi wants a coroutine
        return await receive()

    if not scope["query_string"].isascii():  # old browsers send what was typed as it is; a2wsgi fails on it
        query = re.sub(rb"[\x80-\xff]", lambda found: b"%%%02X" % found[0][0], scope["query_string"])
        scope = {**scope, "query_string": query}
    front = Front(send)
    try:
        async with bodies.whole(scope, received) as body:
            await pages(scope, body, front.send)  # type: ignore[arg-type]
    except TurnedAway as problem:
        if problem.status:
            await turn_away(problem.status, send)
        return
    if front.signed is not None:
        await streams.serve(front, receive, send)


def let_go() -> None:
    """The threads that answer pages close their connections to the database."""
    close_connections(pages.executor, settings.THREADS)


def settle_memory() -> None:
    """What is loaded by now stays for good: the collector of cycles need not walk over it under load, nor after every few
    hundred objects that requests make (a save makes none that are in cycles)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


async def lifespan(receive: Receive, send: Send) -> None:
    """The server's own start and stop."""
    while True:
        message = await receive()
        ends = message["type"] == "lifespan.shutdown"
        for mount in (streams, *MOUNTS.values()):
            await (mount.stop() if ends else mount.start())
        await asyncio.to_thread(let_go if ends else settle_memory)
        await send({"type": message["type"] + ".complete"})
        if ends:
            return
