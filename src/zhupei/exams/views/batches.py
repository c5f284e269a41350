"""Batches: candidates, seats, papers, bundle, key, return."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.audit.api import record
from zhupei.documents import api as documents
from zhupei.exams import access, actions, events, prints, queries, readout
from zhupei.exams import protocol as protocols
from zhupei.exams.choices import BATCH_TONES, BatchState
from zhupei.exams.differences import groups_of
from zhupei.exams.forms import BatchFilter, CandidateFilter, ReasonForm, ReturnForm
from zhupei.exams.models import Batch, Candidate, Slot
from zhupei.kernel import batchno, clock
from zhupei.kernel.roles import CENTRE
from zhupei.rulebook.api import parameter
from zhupei.web.access import may_open
from zhupei.web.forms import row_numbers
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

from .pieces import act_on, act_page, actor_of, answers, timeline

AFTER_LOCK = (
    BatchState.LOCKED,
    BatchState.READY,
    BatchState.RELEASED,
    BatchState.RETURNED,
    BatchState.CONFIRMED,
)
MAX_RETURN = 512 * 1024 * 1024


def _batch(request: HttpRequest, pk: int) -> Batch:
    return get_object_or_404(access.batches_for(actor_of(request)), pk=pk)


def batch_list(request: HttpRequest) -> HttpResponse:
    """Batches that the actor sees, newest first."""
    filters = BatchFilter(request.GET)
    wanted, filtered = answers(filters)
    rows = access.batches_for(actor_of(request))
    if wanted["q"]:
        found = Q(institution__full_name__icontains=wanted["q"]) | Q(hall__name__icontains=wanted["q"])
        try:
            number = batchno.parse(wanted["q"])
            found |= Q(year=number.year, sequence=number.sequence)
        except batchno.BadBatchNumber:
            pass
        rows = rows.filter(found)
    if wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    page = page_by_key(rows, request)
    shown = [batch.pk for batch in page.items]
    first = dict(
        Slot.objects.filter(batch__in=shown).order_by().values_list("batch").annotate(Min("starts_at"))
    )
    there = Candidate.objects.filter(batch__in=shown, removed_at=None).values_list("batch")
    persons = dict(there.annotate(n=Count("pk")))
    for batch in page.items:
        batch.first, batch.persons = first.get(batch.pk), persons.get(batch.pk, 0)
    return render(request, "exams/batches.html", {"page": page, "filters": filters, "filtered": filtered})


def _rooms(batch: Batch) -> list[dict[str, Any]]:
    """Sessions and rooms in use, with how many sit there and their papers."""
    rows = (
        queries.active_candidates(batch)
        .filter(seat__isnull=False)
        .values("slot_id", "room_id", "room__name")
        .annotate(persons=Count("pk"))
        .order_by("slot__starts_at", "room__name")
    )
    slots = {slot.pk: slot for slot in batch.slots.all()}
    return [{**row, "slot": slots[row["slot_id"]]} for row in rows]


def batch_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One batch as a checklist: candidates, filing, papers, key, return, confirmation."""
    actor = actor_of(request)
    rows = access.batches_for(actor).select_related("bundle", "hall_return", "application__filing")
    batch = get_object_or_404(rows, pk=pk)
    own = batch.institution.organisation_id == actor.organisation_id and may_open(actor, "exams:lock")
    hall_desk = actor.has(*CENTRE) or (
        batch.hall.institution.organisation_id == actor.organisation_id and may_open(actor, "exams:bundle")
    )
    filing = getattr(batch.application, "filing", None)
    bundle = getattr(batch, "bundle", None)
    first = batch.slots.first()
    opens = first.starts_at - timedelta(minutes=int(parameter("key_release_minutes"))) if first else None
    counts = queries.post_counts(batch)
    context = {
        "batch": batch,
        "own": own,
        "hall_desk": hall_desk,
        "centre": actor.has(*CENTRE),
        "approver": may_open(actor, "exams:confirm"),
        "filing": filing,
        "filing_needed": bool(parameter("filing_before_test")),
        "bundle": bundle,
        "hall_return": getattr(batch, "hall_return", None),
        "difference_groups": groups_of(batch.hall_return) if hasattr(batch, "hall_return") else [],
        "slots": batch.slots.all(),
        "counts": counts,
        "there": sum(row[2] for row in counts),
        "wanted": sum(row[1] for row in counts),
        "differences": queries.count_differences(batch),
        "opens": opens,
        "may_release": opens is not None and clock.now() >= opens,
        "mine": bundle is not None and bundle.released_by_1_id == actor.user_id,
        "rooms": _rooms(batch),
        "after_lock": batch.state in AFTER_LOCK,
        "results_open": may_open(actor, "exams:results") and hasattr(batch, "hall_return"),
        "results": queries.result_counts(batch) if hasattr(batch, "hall_return") else None,
        "may_print": may_open(actor, "exams:slips")
        and batch.institution.organisation_id == actor.organisation_id,
        "may_seats": may_open(actor, "exams:seat_list"),
        "may_scores": may_open(actor, "exams:score_list"),
        "entries": timeline(batch.steps.order_by("at", "pk"), "note", BATCH_TONES),
    }
    return render(request, "exams/batch.html", context)


def candidates(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Pick candidates from those who have their hours; everybody else is listed with what is lacking."""
    actor = actor_of(request)
    batch = get_object_or_404(access.own_batches_for(actor), pk=pk)
    if request.method == "POST":
        ids = row_numbers(request.POST.getlist("enrolments"))
        return perform(
            request,
            lambda: actions.add_candidates(batch, ids, by=actor),
            success=_("Candidates added."),
            to="exams:candidates",
            pk=pk,
        )
    filters = CandidateFilter(request.GET)
    wanted, filtered = answers(filters)
    editable = batch.state == BatchState.PREPARING
    choices, more = queries.choices_for(batch, wanted["q"]) if editable else ([], False)
    chosen = (
        queries.active_candidates(batch)
        .select_related("person", "post", "slot", "room")
        .order_by("slip_no", "post__position", "pk")
    )
    context = {
        "batch": batch,
        "editable": editable,
        "filters": filters,
        "filtered": filtered,
        "more": more,
        "most": queries.MOST_CHOICES,
        "ready": [one for one in choices if not one.bar],
        "barred": [one for one in choices if one.bar],
        "page": page_by_key(chosen.order_by(), request, order=("post__position", "pk"), size=100),
        "counts": queries.post_counts(batch),
        "differences": queries.count_differences(batch),
    }
    return render(request, "exams/candidates.html", context)


def candidate_remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take somebody off the list."""
    actor = actor_of(request)
    candidate = get_object_or_404(access.candidates_for(actor), pk=pk)
    return act_page(
        request,
        ReasonForm(request.POST or None),
        lambda data: actions.remove_candidate(candidate, reason=data["reason"], by=actor),
        done=_("Taken off the list."),
        back=reverse("exams:candidates", args=[candidate.batch_id]),
        title=_("Take %(name)s off the list") % {"name": candidate.person.name},
        lead=f"{candidate.batch} · {candidate.post}",
        submit_label=_("Take off the list"),
    )


def lock(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show what fixing the candidates does, then do it."""
    actor = actor_of(request)
    batch = get_object_or_404(access.own_batches_for(actor), pk=pk)
    if request.method == "POST":
        return perform(
            request,
            lambda: actions.lock_batch(batch, by=actor),
            success=_("Candidates fixed. Seats are drawn and slips can be printed."),
            to="exams:batch",
            pk=pk,
        )
    differences = queries.count_differences(batch)
    context = {
        "batch": batch,
        "differences": differences,
        "consequences": [
            _("Every candidate gets a session, a room, a seat and a slip number by chance."),
            _("Every candidate is told and can open the slip."),
            _("Until the centre draws the papers, you can open the batch again; seats are then drawn anew."),
        ],
        "to": [(post.name, f"{there} / {wanted}") for post, wanted, there in queries.post_counts(batch)],
    }
    return render(request, "exams/lock.html", context)


def _batch_url(pk: int) -> str:
    return reverse("exams:batch", args=[pk])


def _reasoned(request: HttpRequest, batch: Batch, act: Callable[..., Any], **words: Any) -> HttpResponseBase:
    return act_page(
        request,
        ReasonForm(request.POST or None),
        lambda data: act(batch, reason=data["reason"], by=actor_of(request)),
        back=_batch_url(batch.pk),
        **words,
    )


def unlock(request: HttpRequest, pk: int) -> HttpResponseBase:
    batch = _batch(request, pk)
    return _reasoned(
        request,
        batch,
        actions.unlock_batch,
        title=_("Open batch %(batch)s for changes") % {"batch": batch},
        lead=_(
            "All seats and slip numbers are taken back, and every candidate is told. They are drawn anew afterwards."
        ),
        submit_label=_("Open the batch again"),
        done=_("The batch is open for changes."),
    )


def cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    batch = _batch(request, pk)
    return _reasoned(
        request,
        batch,
        actions.cancel_batch,
        title=_("Cancel batch %(batch)s") % {"batch": batch},
        lead=_("The test is not held. The institution and every candidate are told. This cannot be undone."),
        submit_label=_("Cancel the batch"),
        done=_("The batch is cancelled."),
        danger=True,
    )


@require_POST
def draw(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("Papers drawn and sealed. The hall can take the bundle.")
    return act_on(request, access.batches_for, pk, actions.draw_batch, done=done, to="exams:batch")


@require_POST
def release(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = actions.release_bundle(_batch(request, pk), by=actor_of(request))
    if row.released_at is None:
        messages.success(
            request, _("You released the key as the first of two persons. Another one has to release it too.")
        )
    else:
        messages.success(request, _("The key is released. The hall can open the bundle."))
    return redirect("exams:batch", pk=pk)


def bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """The sealed bundle, for the hall."""
    batch = _batch(request, pk)
    data = actions.take_bundle(batch, by=actor_of(request))
    return file_response(data, f"{batch}.zpb", "application/octet-stream")


@require_POST
def key(request: HttpRequest, pk: int) -> HttpResponse:
    """The released key for a hall server without a line: as a small file, or on a page to be read out."""
    batch = _batch(request, pk)
    data = actions.take_key(batch, by=actor_of(request))
    if request.POST.get("how") == "read":
        response = render(request, "exams/key.html", {"batch": batch, "groups": readout.groups_of(data)})
        response["Cache-Control"] = "no-store"
        return response
    return file_response(f"{data.hex()}\n".encode(), f"{batch}.key", "text/plain; charset=us-ascii")


def return_upload(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Hand a hall's return in."""
    batch = _batch(request, pk)
    form = ReturnForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        if file.size > MAX_RETURN:
            form.add_error("file", _("This file is too large for a return."))
        else:
            with refusals(form) as outcome:
                row = actions.receive_return(batch, file.read(), by=actor_of(request))
            if outcome.ok:
                if row.differences:
                    text = _("Return received. %(n)d differences were found; they are listed by kind.")
                    messages.warning(request, text % {"n": row.difference_count})
                else:
                    messages.success(
                        request, _("Return received; counts, digests, journal and scores agree.")
                    )
                return redirect("exams:batch", pk=pk)
    context = {
        "form": form,
        "title": _("Hand in the return of batch %(batch)s") % {"batch": batch},
        "lead": _("The centre checks the signature and the journal, scores every answer again and compares."),
        "submit_label": _("Hand in the return"),
        "cancel_url": _batch_url(pk),
    }
    return render(request, "exams/act.html", context, status=status_of(form))


def accept_differences(request: HttpRequest, pk: int) -> HttpResponseBase:
    batch = _batch(request, pk)
    return _reasoned(
        request,
        batch,
        actions.accept_differences,
        title=_("Accept the centre's scores for batch %(batch)s") % {"batch": batch},
        lead=_(
            "The scores that count are those the centre computed from the raw answers that the hall handed in. Where the "
            "journal says otherwise about a candidate, put the result in doubt first, or have it voided. The differences stay "
            "on record."
        ),
        submit_label=_("Accept with this reason"),
        done=_("Accepted. The batch can be confirmed."),
        danger=True,
    )


def _returned(request: HttpRequest, pk: int) -> Batch:
    return get_object_or_404(
        access.batches_for(actor_of(request))
        .filter(hall_return__isnull=False)
        .select_related("hall_return__file", "bundle__file"),
        pk=pk,
    )


def protocol(request: HttpRequest, pk: int) -> HttpResponse:
    """What the staff did and what happened, out of the hall's return (I09)."""
    batch = _returned(request, pk)
    return render(request, "exams/protocol.html", {"batch": batch, "protocol": protocols.protocol_of(batch)})


def protocol_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The same on paper."""
    batch = _returned(request, pk)
    data = documents.render_pdf(protocols.sheet(batch))
    return file_response(data, f"考试记录 {batch}.pdf", "application/pdf", inline=True)


@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("Results confirmed.")
    return act_on(request, access.batches_for, pk, actions.confirm_batch, done=done, to="exams:batch")


def slips(request: HttpRequest, pk: int) -> HttpResponse:
    """Every slip of the batch in one file."""
    actor = actor_of(request)
    batch = get_object_or_404(access.own_batches_for(actor), pk=pk)
    data = documents.render_pdf(prints.slips_of(batch))
    record(events.SLIPS_PRINTED, by=actor, on=batch)
    return file_response(data, f"准考证 {batch}.pdf", "application/pdf", inline=True)


def _slot(batch: Batch, slot: int) -> Slot:
    return get_object_or_404(batch.slots.all(), pk=slot)


def seat_list(request: HttpRequest, pk: int, slot: int, room: int) -> HttpResponse:
    """The sign-in list of one room in one session."""
    batch = _batch(request, pk)
    data = documents.render_pdf(prints.seat_list(batch, _slot(batch, slot), room))
    return file_response(data, f"签到表 {batch}.pdf", "application/pdf", inline=True)


def score_list(request: HttpRequest, pk: int, slot: int, room: int) -> HttpResponse:
    """The score list of one room in one session."""
    batch = get_object_or_404(access.batches_for(actor_of(request)).filter(hall_return__isnull=False), pk=pk)
    data = documents.render_pdf(prints.score_list(batch, _slot(batch, slot), room))
    return file_response(data, f"成绩公布表 {batch}.pdf", "application/pdf", inline=True)
