"""The centre's pages about halls on their own machines: registering one, its passes, the first codes of its people."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.exams import access, actions, keys
from zhupei.exams.forms import MachineForm
from zhupei.exams.models import HallMachine
from zhupei.exams.passes import MAX_REQUEST
from zhupei.kernel import envelope
from zhupei.kernel.errors import Refusal
from zhupei.web.views import file_response

from .pieces import act_on, act_page, actor_of


def machine_new(request: HttpRequest) -> HttpResponseBase:
    """Register a hall's own machine by its request and by the fingerprint that its people read out."""
    actor = actor_of(request)
    initial = {"address": request.build_absolute_uri("/").rstrip("/")}

    def act(data: dict[str, Any]) -> HallMachine:
        if data["file"].size > MAX_REQUEST:
            raise Refusal("not_a_request", _("This file is too large for a request."), field="file")
        return actions.register_machine(
            data["hall"],
            data["file"].read(),
            fingerprint=data["fingerprint"],
            compared_with=data["compared_with"],
            address=data["address"],
            by=actor,
        )

    return act_page(
        request,
        MachineForm(request.POST or None, request.FILES or None, initial=initial),
        act,
        done=_("The machine is registered. Bring its pass to the hall."),
        back=reverse("exams:keys"),
        to=lambda machine: reverse("exams:machine", args=[machine.pk]),
        title=_("Register a hall's own machine"),
        lead=_(
            "Call the hall on a number that you know, and have the fingerprint read out from its machine."
        ),
        submit_label=_("Register, and make the pass"),
    )


def machine(request: HttpRequest, pk: int) -> HttpResponse:
    """A hall's own machine: its key, its passes, what it sent."""
    row = get_object_or_404(access.machines_for(actor_of(request)), pk=pk)
    context = {
        "machine": row,
        "fingerprint": envelope.spoken(row.fingerprint),
        "centre_fingerprint": envelope.spoken(envelope.fingerprint(keys.centre_public_key())),
        "passes": row.passes.select_related("file").order_by("-pk")[:20],
        "uploads": row.uploads.select_related("batch").order_by("-pk")[:20],
    }
    return render(request, "exams/machine.html", context)


@require_POST
def machine_pass(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Issue a new pass with what holds today."""
    done = _("The pass is made. Bring it to the hall.")
    return act_on(request, access.machines_for, pk, actions.issue_pass, done=done, to="exams:machine")


def first_secrets(request: HttpRequest) -> HttpResponse:
    """On which halls' own machines a first sign-in code opens an account for whoever asks."""
    rows = access.first_secrets_for(actor_of(request)).order_by("pk")
    return render(request, "exams/first_secrets.html", {"rows": rows})


@require_POST
def first_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """Read one's own first sign-in code."""
    row = get_object_or_404(access.first_secrets_for(actor_of(request)), pk=pk)
    code = envelope.spoken(actions.read_first_secret(row, by=actor_of(request)))
    response = render(request, "exams/first_secret.html", {"row": row, "code": code})
    response["Cache-Control"] = "no-store"
    return response


def pass_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Download a pass to carry it to the hall."""
    row = get_object_or_404(access.passes_for(actor_of(request)), pk=pk)
    data = actions.take_pass(row, by=actor_of(request))
    return file_response(data, f"{row.machine.key.hall.name}.zph", "application/octet-stream")
