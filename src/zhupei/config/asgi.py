"""One port for everything: the exam engine's pages under ``/exam``, all others by Django.

Django's views are synchronous. They run as a WSGI application on a few lasting threads, each with its own database
connection; under Django's own ASGI handler every request would get a new thread and a new connection
(``zhupei bench servers`` shows the difference).
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhupei.config.settings")

from a2wsgi import WSGIMiddleware  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

THREADS = int(os.environ.get("ZHUPEI_THREADS", "8"))
pages = WSGIMiddleware(get_wsgi_application(), workers=THREADS)  # type: ignore[arg-type]

from zhupei.hall.api import exam_application  # noqa: E402

EXAM = "/exam"
exam = exam_application()


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Hand a request to the engine or to Django by its path; start and stop the engine with the server."""
    if scope["type"] == "lifespan":
        await exam(scope, receive, send)
    elif scope["type"] == "http" and (scope["path"] == EXAM or scope["path"].startswith(EXAM + "/")):
        await exam({**scope, "root_path": EXAM}, receive, send)
    elif scope["type"] == "http":

        async def received() -> dict[str, Any]:  # a server may give any awaitable; a2wsgi wants a coroutine
            return await receive()

        await pages(scope, received, send)  # type: ignore[arg-type]
