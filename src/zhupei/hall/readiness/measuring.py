"""The page that measures a client of the hall, under ``/measure``: no sign-in, but the hall's code of the day.

Beside Django, like the exam itself, so that what is measured is the line and not the queue before the pages. Pages and database
work run on two threads of their own. One blob travels at a time: clients wait for each other instead of sharing the line, and
nothing is measured at all while somebody sits a test.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from zhupei.delivery.api import Attempts, http
from zhupei.hall.actions.machines import keep_check
from zhupei.hall.models.machines import ClientCheck, Machine
from zhupei.institutions.api import Site
from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS
from zhupei.kernel.errors import Refusal
from zhupei.web.fields import purpose_key

from .findings import read, told
from .judging import POINTS, measured
from .queries import SEAT_FORM, a_test_runs, exam_rooms, site_of_code, turn_of

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Run = Callable[[Callable[[], Any]], Awaitable[Any]]

MAX_BLOB = 8 * 1024 * 1024
MAX_FORM = 8 * 1024
CHUNK = 128 * 1024
BLOBS_AT_ONCE = 1  # several at once would share the server's line and look slow
BLOB_SECONDS = 15.0
TOKEN_SECONDS = 30 * 60
WAITING_AT_MOST = 64
TRIES, TRIES_SECONDS, TRIES_OF_ALL = 8, 600.0, 400
TEST_KNOWN_SECONDS = 2.0
COOKIE = "zhupei_measure"
LANGUAGE = "zhupei_language"
LANGUAGES = {"zh": "zh-hans", "en": "en"}
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]


@dataclass(frozen=True)
class Pass:
    """What a right code opens for half an hour: the measuring pages of one hall."""

    site_id: int
    turn: int

    def token(self) -> str:
        """As the pages carry it in their addresses."""
        text = f"{self.site_id}.{self.turn}.{int(clock.now().timestamp()) + TOKEN_SECONDS}"
        return f"{text}.{_mac(text)}"


def _mac(text: str) -> str:
    return hmac.new(purpose_key("measuring-pass"), text.encode(), sha256).hexdigest()[:32]


def pass_of(token: str) -> Pass:
    """The pass that a token stands for. ``Refusal`` 403 when it is none or its time is over."""
    parts = re.fullmatch(r"((\d{1,18})\.(\d{1,9})\.(\d{1,12}))\.([0-9a-f]{32})", token, re.A)
    if parts and hmac.compare_digest(_mac(parts[1]), parts[5]) and int(parts[4]) > clock.now().timestamp():
        return Pass(int(parts[2]), int(parts[3]))
    raise Refusal(
        "code_needed", _("Type the hall's code of the day again; the time for it is over."), status=403
    )


class MeasuringApplication:
    """The ASGI application. ``run`` calls database work somewhere it does not hold up the engine."""

    def __init__(self, *, run: Run | None = None, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._pool = ThreadPoolExecutor(2, "measuring")
        self._run = run or self._in_thread
        self._monotonic = monotonic
        self._waiting = 0
        self._blobs = 0
        self._noise = os.urandom(2 * CHUNK)
        self._test: tuple[float, bool] = (float("-inf"), False)
        self._by_address = Attempts(TRIES, TRIES_SECONDS, monotonic)
        self._by_all = Attempts(TRIES_OF_ALL, TRIES_SECONDS, monotonic)
        self._routes: dict[tuple[str, str], Callable[[http.Request], http.Response]] = {
            ("GET", "/"): self._home,
            ("POST", "/enter"): self._enter,
            ("GET", "/seat"): self._seat,
            ("POST", "/result"): self._result,
            ("GET", "/done"): self._done,
        }

    async def start(self) -> None:
        """With the server."""

    async def stop(self) -> None:
        """With the server."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = http.read_request(scope)
        lang = _language(request)
        try:
            if request.path in ("/ping", "/blob"):
                await self._measure(request, receive, send)
                return
            handler = self._routes.get((request.method, request.path))
            if handler is None:
                raise Refusal("not_found", status=404)
            if request.method == "POST":
                if not http.same_origin(request):
                    raise Refusal("bad_request", status=403)
                request.body = await _body(receive)
            answer = await self._page(handler, request, lang)
        except Refusal as refusal:
            answer = await self._page(partial(self._refused_for, refusal), request, lang)
        await _send(send, answer)

    # ── pages, on a thread ──────────────────────────────────────────────────────────────────────────────

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        if self._waiting >= WAITING_AT_MOST:
            raise Refusal("busy", status=503)

        def whole() -> Any:
            try:
                return work()
            finally:
                connection.close()

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, whole)
        finally:
            self._waiting -= 1

    async def _page(
        self, handler: Callable[[http.Request], http.Response], request: http.Request, lang: str
    ) -> http.Response:
        def whole() -> http.Response:
            with override(LANGUAGES[lang]):
                try:
                    return handler(request)
                except Refusal as refusal:
                    return self._refused(refusal)
                except Exception:
                    log.exception("%s %s failed", request.method, request.path)
                    return self._refused(Refusal("failed", status=500))

        try:
            answer = await self._run(whole)
        except Refusal:
            answer = http.Response(503, b"busy", "text/plain; charset=utf-8")
        assert isinstance(answer, http.Response)
        if request.query.get("lang") in LANGUAGES:
            answer.cookie(request, LANGUAGE, LANGUAGES[lang], age=365 * 86400)
        return answer

    def _show(self, name: str, status: int = 200, **context: Any) -> http.Response:
        html = render_to_string(f"hall/measure_{name}.html", {"root": "/measure", **context})
        return http.Response(status, html.encode())

    def _refused(self, refusal: Refusal) -> http.Response:
        return self._show(
            "word",
            refusal.status,
            message=refusal.message or _words().get(refusal.code, _words()["not_found"]),
        )

    def _refused_for(self, refusal: Refusal, _request: http.Request) -> http.Response:
        return self._refused(refusal)

    def _free(self) -> None:
        """Raises ``Refusal`` 503 while a test runs on this server."""
        now = self._monotonic()
        if now - self._test[0] > TEST_KNOWN_SECONDS:
            self._test = now, a_test_runs()
        if self._test[1]:
            raise Refusal("test_running", _words()["test_running"], status=503)

    def _home(self, request: http.Request) -> http.Response:
        self._free()
        if "code" in request.query:
            return self._check(request, request.query)
        return self._show("code", given=request.query, error="")

    def _enter(self, request: http.Request) -> http.Response:
        self._free()
        return self._check(request, {name: values[0] for name, values in request.fields().items()})

    def _check(self, request: http.Request, given: dict[str, str]) -> http.Response:
        """The code of the day, typed or in the address. Eight wrong ones from an address, and it waits ten minutes."""
        wait = max(self._by_address.wait(request.address), self._by_all.wait("all"))
        if wait:
            text = _("Too many wrong codes. Wait %(n)d minutes, or ask the room administrator.") % {
                "n": -(-wait // 60)
            }
            return self._show("code", 429, given=given, error=text)
        code = "".join(given.get("code", "")[:40].translate(FIGURES).split())
        found = site_of_code(code)
        if found is None:
            self._by_address.failed(request.address)
            self._by_all.failed("all")
            text = _(
                "This is not today's code. It stands on the page of the hall's computers and changes every day."
            )
            return self._show("code", 403, given=given, error=text)
        self._by_address.succeeded(request.address)
        kept = {name: given[name] for name in ("room", "seat") if given.get(name)}
        return _see_other("/measure/seat?" + urlencode({"t": Pass(*found).token(), **kept}))

    def _machine(
        self, request: http.Request, given: dict[str, str]
    ) -> tuple[Pass, Site, Machine | None, str]:
        """The pass, its hall, the machine that is meant, and what is wrong if there is none."""
        known = pass_of(given.get("t", ""))
        site = Site.objects.filter(pk=known.site_id).first()
        if site is None or turn_of(known.site_id) != known.turn:
            raise Refusal("code_needed", _("The code was changed. Type the new one."), status=403)
        room, seat = given.get("room", ""), given.get("seat", "").translate(FIGURES).strip()
        if not room and not seat:
            return known, site, None, ""
        machine = None
        if re.fullmatch(r"\d{1,18}", room, re.A) and re.fullmatch(r"\d{1,4}", seat, re.A):
            machine = Machine.objects.filter(
                site_id_ref=site.pk, room_id_ref=int(room), seat_no=format(int(seat), SEAT_FORM)
            ).first()
        if machine is None:
            return (
                known,
                site,
                None,
                _("There is no computer of this seat in this room. Look at the seat map."),
            )
        return known, site, machine, ""

    def _seat(self, request: http.Request) -> http.Response:
        self._free()
        given = request.query
        _known, site, machine, error = self._machine(request, given)
        rooms = exam_rooms(site.pk)
        if machine is None:
            status = 422 if error else 200
            return self._show("seat", status, site=site, rooms=rooms, given=given, error=error)
        answer = self._show(
            "page",
            site=site,
            machine=machine,
            room=next((one for one in rooms if one.pk == machine.room_id_ref), None),
            token=given["t"],
        )
        answer.cookie(request, COOKIE, "1")
        return answer

    def _result(self, request: http.Request) -> http.Response:
        self._free()
        given = {name: values[0] for name, values in request.fields().items()}
        _known, site, machine, error = self._machine(request, given)
        if machine is None:
            return self._show("seat", 422, site=site, rooms=exam_rooms(site.pk), given=given, error=error)
        agent = request.headers.get("user-agent", "").replace("\0", "")
        figures = measured(given, agent=agent, cookies=request.cookies.get(COOKIE) == "1")
        keep_check(machine, figures, by=replace(ANONYMOUS, ip=request.address, agent=agent[:300]))
        where = {"t": given["t"], "room": machine.room_id_ref, "seat": machine.seat_no}
        return _see_other("/measure/done?" + urlencode(where))

    def _done(self, request: http.Request) -> http.Response:
        given = request.query
        _known, site, machine, _error = self._machine(request, given)
        check = None
        if machine is not None:
            check = ClientCheck.objects.filter(
                site_id_ref=site.pk, room_id_ref=machine.room_id_ref, seat_no=machine.seat_no
            ).order_by("-pk").first()  # fmt: skip
        if machine is None or check is None:
            raise Refusal("not_found", status=404)
        rows = [told(one, POINTS) for one in read(check.findings)]
        rows.sort(key=lambda row: ("fail", "warn", "unknown", "ok").index(row["verdict"]))
        room = next((one for one in exam_rooms(site.pk) if one.pk == machine.room_id_ref), None)
        return self._show(
            "done", site=site, machine=machine, room=room, check=check, rows=rows, token=given["t"]
        )

    # ── what is measured, on the loop ───────────────────────────────────────────────────────────────────

    async def _measure(self, request: http.Request, receive: Receive, send: Send) -> None:
        try:
            pass_of(request.query.get("t", ""))
            self._free()
            if request.path == "/ping" and request.method == "GET":
                await _send(send, _json({"now": time.time()}))
            elif request.path == "/blob" and request.method == "GET":
                async with self._one_blob():
                    await self._give(request, send)
            elif request.path == "/blob" and request.method == "POST":
                async with self._one_blob():
                    count = await _discard(receive)
                await _send(send, _json({"bytes": count}))
            else:
                raise Refusal("method", status=405)
        except Refusal as refusal:
            await _send(send, _json({"error": refusal.code}, refusal.status))
        except TimeoutError:
            return  # the server closes what was left half done

    @asynccontextmanager
    async def _one_blob(self) -> AsyncIterator[None]:
        if self._blobs >= BLOBS_AT_ONCE:
            raise Refusal("busy", status=503)
        self._blobs += 1
        try:
            async with asyncio.timeout(BLOB_SECONDS):
                yield
        finally:
            self._blobs -= 1

    async def _give(self, request: http.Request, send: Send) -> None:
        size = request.query.get("size", "")
        if not re.fullmatch(r"\d{1,8}", size, re.A) or not 1 <= int(size) <= MAX_BLOB:
            raise Refusal("bad_size", status=422)
        left = int(size)
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", str(left).encode()),
            (b"cache-control", b"no-store"),
            *HEADERS,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        at = 0
        while left:
            part = self._noise[at : at + min(CHUNK, left)]
            at = (at + 4099) % CHUNK  # never the same bytes in the same place
            left -= len(part)
            await send({"type": "http.response.body", "body": part, "more_body": left > 0})


FIGURES = str.maketrans("０１２３４５６７８９", "0123456789")


def _words() -> dict[str, str]:
    return {
        "test_running": _("A test is running on this server. Nothing is measured until it is over."),
        "busy": _("Many computers are being measured. Load the page again in a few seconds."),
        "bad_request": _("This came from another site. Open the measuring page anew."),
        "bad_form": _("The form could not be read. Open the measuring page anew."),
        "failed": _("Something went wrong on the server; its log says what. Try again."),
        "not_found": _("There is no such page. Open the measuring page anew."),
    }


def _language(request: http.Request) -> str:
    chosen = request.query.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    return "en" if request.cookies.get(LANGUAGE) == "en" else "zh"


def _see_other(url: str) -> http.Response:
    return http.Response(303, b"", headers=[(b"location", url.encode("ascii"))])


def _json(value: object, status: int = 200) -> http.Response:
    return http.Response(status, json.dumps(value).encode(), "application/json")


async def _body(receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("bad_form", status=400)
        parts += message.get("body", b"")
        if len(parts) > MAX_FORM:
            raise Refusal("bad_form", status=413)
        if not message.get("more_body"):
            return bytes(parts)


async def _discard(receive: Receive) -> int:
    count = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("gone", status=400)
        count += len(message.get("body", b""))
        if count > MAX_BLOB:
            raise Refusal("too_large", status=413)
        if not message.get("more_body"):
            return count


async def _send(send: Send, answer: http.Response) -> None:
    headers = [
        (b"content-type", answer.type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", answer.cache.encode()),
        *HEADERS,
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def measuring_application() -> MeasuringApplication:
    """The ASGI application of the measuring page, to be mounted under ``/measure``."""
    return MeasuringApplication()
