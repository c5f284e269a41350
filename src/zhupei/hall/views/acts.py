"""Acts on one sitting. Most take nothing but a reason and stand in a table; moving and extra time ask for more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from zhupei.delivery import api as delivery
from zhupei.hall import access, actions
from zhupei.hall.choices import ActKind
from zhupei.hall.console import usual
from zhupei.hall.console.drawing import minutes, state_words
from zhupei.hall.forms import DecisionForm, MoveForm, TimeForm, UsualForm
from zhupei.hall.process import engine
from zhupei.hall.queries import free_seats, moment, room_of
from zhupei.hall.readiness.queries import spares
from zhupei.web.templatetags.web import shanghai
from zhupei.web.views import perform, refusals, status_of

from .pieces import act_page, actor_of, batch_of, candidate_of, is_here, posted, seat_url


@dataclass(frozen=True)
class Act:
    """An act that takes a reason alone: the words of its page, the usual reasons, and what it does.

    ``do`` takes the batch and the candidate's key, ``reason`` and ``by``.
    """

    heading: Any
    lead: Any
    label: Any
    done: Any
    usual: Callable[[], list[str]]
    do: Callable[..., Any]
    danger: bool = False


ACTS = {
    "warn": Act(
        heading=_("Warn this candidate"),
        lead=_("Shown on the candidate's page until it is read. It is kept as an incident."),
        label=_("Warn"),
        done=_("Warned. The seat shows when it was read."),
        usual=usual.warnings,
        do=lambda batch, key, *, reason, by: actions.warn(batch, key, reason, by=by),
    ),
    "pause_seat": Act(
        heading=_("Pause this candidate"),
        lead=_("The candidate's time stands still until you let go on."),
        label=_("Pause"),
        done=_("Paused: this person's time stands still."),
        usual=usual.pauses,
        do=actions.pause_seat,
    ),
    "stop_seat": Act(
        heading=_("Stop this candidate"),
        lead=_("The candidate's time stops at once. Then let go on, or propose voiding."),
        label=_("Stop"),
        done=_("Stopped. Look into it; then let go on, or propose voiding."),
        usual=usual.stops,
        do=partial(actions.pause_seat, suspected=True),
        danger=True,
    ),
    "allow_entry": Act(
        heading=_("Let the candidate sign in again"),
        lead=_(
            "When the browser was closed or the computer restarted. The next sign-in takes the sitting over."
        ),
        label=_("Allow it"),
        done=_("The candidate may sign in once more."),
        usual=usual.entries,
        do=actions.allow_entry,
    ),
    "force_hand_in": Act(
        heading=_("Hand in for this candidate"),
        lead=_("What is kept now is scored at once. The candidate cannot go on; this cannot be undone."),
        label=_("Hand in"),
        done=_("Handed in and scored."),
        usual=usual.ends,
        do=actions.force_hand_in,
        danger=True,
    ),
}
"""The name of an act's URL → what it says and does."""

VOID = Act(
    heading=_("Propose to void this sitting"),
    lead=_("For a breach of the rules. Once a second person agrees, the test counts for nothing and cannot be taken up "
           "again."),
    label=_("Propose voiding"),
    done=_("Proposed. It waits for a second person."),
    usual=usual.stops,
    do=partial(actions.propose, kind=ActKind.VOID),
    danger=True,
)  # fmt: skip


def _facts(bundle: delivery.Bundle, candidate: delivery.Candidate) -> list[tuple[str, str]]:
    status = engine().seat(candidate.candidate_id)
    return [
        (_("Candidate"), f"{candidate.name} · {candidate.slip_no}"),
        (_("Post"), candidate.post_name),
        (_("Seat"), f"{room_of(bundle, status.room_id).name} · {status.seat_no}"),
        (_("State"), state_words()[status.state]),
    ]


def _page(
    request: HttpRequest,
    pk: int,
    key: str,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Any],
    **context: Any,
) -> HttpResponse:
    """The page of an act on a sitting, which goes back to the seat."""
    batch = batch_of(request, pk)
    facts = _facts(*candidate_of(batch, key))
    return act_page(request, form, act, to=seat_url(pk, key), batch=batch, key=key, facts=facts, **context)


def _ask_reason(request: HttpRequest, pk: int, key: str, act: Act) -> HttpResponse:
    batch = batch_of(request, pk)
    return _page(
        request,
        pk,
        key,
        UsualForm(posted(request), usual=act.usual()),
        lambda data: act.do(batch, key, reason=data["reason"], by=actor_of(request)),
        done=act.done,
        heading=act.heading,
        lead=act.lead,
        submit_label=act.label,
        danger=act.danger,
    )


def by_reason(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """One of ``ACTS``, as the URL is called."""
    return _ask_reason(request, pk, key, ACTS[request.resolver_match.url_name])


@require_POST
def resume_seat(request: HttpRequest, pk: int, key: str) -> HttpResponseBase:
    """Let a paused candidate go on."""
    batch = batch_of(request, pk)
    with_room = actions.goes_on_with_room(batch, key)
    return perform(
        request,
        lambda: actions.resume_seat(batch, key, by=actor_of(request)),
        success=_("The stop is lifted: the candidate goes on when the room does.")
        if with_room
        else _("The candidate goes on with the time that was left."),
        to=seat_url(pk, key),
    )


def move_seat(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """To a spare seat, with time and answers (I04)."""
    batch = batch_of(request, pk)
    bundle, candidate = candidate_of(batch, key)
    spare = {(str(room), seat) for room, seat in spares(batch.site_id_ref)}
    seats = [
        (f"{room.id}/{no}", f"{room.name} · {no}" + (f" · {_('spare')}" if (room.id, no) in spare else ""))
        for room, no in free_seats(bundle, candidate.session_id)
    ]

    def act(data: dict[str, Any]) -> None:
        room_id, _slash, seat_no = data["seat"].partition("/")
        actions.move_seat(batch, key, room_id, seat_no, reason=data["reason"], by=actor_of(request))

    return _page(
        request,
        pk,
        key,
        MoveForm(posted(request), seats=seats, usual=usual.moves()),
        act,
        done=_("Moved. The candidate signs in at the new computer; time and answers are kept."),
        heading=_("Move to another seat"),
        lead=_("The old computer's page ends at once."),
        submit_label=_("Move"),
    )


def faults(candidate: delivery.Candidate) -> list[dict[str, Any]]:
    """What the engine found that no time was given for, the longest first."""
    rows = [
        one
        for one in engine().proposals(candidate.session_id)
        if not one.applied and one.candidate_id == candidate.candidate_id
    ]
    names = {"link_lost": _("connection lost")}
    found = []
    for one in sorted(rows, key=lambda one: -one.seconds):
        at, cause, clock = moment(one.at), names.get(one.cause, one.cause), minutes(one.seconds)
        reason = _("%(fault)s from %(time)s on, for %(clock)s") % {
            "fault": cause,
            "time": shanghai(at, "time"),
            "clock": clock,
        }
        found.append({"id": one.id, "at": at, "cause": cause, "clock": clock, "reason": reason})
    return found


def propose(request: HttpRequest, pk: int, key: str, kind: str) -> HttpResponse:
    """Propose extra time or voiding; a second person decides."""
    if kind not in ActKind.values:
        raise Http404
    if kind == ActKind.VOID:
        return _ask_reason(request, pk, key, VOID)
    batch = batch_of(request, pk)
    _bundle, candidate = candidate_of(batch, key)
    choices = [
        (one["id"], f"{shanghai(one['at'], 'time')} · {one['cause']} · {one['clock']}")
        for one in faults(candidate)
    ]
    return _page(
        request,
        pk,
        key,
        TimeForm(posted(request), faults=choices, usual=usual.faults()),
        lambda data: actions.propose(
            batch,
            key,
            kind,
            reason=data["reason"],
            minutes=data["minutes"] or 0,
            fault=data.get("fault", ""),
            by=actor_of(request),
        ),
        done=_("Proposed. It waits for a second person."),
        heading=_("Propose extra time"),
        lead=_(
            "For a fault of the hall. The technical head or the exam officer decides, as a second person."
        ),
        submit_label=_("Propose the time"),
    )


def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """The second person decides on a proposal."""
    actor = actor_of(request)
    row = get_object_or_404(access.proposals_for(actor), pk=pk)
    bundle, candidate = candidate_of(row.hall_batch, row.candidate_key)
    form = DecisionForm(posted(request))
    rows = actions.together(row) if row.decided_at is None else [row]
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            act = actions.decide_together if request.POST.get("all") else actions.decide
            act(
                row,
                accept=request.POST.get("verdict") == "accept",
                reason=form.cleaned_data["reason"],
                by=actor,
            )
        if outcome.ok:
            messages.success(request, _("The decision is kept."))
            if len(rows) > 1:
                status = engine().seat(row.candidate_key)
                return redirect("hall:console", row.hall_batch_id, status.session_id, status.room_id)
            return redirect(seat_url(row.hall_batch_id, row.candidate_key))
    context = {
        "batch": row.hall_batch,
        "row": row,
        "clock": minutes(row.seconds) if row.seconds else "",
        "facts": _facts(bundle, candidate) if len(rows) == 1 else [],
        "together": [
            (engine().seat(one.candidate_key), minutes(one.seconds) if one.seconds else "")
            for one in rows
            if len(rows) > 1
        ],
        "form": form,
        "is_own": row.proposed_by_id == actor.user_id,
        "may_decide": actor.has(*actions.HEADS) and is_here(request, row.hall_batch),
        "is_void": row.kind == ActKind.VOID,
    }
    return render(request, "hall/decide.html", context, status=status_of(form))
