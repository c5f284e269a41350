"""Routes beside the test: photo, the items' images, display settings, static files, health."""

from __future__ import annotations

import re
import urllib.parse
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from zhupei.delivery.app.http import Request, Response, as_json, decode
from zhupei.delivery.app.visit import Visit, place
from zhupei.delivery.formats.bundles import media_type
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.texts import LANGUAGES
from zhupei.kernel.errors import Refusal

LOOK_COOKIE = "zhupei_look"
CARRY = "zhupei_carry"
MAX_HERE = 200  # characters: no page of ours has a longer address
BACK = {"/", "/wait", "/paper", "/next-subject", "/hand-in", "/result"}


class WarningRequest(msgspec.Struct, kw_only=True):
    form: str
    count: int


class Extras(Visit):
    """What stands around the pages."""

    is_practice = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._look_for = lru_cache(maxsize=1_024)(self._make_look)

    def _look_of(self, request: Request) -> Look:
        here = request.path
        kept = [(name, request.query[name]) for name in ("subject", "n") if name in request.query]
        if kept:  # a change of look stays on the same question
            here += "?" + urllib.parse.urlencode(kept)
        chosen = set(request.cookies.get(LOOK_COOKIE, "").split("."))
        # hall machines carry any browser language
        lang = next((one for one in LANGUAGES if one in chosen), "zh")
        return self._look_for(  # looks are remembered: only with what is small
            lang,
            "large" in chosen,
            "contrast" in chosen,
            request.root,
            here if len(here) <= MAX_HERE else "/",
            tuple(peer for peer, _ in self._others(request)),
            _numbers(request.query.get("moved"), request.query.get("refused")),
        )

    def _make_look(
        self,
        lang: str,
        large: bool,
        contrast: bool,
        root: str,
        here: str,
        peers: tuple[str, ...],
        moved: tuple[int, int] | None,
    ) -> Look:
        return Look(
            lang=lang,
            large=large,
            contrast=contrast,
            root=root,
            assets={name: f"{root}/static/{name}?v={file.mark}" for name, file in self._files.items()},
            here=urllib.parse.quote(here, safe=""),
            peers=peers,
            moved=moved,
            practice=self.is_practice,
        )

    def _others(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The other servers as (origin, this candidate's carry token or "")."""
        if not self._peers:
            return ()
        carry = request.cookies.get(CARRY, "")
        if not re.fullmatch(r"[\w-]{1,100}", carry, re.ASCII):
            carry = ""
        host = request.headers.get("host", "").lower()
        return tuple((peer, carry) for peer in self._peers if peer.partition("://")[2] != host)

    async def _photo(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        content = view.bundle.photos.get(view.candidate.photo)
        if content is None:
            raise Refusal("not_found", status=404)
        kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
        return Response(200, content, kind, cache="private, max-age=3600")

    async def _media(self, request: Request) -> Response:
        """An image of the candidate's bundle, while he sits: the browser keeps it so long and asks once."""
        view = self.engine.view(self._candidate(request))
        content = view.bundle.media.get(request.path.removeprefix("/media/"))
        if content is None or view.state not in ("running", "paused"):
            raise Refusal("not_found", status=404)
        age = view.bundle.rules.minutes * 60
        return Response(200, content, media_type(content), cache=f"private, max-age={age}, immutable")

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
        response = self._see_other(request, back if back.split("?")[0] in BACK else "/")
        response.cookie(request, LOOK_COOKIE, value, age=365 * 86400)
        return response

    async def _warning_read(self, request: Request, look: Look) -> Response:
        """The candidate has read the warnings up to this number; the next one, if any, is told at once."""
        if request.wants_json:
            wish: WarningRequest = decode(request.body, WarningRequest)
            candidate_id, count, back = self._candidate(request), wish.count, ""
            self._check_form(request, wish.form)
        else:
            candidate_id, fields = self._posted(request)
            number, back = fields.get("count", [""])[0], fields.get("back", [""])[0]
            count = int(number) if re.fullmatch(r"[0-9]{1,4}", number) else 0
        await self.engine.read_warning(candidate_id, count)
        view = await self.engine.kept_view(candidate_id)
        if request.wants_json:
            return as_json({"warning": view.warning, "warning_no": view.warning_no})
        return self._see_other(request, back if back in BACK else place(view))

    async def _health(self, request: Request, look: Look) -> Response:
        health = self.engine.health()
        told = {"ok": health.journal_ok, "active": True, "generation": health.generation}
        return as_json(told, 200 if health.journal_ok else 503)

    def _static(self, request: Request) -> Response:
        found = self._files.get(request.path.removeprefix("/static/"))
        if found is None or request.method not in ("GET", "HEAD"):
            raise Refusal("not_found", status=404)
        fresh = request.query.get("v") == found.mark
        cache = "public, max-age=31536000, immutable" if fresh else "no-cache"
        return Response(200, found.content, found.type, cache=cache)


def _numbers(moved: str | None, refused: str | None) -> tuple[int, int] | None:
    """How many answers were taken along and refused, as the address says after crossing."""
    if moved is None:
        return None
    taken, left = (int(one) if one and re.fullmatch(r"[0-9]{1,3}", one) else 0 for one in (moved, refused))
    return taken, left
