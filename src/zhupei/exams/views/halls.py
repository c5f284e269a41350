"""The centre's pages about halls on their own machines: registering one, its passes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.exams import access, actions, keys
from zhupei.exams.forms import MachineForm
from zhupei.exams.passes import MAX_REQUEST
from zhupei.kernel import envelope
from zhupei.kernel.errors import Refusal
from zhupei.web.views import file_response, perform, refusals, status_of

from .pieces import actor_of


def machine_new(request: HttpRequest) -> HttpResponseBase:
    """Register a hall's own machine by its request and by the fingerprint that its people read out."""
    actor = actor_of(request)
    initial = {"address": request.build_absolute_uri("/").rstrip("/")}
    form = MachineForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            if data["file"].size > MAX_REQUEST:
                raise Refusal("not_a_request", _("This file is too large for a request."), field="file")
            machine = actions.register_machine(
                data["hall"],
                data["file"].read(),
                fingerprint=data["fingerprint"],
                compared_with=data["compared_with"],
                address=data["address"],
                by=actor,
            )
        if outcome.ok:
            messages.success(request, _("The machine is registered. Bring its pass to the hall."))
            return redirect("exams:machine", pk=machine.pk)
    context = {
        "form": form,
        "title": _("Register a hall's own machine"),
        "lead": _(
            "Call the hall on a number that you know, and have the fingerprint read out from its machine."
        ),
        "submit_label": _("Register, and make the pass"),
        "cancel_to": "exams:keys",
    }
    return render(request, "exams/act.html", context, status=status_of(form))


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
    actor = actor_of(request)
    row = get_object_or_404(access.machines_for(actor), pk=pk)
    return perform(
        request,
        lambda: actions.issue_pass(row, by=actor),
        success=_("The pass is made. Bring it to the hall."),
        to="exams:machine",
        pk=pk,
    )


def pass_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Download a pass to carry it to the hall."""
    row = get_object_or_404(access.passes_for(actor_of(request)), pk=pk)
    data = actions.take_pass(row, by=actor_of(request))
    return file_response(data, f"{row.machine.key.hall.name}.zph", "application/octet-stream")
