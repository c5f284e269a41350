"""Routes onward: the next subject, hand-in, the scores."""

from __future__ import annotations

import urllib.parse

import msgspec

from zhupei.delivery.app.http import Request, Response, as_json, as_page, decode
from zhupei.delivery.app.visit import Visit, place
from zhupei.delivery.engine.replies import View
from zhupei.delivery.pages import notices, result, summaries
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.texts import say
from zhupei.kernel.errors import Refusal


class ConfirmRequest(msgspec.Struct, kw_only=True):
    form: str
    subject: str = ""
    by_clock: bool = False
    """Hand-in: nobody pressed anything, the page's countdown has ended."""


class Onward(Visit):
    """From one subject to the next, and to the end."""

    def _following(self, view: View) -> str:
        order = [code for code in view.bundle.rules.subjects if code in view.candidate.papers]
        at = order.index(view.subject) + 1
        if at >= len(order):
            raise Refusal("subject_unknown", status=404)
        return order[at]

    async def _next_page(self, request: Request, look: Look) -> Response:
        view = await self.engine.kept_view(self._candidate(request))
        if view.state != "running":
            return self._see_other(request, place(view))
        form = self._form_token(request)
        part = summaries.next_subject_part(look, view, self._following(view), form)
        if request.query.get("part"):
            return as_page(part)
        return as_page(summaries.around(look, view, look.t("go.review"), part, form, "/next-subject"))

    async def _next(self, request: Request, look: Look) -> Response:
        if request.wants_json:
            wish: ConfirmRequest = decode(request.body, ConfirmRequest)
            candidate_id = self._candidate(request)
            self._check_form(request, wish.form)
            await self.engine.turn_to(candidate_id, wish.subject)
            return as_json({"next": f"{request.root}/paper?subject={urllib.parse.quote(wish.subject)}"})
        candidate_id, fields = self._posted(request)
        subject = fields.get("subject", [""])[0]
        await self.engine.turn_to(candidate_id, subject)
        return self._see_other(request, f"/paper?subject={urllib.parse.quote(subject)}")

    async def _hand_in_page(self, request: Request, look: Look) -> Response:
        view = await self.engine.kept_view(self._candidate(request))
        if view.state != "running":
            return self._see_other(request, place(view))
        form = self._form_token(request)
        part = summaries.hand_in_part(look, view, form)
        if request.query.get("part"):
            return as_page(part)
        return as_page(summaries.around(look, view, look.t("hand.title"), part, form, "/hand-in"))

    async def _hand_in(self, request: Request, look: Look) -> Response:
        by_clock = False
        if request.wants_json:
            wish: ConfirmRequest = decode(request.body, ConfirmRequest)
            candidate_id, by_clock = self._candidate(request), wish.by_clock
            self._check_form(request, wish.form)
        else:
            candidate_id, _ = self._posted(request)
        receipt = await self.engine.hand_in(candidate_id, by_clock=by_clock)
        if request.wants_json:
            return as_json({"next": f"{request.root}/result", "receipt": receipt})
        return self._see_other(request, "/result")

    async def _result(self, request: Request, look: Look) -> Response:
        candidate_id = self._candidate(request)
        view = await self.engine.kept_view(candidate_id)
        if view.state == "voided":
            reason = self.engine.void_reason(candidate_id)
            lines = [say(look.lang, "voided.lead", reason=reason), say(look.lang, "voided.do")]
            return as_page(notices.message(look, say(look.lang, "voided.title"), lines))
        if view.state != "submitted":
            return self._see_other(request, place(view))
        await self.engine.shown(candidate_id)
        return as_page(result.result(look, view, self._form_token(request)))
