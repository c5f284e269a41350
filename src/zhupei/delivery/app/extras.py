"""Routes beside the test: photo, the items' images, watermark, display settings, static files, health."""

from __future__ import annotations

import urllib.parse
from dataclasses import replace

from zhupei.delivery.app.http import Request, Response, as_json
from zhupei.delivery.app.visit import Visit
from zhupei.delivery.formats.bundles import media_type
from zhupei.delivery.pages import paper
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.texts import LANGUAGES
from zhupei.kernel.errors import Refusal

LOOK_COOKIE = "zhupei_look"
_BACK = {"/", "/wait", "/paper", "/next-subject", "/hand-in", "/result"}


class Extras(Visit):
    """What stands around the pages."""

    def _look_of(self, request: Request) -> Look:
        chosen = set(request.cookies.get(LOOK_COOKIE, "").split("."))
        lang = next(
            (one for one in LANGUAGES if one in chosen), "zh"
        )  # hall machines carry any browser language
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
                name: f"{request.root}/static/{name}?v={file.mark}" for name, file in self._files.items()
            },
            here=urllib.parse.quote(here, safe=""),
        )

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

    async def _watermark(self, request: Request, look: Look) -> Response:
        view = self.engine.view(self._candidate(request))
        return Response(200, paper.watermark(view).encode("utf-8"), "image/svg+xml")

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
        return as_json({"ok": health.journal_ok}, 200 if health.journal_ok else 503)

    def _static(self, request: Request) -> Response:
        found = self._files.get(request.path.removeprefix("/static/"))
        if found is None or request.method not in ("GET", "HEAD"):
            raise Refusal("not_found", status=404)
        fresh = request.query.get("v") == found.mark
        cache = "public, max-age=31536000, immutable" if fresh else "no-cache"
        return Response(200, found.content, found.type, cache=cache)
