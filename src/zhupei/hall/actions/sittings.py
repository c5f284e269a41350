"""Acts on one sitting: time, seat, entry, hand-in, voiding, incidents (R040, R136, I04, I09)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.hall import events
from zhupei.hall.choices import ActKind, IncidentKind
from zhupei.hall.models import HallBatch, Incident, Proposal
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, free_seats, room_of
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal

from .common import (
    DESK,
    HEADS,
    another,
    candidate_in,
    keep_photo,
    locked,
    named,
    need,
    person,
    require,
    require_open,
    who,
)

MAX_MINUTES = 240


def _at(hall_batch: HallBatch, candidate_key: str) -> HallBatch:
    row = locked(hall_batch)
    require_open(row)
    candidate_in(bundle_of(row), candidate_key)
    return row


@transaction.atomic
def propose(
    hall_batch: HallBatch,
    candidate_key: str,
    kind: str,
    *,
    reason: str,
    minutes: int = 0,
    fault: str = "",
    by: Actor,
) -> Proposal:
    """Propose extra time (R040) or voiding (I09); another person decides. ``fault`` names the engine's own finding."""
    require(hall_batch, *DESK, by=by)
    first = person(by)
    row = _at(hall_batch, candidate_key)
    if kind not in ActKind.values:
        raise Refusal("bad_kind", _("This act does not exist."))
    if kind == ActKind.ADD_TIME and not 1 <= minutes <= MAX_MINUTES:
        text = _("Give between 1 and %(max)d minutes.") % {"max": MAX_MINUTES}
        raise Refusal("minutes_range", text, clause="三（三）", field="minutes")
    reason = need(reason)
    with told():
        state = engine().seat(candidate_key).state
    allowed = (
        ("admitted", "running", "paused")
        if kind == ActKind.ADD_TIME
        else ("admitted", "running", "paused", "submitted")
    )
    if state not in allowed:
        raise Conflict(
            "wrong_state", _("This sitting is in a state in which this is not possible. Load the page again.")
        )
    if row.proposals.filter(candidate_key=candidate_key, kind=kind, decided_at=None).exists():
        raise Conflict("proposal_open", _("The same is proposed already and waits for a second person."))
    proposal = Proposal.objects.create(
        hall_batch=row,
        candidate_key=candidate_key,
        kind=kind,
        seconds=minutes * 60 if kind == ActKind.ADD_TIME else 0,
        fault=fault[:80],
        reason=reason,
        proposed_by=who(by),
        proposed_by_id=first,
        proposed_at=clock.now(),
    )
    record(
        events.ACT_PROPOSED,
        by=by,
        on=proposal,
        organisation_id=row.organisation_id,
        after={"kind": kind, "seconds": proposal.seconds},
        reason=reason,
    )
    return proposal


@transaction.atomic
def decide(proposal: Proposal, *, accept: bool, reason: str = "", by: Actor) -> Proposal:
    """Decide a proposal as another person than the one who made it: the technical head or the exam officer."""
    require(proposal.hall_batch, *HEADS, by=by)
    second = person(by)
    row = locked(proposal.hall_batch)
    proposal = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    if proposal.decided_at is not None:
        raise Conflict("wrong_state", _("This proposal was decided already."))
    another(by, proposal.proposed_by_id)
    require_open(row)
    if not accept:
        reason = need(reason)
    proposal.accepted, proposal.decided_by, proposal.decided_by_id = accept, who(by), second
    proposal.decided_at, proposal.decision_reason = clock.now(), reason.strip()
    proposal.save(update_fields=["accepted", "decided_by", "decided_by_id", "decided_at", "decision_reason"])
    record(
        events.ACT_DECIDED,
        by=by,
        on=proposal,
        organisation_id=row.organisation_id,
        after={"kind": proposal.kind, "accepted": accept, "seconds": proposal.seconds},
        reason=reason.strip(),
    )
    if accept:
        one, two = named(proposal.proposed_by, proposal.proposed_by_id), named(proposal.decided_by, second)
        with told():
            if proposal.kind == ActKind.ADD_TIME:
                engine().add_time(
                    proposal.candidate_key,
                    proposal.seconds,
                    proposal.reason,
                    by=one,
                    approved_by=two,
                    proposal=proposal.fault,
                )
            else:
                engine().void(proposal.candidate_key, proposal.reason, by=one, by2=two)
    return proposal


@transaction.atomic
def move_seat(
    hall_batch: HallBatch, candidate_key: str, room_id: str, seat_no: str, *, reason: str, by: Actor
) -> None:
    """To a spare computer with time and answers (I04, R136); the candidate signs in there anew."""
    require(hall_batch, *DESK, by=by)
    row = _at(hall_batch, candidate_key)
    bundle = bundle_of(row)
    candidate = candidate_in(bundle, candidate_key)
    room = room_of(bundle, room_id)
    reason = need(reason)
    if (room.id, seat_no) not in {(one.id, seat) for one, seat in free_seats(bundle, candidate.session_id)}:
        raise Conflict("seat_taken", _("This seat is not free. Choose another one."))
    with told():
        before = engine().seat(candidate_key)
    record(
        events.SEAT_MOVED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        before={"slip_no": candidate.slip_no, "room": before.room_id, "seat": before.seat_no},
        after={"room": room.id, "seat": seat_no},
        reason=reason,
    )
    with told():
        engine().move_seat(candidate_key, room.id, seat_no, reason=reason, by=who(by))


@transaction.atomic
def allow_entry(hall_batch: HallBatch, candidate_key: str, *, reason: str, by: Actor) -> None:
    """Let a candidate who has begun sign in once more: browser closed, computer restarted."""
    require(hall_batch, *DESK, by=by)
    row = _at(hall_batch, candidate_key)
    reason = need(reason)
    record(
        events.ENTRY_ALLOWED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"candidate": candidate_key},
        reason=reason,
    )
    with told():
        engine().allow_entry(candidate_key, reason=reason, by=who(by))


@transaction.atomic
def force_hand_in(hall_batch: HallBatch, candidate_key: str, *, reason: str, by: Actor) -> None:
    """Hand in for a candidate what is kept, and score it. Cannot be undone."""
    require(hall_batch, *HEADS, by=by)
    row = _at(hall_batch, candidate_key)
    reason = need(reason)
    record(
        events.FORCED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"candidate": candidate_key},
        reason=reason,
    )
    with told():
        engine().force_hand_in(candidate_key, reason=reason, by=who(by))


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
    if kind not in IncidentKind.values:
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
    incident = Incident.objects.create(
        hall_batch=row,
        candidate_key=candidate_key,
        room_id_ref=int(room_id) if room_id.isdigit() else None,
        kind=kind,
        text=text,
        photo=file,
        reported_by=who(by),
        at=clock.now(),
    )
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
