"""What an invigilator does about a candidate's conduct: warn, stop, let go on; and incidents written down (I09)."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import StoredFile
from zhupei.hall import events
from zhupei.hall.choices import OWN_ACTS, IncidentKind
from zhupei.hall.console.watching import held
from zhupei.hall.models import HallBatch, Incident
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, room_of
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Refusal

from .common import DESK, at_candidate, candidate_in, keep_photo, locked, need, require, require_open, who

MAX_WARNING = 300  # characters, as many as the candidate's page shows well


@transaction.atomic
def warn(hall_batch: HallBatch, candidate_key: str, text: str, *, by: Actor) -> Incident:
    """Show a warning on the candidate's page until it is read there; kept as an incident too (I09)."""
    require(hall_batch, *DESK, by=by)
    row = at_candidate(hall_batch, candidate_key)
    text = need(text)[:MAX_WARNING]
    return _noted(row, candidate_key, IncidentKind.WARNING, text, events.WARNED, _warn, by=by)


@transaction.atomic
def pause_seat(
    hall_batch: HallBatch, candidate_key: str, *, reason: str, suspected: bool = False, by: Actor
) -> Incident:
    """Stop one candidate's clock at once. ``suspected``: for a breach of the rules; then let go on, or propose voiding (I09).

    Whose clock stands already because the room is paused stays stopped when the room goes on.
    """
    require(hall_batch, *DESK, by=by)
    row = at_candidate(hall_batch, candidate_key)
    with told():
        stands = engine().seat(candidate_key).state == "paused" and candidate_key not in held(row)
    kind = IncidentKind.STOPPED if suspected else IncidentKind.PAUSED
    code = events.SEAT_STOPPED if suspected else events.SEAT_PAUSED
    return _noted(row, candidate_key, kind, need(reason), code, None if stands else _pause, by=by)


@transaction.atomic
def resume_seat(hall_batch: HallBatch, candidate_key: str, *, by: Actor) -> None:
    """Let one paused candidate go on with the time that was left; who was stopped by name in a paused room, with the room."""
    require(hall_batch, *DESK, by=by)
    row = at_candidate(hall_batch, candidate_key)
    with_room = goes_on_with_room(row, candidate_key)
    _noted(
        row,
        candidate_key,
        IncidentKind.RESUMED,
        _("Goes on when the room does.") if with_room else _("Goes on with the time left."),
        events.SEAT_RESUMED,
        None if with_room else _resume,
        by=by,
    )


def goes_on_with_room(row: HallBatch, candidate_key: str) -> bool:
    """True if the candidate was stopped by name and the room is paused as well: without the first, the second still holds."""
    with told():
        seat = engine().seat(candidate_key)
    if seat.state != "paused" or candidate_key not in held(row):
        return False
    return engine().is_paused(candidate_in(bundle_of(row), candidate_key).session_id, seat.room_id)


def _resume(candidate_key: str, text: str, name: str) -> None:
    engine().resume(candidate_id=candidate_key, by=name)


def _warn(candidate_key: str, text: str, name: str) -> None:
    engine().warn(candidate_key, text, by=name)


def _pause(candidate_key: str, text: str, name: str) -> None:
    engine().pause(candidate_id=candidate_key, reason=text, by=name)


def _noted(
    row: HallBatch,
    candidate_key: str,
    kind: IncidentKind,
    text: str,
    code: str,
    act: Callable[[str, str, str], None] | None,
    *,
    by: Actor,
) -> Incident:
    """Do one act of the engine's on a candidate (None: his clock stays as it is), and write it down as an incident."""
    with told():
        room_id = engine().seat(candidate_key).room_id
    incident = _incident(row, kind, text, candidate_key, room_id, by=by)
    record(
        code,
        by=by,
        on=incident,
        organisation_id=row.organisation_id,
        after={"candidate": candidate_key},
        reason=text,
    )
    with told():
        if act is not None:
            act(candidate_key, text, who(by))
        engine().record_incident(
            kind,
            text,
            by=who(by),
            candidate_id=candidate_key,
            session_id=candidate_in(bundle_of(row), candidate_key).session_id,
            room_id=room_id,
        )
    return incident


def _incident(
    row: HallBatch,
    kind: str,
    text: str,
    candidate_key: str,
    room_id: str,
    *,
    by: Actor,
    photo: StoredFile | None = None,
) -> Incident:
    return Incident.objects.create(
        hall_batch=row,
        candidate_key=candidate_key,
        room_id_ref=int(room_id) if room_id.isdigit() else None,
        kind=kind,
        text=text,
        photo=photo,
        reported_by=who(by),
        at=clock.now(),
    )


@transaction.atomic
def add_incident(
    hall_batch: HallBatch,
    *,
    kind: str,
    text: str,
    candidate_key: str = "",
    session_id: str = "",
    room_id: str = "",
    photo: bytes | None = None,
    by: Actor,
) -> Incident:
    """Write down what happened, with a photo if there is one (I09). It travels to the centre with the return."""
    require(hall_batch, *DESK, by=by)
    row = locked(hall_batch)
    require_open(row)
    bundle = bundle_of(row)
    if kind not in IncidentKind.values or kind in OWN_ACTS:
        raise Refusal("bad_kind", _("Choose what kind of incident it was."), field="kind")
    text = need(text, "text")
    if candidate_key:
        candidate = candidate_in(bundle, candidate_key)
        session_id = candidate.session_id
        with told():
            room_id = engine().seat(candidate_key).room_id
    elif room_id:
        room_of(bundle, room_id)
    file = keep_photo(photo, purpose="hall.incident", name="incident.jpg", by=by) if photo else None
    incident = _incident(row, kind, text, candidate_key, room_id, by=by, photo=file)
    record(
        events.INCIDENT,
        by=by,
        on=incident,
        organisation_id=row.organisation_id,
        after={"kind": kind, "candidate": candidate_key, "photo": file is not None},
    )
    with told():
        engine().record_incident(
            kind,
            text,
            by=who(by),
            candidate_id=candidate_key,
            session_id=session_id,
            room_id=room_id,
            evidence=[file.digest] if file else [],
        )
    return incident
