"""A hall's own machine: its pass, the accounts of its people, what is fetched from the centre and sent to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.exams import api as exams
from zhupei.hall import access, actions
from zhupei.hall.forms import PassForm, ResetForm
from zhupei.hall.models import AccessReset, HallBatch, Transfer
from zhupei.hall.uplink import link
from zhupei.kernel import envelope
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Refusal
from zhupei.web.views import file_response, perform, refusals, status_of

from .pieces import actor_of, batch_of, posted

MAX_PASS = 1 << 20


def list_context(actor: Actor) -> dict[str, Any]:
    """What the list of batches shows on a hall's own machine; empty where the centre runs here."""
    known = link.centre_link()
    if known is None:
        return {"link": None}
    may = actor.has(*actions.BRINGERS)
    return {
        "link": known,
        "link_warnings": link.warnings(),
        "link_waiting": actions.waiting_at_centre() if may else [],
        "transfers": access.transfers_for(actor).exclude(state="done").order_by("-pk")[:20],
        "may_fetch": may,
        "may_keep": actor.has(*actions.KEEPERS),
    }


def batch_context(batch: HallBatch) -> dict[str, Any]:
    """What a batch's page shows on a hall's own machine."""
    if link.centre_link() is None:
        return {"link": None}
    return {
        "link": True,
        "return_transfer": Transfer.objects.filter(hall_batch=batch, kind="return").first(),
        "verdict": actions.verdict_of(batch),
    }


def _back(request: HttpRequest) -> str:
    page = request.POST.get("batch", "")
    return (
        reverse("hall:batch", args=[int(page)])
        if page.isdigit() and len(page) < 19
        else reverse("hall:batches")
    )


@require_POST
def ask(request: HttpRequest) -> HttpResponseBase:
    """Ask the centre which bundles wait."""
    try:
        known = actions.ask_centre(by=actor_of(request))
    except Refusal as refusal:
        if refusal.code != "centre_unreachable":
            raise
        messages.error(request, f"{refusal.message} {actions.by_file()}")
        return redirect("hall:batches")
    text = _("The centre has named %(n)d bundles for this hall.") % {"n": len(known.known)}
    messages.success(request, text)
    return redirect("hall:batches")


@require_POST
def fetch(request: HttpRequest, bundle_id: str) -> HttpResponseBase:
    """Have a bundle fetched, or go on with it."""
    return perform(
        request,
        lambda: actions.fetch_bundle(bundle_id, by=actor_of(request)),
        success=_("The bundle is being fetched. It goes on by itself, also after a restart."),
        to="hall:batches",
    )


@require_POST
def send(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Have a return sent, or go on with it."""
    batch = batch_of(request, pk)
    return perform(
        request,
        lambda: actions.send_return(batch, by=actor_of(request)),
        success=_("The return is being sent. It goes on by itself, also after a restart."),
        to="hall:batch",
        pk=pk,
    )


def transfer(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a transfer is; the page asks this every two seconds."""
    row = get_object_or_404(access.transfers_for(actor_of(request)), pk=pk)
    return render(
        request, "hall/_transfer.html", {"row": row, "may_fetch": actor_of(request).has(*actions.BRINGERS)}
    )


@require_POST
def transfer_go_on(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Have a transfer that was stopped or refused go on."""
    row: Transfer = get_object_or_404(access.transfers_for(actor_of(request)), pk=pk)
    by = actor_of(request)

    def act() -> Transfer:
        if row.hall_batch is not None and row.kind == "return":
            return actions.send_return(row.hall_batch, by=by)
        return actions.fetch_bundle(row.bundle_id, by=by)

    return perform(request, act, success=_("It goes on."), to=_back(request))


@require_POST
def transfer_stop(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let a transfer rest."""
    row = get_object_or_404(access.transfers_for(actor_of(request)), pk=pk)
    return perform(
        request,
        lambda: actions.stop_transfer(row, by=actor_of(request)),
        success=_("Stopped. It can go on where it is."),
        to=_back(request),
    )


def centre(request: HttpRequest) -> HttpResponse:
    """This machine and its centre: key, pass, accounts; a newer pass is taken in here."""
    actor, known = actor_of(request), link.centre_link()
    form = PassForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        with refusals(form) as outcome:
            if file.size > MAX_PASS:
                raise Refusal("not_a_pass", _("This file is too large for a hall pass."), field="file")
            if known is None:
                text = _("The first pass is taken in at the machine's console: zhupei hall-setup FILE.")
                raise Refusal("first_pass", text, field="file", status=409)
            actions.install_pass(file.read(), by=actor)
        if outcome.ok:
            messages.success(
                request, _("The pass is taken in: rooms, staff and numbers are those of the centre now.")
            )
            return redirect("hall:centre")
    context: dict[str, Any] = {"form": form, "link": known}
    if known is not None:
        context |= {
            "warnings": link.warnings(),
            "fingerprint": envelope.spoken(envelope.fingerprint(exams.machine_signer().public_key)),
            "centre_fingerprint": envelope.spoken(envelope.fingerprint(known.centre_key)),
            "waiting": actions.waiting_for_password(known.organisation_id),
        }
    return render(request, "hall/centre.html", context, status=status_of(form))


def resets(request: HttpRequest) -> HttpResponse:
    """Colleagues who lost password or telephone: propose a new way in, decide what another person proposed."""
    actor = actor_of(request)
    people = [(one.login, f"{one.display_name} · {one.login}") for one in actions.colleagues(by=actor)]
    form = ResetForm(posted(request), people=people)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            row, half = actions.propose_reset(**form.cleaned_data, by=actor)
        if outcome.ok:
            return _half(request, row, half, first=True)
    context = {
        "form": form,
        "link": link.centre_link(),
        "rows": access.resets_for(actor).order_by("-pk")[:20],
        "actor_id": actor.user_id,
        "filed": actions.holds_filed_post(by=actor),
    }
    return render(request, "hall/resets.html", context, status=status_of(form))


@require_POST
def reset_decide(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Approve a new way in, which shows the second half of its code; or refuse it."""
    actor = actor_of(request)
    row = get_object_or_404(access.resets_for(actor), pk=pk)
    if request.POST.get("verdict") == "accept":
        half = actions.decide_reset(row, accept=True, by=actor)
        return _half(request, row, half, first=False)
    return perform(
        request,
        lambda: actions.decide_reset(row, accept=False, by=actor),
        success=_("Refused. Nothing has changed."),
        to="hall:resets",
    )


def _half(request: HttpRequest, row: AccessReset, half: str, *, first: bool) -> HttpResponse:
    context = {"row": row, "half": envelope.spoken(half), "first": first}
    response = render(request, "hall/reset_half.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def request_file(request: HttpRequest) -> HttpResponse:
    """A fresh request of this machine, for a new registration at the centre."""
    known = link.centre_link()
    data, _mark = actions.make_request(str(known or ""), site_id=known.site_id_ref if known else 0)
    return file_response(data, "hall-request.json", "application/json")
