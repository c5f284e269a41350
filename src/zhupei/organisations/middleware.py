from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .queries import actor_for


class ActingFor:
    """Puts the ``Actor`` on every request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = actor_for(request)  # type: ignore[attr-defined]
        return self.get_response(request)
