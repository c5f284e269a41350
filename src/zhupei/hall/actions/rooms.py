"""Rooms: invigilators on duty, the start, a pause for all (R039, R150, J10)."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.hall import events
from zhupei.hall.console.watching import held
from zhupei.hall.models import HallBatch, RoomStaff
from zhupei.hall.process import engine
from zhupei.hall.queries import (
    bundle_of,
    loaded_bundle,
    missing_filings,
    room_of,
    room_states,
    session_of,
)
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role
from zhupei.organisations.api import RoleName

from .common import DESK, locked, need, person, require, require_open, who

CLAUSE = "附件3四（八）"


@transaction.atomic
def take_on_duty(hall_batch: HallBatch, room_id: str, *, by: Actor) -> RoomStaff:
    """An invigilator signs on in a room; whoever was on duty in another room of the batch leaves it (R150). Again: no effect.

    Refused while the other room would be short of invigilators and people sit in it, and during a duty in another batch:
    each counts in one room only.
    """
    require(hall_batch, Role.INVIGILATOR, by=by)
    me = person(by)
    row = locked(hall_batch)
    require_open(row)
    room = room_of(bundle_of(row), room_id)
    get_user_model().objects.select_for_update().filter(
        pk=me
    ).first()  # one duty at a time, also of two presses at once
    duties = RoomStaff.objects.filter(user_id_ref=me, left_at=None).select_related("hall_batch")
    for duty in duties:
        if duty.hall_batch_id != row.pk:
            raise _on_duty_elsewhere(duty)
        if str(duty.room_id_ref) == room.id:
            return duty
        _require_enough_without(row, duty)
        _end(duty, by=by)
    duty = RoomStaff.objects.create(
        hall_batch=row, room_id_ref=int(room.id), user_id_ref=me, name=by.name[:100], arrived_at=clock.now()
    )
    record(events.ON_DUTY, by=by, on=duty, organisation_id=row.organisation_id, after={"room": room.name})
    return duty


@transaction.atomic
def leave_duty(duty: RoomStaff, *, by: Actor) -> RoomStaff:
    """An invigilator leaves his room; refused while the room would be short of invigilators and people sit in it."""
    require(duty.hall_batch, Role.INVIGILATOR, Role.HALL_TECHNICAL_HEAD, Role.EXAM_OFFICER, by=by)
    row = locked(duty.hall_batch)
    duty = RoomStaff.objects.select_for_update().get(pk=duty.pk)
    if duty.left_at is not None:
        raise Conflict("wrong_state", _("This person has left already."))
    require_open(row)
    _require_enough_without(row, duty)
    _end(duty, by=by)
    return duty


def _end(duty: RoomStaff, *, by: Actor) -> None:
    duty.left_at = clock.now()
    duty.save(update_fields=["left_at"])
    record(events.OFF_DUTY, by=by, on=duty, organisation_id=duty.hall_batch.organisation_id)


def _on_duty_elsewhere(duty: RoomStaff) -> Conflict:
    bundle = loaded_bundle(duty.hall_batch)
    names = {room.id: room.name for room in bundle.rooms} if bundle is not None else {}
    text = _(
        "You are on duty in %(room)s of batch %(batch)s. End that duty first, on the batch's page: one person counts in one "
        "room only."
    ) % {
        "room": names.get(str(duty.room_id_ref), str(duty.room_id_ref)),
        "batch": duty.hall_batch.batch_no,
    }
    return Conflict("on_duty_elsewhere", text, clause=CLAUSE)


def _require_enough_without(row: HallBatch, duty: RoomStaff) -> None:
    """Raises ``Conflict`` if people sit in the room of ``duty`` and it would be short of invigilators (R150)."""
    for state in room_states(row, bundle_of(row)):
        if state.room.id == str(duty.room_id_ref) and state.sitting and state.staff <= state.needed:
            text = _(
                "%(room)s needs %(needed)d invigilators while people are sitting there. Another one has to come first."
            ) % {
                "room": state.room.name,
                "needed": state.needed,
            }
            raise Conflict("invigilators_missing", text, clause=CLAUSE)


@transaction.atomic
def open_room(hall_batch: HallBatch, session_id: str, room_id: str | None = None, *, by: Actor) -> None:
    """Let the candidates of a session begin: in one room, or (None) in every room in use. Again: no effect.

    Refused while a room has too few invigilators on duty (R150, J10), and while the hall has no technical head or room
    administrator who was trained and filed with the centre (R146–R148).
    """
    require(hall_batch, *DESK, by=by)
    row = locked(hall_batch)
    require_open(row)
    bundle = bundle_of(row)
    session = session_of(bundle, session_id)
    missing = missing_filings(row.organisation_id)
    if missing:
        text = _("The hall has no one trained and filed with the centre as: %(roles)s. Report the staff under “Hall staff”; the "
                 "centre files them.") % {"roles": _(", ").join(str(RoleName(role).label) for role in missing)}  # fmt: skip
        raise Conflict("staff_not_filed", text, clause=CLAUSE)
    states = [one for one in room_states(row, bundle) if one.session.id == session_id]
    if room_id is not None:
        room_of(bundle, room_id)
        states = [one for one in states if one.room.id == room_id]
    if not states:
        raise Conflict("room_empty", _("Nobody has a seat in this room in this session."))
    short = [one for one in states if one.lacking]
    if short:
        texts = [
            _("%(room)s: %(persons)d persons need %(needed)d invigilators, %(there)d on duty")
            % {"room": one.room.name, "persons": one.persons, "needed": one.needed, "there": one.staff}
            for one in short
        ]
        lead = _(
            "The test cannot start: invigilators are missing. They sign on in their room with their own account."
        )
        raise Conflict("invigilators_missing", f"{lead} {'；'.join(texts)}", clause=CLAUSE)
    names = [one.room.name for one in states]
    record(
        events.ROOM_STARTED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"session": session.title or session.id, "rooms": names},
    )
    with told():
        engine().open_session(session_id, room_id, by=who(by))


@transaction.atomic
def pause_room(hall_batch: HallBatch, session_id: str, room_id: str | None, reason: str, *, by: Actor) -> int:
    """Stop the clock of everybody in a room (or the hall); returns how many were sitting."""
    require(hall_batch, *DESK, by=by)
    row = locked(hall_batch)
    require_open(row)
    session_of(bundle_of(row), session_id)
    reason = need(reason)
    record(
        events.PAUSED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"session": session_id, "room": room_id or ""},
        reason=reason,
    )
    with told():
        count = engine().pause(session_id=session_id, room_id=room_id, reason=reason, by=who(by))
    if not count:
        raise Conflict("nobody_sits", _("Nobody's time is running there."))
    return count


@transaction.atomic
def resume_room(hall_batch: HallBatch, session_id: str, room_id: str | None, *, by: Actor) -> int:
    """Let a paused room (or the hall) go on with the time it had left; returns how many go on.

    Whoever was stopped by name stays so until let go on by name. ``Conflict`` where nothing is paused but them.
    """
    require(hall_batch, *DESK, by=by)
    row = locked(hall_batch)
    require_open(row)
    session_of(bundle_of(row), session_id)
    stopped = held(row)
    with told():
        paused = [one for one in engine().status(session_id, room_id) if one.state == "paused"]
    if not engine().is_paused(session_id, room_id) and all(one.candidate_id in stopped for one in paused):
        raise Conflict("nobody_paused", _("Nobody is paused there."))
    record(
        events.RESUMED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"session": session_id, "room": room_id or ""},
    )
    with told():
        return engine().resume(session_id=session_id, room_id=room_id, by=who(by), but=stopped)
