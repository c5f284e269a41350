"""Who asks: the cookie, the form token, and the page where a candidate belongs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from zhupei.delivery.app.http import Request, Response, origin
from zhupei.delivery.app.quick import COOKIE
from zhupei.delivery.app.static import static_files
from zhupei.delivery.attempts import Attempts
from zhupei.delivery.engine.doors import Engine
from zhupei.delivery.engine.replies import Receipt, Sign, View
from zhupei.kernel.crypto import equal, hmac_sm3
from zhupei.kernel.errors import Refusal

__all__ = ["COOKIE", "Visit", "form_token", "place"]


@lru_cache(maxsize=32_768)
def form_token(token: str) -> str:
    """The form token that belongs to a cookie's token. Asked for only once the token was found to hold."""
    return hmac_sm3(token.encode(), b"form")[:32]


class Visit:
    """What all routes stand on."""

    def __init__(
        self,
        engine: Engine | Callable[[], Engine | None],
        *,
        identify: Callable[[str], str],
        monotonic: Callable[[], float],
        peers: Sequence[str] = (),
        practice: str = "",
    ) -> None:
        self._engine = engine
        self._identify = identify
        self._peers = tuple(map(origin, peers))
        self._practice = practice
        self._by_pair = Attempts(5, 60, monotonic)
        self._by_slip = Attempts(30, 600, monotonic)
        self._by_address = Attempts(200, 60, monotonic)
        self._by_crossing = Attempts(30, 60, monotonic)
        self._files = static_files()

    @property
    def engine(self) -> Engine:
        engine = self._engine if isinstance(self._engine, Engine) else self._engine()
        if engine is None:
            raise Refusal("not_ready", status=503)
        return engine

    def _candidate(self, request: Request) -> str:
        return self.engine.whose(request.cookies.get(COOKIE, ""))

    def _form_token(self, request: Request) -> str:
        return form_token(request.cookies.get(COOKIE, ""))

    def _check_form(self, request: Request, given: str) -> None:
        if not equal(given, self._form_token(request)):
            raise Refusal("bad_request", status=403)

    def _known(self, token: str, form: str) -> str:
        """The candidate of a token that comes with its form token."""
        candidate_id = self.engine.whose(token)
        if not equal(form, form_token(token)):
            raise Refusal("bad_request", status=403)
        return candidate_id

    def _posted(self, request: Request) -> tuple[str, dict[str, list[str]]]:
        """The candidate and the fields of a form with a good form token."""
        candidate_id = self._candidate(request)
        fields = request.fields()
        self._check_form(request, fields.get("form", [""])[0])
        return candidate_id, fields

    def _see_other(self, request: Request, path: str) -> Response:
        return Response(303, b"", headers=[(b"location", (request.root + path).encode("ascii"))])


def place(view: View | Receipt | Sign) -> str:
    """Where a candidate belongs in this state."""
    if view.state == "admitted":
        return "/wait"
    if view.state in ("running", "paused"):
        return "/paper"
    return "/result" if view.state in ("submitted", "voided") else "/"
