"""Routes before the test and after it: sign-in, waiting, start, leaving."""

from __future__ import annotations

import unicodedata

from zhupei.delivery.app.extras import CARRY
from zhupei.delivery.app.http import Request, Response, as_json, as_page
from zhupei.delivery.app.visit import COOKIE, Visit, place
from zhupei.delivery.pages import entrance, notices
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.texts import has, say
from zhupei.kernel.errors import Refusal


class Entrance(Visit):
    """In and out of this machine."""

    async def _home(self, request: Request, look: Look) -> Response:
        try:
            view = self.engine.view(self._candidate(request))
        except Refusal as problem:
            if problem.code != "not_signed_in":
                raise
            return as_page(entrance.sign_in(look, practice=self._practice))
        home = place(view)
        page = entrance.sign_in(look, practice=self._practice)
        return as_page(page) if home == "/" else self._see_other(request, home)

    async def _enter(self, request: Request, look: Look) -> Response:
        fields = request.fields()
        slip_no, id_number = (_plain(fields.get(name, [""])[0]) for name in ("slip_no", "id_number"))
        pair = f"{slip_no}|{request.address}"
        waiting = max(
            self._by_pair.wait(pair), self._by_slip.wait(slip_no), self._by_address.wait(request.address)
        )
        if waiting:
            problem = Refusal("too_many", status=429)
            response = as_page(entrance.sign_in(look, slip_no=slip_no, problem=problem, wait_s=waiting), 429)
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
            return as_page(entrance.sign_in(look, slip_no=slip_no, problem=problem), problem.status)
        self._by_pair.succeeded(pair)
        response = self._see_other(request, place(sign))
        response.cookie(request, COOKIE, sign.token)
        response.cookie(request, CARRY, sign.carry, script=True)
        return response

    async def _leave(self, request: Request, look: Look) -> Response:
        candidate_id, _ = self._posted(request)
        if self.engine.view(candidate_id).state not in ("submitted", "voided", "admitted"):
            raise Refusal("wrong_state", status=409)
        response = as_page(
            notices.message(
                look,
                say(look.lang, "left.title"),
                [say(look.lang, "left.lead")],
                links=[("/", say(look.lang, "error.home"))],
            )
        )
        response.cookie(request, COOKIE, "", age=0)
        response.cookie(request, CARRY, "", age=0, script=True)
        return response

    async def _wait(self, request: Request, look: Look) -> Response:
        view = await self.engine.kept_view(self._candidate(request))
        if view.state != "admitted":
            return self._see_other(request, place(view))
        return as_page(entrance.wait(look, view, self._form_token(request)))

    async def _start(self, request: Request, look: Look) -> Response:
        candidate_id, _ = self._posted(request)
        receipt = await self.engine.start(candidate_id)
        if request.wants_json:
            return as_json(receipt)
        return self._see_other(request, place(receipt))


def _plain(typed: str) -> str:
    """A number as it is compared: Chinese keyboards give full-width figures, and pasted ones bring spaces."""
    return "".join(unicodedata.normalize("NFKC", typed).split()).upper()
