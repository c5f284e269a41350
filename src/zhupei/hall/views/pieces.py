"""What several pages of the hall share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from zhupei.delivery import api as delivery
from zhupei.hall import access
from zhupei.hall.actions.common import candidate_in
from zhupei.hall.console.drawing import TONES
from zhupei.hall.models import HallBatch
from zhupei.hall.queries import bundle_of
from zhupei.institutions.api import Site
from zhupei.kernel.actor import Actor
from zhupei.web.views import perform, refusals, status_of

__all__ = [
    "TONES",
    "act_on",
    "act_page",
    "actor_of",
    "batch_of",
    "batch_url",
    "candidate_of",
    "is_here",
    "posted",
    "seat_url",
    "with_halls",
]


def actor_of(request: HttpRequest) -> Actor:
    """The actor that the middleware put on the request."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the posted fields, even if there are none; nothing on a visit."""
    return request.POST if request.method == "POST" else None


def batch_of(request: HttpRequest, pk: int) -> HallBatch:
    """The batch, if the actor sees it."""
    row: HallBatch = get_object_or_404(access.batches_for(actor_of(request)), pk=pk)
    return row


def candidate_of(hall_batch: HallBatch, key: str) -> tuple[delivery.Bundle, delivery.Candidate]:
    """A candidate and the bundle he came in."""
    bundle = bundle_of(hall_batch)
    return bundle, candidate_in(bundle, key)


def is_here(request: HttpRequest, hall_batch: HallBatch) -> bool:
    """True if the actor belongs to the hall (the centre only reads)."""
    return actor_of(request).organisation_id == hall_batch.organisation_id


def batch_url(pk: int) -> str:
    """Where a batch's page is."""
    return reverse("hall:batch", args=[pk])


def seat_url(pk: int, key: str) -> str:
    """Where the page of a candidate's seat is."""
    return reverse("hall:seat", args=[pk, key])


def with_halls(rows: Iterable[Any]) -> None:
    """Put the hall on each row that names one (``site_id_ref``), as ``row.hall``."""
    halls = Site.objects.in_bulk({row.site_id_ref for row in rows if row.site_id_ref})
    for row in rows:
        row.hall = halls.get(row.site_id_ref)


def act_on(
    request: HttpRequest,
    rows: Callable[[Actor], Any],
    pk: int,
    act: Callable[..., Any],
    *,
    done: str,
    to: str,
) -> HttpResponseBase:
    """A button's ``act`` on one of the ``rows`` that the actor sees; the row's page ``to`` says what was ``done``."""
    actor = actor_of(request)
    row = get_object_or_404(rows(actor), pk=pk)
    return perform(request, lambda: act(row, by=actor), success=done, to=to, pk=pk)


def act_page(
    request: HttpRequest,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    done: str | Callable[[Any], str],
    to: str | Callable[[Any], str],
    **context: Any,
) -> HttpResponse:
    """The page of one act: what it does, to whom, its form.

    Once the form is posted and no rule refuses ``act`` (which gets its answers), the page ``to`` says what was ``done``;
    both may be functions of what the act gave.
    """
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            result = act(form.cleaned_data)
        if outcome.ok:
            messages.success(request, done(result) if callable(done) else done)
            return redirect(to(result) if callable(to) else to)
    return render(request, "hall/act.html", {"form": form, **context}, status=status_of(form))
