"""The ASGI application: finds the route, answers, and turns every fault into a page or JSON."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from zhupei.delivery.app.answering import Answering
from zhupei.delivery.app.crossing import Crossing
from zhupei.delivery.app.entrance import Entrance
from zhupei.delivery.app.extras import Extras
from zhupei.delivery.app.http import (
    Receive,
    Request,
    Response,
    Scope,
    Send,
    as_json,
    as_page,
    lifespan,
    read_body,
    read_request,
    read_whole,
    same_origin,
    security,
)
from zhupei.delivery.app.onward import Onward
from zhupei.delivery.app.quick import token_of
from zhupei.delivery.app.visit import COOKIE
from zhupei.delivery.engine.doors import Engine
from zhupei.delivery.pages import notices
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.texts import has
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

log = logging.getLogger("zhupei.delivery")

Quick: TypeAlias = Callable[[str, bytes], Awaitable[Any]]
"""What a post of our own script does, from token and body alone."""


class ExamApp(Entrance, Answering, Onward, Crossing, Extras):
    """The ASGI application. ``identify`` turns a typed ID number into the ``id_hash`` of the bundle.

    ``peers``: origins of all servers of the hall (``crossing``). ``practice``: where one may practise, for a link.
    """

    def __init__(
        self,
        engine: Engine | Callable[[], Engine | None],
        *,
        identify: Callable[[str], str],
        monotonic: Callable[[], float] = clock.monotonic,
        peers: Sequence[str] = (),
        practice: str = "",
    ) -> None:
        super().__init__(engine, identify=identify, monotonic=monotonic, peers=peers, practice=practice)
        self._security = security(self._peers)
        self._routes: dict[str, dict[str, Callable[[Request, Look], Awaitable[Response]]]] = {
            "/": {"GET": self._home},
            "/enter": {"POST": self._enter},
            "/wait": {"GET": self._wait},
            "/start": {"POST": self._start},
            "/paper": {"GET": self._paper},
            "/paper.json": {"GET": self._paper_json},
            "/save": {"POST": self._save},
            "/heartbeat": {"POST": self._heartbeat},
            "/next-subject": {"GET": self._next_page, "POST": self._next},
            "/hand-in": {"GET": self._hand_in_page, "POST": self._hand_in},
            "/result": {"GET": self._result},
            "/leave": {"POST": self._leave},
            "/warning-read": {"POST": self._warning_read},
            "/cross": {"POST": self._cross},
            "/alive.gif": {"GET": self._alive},
            "/photo": {"GET": self._photo},
            "/look": {"GET": self._look},
            "/health": {"GET": self._health},
        }
        self._quick: dict[str, Quick] = {"/save": self._save_one, "/heartbeat": self._pulse}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        quick = self._quick.get(scope["path"].removeprefix(scope.get("root_path", "")))
        token = token_of(scope["headers"]) if quick is not None and scope["method"] == "POST" else None
        if quick is not None and token is not None:
            response = await self._hurry(quick, token, scope, receive)
        else:
            response = await self._respond(scope, receive)
        headers = [
            (b"content-type", response.type.encode()),
            (b"content-length", b"%d" % len(response.body)),
            (b"cache-control", response.cache.encode()),
            *self._security,
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    async def _hurry(self, quick: Quick, token: str, scope: Scope, receive: Receive) -> Response:
        """A save or a heartbeat; the general request is made only to refuse it."""
        problem: Refusal
        try:
            return as_json(await quick(token, await read_whole(receive)))
        except Refusal as refusal:
            problem = refusal
        except Exception:
            log.exception("%s failed", scope["path"])
            problem = Refusal("failed", status=500)
        request = read_request(scope)
        return self._refusal(request, self._look_of(request), problem)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        request = read_request(scope)
        look = self._look_of(request)
        try:
            request.body = await read_body(request, receive)
            return await self._answer(request, look)
        except Refusal as problem:
            return self._refusal(request, look, problem)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return self._refusal(request, look, Refusal("failed", status=500))

    async def _answer(self, request: Request, look: Look) -> Response:
        if request.path.startswith("/static/"):
            return self._static(request)
        if request.path.startswith("/media/") and request.method in ("GET", "HEAD"):
            return await self._media(request)
        methods = self._routes.get(request.path)
        if methods is None:
            raise Refusal("not_found", status=404)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise Refusal("method", status=405)
        if request.method == "POST" and not (same_origin(request) or self._from_peer(request)):
            raise Refusal("bad_request", status=403)
        return await handler(request, look)

    def _refusal(self, request: Request, look: Look, problem: Refusal) -> Response:
        code = problem.code if has(f"error.{problem.code}") else "failed"
        known = problem if code == problem.code else Refusal(code, status=problem.status)
        if request.wants_json:
            words = {"error": code, "message": look.t(f"error.{code}"), "do": ""}
            if code != "too_many":
                words["do"] = look.t(f"error.{code}.do")
            return as_json(words, known.status)
        outside = {"not_signed_in", "not_found", "method", "not_ready", "bad_request"}
        home = COOKIE not in request.cookies or code in outside
        others = self._others(request) if code == "not_ready" else ()
        return as_page(
            notices.error(look, known, home=home, values={"seconds": 60}, others=others), known.status
        )
