"""One port for everything: the exam engine's pages under ``/exam``, all others by Django."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhupei.config.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

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
    else:
        await django_application(scope, receive, send)
