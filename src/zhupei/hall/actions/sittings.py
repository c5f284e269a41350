"""Acts on sittings: time, seat, entry, hand-in, voiding (R040, R136, I04, I09)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery.api import Bundle, Room
from zhupei.delivery.api import Proposal as Fault
from zhupei.hall import events
from zhupei.hall.choices import ActKind
from zhupei.hall.models import HallBatch, Proposal
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, free_seats, needed_for, room_of, room_states, session_of
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal

from .common import (
    DESK,
    HEADS,
    another,
    at_candidate,
    candidate_in,
    locked,
    named,
    need,
    person,
    require,
    require_open,
    who,
)

CLAUSE = "附件3四（八）"
MAX_MINUTES = 240


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
    """Propose extra time (R040) or voiding (I09); another person decides.

    ``fault`` names the engine's own finding; without ``minutes`` as many seconds are proposed as it lasted.
    """
    require(hall_batch, *DESK, by=by)
    first = person(by)
    row = at_candidate(hall_batch, candidate_key)
    if kind not in ActKind.values:
        raise Refusal("bad_kind", _("This act does not exist."))
    seconds = _seconds(candidate_key, minutes, fault) if kind == ActKind.ADD_TIME else 0
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
        seconds=seconds,
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


def _seconds(candidate_key: str, minutes: int, fault: str) -> int:
    """How much time to propose: the minutes given, else as long as the fault was."""
    if not minutes and fault:
        for one in engine().proposals():
            if one.id == fault and one.candidate_id == candidate_key and not one.applied:
                return min(max(one.seconds, 1), MAX_MINUTES * 60)
    if not 1 <= minutes <= MAX_MINUTES:
        text = _("Give between 1 and %(max)d minutes.") % {"max": MAX_MINUTES}
        raise Refusal("minutes_range", text, clause="三（三）", field="minutes")
    return minutes * 60


@transaction.atomic
def propose_room(
    hall_batch: HallBatch,
    session_id: str,
    room_id: str | None = None,
    *,
    minutes: int,
    reason: str,
    by: Actor,
) -> list[Proposal]:
    """Propose extra time for everybody whose test is not over, in a room or the hall (R040); decided at once, by another
    person.

    ``minutes`` 0: only for those whom the engine found cut off, each as long as that lasted. Who has a proposal open already
    keeps that one. The proposals carry one moment: that makes them one act (``together``).
    """
    require(hall_batch, *DESK, by=by)
    first = person(by)
    row = locked(hall_batch)
    require_open(row)
    session_of(bundle_of(row), session_id)
    reason = need(reason)
    if minutes and not 1 <= minutes <= MAX_MINUTES:
        text = _("Give between 1 and %(max)d minutes.") % {"max": MAX_MINUTES}
        raise Refusal("minutes_range", text, clause="三（三）", field="minutes")
    with told():
        seats = engine().status(session_id, room_id)
    faults = longest_faults(session_id)
    waiting = set(
        row.proposals.filter(kind=ActKind.ADD_TIME, decided_at=None).values_list("candidate_key", flat=True)
    )
    now, made = clock.now(), []
    for one in seats:
        fault = faults.get(one.candidate_id)
        live = one.state in (("running", "paused") if minutes else ("admitted", "running", "paused"))
        if not live or one.candidate_id in waiting or not (minutes or fault):
            continue
        seconds = minutes * 60 or min(max(fault.seconds, 1), MAX_MINUTES * 60) if fault else minutes * 60
        proposal = Proposal.objects.create(
            hall_batch=row,
            candidate_key=one.candidate_id,
            kind=ActKind.ADD_TIME,
            seconds=seconds,
            fault=fault.id[:80] if fault else "",
            reason=reason,
            proposed_by=who(by),
            proposed_by_id=first,
            proposed_at=now,
        )
        record(
            events.ACT_PROPOSED,
            by=by,
            on=proposal,
            organisation_id=row.organisation_id,
            after={"kind": ActKind.ADD_TIME, "seconds": seconds},
            reason=reason,
        )
        made.append(proposal)
    if not made:
        text = _("There is nobody here for whom time could be proposed.")
        if not minutes:
            text = _(
                "Nobody here was cut off who has not been given time. Type how many minutes to propose for each."
            )
        raise Conflict("nobody_affected", text)
    return made


def longest_faults(session_id: str) -> dict[str, Fault]:
    """Of each candidate the longest fault for which no time was given yet."""
    found: dict[str, Fault] = {}
    for one in engine().proposals(session_id):
        if one.candidate_id and not one.applied:
            known = found.get(one.candidate_id)
            if known is None or one.seconds > known.seconds:
                found[one.candidate_id] = one
    return found


def together(proposal: Proposal) -> list[Proposal]:
    """What was proposed in the same act and waits as well: same person, same kind, same moment. Itself first."""
    rows = Proposal.objects.filter(
        hall_batch_id=proposal.hall_batch_id,
        kind=proposal.kind,
        proposed_by_id=proposal.proposed_by_id,
        proposed_at=proposal.proposed_at,
        decided_at=None,
    ).select_related("hall_batch")
    return [proposal, *rows.exclude(pk=proposal.pk).order_by("pk")]


@transaction.atomic
def decide_together(proposal: Proposal, *, accept: bool, reason: str = "", by: Actor) -> int:
    """Decide all that was proposed in one act; each seat gets its own event. Returns how many.

    Whose test is over meanwhile gets nothing: that proposal is refused, and the reason says so.
    """
    locked(proposal.hall_batch)
    rows = together(Proposal.objects.select_related("hall_batch").get(pk=proposal.pk))
    for row in rows:
        over = accept and row.kind == ActKind.ADD_TIME and _is_over(row.candidate_key)
        why = _("The test was over before the decision.") if over and len(rows) > 1 else reason
        decide(row, accept=accept and not (over and len(rows) > 1), reason=why, by=by)
    return len(rows)


def _is_over(candidate_key: str) -> bool:
    with told():
        return engine().seat(candidate_key).state in ("submitted", "voided")


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
                    act=f"{proposal.pk}-{proposal.proposed_at:%Y%m%dT%H%M%S%f}",
                )
            else:
                engine().void(proposal.candidate_key, proposal.reason, by=one, by2=two)
    return proposal


@transaction.atomic
def move_seat(
    hall_batch: HallBatch, candidate_key: str, room_id: str, seat_no: str, *, reason: str, by: Actor
) -> None:
    """To a spare computer with time and answers (I04, R136); the candidate signs in there anew.

    ``Conflict`` where people sit and one more in the room needs more invigilators than are on duty there: two for each 50
    begun is a condition of the test, not advice (R150, J10), and somebody else can sign on in a moment.
    """
    require(hall_batch, *DESK, by=by)
    row = at_candidate(hall_batch, candidate_key)
    bundle = bundle_of(row)
    candidate = candidate_in(bundle, candidate_key)
    room = room_of(bundle, room_id)
    reason = need(reason)
    if (room.id, seat_no) not in {(one.id, seat) for one, seat in free_seats(bundle, candidate.session_id)}:
        raise Conflict("seat_taken", _("This seat is not free. Choose another one."))
    with told():
        before = engine().seat(candidate_key)
    if room.id != before.room_id:
        _require_enough_for_one_more(row, bundle, candidate.session_id, room, before.state)
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


def _require_enough_for_one_more(
    row: HallBatch, bundle: Bundle, session_id: str, room: Room, state: str
) -> None:
    """Raises ``Conflict`` if somebody who sits, or a room that is open, would have too few invigilators (R150).

    A room that was not opened is looked at when it is.
    """
    there = [
        one for one in room_states(row, bundle) if (one.session.id, one.room.id) == (session_id, room.id)
    ]
    persons = sum(one.persons for one in there)
    if state == "admitted" and not engine().is_open(session_id, room.id):
        return
    staff = row.staff.filter(left_at=None, room_id_ref=int(room.id)).count() if room.id.isdigit() else 0
    needed = needed_for(persons + 1)
    if staff < needed:
        text = _(
            "With one more person %(room)s needs %(needed)d invigilators, and %(there)d are on duty. Another one signs on there "
            "first, or choose a seat in another room."
        ) % {"room": room.name, "needed": needed, "there": staff}
        raise Conflict("invigilators_missing", text, clause=CLAUSE)


@transaction.atomic
def allow_entry(hall_batch: HallBatch, candidate_key: str, *, reason: str, by: Actor) -> None:
    """Let a candidate who has begun sign in once more: browser closed, computer restarted."""
    require(hall_batch, *DESK, by=by)
    row = at_candidate(hall_batch, candidate_key)
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
    row = at_candidate(hall_batch, candidate_key)
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
def hand_in_room(
    hall_batch: HallBatch,
    session_id: str,
    room_id: str | None = None,
    *,
    expected: int,
    reason: str,
    by: Actor,
) -> int:
    """Hand in for everybody who still sits in a room or in the hall; each one is recorded. Cannot be undone.

    ``expected``: how many the acting person believes to sit there; ``Conflict`` if it is not so.
    """
    require(hall_batch, *HEADS, by=by)
    row = locked(hall_batch)
    require_open(row)
    session_of(bundle_of(row), session_id)
    reason = need(reason)
    with told():
        sitting = [one for one in engine().status(session_id, room_id) if one.state in ("running", "paused")]
    if not sitting:
        raise Conflict("nobody_sits", _("Nobody is sitting there any more."))
    if len(sitting) != expected:
        text = _(
            "%(n)d persons are sitting there now, not %(expected)d. Look again and confirm the number."
        ) % {
            "n": len(sitting),
            "expected": expected,
        }
        raise Refusal("count_differs", text, field="expected", status=409)
    forced = 0
    for one in sitting:
        if not _is_over(one.candidate_id):  # who has handed in himself meanwhile did so
            force_hand_in(row, one.candidate_id, reason=reason, by=by)
            forced += 1
    return forced
