"""Practice over HTTP: the test's application on an engine that keeps nothing."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import threading

from zhupei.delivery.app.application import ExamApp
from zhupei.delivery.app.http import Request, Response, as_page
from zhupei.delivery.app.visit import COOKIE, place
from zhupei.delivery.attempts import Attempts
from zhupei.delivery.engine.core import Clock
from zhupei.delivery.engine.doors import Engine
from zhupei.delivery.journal import MemoryJournal
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.practice import pages, sheets
from zhupei.kernel import clock as kernel_clock
from zhupei.kernel.errors import Refusal

MOST = 500
"""Visitors at a time; then the one who has been idle longest is forgotten."""
PER_ADDRESS, IN_S = 60, 600
"""Practices that one address may begin, and in how many seconds: a class behind one address gets in."""
KEPT_S = 7200
SWEEP_S = 60
BY = "practice"


class PracticeApp(ExamApp):
    """The ASGI application; ``start`` and ``stop`` with the server. Without ``start`` it starts at the first request."""

    is_practice = True

    def __init__(self, *, clock: Clock = kernel_clock, most: int = MOST) -> None:
        super().__init__(lambda: self.practice, identify=lambda number: "", monotonic=clock.monotonic)
        self._clock, self._most = clock, most
        self._begun = Attempts(PER_ADDRESS, IN_S, clock.monotonic)
        self._visitors: dict[str, float] = {}
        self._number = 0
        self._made: Engine | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._making = threading.Lock()
        self._sweeper: asyncio.Task[None] | None = None
        self._why = sheets.explanations()
        self._routes["/wait"] = {"GET": self._home}
        for path in ("/start", "/warning-read", "/cross", "/alive.gif", "/photo"):
            self._routes.pop(path, None)

    @property
    def practice(self) -> Engine:
        """The engine, made at first use."""
        with self._making:
            if self._made is None:
                self._folder = tempfile.TemporaryDirectory(prefix="zhupei-practice-")
                self._made = Engine(MemoryJournal(), data_dir=self._folder.name, clock=self._clock)
            return self._made

    async def start(self) -> None:
        """With the server."""
        self._sweeper = asyncio.create_task(self._sweep_always())

    async def stop(self) -> None:
        """With the server: everybody is forgotten."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        with self._making:
            made, self._made, folder, self._folder = self._made, None, self._folder, None
        self._visitors.clear()
        if made is not None:
            await asyncio.to_thread(made.close)
        if folder is not None:
            folder.cleanup()

    # --- coming and going ---------------------------------------------------------------------------------------

    async def _sweep_always(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    def sweep(self, places: int = 0) -> None:
        """Forget who came two hours ago; then the longest idle, until ``places`` more have room."""
        moment = self._clock.monotonic()
        for one in [one for one, since in self._visitors.items() if since + KEPT_S <= moment]:
            self._forget(one)
        excess = len(self._visitors) + places - self._most
        if excess > 0:
            idle = {one: self.practice.seat(one).last_seen_age_s or 0 for one in self._visitors}
            for one in sorted(idle, key=lambda name: -idle[name])[:excess]:
                self._forget(one)

    def _forget(self, candidate_id: str) -> None:
        self._visitors.pop(candidate_id, None)
        self.practice.forget(candidate_id)

    # --- routes that differ -------------------------------------------------------------------------------------

    async def _home(self, request: Request, look: Look) -> Response:
        try:
            return self._see_other(request, place(self.engine.view(self._candidate(request))))
        except Refusal as problem:
            if problem.code not in ("not_signed_in", "candidate_unknown"):
                raise
        return as_page(pages.first(look))

    async def _enter(self, request: Request, look: Look) -> Response:
        """The one button: a new visitor, whose time starts at once."""
        waiting = self._begun.wait(request.address)
        if waiting:
            response = as_page(pages.first(look, wait_s=waiting), 429)
            response.headers.append((b"retry-after", str(waiting).encode()))
            return response
        self._begun.failed(request.address)
        self.sweep(1)
        engine, name = self.practice, secrets.token_hex(8)
        self._number += 1
        engine.load(sheets.bundle_for(name, self._number % 10_000, int(self._clock.now().timestamp() * 1000)))
        self._visitors[name] = self._clock.monotonic()
        engine.admit(name, by=BY, method=BY)
        engine.open_session(name, by=BY)
        sign = await engine.enter(f"{self._number % 10_000:04d}", "", address=request.address)
        await engine.start(name)
        response = self._see_other(request, "/paper")
        response.cookie(request, COOKIE, sign.token)
        return response

    async def _result(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        if view.state != "submitted":
            return self._see_other(request, place(view))
        return as_page(pages.result(look, view, self._form_token(request), self._why))

    async def _leave(self, request: Request, look: Look) -> Response:
        """Once more, or away: either way this practice is forgotten."""
        candidate_id, _ = self._posted(request)
        self._forget(candidate_id)
        response = self._see_other(request, "/")
        response.cookie(request, COOKIE, "", age=0)
        return response

    def _refusal(self, request: Request, look: Look, problem: Refusal) -> Response:
        if problem.code == "candidate_unknown":
            problem = Refusal("not_signed_in", status=403)
        return super()._refusal(request, look, problem)
