"""Reads of the hall: what is in a bundle, how the rooms stand, who is on duty, what still lacks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from zhupei.delivery import api as delivery
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.numbers import invigilators_needed
from zhupei.kernel.roles import Role
from zhupei.organisations.api import Membership, in_force
from zhupei.rulebook.api import parameter

from .choices import CheckItem, HallBatchState
from .models import CheckIn, DayCheck, HallBatch, RoomStaff, StaffFiling
from .process import engine
from .readiness.queries import SEAT_FORM, out_of_order, spares
from .words import told

FILED_ROLES = (Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR)


def moment(milliseconds: int | None) -> datetime | None:
    """A moment of the engine, aware."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def loaded_bundle(hall_batch: HallBatch) -> delivery.Bundle | None:
    """The batch's bundle if the engine holds it."""
    for bundle in engine().bundles():
        if bundle.bundle_id == hall_batch.bundle_id:
            return bundle
    return None


def bundle_of(hall_batch: HallBatch) -> delivery.Bundle:
    """The batch's bundle in the engine; ``Conflict`` when it is sealed, gone or not loaded."""
    if hall_batch.state == HallBatchState.SEALED:
        raise Conflict("still_sealed", _("The bundle is still sealed. Open it first, on the batch's page."))
    if hall_batch.state == HallBatchState.RETURNED:
        raise Conflict(
            "batch_returned", _("The return of this batch is made; its papers have left this hall.")
        )
    bundle = loaded_bundle(hall_batch)
    if bundle is None:
        raise Conflict(
            "not_loaded", _("The bundle is not loaded. Press “Load the bundle again” on the batch's page.")
        )
    return bundle


def session_of(bundle: delivery.Bundle, session_id: str) -> delivery.Session:
    """The session of this id; ``Refusal`` 404."""
    for one in bundle.sessions:
        if one.id == session_id:
            return one
    raise Refusal("session_unknown", _("This session is not in the bundle."), status=404)


def room_of(bundle: delivery.Bundle, room_id: str) -> delivery.Room:
    """The room of this id; ``Refusal`` 404."""
    for one in bundle.rooms:
        if one.id == room_id:
            return one
    raise Refusal("room_unknown", _("This room is not in the bundle."), status=404)


def check_in_opens(session: delivery.Session) -> datetime:
    """From when on people are checked in for a session (R049)."""
    start = moment(session.starts_at)
    assert start is not None
    return start - timedelta(minutes=int(parameter("check_in_opens_minutes")))


@dataclass(frozen=True)
class RoomState:
    """One room in one session: persons placed there, invigilators there and needed, whether it was started."""

    session: delivery.Session
    room: delivery.Room
    persons: int
    checked_in: int
    sitting: int
    done: int
    staff: int
    needed: int
    is_open: bool

    @property
    def lacking(self) -> int:
        return max(self.needed - self.staff, 0)


def needed_for(persons: int) -> int:
    """Invigilators for so many persons in a room, by the rulebook (R150, J10)."""
    return invigilators_needed(
        persons,
        per=int(parameter("invigilators_per")),
        each=int(parameter("invigilators_each")),
        rule=parameter("invigilators_rule"),
    )


def room_states(hall_batch: HallBatch, bundle: delivery.Bundle) -> list[RoomState]:
    """Every room in use, by session."""
    running = engine()
    on_duty = Counter(
        RoomStaff.objects.filter(hall_batch=hall_batch, left_at=None).values_list("room_id_ref", flat=True)
    )
    states = []
    per, each = int(parameter("invigilators_per")), int(parameter("invigilators_each"))
    rule = parameter("invigilators_rule")
    for session in bundle.sessions:
        with told():
            seats = running.status(session.id)
        for room in bundle.rooms:
            here = [one for one in seats if one.room_id == room.id]
            if not here:
                continue
            states.append(
                RoomState(
                    session=session,
                    room=room,
                    persons=len(here),
                    checked_in=sum(one.state != "not_admitted" for one in here),
                    sitting=sum(one.state in ("running", "paused") for one in here),
                    done=sum(one.state in ("submitted", "voided") for one in here),
                    staff=on_duty[int(room.id)] if room.id.isdigit() else 0,
                    needed=invigilators_needed(len(here), per=per, each=each, rule=rule),
                    is_open=running.is_open(session.id, room.id),
                )
            )
    return states


def free_seats(bundle: delivery.Bundle, session_id: str) -> list[tuple[delivery.Room, str]]:
    """Seats of the hall where nobody sits (or still has to sit) in this session (R136, I04).

    Spare machines come first, then the others room by room; none whose machine is out of order. Spare machines may stand on top
    of the seats that a room's entry counts.
    """
    with told():
        taken = {
            (one.room_id, one.seat_no)
            for one in engine().status(session_id)
            if one.state not in ("submitted", "voided")
        }
    hall = int(bundle.hall.id) if bundle.hall.id.isdecimal() else 0
    spare = [(str(room), seat) for room, seat in spares(hall)]
    broken = {(str(room), seat) for room, seat in out_of_order(hall)}
    rooms = {room.id: room for room in bundle.rooms}
    counted = [
        (room.id, seat)
        for room in bundle.rooms
        for seat in (format(n, SEAT_FORM) for n in range(1, room.seats + 1))
    ]
    first = [place for place in spare if place[0] in rooms]
    return [
        (rooms[room], seat)
        for room, seat in dict.fromkeys([*first, *counted])
        if (room, seat) not in taken and (room, seat) not in broken
    ]


def day_checks(hall_batch: HallBatch) -> list[tuple[CheckItem, DayCheck | None]]:
    """Every point of the checklist with what was last found (R048)."""
    last = {one.item: one for one in hall_batch.day_checks.order_by("pk")}
    return [(item, last.get(item)) for item in CheckItem]


def missing_filings(organisation_id: int) -> list[Role]:
    """The posts of a hall that nobody holds who was trained and filed with the centre (R146–R148)."""
    filed = set(
        StaffFiling.objects.filter(organisation_id=organisation_id, trained_on__isnull=False)
        .exclude(filed_at=None)
        .values_list("user_id_ref", "role")
    )
    held = set(
        Membership.objects.filter(
            in_force(clock.today()),
            organisation_id=organisation_id,
            role__in=FILED_ROLES,
            user__is_active=True,
        ).values_list("user_id", "role")
    )
    there = {role for _user, role in filed & held}
    return [role for role in FILED_ROLES if role not in there]


def board_rows(hall_batch: HallBatch) -> list[dict[str, Any]]:
    """The hall's scores by session, room and seat (R038): from the engine while it holds the batch, from the record after."""
    bundle = loaded_bundle(hall_batch) if hall_batch.state != HallBatchState.SEALED else None
    if bundle is None:
        rows: list[dict[str, Any]] = hall_batch.board
        return rows
    posts = {one.candidate_id: one.post_name for one in bundle.candidates}
    rows = []
    for session in bundle.sessions:
        with told():
            seats = engine().status(session.id)
        names = {room.id: room.name for room in bundle.rooms}
        rows += [
            {
                "key": one.candidate_id,
                "session": session.id,
                "session_title": session.title,
                "starts_at": session.starts_at,
                "ends_at": session.ends_at,
                "room": one.room_id,
                "room_name": names.get(one.room_id, one.room_id),
                "seat": one.seat_no,
                "slip_no": one.slip_no,
                "name": one.name,
                "post": posts.get(one.candidate_id, ""),
                "state": one.state,
                "marks": one.marks or {},
                "passed": one.passed,
                "submitted_at": one.submitted_at,
            }
            for one in seats
        ]
    return rows


def open_check_in(hall_batch: HallBatch, candidate_key: str) -> CheckIn | None:
    """The check-in of a candidate that was accepted or waits for the second person."""
    return hall_batch.checkins.filter(
        candidate_key=candidate_key, decision__in=("pending", "accepted")
    ).first()
