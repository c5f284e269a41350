from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhupei.hall import access, actions
from zhupei.hall.console.drawing import Variant, whole_context
from zhupei.hall.console.live import Subject, answer_with_stream
from zhupei.hall.console.watching import Look, look
from zhupei.hall.models import HallBatch
from zhupei.hall.queries import bundle_of, moment, room_of, session_of
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.web.views import perform

from .pieces import actor_of, batch_of, batch_url, is_here


def _may_act(request: HttpRequest, batch: HallBatch) -> bool:
    return is_here(request, batch) and actor_of(request).has(*actions.DESK)


def live_url(batch: HallBatch, session: str, room: str = "") -> str:
    """Where the stream of a room, or of the whole hall, is asked for."""
    url = reverse("hall:live", args=[batch.pk, session])
    return f"{url}?room={room}" if room else url


def _page(request: HttpRequest, batch: HallBatch, session: str, room: str) -> tuple[Look, dict[str, Any]]:
    """What console and board share."""
    bundle, actor = bundle_of(batch), actor_of(request)
    seen, may_act = look(batch, session), _may_act(request, batch)
    of = session_of(bundle, session)
    context: dict[str, Any] = whole_context(seen, Variant(room, get_language() or "", may_act))
    context |= {
        "batch": batch,
        "session": of,
        "starts_at": moment(of.starts_at),
        "ends_at": moment(of.ends_at),
        "url": request.path,
        "live_url": live_url(batch, session, room),
        "now": clock.now(),
        "may_act": may_act and batch.state == "open",
        "may_force": may_act and batch.state == "open" and actor.has(*actions.HEADS),
        "links": [
            (one.name, reverse("hall:console", args=[batch.pk, session, one.id]), one.id == room)
            for one in seen.rooms
        ],
    }
    return seen, context


def console(request: HttpRequest, pk: int, session: str, room: str) -> HttpResponse:
    """The invigilator's console: one room as it stands now. A stream keeps it so; else the page asks every five seconds."""
    batch, actor = batch_of(request, pk), actor_of(request)
    of_room = room_of(bundle_of(batch), room)
    seen, context = _page(request, batch, session, room)
    if request.headers.get("HX-Request"):
        return render(request, "hall/_map.html", context)
    duty = batch.staff.filter(left_at=None, user_id_ref=actor.user_id)
    found = seen.room(room)
    context |= {
        "room": of_room,
        "is_open": found is not None and found.is_open,
        "may_duty": context["may_act"] and actor.has(Role.INVIGILATOR),
        "on_duty": any(str(one.room_id_ref) == room for one in duty),
    }
    return render(request, "hall/console.html", context)


def board(request: HttpRequest, pk: int, session: str) -> HttpResponse:
    """The whole hall in one session: every room with its sums, every alarm."""
    _seen, context = _page(request, batch_of(request, pk), session, "")
    if request.headers.get("HX-Request"):
        return render(request, "hall/_map.html", context)
    return render(request, "hall/board.html", context)


@require_GET
def live(request: HttpRequest, pk: int, session: str) -> HttpResponse:
    """Grant the stream of a room (``room``) or of the whole hall; the server's front sends it."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle = bundle_of(batch)
    session_of(bundle, session)
    room = request.GET.get("room", "")
    if room:
        room_of(bundle, room)
    return answer_with_stream(
        Subject(
            batch=batch.pk,
            session=session,
            room=room,
            language=get_language() or "",
            may_act=_may_act(request, batch),
            sign_in=request.user.sessions.get(session_key=request.session.session_key).pk,  # type: ignore[union-attr]
            organisation=actor.organisation_id or 0,
            roles=tuple(sorted(actor.roles)),
            duties=tuple(
                batch.staff.filter(left_at=None, user_id_ref=actor.user_id).values_list("pk", flat=True)
            ),
        )
    )


@require_POST
def duty(request: HttpRequest, pk: int, room: str) -> HttpResponseBase:
    """Sign on in a room."""
    batch = batch_of(request, pk)
    return perform(
        request,
        lambda: actions.take_on_duty(batch, room, by=actor_of(request)),
        success=_("You are on duty in this room."),
        to=batch_url(pk),
    )


@require_POST
def leave(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Leave a room."""
    row = get_object_or_404(access.duties_for(actor_of(request)), pk=pk)
    return perform(
        request,
        lambda: actions.leave_duty(row, by=actor_of(request)),
        success=_("The duty has ended."),
        to=batch_url(row.hall_batch_id),
    )


def _back(request: HttpRequest, pk: int, session: str) -> str:
    room = request.POST.get("room", "")
    if room and request.POST.get("back") == "console":
        return reverse("hall:console", args=[pk, session, room])
    if request.POST.get("back") == "board":
        return reverse("hall:board", args=[pk, session])
    return batch_url(pk)


def _for_all(
    request: HttpRequest, pk: int, session: str, act: Callable[..., Any], *given: str, done: str
) -> HttpResponseBase:
    """Do ``act`` in the posted room, or in the whole hall if none is named."""
    batch, room = batch_of(request, pk), request.POST.get("room") or None
    return perform(
        request,
        lambda: act(batch, session, room, *given, by=actor_of(request)),
        success=done,
        to=_back(request, pk, session),
    )


@require_POST
def start(request: HttpRequest, pk: int, session: str) -> HttpResponseBase:
    """Let the candidates of a room (or of the whole hall) begin."""
    done = _("The test is started; the candidates can begin.")
    return _for_all(request, pk, session, actions.open_room, done=done)


@require_POST
def pause(request: HttpRequest, pk: int, session: str) -> HttpResponseBase:
    """Stop the clock of everybody in a room or in the hall."""
    reason, done = request.POST.get("reason", ""), _("Paused: everybody's time stands still.")
    return _for_all(request, pk, session, actions.pause_room, reason, done=done)


@require_POST
def resume(request: HttpRequest, pk: int, session: str) -> HttpResponseBase:
    """Let everybody go on."""
    done = _("The test goes on with the time that was left.")
    return _for_all(request, pk, session, actions.resume_room, done=done)
