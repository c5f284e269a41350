"""The gate before every view, the page for every refusal, and the reader's language and display settings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation

from zhupei.kernel.errors import Refusal

from .access import HALL_ROOMS, permission_table
from .views import page_not_found, refusal_page

GetResponse = Callable[[HttpRequest], HttpResponse]
LARGEST_ID = 2**63 - 1


class Preferences:
    """Language, contrast and type size from cookies. Chinese unless the reader chose otherwise."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        code = request.COOKIES.get("zhupei_language", settings.LANGUAGE_CODE)
        if code not in dict(settings.LANGUAGES):
            code = settings.LANGUAGE_CODE
        with translation.override(code):
            request.LANGUAGE_CODE = code  # type: ignore[attr-defined]
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", code)
        response.headers.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class Gate:
    """Refuses every view that ``access.PAGES`` does not open to the actor; a view without a row stays shut."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if settings.HALL_ONLY and (match is None or match.namespace not in HALL_ROOMS):
            return redirect("hall:batches") if request.path == "/" else page_not_found(request)
        permission = permission_table().get(match.view_name) if match else None
        actor = request.actor  # type: ignore[attr-defined]
        if permission is not None and permission.allows(actor):
            _require_storable(request, kwargs)
            return None
        if not actor.is_signed_in and permission is not None:
            if request.method in ("GET", "HEAD"):
                return redirect_to_login(request.get_full_path())
            return refusal_page(request, Refusal("signed_out", status=401))
        return refusal_page(request, Refusal("forbidden", status=403))


def _require_storable(request: HttpRequest, kwargs: dict[str, Any]) -> None:
    """Turn away what no column can hold, whatever the view does with it: NUL in any text, row numbers beyond 64 bits."""
    if any(isinstance(value, int) and value > LARGEST_ID for value in kwargs.values()):
        raise Http404
    fields = chain(request.GET.lists(), request.POST.lists())
    if "\0" in request.path or any("\0" in text for name, values in fields for text in (name, *values)):
        raise BadRequest("NUL in the request")


class Refusals:
    """A ``Refusal`` that a view let through becomes a page that says what to do, with its 4xx status."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return refusal_page(request, exception) if isinstance(exception, Refusal) else None
