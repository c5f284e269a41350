"""What several pages of the hall share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render

from zhupei.delivery import api as delivery
from zhupei.hall import access
from zhupei.hall.actions.common import candidate_in
from zhupei.hall.console.drawing import TONES
from zhupei.hall.models import HallBatch
from zhupei.hall.queries import bundle_of
from zhupei.kernel.actor import Actor
from zhupei.web.views import status_of

__all__ = ["TONES", "act_page", "actor_of", "batch_of", "candidate_of", "is_here", "posted"]


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


def act_page(request: HttpRequest, form: forms.BaseForm, **context: Any) -> HttpResponse:
    """The page of one act: what it does, to whom, its form."""
    return render(request, "hall/act.html", {"form": form, **context}, status=status_of(form))
