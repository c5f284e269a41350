"""What a hall mounts at ``/rehearsal``: the exam application on the rehearsal's engine, and the rehearsal's own addresses.

Addresses beside those of the exam application (all but the page take the rehearsal's code, as JSON)
    GET  /play              the page of a client that is to play a candidate by itself
    POST /play.json         code, place → who sits there, and how to play
    POST /go.json           code → milliseconds until the common start
    POST /seat.json         code, seat → kept as that client's result
    POST /plan.json         code → the plan, for ``zhupei rehearse --server``
    POST /account.json      code, hall → what the journal on disk holds of that hall's candidates
    POST /usage.json        code → processor time and memory of this process
    POST /report.json       code, report → kept as the command's result
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from zhupei.delivery.app.application import ExamApp
from zhupei.delivery.app.extras import LOOK_COOKIE
from zhupei.delivery.app.http import (
    Receive,
    Request,
    Response,
    Scope,
    Send,
    as_json,
    as_page,
    decode,
    read_body,
    read_request,
    same_origin,
    security,
)
from zhupei.delivery.app.static import static_files
from zhupei.delivery.attempts import Attempts
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.rehearsal.bundles import Plan, identify, person
from zhupei.delivery.rehearsal.page import play_page
from zhupei.delivery.rehearsal.record import Life, Record
from zhupei.delivery.rehearsal.stage import Seat, Stage, usage
from zhupei.delivery.rehearsal.words import has, say
from zhupei.delivery.texts import LANGUAGES
from zhupei.kernel import clock
from zhupei.kernel.crypto import equal
from zhupei.kernel.errors import Refusal

log = logging.getLogger("zhupei.delivery")
PATIENCE_S = 5.0  # how old a hall's account may be, so that fifty halls asked in a row are one reading


class Ask(msgspec.Struct, kw_only=True):
    """What every question carries, and what some do."""

    code: str = ""
    place: int = 0
    hall: int = 1
    seat: Seat | None = None
    report: msgspec.Raw = msgspec.Raw()


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """How a client plays its candidate."""

    place: int
    slip_no: str
    id_number: str
    name: str
    subjects: tuple[str, ...]
    seconds: float
    between: float
    """Seconds between two answers."""
    starts_in_ms: int | None


class HallAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal holds of one hall's candidates."""

    life: Life
    records: list[Record]


class RehearsalApp:
    """The ASGI application on a ``Stage``. While ``is_busy`` (a test is being sat on the server), it refuses everything."""

    def __init__(self, stage: Stage, *, is_busy: Callable[[], bool] = lambda: False) -> None:
        self.stage, self._is_busy = stage, is_busy
        self.exam = ExamApp(stage.engine, identify=self._identify)
        self._attempts = Attempts(20, 60, clock.monotonic)
        self._files = static_files()
        self._account: tuple[float, tuple[dict[str, Record], Life]] | None = None
        self._accounting = asyncio.Lock()
        self._routes = {
            "/play.json": self._play,
            "/go.json": self._go,
            "/seat.json": self._seat,
            "/plan.json": self._plan,
            "/account.json": self._account_of,
            "/usage.json": self._usage,
            "/report.json": self._report,
        }

    def _identify(self, id_number: str) -> str:
        plan = self.stage.plan
        return identify(plan, id_number) if plan is not None else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
        is_busy = scope["type"] == "http" and self._is_busy()
        if not is_busy and (scope["type"] != "http" or (path != "/play" and path not in self._routes)):
            await self.exam(scope, receive, send)
            return
        request = read_request(scope)
        look = self._look(request)
        try:
            if is_busy:
                raise Refusal("rehearsal_test", "a test is being sat", status=503)
            request.body = await read_body(request, receive)
            response = await self._answer(request, look)
        except Refusal as problem:
            code = problem.code if has(f"error.{problem.code}") else "failed"
            words = {"error": code, "message": say(look.lang, f"error.{code}")}
            response = as_json(words, problem.status)
            if is_busy and not request.wants_json:
                response = Response(problem.status, words["message"].encode(), "text/plain; charset=utf-8")
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = as_json({"error": "failed", "message": say(look.lang, "error.failed")}, 500)
        headers = [
            (b"content-type", response.type.encode()),
            (b"content-length", str(len(response.body)).encode()),
            (b"cache-control", response.cache.encode()),
            *security(),
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})

    def _look(self, request: Request) -> Look:
        chosen = request.cookies.get(LOOK_COOKIE, "").split(".")
        asked = request.query.get("lang", "")
        lang = asked if asked in LANGUAGES else next((one for one in LANGUAGES if one in chosen), "zh")
        assets = {name: f"{request.root}/static/{name}?v={file.mark}" for name, file in self._files.items()}
        return Look(
            lang=lang,
            large="large" in chosen,
            contrast="contrast" in chosen,
            root=request.root,
            assets=assets,
            here="/play",
        )

    async def _answer(self, request: Request, look: Look) -> Response:
        if request.path == "/play":
            if request.method not in ("GET", "HEAD"):
                raise Refusal("method", status=405)
            return as_page(play_page(look, request.query, is_ready=self.stage.engine() is not None))
        if request.method != "POST":
            raise Refusal("method", status=405)
        if not same_origin(request):
            raise Refusal("bad_request", status=403)
        ask: Ask = decode(request.body, Ask)
        return await self._routes[request.path](self._admitted(request, ask), ask, request)

    def _admitted(self, request: Request, ask: Ask) -> Plan:
        """The plan, to whoever holds its code."""
        plan = self.stage.plan
        if plan is None or self.stage.engine() is None:
            raise Refusal("rehearsal_none", "no rehearsal is prepared", status=503)
        if self._attempts.wait(request.address):
            raise Refusal("rehearsal_wait", "too many wrong codes", status=429)
        if not equal(ask.code.strip().upper(), plan.code):
            self._attempts.failed(request.address)
            raise Refusal("rehearsal_code", "wrong code", status=403)
        return plan

    async def _play(self, plan: Plan, ask: Ask, request: Request) -> Response:
        if not 1 <= ask.place <= plan.seats * plan.halls:
            raise Refusal("rehearsal_seat", "no such seat", status=422)
        one = person(plan, ask.place)
        return as_json(
            Turn(
                place=one.place,
                slip_no=one.slip_no,
                id_number=one.id_number,
                name=one.name,
                subjects=plan.rules.subjects,
                seconds=plan.seconds,
                between=plan.every,
                starts_in_ms=self.stage.starts_in_ms(),
            )
        )

    async def _go(self, plan: Plan, ask: Ask, request: Request) -> Response:
        return as_json(
            {"starts_in_ms": self.stage.starts_in_ms(), "now_ms": int(clock.now().timestamp() * 1000)}
        )

    async def _seat(self, plan: Plan, ask: Ask, request: Request) -> Response:
        if ask.seat is None:
            raise Refusal("bad_request", status=400)
        seat = msgspec.structs.replace(ask.seat, address=request.address, problem=ask.seat.problem[:200])
        await asyncio.to_thread(self.stage.tell, seat)
        return as_json({"kept": True})

    async def _plan(self, plan: Plan, ask: Ask, request: Request) -> Response:
        return as_json(plan)

    async def _usage(self, plan: Plan, ask: Ask, request: Request) -> Response:
        return as_json(usage())

    async def _report(self, plan: Plan, ask: Ask, request: Request) -> Response:
        await asyncio.to_thread(self.stage.keep_report, bytes(ask.report))
        return as_json({"kept": True})

    async def _account_of(self, plan: Plan, ask: Ask, request: Request) -> Response:
        async with self._accounting:
            held = self._account
            if held is None or ask.hall == 1 or clock.monotonic() - held[0] > PATIENCE_S:
                held = (0.0, await asyncio.to_thread(self.stage.account))
            self._account = held = (clock.monotonic(), held[1])
        records, life = held[1]
        first = (ask.hall - 1) * plan.seats + 1
        own = [person(plan, place).candidate_id for place in range(first, first + plan.seats)]
        return as_json(HallAccount(life=life, records=[records[one] for one in own if one in records]))
