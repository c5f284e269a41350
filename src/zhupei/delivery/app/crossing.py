"""Going on at the other server of the hall: is this one active, and the post by which a page comes over.

A page that has lost its server looks for ``/alive.gif`` at the others (``peers``); where there is one, an engine is active. It
then posts a form to ``/cross`` there: its carry token and the answers that were not acknowledged. The token serves once: the
new sign-in has another one, and the old machine's cookie ends. So crossing back works the same way.

The answer to ``/cross`` is a page that goes on by itself, not a redirect: browsers send a Strict cookie only with requests that
our own page began.
"""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec

from zhupei.delivery.app.extras import CARRY, LOOK_COOKIE
from zhupei.delivery.app.http import Request, Response, as_page
from zhupei.delivery.app.visit import COOKIE, Visit, place
from zhupei.delivery.engine.replies import View
from zhupei.delivery.journal import JournalError
from zhupei.delivery.pages import notices
from zhupei.delivery.pages.frame import Look
from zhupei.kernel.errors import Refusal

MAX_UNSENT = 300
PAUSES_S = (1.2, 1.2, 2.5)
"""Between attempts while the journal comes round."""
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""One transparent pixel."""

Name = Annotated[str, msgspec.Meta(max_length=100)]
T = TypeVar("T")


class Unsent(msgspec.Struct, kw_only=True):
    """One answer that the page has no acknowledgement for."""

    subject: Name
    paper: Name
    key: Name
    seq: int
    answer: Annotated[list[Name], msgspec.Meta(max_length=26)] | None = None
    marked: bool | None = None


_list = msgspec.json.Decoder(Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_UNSENT)])
_one = msgspec.json.Decoder(Unsent)


class Crossing(Visit):
    """From one server of the hall to the other."""

    def _from_peer(self, request: Request) -> bool:
        """True if one of the hall's servers sent this post to ``/cross``."""
        if request.path != "/cross":
            return False
        source = request.headers.get("origin") or request.headers.get("referer") or ""
        try:
            parts = urllib.parse.urlsplit(source)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}".lower() in self._peers

    async def _alive(self, request: Request, look: Look) -> Response:
        """An image where an engine is active and its journal works, 503 elsewhere."""
        if not self.engine.serves():
            raise Refusal("not_ready", status=503)
        return Response(200, GIF, "image/gif")

    async def _cross(self, request: Request, look: Look) -> Response:
        if self._by_crossing.wait(request.address):
            raise Refusal("too_many", status=429)
        fields = {name: values[0] for name, values in request.fields().items()}
        unsent, wrong = _unsent(fields.get("unsent", ""))
        carry, engine = fields.get("carry", ""), self.engine
        try:
            if not 0 < len(carry) <= 100:
                raise Refusal("not_signed_in", status=403)
            sign = await _surely(lambda: engine.cross(carry, address=request.address))
        except Refusal as problem:
            if problem.code == "not_signed_in":
                self._by_crossing.failed(request.address)
            raise
        took = await asyncio.gather(*(self._take(sign.candidate_id, one) for one in unsent))
        numbers = {"moved": took.count(True), "refused": took.count(None) + wrong}
        try:
            onward = _onward(engine.view(sign.candidate_id), fields, numbers)
        except JournalError:  # he is signed in all the same, and his old token serves no more
            onward = "/"
        response = as_page(notices.crossed(look, onward))
        response.cookie(request, COOKIE, sign.token)
        response.cookie(request, CARRY, sign.carry, script=True)
        if re.fullmatch(r"(zh|en)(\.large)?(\.contrast)?", fields.get("look", "")):
            response.cookie(request, LOOK_COOKIE, fields["look"], age=86_400)
        return response

    async def _take(self, candidate_id: str, one: Unsent) -> bool | None:
        """Keep one answer. True: it is held now; False: a newer one is; None: refused."""
        engine = self.engine
        try:
            if engine.paper_id(candidate_id, one.subject) != one.paper:
                return None
            ack = await _surely(
                lambda: engine.save(
                    candidate_id, one.subject, one.key, one.answer, one.seq, marked=one.marked
                )
            )
        except Refusal:
            return None
        return ack.kept


async def _surely(act: Callable[[], Awaitable[T]]) -> T:
    """``act``, again after a failure of the journal, which then knows nothing of the first time."""
    for pause in PAUSES_S:
        try:
            return await act()
        except JournalError:
            await asyncio.sleep(pause)
    return await act()


def _unsent(text: str) -> tuple[list[Unsent], int]:
    """The answers of a posted list, and how many were no such thing."""
    good: list[Unsent] = []
    try:
        items = _list.decode(text or "[]")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return good, 1
    for item in items:
        try:
            good.append(_one.decode(item))
        except (msgspec.MsgspecError, UnicodeError):
            continue
    return good, len(items) - len(good)


def _onward(view: View, fields: dict[str, str], numbers: dict[str, int]) -> str:
    """Where the page goes on: at the same question, saying what was taken along."""
    path = place(view)
    query: dict[str, str | int] = {}
    if path == "/paper":
        subject = fields.get("subject", "")
        if subject == view.subject or (
            view.bundle.rules.order == "free" and subject in view.candidate.papers
        ):
            query = {name: fields[name] for name in ("subject", "n") if fields.get(name)}
        query |= numbers
    return path + ("?" + urllib.parse.urlencode(query) if query else "")
