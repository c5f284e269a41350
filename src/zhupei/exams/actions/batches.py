"""Candidates of a batch: picking, removing, fixing them with their seats, opening again, cancelling."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.exams import events, telling
from zhupei.exams.carrying import settle_carried
from zhupei.exams.choices import BATCH, BatchState
from zhupei.exams.models import Batch, Candidate
from zhupei.exams.placing import NoPlace, Sitter, place
from zhupei.exams.queries import (
    FRESH,
    active_candidates,
    bar_of,
    count_differences,
    exam_rooms,
    hours_bar,
    past_of,
)
from zhupei.hours import api as hours
from zhupei.institutions.api import require_may_train
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.kernel.schedule import Interval
from zhupei.rulebook.api import decimal_parameter
from zhupei.training import api as training
from zhupei.training.api import Enrolment, EnrolmentState
from zhupei.web.templatetags.web import shanghai

from .applications import APPLICANTS, FORM
from .scheduling import batch_step

HOURS_CLAUSE = "二（3）"
TEST_CLAUSE = "三（四）"


def locked_batch(batch: Batch) -> Batch:
    """The row under a lock, fresh from the database."""
    return (
        Batch.objects.select_for_update(of=("self",))
        .select_related("application", "institution", "hall__institution")
        .get(pk=batch.pk)
    )


def _not_ready(enrolments: Iterable[Enrolment]) -> list[str]:
    """Who lacks hours, each with what there is and what is lacking (R022)."""
    enrolments = list(enrolments)
    ready = hours.ready_for_test([one.pk for one in enrolments])
    lacking = [one for one in enrolments if one.pk not in ready]
    if not lacking:
        return []
    accepted = hours.accepted_hours_of([one.pk for one in lacking])
    needed = decimal_parameter("min_training_hours_per_post")
    return [f"{one.person.name}：{hours_bar(accepted.get(one.pk, Decimal(0)), needed)}" for one in lacking]


def require_ready(enrolments: Iterable[Enrolment]) -> None:
    """Raises ``Refusal`` naming everybody who has neither the hours nor an exception (R022)."""
    texts = _not_ready(enrolments)
    if texts:
        lead = _("Only persons with the required hours (or an exception by the centre) can be tested.")
        raise Refusal("hours_missing", f"{lead} {'；'.join(texts)}", clause=HOURS_CLAUSE, field="enrolments")


@transaction.atomic
def add_candidates(batch: Batch, enrolment_ids: Iterable[int], *, by: Actor) -> int:
    """Put enrolled persons on the list of a batch; returns how many (R022, R044).

    Each must be accepted in a class of the institution, for a post of the application, with the hours or an exception, not
    yet passed and not waiting in another batch. One who is not is named, and nobody is added.
    """
    by.require(*APPLICANTS, organisation_id=batch.institution.organisation_id)
    batch = locked_batch(batch)
    if batch.state != BatchState.PREPARING:
        raise Conflict("wrong_state", _("The candidates of this batch are fixed. Open it for changes first."))
    ids = set(enrolment_ids)
    if not ids:
        raise Refusal("nobody_chosen", _("Tick at least one person."), field="enrolments")
    enrolments = list(
        Enrolment.objects.filter(
            pk__in=ids, training_class__institution_id=batch.institution_id, state=EnrolmentState.ACCEPTED
        ).select_related("person", "post", "training_class")
    )
    if len(enrolments) != len(ids):
        raise Refusal(
            "enrolment_unknown",
            _(
                "Somebody on the list is not (or no longer) accepted in a class of your unit. Load the page again."
            ),
            field="enrolments",
        )
    wanted = {row.post_id for row in batch.application.rows.all()}
    for one in enrolments:
        if one.post_id not in wanted:
            text = _("%(name)s: the application names no persons for %(post)s.") % {
                "name": one.person.name,
                "post": one.post,
            }
            raise Refusal("post_not_applied", text, clause=FORM, field="enrolments")
    require_ready(enrolments)
    past = past_of({one.person_id for one in enrolments}, wanted, without=batch)
    for one in enrolments:
        bar = bar_of(one, past.get((one.person_id, one.post_id), FRESH))
        if bar:
            raise Refusal("not_again", bar, clause=TEST_CLAUSE, field="enrolments", status=409)
    for one in enrolments:
        before = past.get((one.person_id, one.post_id), FRESH)
        Candidate.objects.update_or_create(
            batch=batch,
            person=one.person,
            post=one.post,
            defaults={
                "enrolment": one,
                "attempt": before.attempt,
                "previous": before.previous,
                "removed_at": None,
                "removed_reason": "",
            },
        )
    record(
        events.CANDIDATES_ADDED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        after={"enrolments": sorted(ids)},
    )
    return len(enrolments)


@transaction.atomic
def remove_candidate(candidate: Candidate, *, reason: str, by: Actor) -> Candidate:
    """Take somebody off the list before it is fixed. The row stays, with the reason."""
    by.require(*APPLICANTS, organisation_id=candidate.batch.institution.organisation_id)
    batch = locked_batch(candidate.batch)
    candidate = Candidate.objects.select_for_update().get(pk=candidate.pk)
    if batch.state != BatchState.PREPARING or candidate.removed_at is not None:
        raise Conflict("wrong_state", _("The candidates of this batch are fixed. Open it for changes first."))
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    candidate.removed_at, candidate.removed_reason = clock.now(), reason.strip()[:200]
    candidate.save(update_fields=["removed_at", "removed_reason"])
    record(
        events.CANDIDATE_REMOVED,
        by=by,
        on=candidate,
        organisation_id=batch.institution.organisation_id,
        reason=reason,
    )
    return candidate


def _check_counts(batch: Batch) -> None:
    differences = count_differences(batch)
    if not differences:
        return
    texts = [
        _("%(post)s: %(wanted)d applied for, %(there)d on the list")
        % {"post": post.name, "wanted": wanted, "there": there}
        for post, wanted, there in differences
    ]
    lead = _(
        "The candidates are not those of the application. Add or remove persons, or have the application returned."
    )
    raise Refusal("counts_differ", f"{lead} {'；'.join(texts)}", clause=FORM, status=409)


def _check_lessons(candidates: list[Candidate], first: datetime) -> None:
    """J24: nobody is tested before the last lesson of his class is over."""
    ends: dict[int, datetime | None] = {}
    for candidate in candidates:
        class_id = candidate.enrolment.training_class_id
        if class_id not in ends:
            ends[class_id] = training.last_lesson_end(candidate.enrolment)
        end = ends[class_id]
        if end is not None and end > first:
            text = _("The class “%(class)s” has lessons until %(end)s, after the first session of this batch on %(first)s. "
                     "Ask the centre to move the slot.") % {
                "class": candidate.enrolment.training_class,
                "end": shanghai(end),
                "first": shanghai(first),
            }  # fmt: skip
            raise Refusal("lessons_after_test", text, clause="J24", status=409)


def _sitters(batch: Batch, candidates: list[Candidate]) -> list[Sitter]:
    """The candidates with the times at which the same persons sit in other batches."""
    persons = {one.person_id for one in candidates}
    elsewhere = (
        Candidate.objects.filter(person_id__in=persons, removed_at=None, slot__isnull=False)
        .exclude(Q(batch=batch) | Q(batch__state=BatchState.CANCELLED))
        .values_list("person_id", "slot__starts_at", "slot__ends_at")
    )
    busy: dict[int, list[Interval]] = {}
    for person, starts_at, ends_at in elsewhere:
        busy.setdefault(person, []).append((starts_at, ends_at))
    return [Sitter(one.pk, one.person_id, tuple(busy.get(one.person_id, ()))) for one in candidates]


@transaction.atomic
def lock_batch(batch: Batch, *, seed: bytes | None = None, by: Actor) -> Batch:
    """Fix the candidates: sessions, rooms and seats by chance, slip numbers (R189, R052, I06, J24).

    ``seed`` is for tests; otherwise 32 bytes of the system's random source, kept with the batch.
    """
    by.require(*APPLICANTS, organisation_id=batch.institution.organisation_id)
    batch = locked_batch(batch)
    state = BATCH.after(batch.state, "lock")
    require_may_train(batch.institution)
    candidates = list(
        active_candidates(batch).select_related(
            "person", "post", "enrolment__person", "enrolment__training_class"
        )
    )
    _check_counts(batch)
    require_ready(one.enrolment for one in candidates)
    past = past_of({one.person_id for one in candidates}, {one.post_id for one in candidates}, without=batch)
    for one in candidates:
        bar = bar_of(one.enrolment, past.get((one.person_id, one.post_id), FRESH))
        if bar:
            raise Refusal("not_again", bar, clause=TEST_CLAUSE, status=409)
    slots = list(batch.slots.all())
    if slots[0].starts_at <= clock.now():
        raise Refusal(
            "session_past",
            _("The first session has begun. Ask the centre to move the slot."),
            clause=FORM,
            status=409,
        )
    _check_lessons(candidates, slots[0].starts_at)
    rooms = [(room.pk, room.seats) for room in exam_rooms(batch.hall)]
    capacity = min(
        batch.application.clients_available, batch.hall.exam_clients, sum(seats for _room, seats in rooms)
    )
    if capacity * len(slots) < len(candidates):
        text = _("The exam rooms of %(hall)s have %(seats)d seats in use at a time; %(sessions)d sessions do not hold "
                 "%(persons)d persons.") % {
            "hall": batch.hall.name,
            "seats": capacity,
            "sessions": len(slots),
            "persons": len(candidates),
        }  # fmt: skip
        raise Refusal("too_few_seats", text, clause=FORM, status=409)
    seed = seed or secrets.token_bytes(32)
    sessions = [(slot.pk, (slot.starts_at, slot.ends_at)) for slot in slots]
    try:
        places = place(_sitters(batch, candidates), sessions, rooms, capacity, seed)
    except NoPlace as error:
        name = next(one.person.name for one in candidates if one.person_id == error.person)
        text = _("%(name)s would have to sit in two sessions at the same time. Take this person off the list, or ask the "
                 "centre for another session.") % {"name": name}  # fmt: skip
        raise Refusal("two_places_at_once", text, clause=TEST_CLAUSE, status=409) from None
    by_key = {one.pk: one for one in candidates}
    for number, seat in enumerate(places, 1):
        candidate = by_key[seat.key]
        candidate.slot_id, candidate.room_id, candidate.seat = seat.session, seat.room, seat.seat
        candidate.slip_no = f"{batch.year}{batch.sequence:03d}{number:04d}"
    Candidate.objects.bulk_update(candidates, ["slot", "room", "seat", "slip_no"], batch_size=200)
    settle_carried(batch, candidates)
    batch.state, batch.seat_seed = state, seed.hex()
    batch.save(update_fields=["state", "seat_seed"])
    batch_step(
        batch,
        "lock",
        by=by,
        note=_("%(n)d candidates, %(sessions)d sessions") % {"n": len(candidates), "sessions": len(slots)},
    )
    record(
        events.BATCH_LOCKED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        after={"candidates": len(candidates), "seat_seed": batch.seat_seed},
    )
    telling.tell_persons(
        [one.person for one in candidates],
        kind="exams.slip",
        title=_("Your admission slip is ready"),
        text=_("Batch %(batch)s. Look up time, place and seat, and print the slip.") % {"batch": batch},
        url=reverse("exams:my_test"),
    )
    return batch


def _clear_seats(batch: Batch) -> None:
    active_candidates(batch).update(slot=None, room=None, seat=None, slip_no=None)


@transaction.atomic
def unlock_batch(batch: Batch, *, reason: str, by: Actor) -> Batch:
    """Open a fixed batch for changes before its papers are drawn; seats and slips are given anew afterwards."""
    if by.has(*APPLICANTS):
        by.require(*APPLICANTS, organisation_id=batch.institution.organisation_id)
    else:
        by.require(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
    batch = locked_batch(batch)
    batch.state = BATCH.after(batch.state, "unlock")
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    batch.seat_seed = ""
    batch.save(update_fields=["state", "seat_seed"])
    persons = [one.person for one in active_candidates(batch).select_related("person__user")]
    _clear_seats(batch)
    batch_step(batch, "unlock", by=by, note=reason)
    record(
        events.BATCH_UNLOCKED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        reason=reason,
    )
    telling.tell_persons(
        persons,
        kind="exams.slip",
        title=_("Your admission slip is no longer valid"),
        text=_("The seats of batch %(batch)s are given anew. Wait for the next notice.") % {"batch": batch},
        url=reverse("exams:my_test"),
    )
    return batch


@transaction.atomic
def cancel_batch(batch: Batch, *, reason: str, by: Actor) -> Batch:
    """Cancel a test before it is released (the centre's approver). Its slots are free again, its number stays used."""
    by.require(Role.CENTRE_APPROVER)
    batch = locked_batch(batch)
    before = batch.state
    batch.state = BATCH.after(batch.state, "cancel")
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    batch.save(update_fields=["state"])
    persons = [one.person for one in active_candidates(batch).select_related("person__user")]
    batch_step(batch, "cancel", by=by, note=reason)
    record(
        events.BATCH_CANCELLED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        before={"state": before},
        reason=reason,
    )
    telling.tell_unit(
        batch.institution.organisation_id,
        telling.OWNERS,
        kind="exams.cancelled",
        title=_("Batch %(batch)s was cancelled") % {"batch": batch},
        text=reason,
        to="exams:batch",
        pk=batch.pk,
    )
    telling.tell_persons(
        persons,
        kind="exams.cancelled",
        title=_("Your test was cancelled"),
        text=reason,
        url=reverse("exams:my_test"),
    )
    return batch
