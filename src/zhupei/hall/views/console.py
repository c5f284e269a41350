from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.delivery import api as delivery
from zhupei.delivery.api import SeatStatus
from zhupei.hall import access, actions
from zhupei.hall.models import HallBatch
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, moment, needed_for, room_of, session_of
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.web.views import perform

from .pieces import TONES, actor_of, batch_of, is_here


def state_words() -> dict[str, str]:
    """The states of a sitting, as the invigilator reads them."""
    return {
        "not_admitted": _("Not checked in"),
        "admitted": _("Checked in"),
        "running": _("Sitting"),
        "paused": _("Paused"),
        "submitted": _("Test handed in"),
        "voided": _("Voided"),
    }


def _clock(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02d}"


def tile(one: SeatStatus, words: dict[str, str]) -> dict[str, Any]:
    """A seat as the map draws it."""
    link = {"late": _("silent"), "lost": _("connection lost")}.get(one.link, "") if one.script else ""
    return {
        "status": one,
        "word": words[one.state],
        "tone": TONES[one.state],
        "given": sum(part.answered for part in one.progress),
        "total": sum(part.total for part in one.progress),
        "remaining": _clock(one.remaining_s),
        "saved": one.last_save_age_s,
        "link": link,
        "waits": one.state == "admitted" and one.signed_in,
        "sits": one.state in ("running", "paused"),
    }


def _map(batch: HallBatch, bundle: delivery.Bundle, session: str, room: str) -> dict[str, Any]:
    with told():
        seats = engine().status(session, room)
    words = state_words()
    counts: dict[str, int] = {}
    for one in seats:
        counts[one.state] = counts.get(one.state, 0) + 1
    return {
        "batch": batch,
        "session": session_of(bundle, session),
        "room": room_of(bundle, room),
        "tiles": [tile(one, words) for one in seats],
        "counts": [(words[name], counts[name], TONES[name]) for name in words if name in counts],
        "any_running": bool(counts.get("running")),
        "any_paused": bool(counts.get("paused")),
        "is_open": engine().is_open(session, room),
        "now": clock.now(),
    }


def console(request: HttpRequest, pk: int, session: str, room: str) -> HttpResponse:
    """The invigilator's console: the seat map of one room, fresh every five seconds (or by a reload)."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle = bundle_of(batch)
    context = _map(batch, bundle, session_of(bundle, session).id, room_of(bundle, room).id)
    here = is_here(request, batch) and actor.has(*actions.DESK)
    context |= {"may_act": here, "url": request.path}
    if request.headers.get("HX-Request"):
        return render(request, "hall/_map.html", context)
    staff = list(batch.staff.filter(left_at=None).order_by("arrived_at", "pk"))
    context |= {
        "staff": [one for one in staff if str(one.room_id_ref) == room],
        "needed": needed_for(len(context["tiles"])),
        "may_duty": here and actor.has(Role.INVIGILATOR),
        "may_decide": here and actor.has(*actions.HEADS),
        "on_duty": any(str(one.room_id_ref) == room and one.user_id_ref == actor.user_id for one in staff),
        "starts_at": moment(context["session"].starts_at),
        "ends_at": moment(context["session"].ends_at),
        "others": [
            (one, reverse("hall:console", args=[pk, session, one.id]))
            for one in bundle.rooms
            if any(c.room_id == one.id and c.session_id == session for c in bundle.candidates)
        ],
        "proposals": _open_proposals(batch, bundle, actor.user_id),
    }
    return render(request, "hall/console.html", context)


def _open_proposals(batch: HallBatch, bundle: delivery.Bundle, user_id: int | None) -> list[Any]:
    people = {one.candidate_id: one for one in bundle.candidates}
    rows = list(batch.proposals.filter(decided_at=None).order_by("pk"))
    for row in rows:
        row.candidate = people.get(row.candidate_key)
        row.is_own = row.proposed_by_id == user_id
    return rows


@require_POST
def duty(request: HttpRequest, pk: int, room: str) -> HttpResponseBase:
    """Sign on in a room."""
    batch = batch_of(request, pk)
    return perform(
        request,
        lambda: actions.take_on_duty(batch, room, by=actor_of(request)),
        success=_("You are on duty in this room."),
        to="hall:batch",
        pk=pk,
    )


@require_POST
def leave(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Leave a room."""
    row = get_object_or_404(access.duties_for(actor_of(request)), pk=pk)
    return perform(
        request,
        lambda: actions.leave_duty(row, by=actor_of(request)),
        success=_("The duty has ended."),
        to=reverse("hall:batch", args=[row.hall_batch_id]),
    )


def _back(request: HttpRequest, pk: int, session: str) -> str:
    room = request.POST.get("room", "")
    if room and request.POST.get("back") == "console":
        return reverse("hall:console", args=[pk, session, room])
    return reverse("hall:batch", args=[pk])


@require_POST
def start(request: HttpRequest, pk: int, session: str) -> HttpResponseBase:
    """Let the candidates of a room (or of the whole hall) begin."""
    batch = batch_of(request, pk)
    room = request.POST.get("room") or None
    return perform(
        request,
        lambda: actions.open_room(batch, session, room, by=actor_of(request)),
        success=_("The test is started; the candidates can begin."),
        to=_back(request, pk, session),
    )


@require_POST
def pause(request: HttpRequest, pk: int, session: str) -> HttpResponseBase:
    """Stop the clock of everybody in a room or in the hall."""
    batch = batch_of(request, pk)
    reason, room = request.POST.get("reason", ""), request.POST.get("room") or None
    return perform(
        request,
        lambda: actions.pause_room(batch, session, room, reason, by=actor_of(request)),
        success=_("Paused: everybody's time stands still."),
        to=_back(request, pk, session),
    )


@require_POST
def resume(request: HttpRequest, pk: int, session: str) -> HttpResponseBase:
    """Let everybody go on."""
    batch = batch_of(request, pk)
    room = request.POST.get("room") or None
    return perform(
        request,
        lambda: actions.resume_room(batch, session, room, by=actor_of(request)),
        success=_("The test goes on with the time that was left."),
        to=_back(request, pk, session),
    )
