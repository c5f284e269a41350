"""Helpers for views, and the few pages that belong to no room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.forms import BaseForm
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    HttpResponseServerError,
    JsonResponse,
)
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.kernel.errors import Refusal

GENERAL = {
    "signed_out": lambda: _("You are signed out. Sign in again; nothing was changed."),
    "forbidden": lambda: _(
        "This page is not open to your role. If you need it, ask your unit's administrator."
    ),
    "role_missing": lambda: _("Your role does not include this act. Ask your unit's head or administrator."),
    "other_organisation": lambda: _(
        "This belongs to another organisation. Switch to it at the top of the page if you act for it."
    ),
    "outside_jurisdiction": lambda: _("This lies outside your jurisdiction."),
    "wrong_state": lambda: _(
        "This is no longer possible: the matter has moved on. Reload the page to see where it stands."
    ),
}


def message_of(refusal: Refusal) -> str:
    """The text of a refusal for people: its own, or the general one of its code."""
    if refusal.message:
        return str(refusal.message)
    general = GENERAL.get(refusal.code)
    return general() if general else _("This is not possible now.")


def refusal_page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A whole page for a refusal: fact, clause, way out; the refusal's own status."""
    context = {
        "message": message_of(refusal),
        "clause": refusal.clause,
        "code": refusal.code,
        "fields": refusal.fields,
    }
    return render(request, "web/refusal.html", context, status=refusal.status)


@dataclass
class Outcome:
    """What became of a guarded block: ``ok`` unless a rule refused it."""

    refusal: Refusal | None = None

    @property
    def ok(self) -> bool:
        return self.refusal is None


def _with_clause(text: Any, refusal: Refusal) -> str:
    """The message with the clause that it rests on, unless it names the clause itself."""
    text = str(text)
    return text if not refusal.clause or refusal.clause in text else f"{text}（{refusal.clause}）"


@contextmanager
def refusals(form: BaseForm) -> Iterator[Outcome]:
    """Turn a ``Refusal`` raised inside into errors of ``form``; 403 and 404 go on to the refusal page."""
    outcome = Outcome()
    try:
        yield outcome
    except Refusal as refusal:
        if refusal.status in (403, 404):
            raise
        outcome.refusal = refusal
        fields = refusal.fields or {"": [message_of(refusal)]}
        for name, texts in fields.items():
            for text in texts:
                form.add_error(
                    name if name in form.fields else None, _with_clause(text or message_of(refusal), refusal)
                )
        form.refusal_status = refusal.status  # type: ignore[attr-defined]


def status_of(form: BaseForm) -> int:
    """HTTP status for a page that shows ``form``: 200 when unbound, the refusal's status or 422 when it has errors."""
    if not form.is_bound or not form.errors:
        return 200
    return getattr(form, "refusal_status", 422)


def perform(
    request: HttpRequest, act: Callable[[], Any], *, success: Any, to: Any, **to_kwargs: Any
) -> HttpResponseBase:
    """Do one act for a button: a message and a redirect to ``to`` when done, the refusal page when refused.

    ``to`` is what ``redirect`` takes, or a function of the act's result that gives it.
    """
    result = act()
    messages.success(request, success)
    if callable(to):
        to = to(result)
    return redirect(to, **to_kwargs)


def file_response(data: bytes, filename: str, content_type: str, *, inline: bool = False) -> HttpResponse:
    """``data`` as a download with a Chinese file name that every browser keeps."""
    response = HttpResponse(data, content_type=content_type)
    kind = "inline" if inline else "attachment"
    response["Content-Disposition"] = f"{kind}; filename*=UTF-8''{quote(filename)}"
    return response


def safe_next(request: HttpRequest, default: str = "/") -> str:
    """The ``next`` address of a form, if it lies on this site."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if target.startswith("/") and url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):  # a bare word would be taken for the name of a page
        return target
    return resolve_url(default)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep language, contrast and type size in cookies for a year."""
    response = HttpResponseRedirect(safe_next(request))
    allowed = {"language": set(dict(settings.LANGUAGES)), "contrast": {"0", "1"}, "large": {"0", "1"}}
    for name, values in allowed.items():
        value = request.POST.get(name)
        if value in values:
            response.set_cookie(
                f"zhupei_{name}",
                value,
                max_age=365 * 86400,
                samesite="Lax",
                secure=settings.HTTPS,
                httponly=True,
            )
    return response


def health(request: HttpRequest) -> JsonResponse:
    """Alive, and able to read the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is missing or stale, usually a page left open over a sign-in."""
    text = _(
        "The page was open too long or came from elsewhere. Go back, reload it and send it again; nothing was changed."
    )
    return refusal_page(request, Refusal("csrf", text, status=403))


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort: needs no database, which may be what has failed."""
    return HttpResponseServerError(render_to_string("500.html"))


__all__ = [
    "Outcome",
    "file_response",
    "message_of",
    "perform",
    "refusal_page",
    "refusals",
    "safe_next",
    "status_of",
]
