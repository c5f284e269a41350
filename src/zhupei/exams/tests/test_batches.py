"""Candidates: hours, counts, attempts, two places at once, lessons, seats and slips."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_application,
    make_batch,
    make_institution,
    make_learner,
    make_person,
    make_ready_enrolment,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.exams import actions, prints, queries
from zhupei.exams.choices import BatchState
from zhupei.exams.models import Candidate
from zhupei.exams.placing import NoPlace, Sitter, place
from zhupei.hours.api import grant_exception
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit():
    make_rulebook()
    return make_institution()


def officer_of(unit):
    return make_actor(Role.EXAM_OFFICER, unit.organisation)


def open_batch(unit, rows=(("101", 1),), **more):
    return make_application(unit, rows=rows, state="filed", **more).batch


@pytest.mark.req("R022", "R037")
def test_thirty_nine_and_a_half_hours_do_not_suffice(unit):
    batch, by = open_batch(unit), officer_of(unit)
    short = make_ready_enrolment(unit, hours="39.5")
    with pytest.raises(Refusal) as refusal:
        actions.add_candidates(batch, [short.pk], by=by)
    assert refusal.value.code == "hours_missing"
    assert "39.5" in str(refusal.value.message)
    assert "0.5" in str(refusal.value.message)
    assert short.person.name in str(refusal.value.message)
    assert not Candidate.objects.exists()
    approver = make_actor(Role.CENTRE_APPROVER)
    grant_exception(short.pk, unit.organisation_id, "援藏返岗，已核实", by=approver)
    assert actions.add_candidates(batch, [short.pk], by=by) == 1


@pytest.mark.req("R189")
def test_the_list_must_agree_with_the_application(unit):
    batch, by = open_batch(unit, rows=[("101", 2), ("106", 1)]), officer_of(unit)
    for post in ("101", "106"):
        actions.add_candidates(batch, [make_ready_enrolment(unit, post_code=post).pk], by=by)
    with pytest.raises(Refusal) as refusal:
        actions.lock_batch(batch, by=by)
    assert refusal.value.code == "counts_differ"
    assert "土建施工员" in str(refusal.value.message)
    assert "土建质量员" not in str(refusal.value.message)
    actions.add_candidates(batch, [make_ready_enrolment(unit).pk], by=by)
    assert actions.lock_batch(batch, by=by).state == BatchState.LOCKED


def test_only_own_people_and_posts_of_the_application(unit):
    batch, by = open_batch(unit), officer_of(unit)
    with pytest.raises(Refusal) as refusal:
        actions.add_candidates(batch, [make_ready_enrolment(make_institution()).pk], by=by)
    assert refusal.value.code == "enrolment_unknown"
    with pytest.raises(Refusal) as refusal:
        actions.add_candidates(batch, [make_ready_enrolment(unit, post_code="106").pk], by=by)
    assert refusal.value.code == "post_not_applied"
    with pytest.raises(Refusal):
        actions.add_candidates(batch, [], by=by)
    with pytest.raises(Forbidden):
        actions.add_candidates(batch, [1], by=officer_of(make_institution()))


@pytest.mark.req("R052", "I06")
def test_seats_are_drawn_and_can_be_drawn_again_from_the_seed(unit):
    batch = make_batch(unit, candidates=60, state="locked")
    rows = list(queries.active_candidates(batch).order_by("slip_no"))
    assert len({(one.room_id, one.seat) for one in rows}) == 60
    assert rows[0].slip_no == f"{batch.year}{batch.sequence:03d}0001"
    slot = batch.slots.get()
    rooms = [(room.pk, room.seats) for room in queries.exam_rooms(batch.hall)]
    again = place(
        [Sitter(one.pk, one.person_id) for one in rows],
        [(slot.pk, (slot.starts_at, slot.ends_at))],
        rooms,
        100,
        bytes.fromhex(batch.seat_seed),
    )
    assert {(one.key, one.room, one.seat) for one in again} == {
        (one.pk, one.room_id, one.seat) for one in rows
    }
    assert [one.pk for one in rows] != sorted(one.pk for one in rows)


def test_a_batch_is_opened_again_before_the_draw(unit):
    batch, by = make_batch(unit, state="locked"), officer_of(unit)
    with pytest.raises(Forbidden):
        actions.unlock_batch(batch, reason="换人", by=officer_of(make_institution()))
    with pytest.raises(Refusal):
        actions.unlock_batch(batch, reason="", by=by)
    batch = actions.unlock_batch(batch, reason="换人", by=by)
    assert batch.state == BatchState.PREPARING
    assert not Candidate.objects.exclude(slip_no=None).exists()
    one = Candidate.objects.first()
    with pytest.raises(Refusal):
        actions.remove_candidate(one, reason=" ", by=by)
    actions.remove_candidate(one, reason="本人放弃", by=by)
    with pytest.raises(Conflict):
        actions.remove_candidate(one, reason="本人放弃", by=by)
    actions.add_candidates(batch, [one.enrolment_id], by=by)
    batch = actions.lock_batch(batch, by=by)
    with pytest.raises(Conflict):
        actions.remove_candidate(one, reason="本人放弃", by=by)
    with pytest.raises(Conflict):
        actions.add_candidates(batch, [one.enrolment_id], by=by)
    with pytest.raises(Conflict):
        actions.lock_batch(batch, by=by)


@pytest.mark.req("R184")
def test_two_posts_of_one_person_are_two_sessions(unit):
    person = make_person()
    batch, by = open_batch(unit, rows=[("101", 1), ("106", 1)]), officer_of(unit)
    for post in ("101", "106"):
        actions.add_candidates(batch, [make_ready_enrolment(unit, person=person, post_code=post).pk], by=by)
    with pytest.raises(Refusal) as refusal:
        actions.lock_batch(batch, by=by)
    assert refusal.value.code == "two_places_at_once"
    assert person.name in str(refusal.value.message)
    start = batch.slots.get().starts_at
    other = make_institution()
    later = [(start, start + timedelta(hours=2)), (start + timedelta(hours=3), start + timedelta(hours=5))]
    wide, second = open_batch(other, rows=[("101", 1), ("106", 1)], sessions=later), officer_of(other)
    for post in ("101", "106"):
        one = make_ready_enrolment(other, person=make_person("王五" + post), post_code=post)
        actions.add_candidates(wide, [one.pk], by=second)
    actions.lock_batch(wide, by=second)


def test_nobody_sits_in_two_batches_at_the_same_time(unit):
    person = make_person()
    first = make_batch(unit, persons=[person], state="locked")
    other = make_institution()
    second = open_batch(other, rows=[("106", 1)])
    by = officer_of(other)
    actions.add_candidates(second, [make_ready_enrolment(other, person=person, post_code="106").pk], by=by)
    assert second.slots.get().starts_at == first.slots.get().starts_at
    with pytest.raises(Refusal) as refusal:
        actions.lock_batch(second, by=by)
    assert refusal.value.code == "two_places_at_once"


def test_people_bound_elsewhere_choose_first():
    at = datetime(2030, 1, 1, 9, tzinfo=clock.SHANGHAI)
    one, two = (at, at + timedelta(hours=2)), (at + timedelta(hours=3), at + timedelta(hours=5))
    sitters = [Sitter(n, n) for n in range(9)] + [Sitter(9, 9, (two,))]
    places = place(sitters, [(1, one), (2, two)], [(1, 5)], 5, bytes(32))
    assert {p.key: p.session for p in places}[9] == 1
    with pytest.raises(NoPlace):
        place([Sitter(1, 1, (one, two))], [(1, one), (2, two)], [(1, 5)], 5, bytes(32))


@pytest.mark.req("J24")
def test_no_test_before_the_last_lesson(unit):
    batch, by = open_batch(unit), officer_of(unit)
    start = batch.slots.get().starts_at
    late = make_ready_enrolment(unit, lessons_until=start + timedelta(minutes=1))
    actions.add_candidates(batch, [late.pk], by=by)
    with pytest.raises(Refusal) as refusal:
        actions.lock_batch(batch, by=by)
    assert refusal.value.code == "lessons_after_test"
    late.training_class.lessons.update(ends_at=start)
    assert actions.lock_batch(batch, by=by)


@pytest.mark.req("R185")
def test_the_rooms_must_hold_the_sessions(unit):
    batch = make_batch(unit, candidates=3)
    batch.hall.rooms.update(seats=1)
    with pytest.raises(Refusal) as refusal:
        actions.lock_batch(batch, by=officer_of(unit))
    assert refusal.value.code == "too_few_seats"


def test_a_session_that_has_begun_is_not_locked(unit):
    batch = make_batch(unit)
    with clock.frozen(batch.slots.get().starts_at), pytest.raises(Refusal) as refusal:
        actions.lock_batch(batch, by=officer_of(unit))
    assert refusal.value.code == "session_past"


@pytest.mark.req("R044", "R043", "J03")
def test_who_failed_comes_again_with_the_next_attempt_in_both_subjects(unit):
    person = make_person()
    first = make_batch(unit, persons=[person], state="confirmed", wrong=60)
    before = Candidate.objects.get()
    assert not before.result.passed
    start = first.slots.get().starts_at
    sessions = [(start + timedelta(days=60), start + timedelta(days=60, hours=2))]
    second = open_batch(unit, sessions=sessions)
    by = officer_of(unit)
    with clock.frozen(start + timedelta(days=190)), pytest.raises(Refusal) as refusal:
        actions.add_candidates(second, [before.enrolment_id], by=by)
    assert refusal.value.code == "not_again"
    with clock.frozen(start + timedelta(days=20)):
        actions.add_candidates(second, [before.enrolment_id], by=by)
        again = Candidate.objects.get(batch=second)
        assert (again.attempt, again.previous) == (2, before)
        actions.lock_batch(second, by=by)
        actions.draw_batch(second, by=make_actor(Role.CENTRE_OFFICER))
    assert actions.rules_of(second).carry_over is False


@pytest.mark.req("R044")
def test_who_passed_or_waits_elsewhere_is_no_candidate(unit):
    person = make_person()
    batch = make_batch(unit, persons=[person], state="released")
    enrolment, by = Candidate.objects.get().enrolment, officer_of(unit)
    other = open_batch(
        unit,
        sessions=[
            (batch.slots.get().starts_at + timedelta(days=9), batch.slots.get().ends_at + timedelta(days=9))
        ],
    )
    with pytest.raises(Refusal) as refusal:
        actions.add_candidates(other, [enrolment.pk], by=by)
    assert str(batch) in str(refusal.value.message)
    from tests.makers import make_hall_return

    from zhupei.kernel.actor import SYSTEM

    actions.receive_return(batch, make_hall_return(batch), by=SYSTEM)
    with pytest.raises(Refusal) as refusal:
        actions.add_candidates(other, [enrolment.pk], by=by)
    assert refusal.value.code == "not_again"


def test_candidates_through_the_pages(unit, client, django_assert_max_num_queries):
    batch = open_batch(unit, rows=[("101", 2)])
    ready = [make_ready_enrolment(unit) for _ in range(2)]
    short = make_ready_enrolment(unit, hours="39.5")
    page = reverse("exams:candidates", args=[batch.pk])
    sign_in(client, make_user(Role.REGISTRAR, unit.organisation))
    assert client.get(page).status_code == 403
    client.logout()
    sign_in(client, make_user(Role.EXAM_OFFICER, unit.organisation))
    with django_assert_max_num_queries(32):
        text = client.get(page).content.decode()
    assert short.person.name in text
    assert "39.5" in text
    assert client.post(page, {"enrolments": [short.pk]}).status_code == 422
    assert client.post(page, {"enrolments": [one.pk for one in ready]}).status_code == 302
    lock = reverse("exams:lock", args=[batch.pk])
    candidate = Candidate.objects.first()
    remove = reverse("exams:candidate_remove", args=[candidate.pk])
    assert client.get(remove).status_code == 200
    assert client.post(remove, {"reason": "放弃"}).status_code == 302
    assert "1" in client.get(lock).content.decode()
    assert client.post(lock).status_code == 409
    client.post(page, {"enrolments": [candidate.enrolment_id]})
    assert client.get(lock).status_code == 200
    assert client.post(lock).status_code == 302
    assert client.get(page).status_code == 200
    unlock = reverse("exams:unlock", args=[batch.pk])
    assert client.get(unlock).status_code == 200
    assert client.post(unlock, {"reason": "换人"}).status_code == 302
    client.logout()
    sign_in(client, make_user(Role.EXAM_OFFICER, make_institution().organisation))
    assert client.get(page).status_code == 404


@pytest.mark.req("I06")
def test_slips_and_seat_lists(unit, client):
    person, user = make_learner("阿依古丽·买买提")
    batch = make_batch(unit, persons=[person], state="locked")
    candidate = Candidate.objects.select_related("room", "slot").get()
    slip = prints.slip_of(candidate)
    assert slip.slip_number == candidate.slip_no
    assert person.identity_number not in slip.id_number
    sign_in(client, make_user(Role.EXAM_OFFICER, unit.organisation))
    assert client.get(reverse("exams:slips", args=[batch.pk])).content[:5] == b"%PDF-"
    seats = reverse("exams:seat_list", args=[batch.pk, candidate.slot_id, candidate.room_id])
    assert client.get(seats).content[:5] == b"%PDF-"
    nobody = reverse("exams:seat_list", args=[batch.pk, candidate.slot_id, 0])
    assert client.get(nobody).status_code == 404
    client.logout()
    sign_in(client, user)
    mine = reverse("exams:my_slip", args=[candidate.pk])
    assert client.get(mine).content[:5] == b"%PDF-"
    assert Notice.objects.filter(user=user).exists()
    text = client.get(reverse("exams:my_test")).content.decode()
    assert candidate.slip_no in text
    assert "/exam/" not in text
    assert 'href="/practice/"' in text
    with clock.frozen(candidate.slot.starts_at):
        client.logout()
        sign_in(client, user)
        assert "/exam/" in client.get(reverse("exams:my_test")).content.decode()
    client.logout()
    sign_in(client, make_learner()[1])
    assert client.get(mine).status_code == 404
    assert candidate.slip_no not in client.get(reverse("exams:my_test")).content.decode()


def test_no_slips_before_the_seats(unit, client):
    batch = make_batch(unit)
    sign_in(client, make_user(Role.EXAM_OFFICER, unit.organisation))
    assert client.get(reverse("exams:slips", args=[batch.pk])).status_code == 409


def test_a_batch_is_cancelled_and_everybody_told(unit, client):
    person, user = make_learner()
    batch = make_batch(unit, persons=[person], state="locked")
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    page = reverse("exams:cancel", args=[batch.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"reason": "停电"}).status_code == 302
    assert client.post(page, {"reason": "停电"}).status_code == 409
    assert Notice.objects.filter(user=user, kind="exams.cancelled").exists()
