from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.delivery import api as delivery
from zhupei.evidence.api import read
from zhupei.hall import access, actions
from zhupei.hall.choices import ActKind, IncidentKind
from zhupei.hall.console import usual
from zhupei.hall.console.drawing import minutes, state_words, tile_context
from zhupei.hall.console.watching import held, look
from zhupei.hall.forms import (
    DecisionForm,
    IncidentForm,
    MoveForm,
    TimeForm,
    UsualForm,
)
from zhupei.hall.models import HallBatch, Incident
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, free_seats, moment, room_of, session_of
from zhupei.hall.readiness.queries import spares
from zhupei.hall.words import told
from zhupei.web.templatetags.web import shanghai
from zhupei.web.views import file_response, perform, refusals, status_of

from .console import live_url
from .pieces import act_page, actor_of, batch_of, candidate_of, is_here, posted


def _timeline(batch: HallBatch, key: str) -> list[dict[str, Any]]:
    entries = []
    for row in batch.checkins.filter(candidate_key=key):
        entries.append(
            {
                "at": row.at,
                "who": _(", ").join(name for name in (row.by_1, row.by_2) if name),
                "what": _("Check-in: %(method)s, %(decision)s")
                % {"method": row.get_method_display(), "decision": row.get_decision_display()},
                "why": "\n".join(text for text in (row.reason, row.second_reason, row.late_reason) if text),
                "tone": {"accepted": "done", "refused": "problem"}.get(row.decision, "waiting"),
            }
        )
    for proposal in batch.proposals.filter(candidate_key=key):
        what = proposal.get_kind_display()
        if proposal.seconds:
            what += f" {minutes(proposal.seconds)}"
        entries.append(
            {
                "at": proposal.proposed_at,
                "who": proposal.proposed_by,
                "what": _("Proposed: %(what)s") % {"what": what},
                "why": proposal.reason,
                "tone": "waiting",
            }
        )
        if proposal.decided_at is not None:
            said = _("Granted: %(what)s") if proposal.accepted else _("Refused: %(what)s")
            entries.append(
                {
                    "at": proposal.decided_at,
                    "who": proposal.decided_by,
                    "what": said % {"what": what},
                    "why": proposal.decision_reason,
                    "tone": "done" if proposal.accepted else "void",
                }
            )
    for incident in batch.incidents.filter(candidate_key=key).select_related("photo"):
        entries.append(
            {
                "at": incident.at,
                "who": incident.reported_by,
                "what": incident.get_kind_display(),
                "why": incident.text,
                "tone": "problem",
                "url": reverse("hall:incident_photo", args=[incident.pk]) if incident.photo_id else "",
            }
        )
    return sorted(entries, key=lambda entry: entry["at"])


def seat(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """One seat: how the sitting stands, what was done, what can be done."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle, candidate = candidate_of(batch, key)
    with told():
        status = engine().seat(key)
    seen = look(batch, candidate.session_id)
    tile = next(one for room in seen.rooms for one in room.tiles if one.key == key)
    proposals = list(batch.proposals.filter(candidate_key=key, decided_at=None).order_by("pk"))
    for row in proposals:
        row.candidate, row.is_own = candidate, row.proposed_by_id == actor.user_id
    live = status.state in ("admitted", "running", "paused")
    here = is_here(request, batch)
    context = {
        "batch": batch,
        "candidate": candidate,
        **tile_context(tile, seen, may_act=False),
        "url": reverse("hall:console", args=[pk, candidate.session_id, status.room_id]),
        "live_url": live_url(batch, candidate.session_id, status.room_id),
        "status": status,
        "faults": _faults(candidate),
        "paused_for": _paused_for(batch, key) if status.state == "paused" else None,
        "quick": _quick(batch, key, status.state),
        "room": room_of(bundle, status.room_id),
        "session": session_of(bundle, candidate.session_id),
        "started_at": moment(status.started_at),
        "submitted_at": moment(status.submitted_at),
        "added": minutes(status.added_s),
        "void_reason": engine().void_reason(key),
        "proposals": proposals,
        "timeline": _timeline(batch, key),
        "may_act": here and batch.state == "open",
        "may_decide": here and actor.has(*actions.HEADS),
        "can_add": live,
        "can_move": live,
        "can_enter": live or status.state == "submitted",
        "can_force": status.state in ("running", "paused") and actor.has(*actions.HEADS),
        "can_void": live or status.state == "submitted",
        "can_check_in": status.state == "not_admitted",
    }
    return render(request, "hall/seat.html", context)


def _paused_for(batch: HallBatch, key: str) -> Incident | None:
    """Why this one person's time was stopped by name, if it still is."""
    if key not in held(batch):
        return None
    rows: Any = batch.incidents.filter(
        candidate_key=key, kind__in=(IncidentKind.PAUSED, IncidentKind.STOPPED)
    )
    return rows.order_by("-pk").first()  # type: ignore[no-any-return]


def _quick(batch: HallBatch, key: str, state: str) -> list[dict[str, Any]]:
    """The short forms of a seat's page: open, tap a usual reason, done."""
    if state not in ("admitted", "running", "paused", "submitted"):
        return []

    def one(name: str, label: str, icon: str, reasons: list[str], note: str, tone: str) -> dict[str, Any]:
        url = reverse(f"hall:{name}", args=[batch.pk, key])
        return {
            "name": name, "label": label, "icon": icon, "usual": reasons, "url": url, "note": note, "tone": tone
        }  # fmt: skip

    entry = one(
        "allow_entry",
        _("Sign in again"),
        "box-arrow-in-right",
        usual.entries(),
        _("The next sign-in at this seat takes the sitting over."),
        "outline-primary",
    )
    if state == "submitted":
        return [entry]
    shown = _("Shown on the candidate's page until it is read.")
    found = [one("warn", _("Warn"), "megaphone", usual.warnings(), shown, "outline-primary")]
    if state == "running":
        note = _("The candidate's time stops at once. Then let go on, or propose voiding.")
        found.append(
            one("stop_seat", _("Stop: breach"), "slash-circle", usual.stops(), note, "outline-danger")
        )
        note = _("The candidate's time stands still until you let go on.")
        found.append(
            one("pause_seat", _("Pause"), "hourglass-split", usual.pauses(), note, "outline-primary")
        )
    return [*found, entry]


def _faults(candidate: delivery.Candidate) -> list[dict[str, Any]]:
    """What the engine found that no time was given for, the longest first."""
    rows = [
        one
        for one in engine().proposals(candidate.session_id)
        if not one.applied and one.candidate_id == candidate.candidate_id
    ]
    return [
        {
            "id": one.id,
            "at": moment(one.at),
            "cause": _fault(one.cause),
            "clock": minutes(one.seconds),
            "reason": _("%(fault)s from %(time)s on, for %(clock)s")
            % {
                "fault": _fault(one.cause),
                "time": shanghai(moment(one.at), "time"),
                "clock": minutes(one.seconds),
            },
        }
        for one in sorted(rows, key=lambda one: -one.seconds)
    ]


def _facts(bundle: delivery.Bundle, candidate: delivery.Candidate) -> list[tuple[str, str]]:
    status = engine().seat(candidate.candidate_id)
    return [
        (_("Candidate"), f"{candidate.name} · {candidate.slip_no}"),
        (_("Post"), candidate.post_name),
        (_("Seat"), f"{room_of(bundle, status.room_id).name} · {status.seat_no}"),
        (_("State"), state_words()[status.state]),
    ]


def _act(
    request: HttpRequest, pk: int, key: str, form: forms.Form, act: Any, *, done: str, **context: Any
) -> HttpResponse:
    """A page with a form that does one act on a sitting and returns to the seat."""
    batch = batch_of(request, pk)
    bundle, candidate = candidate_of(batch, key)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            act(batch, form.cleaned_data)
        if outcome.ok:
            messages.success(request, done)
            return redirect("hall:seat", pk=pk, key=key)
    return act_page(request, form, batch=batch, key=key, facts=_facts(bundle, candidate), **context)


def propose(request: HttpRequest, pk: int, key: str, kind: str) -> HttpResponse:
    """Propose extra time or voiding; a second person decides."""
    actor = actor_of(request)
    if kind not in ActKind.values:
        raise Http404
    if kind == ActKind.VOID:
        return _act(
            request,
            pk,
            key,
            UsualForm(posted(request), usual=usual.stops()),
            lambda batch, data: actions.propose(batch, key, kind, reason=data["reason"], by=actor),
            done=_("Proposed. It waits for a second person."),
            heading=_("Propose to void this sitting"),
            lead=_("For a breach of the rules. Once a second person agrees, the test counts for nothing and cannot be taken up "
                   "again."),
            submit_label=_("Propose voiding"),
            danger=True,
        )  # fmt: skip
    batch = batch_of(request, pk)
    _bundle, candidate = candidate_of(batch, key)
    faults = [
        (one["id"], f"{shanghai(one['at'], 'time')} · {one['cause']} · {one['clock']}")
        for one in _faults(candidate)
    ]
    return _act(
        request,
        pk,
        key,
        TimeForm(posted(request), faults=faults, usual=usual.faults()),
        lambda batch, data: actions.propose(
            batch,
            key,
            kind,
            reason=data["reason"],
            minutes=data["minutes"] or 0,
            fault=data.get("fault", ""),
            by=actor,
        ),
        done=_("Proposed. It waits for a second person."),
        heading=_("Propose extra time"),
        lead=_(
            "For a fault of the hall. The technical head or the exam officer decides, as a second person."
        ),
        submit_label=_("Propose the time"),
    )


def _fault(cause: str) -> str:
    return {"link_lost": _("connection lost")}.get(cause, cause)


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
            return redirect("hall:seat", pk=row.hall_batch_id, key=row.candidate_key)
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


def move_seat(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """To a spare seat, with time and answers (I04)."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle, candidate = candidate_of(batch, key)
    spare = {(str(room), seat) for room, seat in spares(batch.site_id_ref)}
    seats = [
        (f"{room.id}/{no}", f"{room.name} · {no}" + (f" · {_('spare')}" if (room.id, no) in spare else ""))
        for room, no in free_seats(bundle, candidate.session_id)
    ]

    def act(batch: HallBatch, data: dict[str, Any]) -> None:
        room_id, _slash, seat_no = data["seat"].partition("/")
        actions.move_seat(batch, key, room_id, seat_no, reason=data["reason"], by=actor)

    return _act(
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


def allow_entry(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Let the candidate sign in once more."""
    actor = actor_of(request)
    return _act(
        request,
        pk,
        key,
        UsualForm(posted(request), usual=usual.entries()),
        lambda batch, data: actions.allow_entry(batch, key, reason=data["reason"], by=actor),
        done=_("The candidate may sign in once more."),
        heading=_("Let the candidate sign in again"),
        lead=_(
            "When the browser was closed or the computer restarted. The next sign-in takes the sitting over."
        ),
        submit_label=_("Allow it"),
    )


def force_hand_in(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Hand in for the candidate what is kept."""
    actor = actor_of(request)
    return _act(
        request,
        pk,
        key,
        UsualForm(posted(request), usual=usual.ends()),
        lambda batch, data: actions.force_hand_in(batch, key, reason=data["reason"], by=actor),
        done=_("Handed in and scored."),
        heading=_("Hand in for this candidate"),
        lead=_("What is kept now is scored at once. The candidate cannot go on; this cannot be undone."),
        submit_label=_("Hand in"),
        danger=True,
    )


def warn(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Show a warning on the candidate's page."""
    actor = actor_of(request)
    return _act(
        request,
        pk,
        key,
        UsualForm(posted(request), usual=usual.warnings()),
        lambda batch, data: actions.warn(batch, key, data["reason"], by=actor),
        done=_("Warned. The seat shows when it was read."),
        heading=_("Warn this candidate"),
        lead=_("Shown on the candidate's page until it is read. It is kept as an incident."),
        submit_label=_("Warn"),
    )


def pause_seat(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Stop one candidate's time, for a fault or an illness."""
    actor = actor_of(request)
    return _act(
        request,
        pk,
        key,
        UsualForm(posted(request), usual=usual.pauses()),
        lambda batch, data: actions.pause_seat(batch, key, reason=data["reason"], by=actor),
        done=_("Paused: this person's time stands still."),
        heading=_("Pause this candidate"),
        lead=_("The candidate's time stands still until you let go on."),
        submit_label=_("Pause"),
    )


def stop_seat(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Stop a candidate at once, on suspicion of a breach."""
    actor = actor_of(request)
    return _act(
        request,
        pk,
        key,
        UsualForm(posted(request), usual=usual.stops()),
        lambda batch, data: actions.pause_seat(batch, key, reason=data["reason"], suspected=True, by=actor),
        done=_("Stopped. Look into it; then let go on, or propose voiding."),
        heading=_("Stop this candidate"),
        lead=_("The candidate's time stops at once. Then let go on, or propose voiding."),
        submit_label=_("Stop"),
        danger=True,
    )


@require_POST
def resume_seat(request: HttpRequest, pk: int, key: str) -> HttpResponseBase:
    """Let a paused candidate go on."""
    batch = batch_of(request, pk)
    return perform(
        request,
        lambda: actions.resume_seat(batch, key, by=actor_of(request)),
        success=_("The candidate goes on with the time that was left."),
        to=reverse("hall:seat", args=[pk, key]),
    )


def incident(request: HttpRequest, pk: int) -> HttpResponse:
    """Write down what happened (I09)."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle = bundle_of(batch)
    people = [(one.candidate_id, f"{one.seat_no} · {one.name} · {one.slip_no}") for one in bundle.candidates]
    chosen = request.GET.get("candidate", "")
    form = IncidentForm(posted(request), request.FILES or None, people=people, initial={"candidate": chosen})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            actions.add_incident(
                batch,
                kind=data["kind"],
                text=data["text"],
                candidate_key=data["candidate"],
                session_id=request.GET.get("session", ""),
                room_id=request.GET.get("room", ""),
                photo=data["photo"].read() if data["photo"] else None,
                by=actor,
            )
        if outcome.ok:
            messages.success(request, _("The incident is written down."))
            if data["candidate"]:
                return redirect("hall:seat", pk=pk, key=data["candidate"])
            return redirect("hall:batch", pk=pk)
    return act_page(
        request,
        form,
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
