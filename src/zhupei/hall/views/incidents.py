from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from zhupei.evidence.api import read
from zhupei.hall import access, actions
from zhupei.hall.forms import IncidentForm
from zhupei.hall.models import Incident
from zhupei.hall.queries import bundle_of
from zhupei.web.views import file_response

from .pieces import act_page, actor_of, batch_of, batch_url, posted, seat_url


def incident(request: HttpRequest, pk: int) -> HttpResponse:
    """Write down what happened (I09)."""
    batch, chosen = batch_of(request, pk), request.GET.get("candidate", "")
    candidates = bundle_of(batch).candidates
    people = [(one.candidate_id, f"{one.seat_no} · {one.name} · {one.slip_no}") for one in candidates]

    def act(data: dict[str, Any]) -> Incident:
        return actions.add_incident(
            batch,
            kind=data["kind"],
            text=data["text"],
            candidate_key=data["candidate"],
            session_id=request.GET.get("session", ""),
            room_id=request.GET.get("room", ""),
            photo=data["photo"].read() if data["photo"] else None,
            by=actor_of(request),
        )

    return act_page(
        request,
        IncidentForm(posted(request), request.FILES or None, people=people, initial={"candidate": chosen}),
        act,
        done=_("The incident is written down."),
        to=lambda row: seat_url(pk, row.candidate_key) if row.candidate_key else batch_url(pk),
        batch=batch,
        key=chosen,
        heading=_("Write down an incident"),
        lead=_("It goes to the centre with the return. To void a sitting, propose that on the seat's page."),
        submit_label=_("Keep it"),
    )


def incident_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """The photo of an incident."""
    row = get_object_or_404(access.incidents_for(actor_of(request)), pk=pk)
    if row.photo is None:
        raise Http404
    return file_response(read(row.photo), "incident.jpg", "image/jpeg", inline=True)
