"""The candidate's door as a bare ASGI application: HTTP in, one engine call, a page or JSON out.

::

    ExamApp(engine, identify=lambda id_number: "...id_hash...")

``engine`` may also be a function that gives the engine or None (then every page says that the hall is not ready).
Mount it anywhere; ``scope["root_path"]`` is honoured. One process serves one engine.

Addresses (all under the root path)
    GET  /                  sign-in form; goes on by itself when signed in
    POST /enter             slip_no, id_number: sets the cookie
    GET  /wait              identity, rules, start button once the room is open
    POST /start             starts the time (again: same receipt)
    GET  /paper?subject=&n= the page of slot n;  GET /paper.json?subject= the whole subject for the script
    POST /save              a form (answers of one page and where to go) or JSON (one answer) → acknowledgement
    POST /heartbeat         JSON → state and time
    GET/POST /next-subject  summary, then on to the next subject
    GET/POST /hand-in       summary, then hand in
    GET  /result            both scores
    POST /leave             sign out of this machine (after hand-in)
    GET  /photo /watermark.svg /look /static/... /health

**Cookies.** ``zhupei_sitting``: the random token, HttpOnly, SameSite=Strict, Secure over https, a session cookie valid until the
sitting moves, is voided or the machine signs out. ``zhupei_look``: language and display settings.

**Forgery.** A write needs the Strict cookie, an Origin (or Referer) of this host where the browser sends one, and the form
token, which is derived from the cookie's token. So a page of one candidate left open cannot write for the next.
"""

from __future__ import annotations

import hashlib
import logging
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from zhupei.delivery import pages
from zhupei.delivery.attempts import Attempts
from zhupei.delivery.engine import Engine, View
from zhupei.delivery.html import Html
from zhupei.delivery.pages import Look
from zhupei.delivery.texts import LANGUAGES, has, say
from zhupei.kernel import clock
from zhupei.kernel.crypto import equal, hmac_sm3
from zhupei.kernel.errors import Refusal

log = logging.getLogger("zhupei.delivery")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = "zhupei_sitting"
LOOK_COOKIE = "zhupei_look"
MAX_BODY = 128 * 1024
STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
SECURITY = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class SaveRequest(msgspec.Struct, kw_only=True):
    """One answer from the script. ``answer`` absent leaves the answer, ``marked`` absent leaves the mark."""

    form: str
    paper: str
    subject: str
    key: str
    seq: int
    answer: list[str] | None = None
    marked: bool | None = None


class HeartbeatRequest(msgspec.Struct, kw_only=True):
    form: str
    away_ms: int | None = None


class ConfirmRequest(msgspec.Struct, kw_only=True):
    form: str
    subject: str = ""


@dataclass(slots=True)
class Request:
    """One HTTP request, as far as this application needs it."""

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
            raise _bad() from None


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


def _bad() -> Refusal:
    return Refusal("bad_request", status=400)


def _page(html: Html, status: int = 200) -> Response:
    return Response(status, html.encode("utf-8"))


def _json(value: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(value), "application/json")


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _bad() from None


class ExamApp:
    """The ASGI application. ``identify`` turns a typed ID number into the ``id_hash`` of the bundle."""

    def __init__(
        self,
        engine: Engine | Callable[[], Engine | None],
        *,
        identify: Callable[[str], str],
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._engine = engine
        self._identify = identify
        self._by_pair = Attempts(5, 60, monotonic)
        self._by_slip = Attempts(30, 600, monotonic)
        self._by_address = Attempts(200, 60, monotonic)
        self._files: dict[str, tuple[bytes, str, str]] = {}
        for path in sorted(STATIC.iterdir()):
            if path.suffix in TYPES:
                content = path.read_bytes()
                self._files[path.name] = (
                    content,
                    hashlib.sha256(content).hexdigest()[:16],
                    TYPES[path.suffix],
                )
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
            "/photo": {"GET": self._photo},
            "/watermark.svg": {"GET": self._watermark},
            "/look": {"GET": self._look},
            "/health": {"GET": self._health},
        }

    @property
    def engine(self) -> Engine:
        engine = self._engine if isinstance(self._engine, Engine) else self._engine()
        if engine is None:
            raise Refusal("not_ready", status=503)
        return engine

    # --- ASGI ---------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = _request(scope)
        look = self._look_of(request)
        try:
            request.body = await _body(request, receive)
            response = await self._answer(request, look)
        except Refusal as problem:
            response = self._refusal(request, look, problem)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = self._refusal(request, look, Refusal("failed", status=500))
        headers = [
            (b"content-type", response.type.encode()),
            (b"content-length", str(len(response.body)).encode()),
            (b"cache-control", response.cache.encode()),
            *SECURITY,
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})

    async def _answer(self, request: Request, look: Look) -> Response:
        if request.path.startswith("/static/"):
            return self._static(request)
        methods = self._routes.get(request.path)
        if methods is None:
            raise Refusal("not_found", status=404)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise Refusal("method", status=405)
        if request.method == "POST" and not _same_origin(request):
            raise Refusal("bad_request", status=403)
        return await handler(request, look)

    def _look_of(self, request: Request) -> Look:
        chosen = set(request.cookies.get(LOOK_COOKIE, "").split("."))
        lang = next((one for one in LANGUAGES if one in chosen), "")
        if not lang:
            accepted = request.headers.get("accept-language", "").lower()
            lang = "en" if accepted.startswith("en") and "zh" not in accepted else "zh"
        here = request.path
        kept = [(name, request.query[name]) for name in ("subject", "n") if name in request.query]
        if kept:  # a change of look stays on the same question
            here += "?" + urllib.parse.urlencode(kept)
        return Look(
            lang=lang,
            large="large" in chosen,
            contrast="contrast" in chosen,
            root=request.root,
            assets={
                name: f"{request.root}/static/{name}?v={mark}" for name, (_, mark, _) in self._files.items()
            },
            here=urllib.parse.quote(here, safe=""),
        )

    def _refusal(self, request: Request, look: Look, problem: Refusal) -> Response:
        code = problem.code if has(f"error.{problem.code}") else "failed"
        known = problem if code == problem.code else Refusal(code, status=problem.status)
        if request.wants_json:
            words = {"error": code, "message": say(look.lang, f"error.{code}"), "do": ""}
            if code != "too_many":
                words["do"] = say(look.lang, f"error.{code}.do")
            return _json(words, known.status)
        outside = {"not_signed_in", "not_found", "method", "not_ready", "bad_request"}
        home = COOKIE not in request.cookies or code in outside
        return _page(pages.error(look, known, home=home, values={"seconds": 60}), known.status)

    # --- who asks -----------------------------------------------------------------------------------------------

    def _candidate(self, request: Request) -> str:
        return self.engine.whose(request.cookies.get(COOKIE, ""))

    def _form_token(self, request: Request) -> str:
        return hmac_sm3(request.cookies.get(COOKIE, "").encode(), b"form")[:32]

    def _check_form(self, request: Request, given: str) -> None:
        if not equal(given, self._form_token(request)):
            raise Refusal("bad_request", status=403)

    def _posted(self, request: Request) -> tuple[str, dict[str, list[str]]]:
        """The candidate and the fields of a form with a good form token."""
        candidate_id = self._candidate(request)
        fields = request.fields()
        self._check_form(request, fields.get("form", [""])[0])
        return candidate_id, fields

    def _see_other(self, request: Request, path: str) -> Response:
        return Response(303, b"", headers=[(b"location", (request.root + path).encode("ascii"))])

    def _place(self, view: View) -> str:
        """Where a candidate belongs in this state."""
        if view.state == "admitted":
            return "/wait"
        if view.state in ("running", "paused"):
            return "/paper"
        return "/result" if view.state in ("submitted", "voided") else "/"

    # --- sign-in ------------------------------------------------------------------------------------------------

    async def _home(self, request: Request, look: Look) -> Response:
        try:
            view = self.engine.view(self._candidate(request))
        except Refusal as problem:
            if problem.code != "not_signed_in":
                raise
            return _page(pages.sign_in(look))
        place = self._place(view)
        return _page(pages.sign_in(look)) if place == "/" else self._see_other(request, place)

    async def _enter(self, request: Request, look: Look) -> Response:
        fields = request.fields()
        slip_no = fields.get("slip_no", [""])[0].strip().upper()
        id_number = fields.get("id_number", [""])[0].strip().upper()
        pair = f"{slip_no}|{request.address}"
        waiting = max(
            self._by_pair.wait(pair), self._by_slip.wait(slip_no), self._by_address.wait(request.address)
        )
        if waiting:
            problem = Refusal("too_many", status=429)
            response = _page(pages.sign_in(look, slip_no=slip_no, problem=problem, wait_s=waiting), 429)
            response.headers.append((b"retry-after", str(waiting).encode()))
            return response
        try:
            if not slip_no or not id_number or max(len(slip_no), len(id_number)) > 40:
                raise Refusal("not_recognised", status=403)
            sign = await self.engine.enter(slip_no, self._identify(id_number), address=request.address)
        except Refusal as problem:
            if problem.code == "not_recognised":
                for counter, name in (
                    (self._by_pair, pair),
                    (self._by_slip, slip_no),
                    (self._by_address, request.address),
                ):
                    counter.failed(name)
            if not has(f"error.{problem.code}"):
                raise
            return _page(pages.sign_in(look, slip_no=slip_no, problem=problem), problem.status)
        self._by_pair.succeeded(pair)
        response = self._see_other(request, self._place(self.engine.view(sign.candidate_id)))
        response.cookie(request, COOKIE, sign.token)
        return response

    async def _leave(self, request: Request, look: Look) -> Response:
        candidate_id, _ = self._posted(request)
        if self.engine.view(candidate_id).state not in ("submitted", "voided", "admitted"):
            raise Refusal("wrong_state", status=409)
        response = _page(
            pages.message(
                look,
                say(look.lang, "left.title"),
                [say(look.lang, "left.lead")],
                links=[("/", say(look.lang, "error.home"))],
            )
        )
        response.cookie(request, COOKIE, "", age=0)
        return response

    # --- before and during --------------------------------------------------------------------------------------

    async def _wait(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        if view.state != "admitted":
            return self._see_other(request, self._place(view))
        return _page(pages.wait(look, view, self._form_token(request)))

    async def _start(self, request: Request, look: Look) -> Response:
        candidate_id, _ = self._posted(request)
        receipt = await self.engine.start(candidate_id)
        if request.wants_json:
            return _json(receipt)
        return self._see_other(request, self._place(self.engine.view(candidate_id)))

    async def _paper(self, request: Request, look: Look) -> Response:
        candidate_id = self._candidate(request)
        view = self.engine.view(candidate_id)
        if view.state == "paused":
            return _page(pages.paused(look, view))
        if view.state != "running":
            return self._see_other(request, self._place(view))
        sheet = self.engine.page_of(candidate_id, request.query.get("subject") or view.subject)
        total = sum(1 for _ in sheet.slots())
        return _page(
            pages.paper(look, view, sheet, _slot_no(request.query.get("n"), total), self._form_token(request))
        )

    async def _paper_json(self, request: Request, look: Look) -> Response:
        """Everything the script needs to go through one subject without loading a page again."""
        candidate_id = self._candidate(request)
        view = self.engine.view(candidate_id)
        sheet = self.engine.page_of(candidate_id, request.query.get("subject") or view.subject)
        slots = list(sheet.slots())
        units = []
        for unit_no in range(1, len(sheet.units) + 1):
            own = [slot for slot in slots if slot.unit_no == unit_no]
            units.append(
                {
                    "html": str(pages.unit_html(look, sheet, unit_no, own, {})),
                    "slots": [slot.no for slot in own],
                }
            )
        return _json(
            {
                "subject": sheet.subject,
                "paper": sheet.paper_id,
                "slots": [{"key": slot.key, "unit": slot.unit_no, "kind": slot.kind} for slot in slots],
                "units": units,
                "answers": {
                    key: answer for (code, key), answer in view.answers.items() if code == sheet.subject
                },
                "marked": [key for code, key in view.marked if code == sheet.subject],
                "seq": self.engine.next_seq(candidate_id),
                "remaining_ms": max(view.remaining_ms, 0),
                "deadline_version": view.deadline_version,
                "words": _script_words(look),
            }
        )

    async def _save(self, request: Request, look: Look) -> Response:
        if request.wants_json:
            return await self._save_one(request)
        candidate_id, fields = self._posted(request)
        view = self.engine.view(candidate_id)
        subject = fields.get("subject", [""])[0]
        sheet = self.engine.page_of(candidate_id, subject)
        if fields.get("paper", [""])[0] != sheet.paper_id:
            raise Refusal("item_unknown", status=404)
        slots = list(sheet.slots())
        here = _slot_no(fields.get("n", [""])[0], len(slots))
        verb, _, target = fields.get("go", ["stay"])[0].partition(":")
        shown = [slot for slot in slots if slot.unit_no == slots[here - 1].unit_no]
        cleared = slots[_slot_no(target, len(slots)) - 1].key if verb == "clear" else ""
        tickets = []
        for slot in shown:
            chosen = tuple(fields.get(f"a:{slot.key}", ()))
            if slot.key == cleared:
                chosen = ()
            if set(chosen) != set(view.answers.get((subject, slot.key), ())):
                tickets.append(self.engine.save(candidate_id, subject, slot.key, chosen))
        if verb in ("mark", "unmark"):
            key = slots[here - 1].key
            tickets.append(self.engine.save(candidate_id, subject, key, None, marked=verb == "mark"))
        for ticket in tickets:
            await ticket
        return self._see_other(request, _target(verb, target, subject, here, slots, view))

    async def _save_one(self, request: Request) -> Response:
        wish: SaveRequest = _decode(request.body, SaveRequest)
        candidate_id = self._candidate(request)
        self._check_form(request, wish.form)
        own = self.engine.paper_id(candidate_id, wish.subject)
        if own != wish.paper:
            raise Refusal("item_unknown", status=404)
        ack = await self.engine.save(
            candidate_id, wish.subject, wish.key, wish.answer, wish.seq, marked=wish.marked
        )
        return _json(ack)

    async def _heartbeat(self, request: Request, look: Look) -> Response:
        wish: HeartbeatRequest = _decode(request.body, HeartbeatRequest)
        candidate_id = self._candidate(request)
        self._check_form(request, wish.form)
        return _json(await self.engine.heartbeat(candidate_id, left_window_ms=wish.away_ms))

    # --- onwards ------------------------------------------------------------------------------------------------

    def _following(self, view: View) -> str:
        order = [code for code in view.bundle.rules.subjects if code in view.candidate.papers]
        at = order.index(view.subject) + 1
        if at >= len(order):
            raise Refusal("subject_unknown", status=404)
        return order[at]

    async def _next_page(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        if view.state != "running":
            return self._see_other(request, self._place(view))
        part = pages.next_subject_part(look, view, self._following(view), self._form_token(request))
        if request.query.get("part"):
            return _page(part)
        return _page(pages.around(look, view, say(look.lang, "go.review"), part))

    async def _next(self, request: Request, look: Look) -> Response:
        if request.wants_json:
            wish: ConfirmRequest = _decode(request.body, ConfirmRequest)
            candidate_id = self._candidate(request)
            self._check_form(request, wish.form)
            await self.engine.turn_to(candidate_id, wish.subject)
            return _json({"next": f"{request.root}/paper?subject={urllib.parse.quote(wish.subject)}"})
        candidate_id, fields = self._posted(request)
        subject = fields.get("subject", [""])[0]
        await self.engine.turn_to(candidate_id, subject)
        return self._see_other(request, f"/paper?subject={urllib.parse.quote(subject)}")

    async def _hand_in_page(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        if view.state != "running":
            return self._see_other(request, self._place(view))
        part = pages.hand_in_part(look, view, self._form_token(request))
        if request.query.get("part"):
            return _page(part)
        return _page(pages.around(look, view, say(look.lang, "hand.title"), part))

    async def _hand_in(self, request: Request, look: Look) -> Response:
        if request.wants_json:
            wish: ConfirmRequest = _decode(request.body, ConfirmRequest)
            candidate_id = self._candidate(request)
            self._check_form(request, wish.form)
        else:
            candidate_id, _ = self._posted(request)
        receipt = await self.engine.hand_in(candidate_id)
        if request.wants_json:
            return _json({"next": f"{request.root}/result", "receipt": receipt})
        return self._see_other(request, "/result")

    async def _result(self, request: Request, look: Look) -> Response:
        candidate_id = self._candidate(request)
        view = self.engine.view(candidate_id)
        if view.state == "voided":
            reason = self.engine.void_reason(candidate_id)
            lines = [say(look.lang, "voided.lead", reason=reason), say(look.lang, "voided.do")]
            return _page(pages.message(look, say(look.lang, "voided.title"), lines))
        if view.state != "submitted":
            return self._see_other(request, self._place(view))
        await self.engine.shown(candidate_id)
        return _page(pages.result(look, view, self._form_token(request)))

    # --- the rest -----------------------------------------------------------------------------------------------

    async def _photo(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        content = view.bundle.photos.get(view.candidate.photo)
        if content is None:
            raise Refusal("not_found", status=404)
        kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
        return Response(200, content, kind, cache="private, max-age=3600")

    async def _watermark(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        return Response(200, pages.watermark(view).encode("utf-8"), "image/svg+xml")

    async def _look(self, request: Request, look: Look) -> Response:
        """Change language, type size or contrast, and go back."""
        query = request.query
        if query.get("lang") in LANGUAGES:
            look = replace(look, lang=query["lang"])
        if "size" in query:
            look = replace(look, large=query["size"] == "large")
        if "contrast" in query:
            look = replace(look, contrast=query["contrast"] == "high")
        back = query.get("back", "/")
        if (
            not back.startswith("/")
            or back.startswith("//")
            or "\\" in back
            or not back.isascii()
            or not back.isprintable()
        ):
            back = "/"
        value = ".".join([look.lang] + ["large"] * look.large + ["contrast"] * look.contrast)
        response = self._see_other(request, back if back.split("?")[0] in _BACK else "/")
        response.cookie(request, LOOK_COOKIE, value, age=365 * 86400)
        return response

    async def _health(self, request: Request, look: Look) -> Response:
        health = self.engine.health()
        return _json({"ok": health.journal_ok}, 200 if health.journal_ok else 503)

    def _static(self, request: Request) -> Response:
        found = self._files.get(request.path.removeprefix("/static/"))
        if found is None or request.method not in ("GET", "HEAD"):
            raise Refusal("not_found", status=404)
        content, mark, kind = found
        fresh = request.query.get("v") == mark
        return Response(
            200, content, kind, cache="public, max-age=31536000, immutable" if fresh else "no-cache"
        )


_BACK = {"/", "/wait", "/paper", "/next-subject", "/hand-in", "/result"}


def _slot_no(text: str | None, total: int) -> int:
    """A slot number from the address, held within the paper."""
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 1
    return min(max(number, 1), total)


def _target(verb: str, target: str, subject: str, here: int, slots: list[Any], view: View) -> str:
    """Where a posted page leads, without the root path."""
    total = len(slots)
    own = [slot.no for slot in slots if slot.unit_no == slots[here - 1].unit_no]
    if verb == "subject":
        if view.bundle.rules.order == "free":
            return f"/paper?subject={urllib.parse.quote(target)}"
        return "/next-subject"
    if verb == "hand-in":
        return "/hand-in"
    if verb == "next" and own[-1] == total:
        order = [code for code in view.bundle.rules.subjects if code in view.candidate.papers]
        return (
            "/next-subject" if view.bundle.rules.order == "sequence" and order[-1] != subject else "/hand-in"
        )
    number = here
    if verb == "next":
        number = own[-1] + 1
    elif verb == "prev":
        number = max(own[0] - 1, 1)
    elif verb in ("n", "clear"):
        number = _slot_no(target, total)
    return f"/paper?subject={urllib.parse.quote(subject)}&n={number}"


_WORDS = (
    "link.ok", "link.again", "link.again.nostore", "link.off", "unsaved", "all.saved", "time.say", "time.over",
    "go.mark", "go.unmark", "go.next", "go.review", "sheet.empty", "sheet.given", "sheet.kept", "sheet.marked", "sheet.count",
    "state.empty", "state.given", "state.kept", "state.stale", "paper.question", "pending", "keys", "keys.on", "keys.off",
    "error.failed", "error.not_signed_in.do",
)  # fmt: skip


def _script_words(look: Look) -> dict[str, str]:
    return {key: say(look.lang, key) for key in _WORDS}


def _same_origin(request: Request) -> bool:
    """True unless the browser says that the request comes from another site."""
    host = request.headers.get("host", "")
    source = request.headers.get("origin") or request.headers.get("referer")
    if not source:
        return True
    try:
        return urllib.parse.urlsplit(source).netloc.lower() == host.lower()
    except ValueError:
        return False


def _request(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers[name.decode("latin-1").lower()] = value.decode("latin-1")
    root = str(scope.get("root_path", "")).rstrip("/")
    path = str(scope["path"])
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    cookies = {name: value for name, _, value in pairs if name}
    query = urllib.parse.parse_qsl(scope.get("query_string", b"").decode("latin-1"), max_num_fields=50)
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


async def _body(request: Request, receive: Receive) -> bytes:
    if request.method not in ("POST", "PUT", "PATCH"):
        return b""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _bad()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise Refusal("too_large", status=413)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
