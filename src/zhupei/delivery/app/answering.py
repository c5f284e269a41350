"""Routes during the test: the paper, saving, the heartbeat."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from zhupei.delivery.app.http import Request, Response, as_json, as_page, decode
from zhupei.delivery.app.visit import COOKIE, Visit, place
from zhupei.delivery.engine.replies import Ack, Pulse, View
from zhupei.delivery.formats.papers import Slot
from zhupei.delivery.pages import notices, paper
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.pages.units import units_json
from zhupei.kernel.errors import Refusal

_WORDS = (
    "link.ok", "link.again", "link.again.nostore", "link.off", "unsaved", "all.saved", "time.say", "time.over",
    "go.mark", "go.unmark", "go.next", "go.review", "sheet.empty", "sheet.given", "sheet.kept", "sheet.marked", "sheet.count",
    "state.empty", "state.given", "state.kept", "state.stale", "paper.question", "pending", "keys", "keys.on", "keys.off",
    "error.failed", "error.not_signed_in.do", "cross.seek",
)  # fmt: skip


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


class Answering(Visit):
    """Seeing questions and giving answers."""

    async def _paper(self, request: Request, look: Look) -> Response:
        candidate_id = self._candidate(request)
        view = await self.engine.kept_view(candidate_id)
        if view.state == "paused":
            return as_page(notices.paused(look, view, self._form_token(request)))
        if view.state != "running":
            return self._see_other(request, place(view))
        sheet = self.engine.page_of(candidate_id, request.query.get("subject") or view.subject)
        slots = self.engine.slots_of(candidate_id, sheet.subject)
        here = _slot_no(request.query.get("n"), len(slots))
        return as_page(paper.paper(look, view, sheet, slots, here, self._form_token(request)))

    async def _paper_json(self, request: Request, look: Look) -> Response:
        """Everything the script needs to go through one subject without loading a page again."""
        candidate_id = self._candidate(request)
        view = await self.engine.kept_view(candidate_id)  # the script takes the answers in here for kept
        sheet = self.engine.page_of(candidate_id, request.query.get("subject") or view.subject)
        slots = self.engine.slots_of(candidate_id, sheet.subject)
        return as_json(
            {
                "subject": sheet.subject,
                "paper": sheet.paper_id,
                "slots": [{"key": slot.key, "unit": slot.unit_no, "kind": slot.kind} for slot in slots],
                "units": msgspec.Raw(units_json(look, sheet, slots)),
                "answers": {
                    key: answer for (code, key), answer in view.answers.items() if code == sheet.subject
                },
                "marked": [key for code, key in view.marked if code == sheet.subject],
                "seq": self.engine.next_seq(candidate_id),
                "remaining_ms": max(view.remaining_ms, 0),
                "deadline_version": view.deadline_version,
                "words": _script_words(look.lang, look.practice),
            }
        )

    async def _save(self, request: Request, look: Look) -> Response:
        if request.wants_json:
            return as_json(await self._save_one(request.cookies.get(COOKIE, ""), request.body))
        candidate_id, fields = self._posted(request)
        view = self.engine.view(candidate_id)
        subject = fields.get("subject", [""])[0]
        sheet = self.engine.page_of(candidate_id, subject)
        if fields.get("paper", [""])[0] != sheet.paper_id:
            raise Refusal("item_unknown", status=404)
        slots = self.engine.slots_of(candidate_id, subject)
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
        if verb == "warning":
            await self.engine.read_warning(candidate_id, _slot_no(target, 9999))
        return self._see_other(request, _target(verb, target, subject, here, slots, view))

    async def _save_one(self, token: str, body: bytes) -> Ack:
        """An answer from the script."""
        wish = decode(body, SaveRequest)
        candidate_id = self._known(token, wish.form)
        engine = self.engine
        if engine.paper_id(candidate_id, wish.subject) != wish.paper:
            raise Refusal("item_unknown", status=404)
        return await engine.save(
            candidate_id, wish.subject, wish.key, wish.answer, wish.seq, marked=wish.marked
        )

    async def _heartbeat(self, request: Request, look: Look) -> Response:
        return as_json(await self._pulse(request.cookies.get(COOKIE, ""), request.body))

    async def _pulse(self, token: str, body: bytes) -> Pulse:
        """A sign of life from the script."""
        wish = decode(body, HeartbeatRequest)
        candidate_id = self._known(token, wish.form)
        return await self.engine.heartbeat(candidate_id, left_window_ms=wish.away_ms)


def _slot_no(text: str | None, total: int) -> int:
    """A slot number from the address, held within the paper."""
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 1
    return min(max(number, 1), total)


def _target(verb: str, target: str, subject: str, here: int, slots: Sequence[Slot], view: View) -> str:
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


@lru_cache
def _script_words(lang: str, practice: bool) -> dict[str, str]:
    look = Look(lang=lang, practice=practice)
    return {key: look.t(key) for key in _WORDS}
