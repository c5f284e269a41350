"""Attendance: codes, punches, roll call, closing a lesson, what it credits."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from tests.makers import (
    as_actor,
    make_actor,
    make_class,
    make_enrolment,
    make_institution,
    make_learner,
    make_person,
    make_rulebook,
    make_teacher,
    make_user,
    sign_in,
)

from zhupei.hours import api as hours
from zhupei.hours.api import HourEntry
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.training import actions, pins
from zhupei.training.models import Attendance, Punch
from zhupei.training.personal import records_of

pytestmark = pytest.mark.django_db
START, END = (
    datetime(2026, 10, 12, 9, tzinfo=clock.SHANGHAI),
    datetime(2026, 10, 12, 12, tzinfo=clock.SHANGHAI),
)


def at(minutes: float) -> Any:
    """The clock, so many minutes after the lesson began."""
    return clock.frozen(START + timedelta(minutes=minutes))


@pytest.fixture(autouse=True)
def _rulebook() -> Any:
    cache.clear()
    make_rulebook()
    with at(-5):
        yield


@pytest.fixture
def institution() -> Any:
    return make_institution()


@pytest.fixture
def teacher(institution: Any) -> Any:
    return make_user(Role.TEACHER, institution.organisation)


@pytest.fixture
def training_class(institution: Any, teacher: Any) -> Any:
    return make_class(
        institution, state="running", lessons=2, teacher=make_teacher(institution, user=teacher)
    )


@pytest.fixture
def lesson(training_class: Any) -> Any:
    return training_class.lessons.first()


@pytest.fixture
def member(training_class: Any) -> Any:
    person, user = make_learner(education="college")
    return make_enrolment(training_class, person), user


def punch(lesson: Any, user: Any, kind: str, minutes: float, *, early: bool = False) -> Any:
    with at(minutes):
        return actions.punch(lesson, kind, "pin", code=pins.pin(lesson.pk), early=early, by=as_actor(user))


@pytest.mark.req("R024")
def test_the_board_shows_a_code_that_changes(client: Client, lesson: Any, teacher: Any) -> None:
    sign_in(client, teacher)
    board = reverse("training:lesson_board", kwargs={"pk": lesson.pk})
    text = client.get(board).content.decode()
    first = pins.pin(lesson.pk)
    assert first in text
    assert "data:image/svg" in text
    assert first in client.get(reverse("training:lesson_code", kwargs={"pk": lesson.pk})).content.decode()
    with at(-4):
        assert pins.pin(lesson.pk) != first
        assert pins.is_pin(lesson.pk, f" {first[:3]} {first[3:]}")
    with at(-3):
        assert not pins.is_pin(lesson.pk, first)
    assert not pins.is_pin(lesson.pk + 1, first)
    with at(-31):
        assert first not in sign_in(Client(), teacher).get(board).content.decode()


def test_only_its_teacher_or_the_teaching_head_leads_a_lesson(
    client: Client, lesson: Any, institution: Any
) -> None:
    board = reverse("training:lesson_board", kwargs={"pk": lesson.pk})
    sign_in(client, make_user(Role.TEACHER, institution.organisation))
    assert client.get(board).status_code == 403
    assert "z-empty" in client.get(reverse("training:today")).content.decode()
    sign_in(client, make_user(Role.TEACHING_HEAD, institution.organisation))
    assert client.get(board).status_code == 200
    assert lesson.topic in client.get(reverse("training:today")).content.decode()
    sign_in(client, make_user(Role.TEACHING_HEAD))
    assert client.get(board).status_code == 404


@pytest.mark.req("R024", "R023")
def test_a_learner_signs_in_by_link_and_out_by_digits(client: Client, lesson: Any, member: Any) -> None:
    enrolment, user = member
    sign_in(client, user)
    url = reverse("training:punch", kwargs={"pk": lesson.pk})
    link = pins.link_code(lesson.pk)
    page = client.get(url, {"code": link}).content.decode()
    assert link in page
    assert 'name="code"' not in page  # nothing to type
    answer = client.post(url, {"kind": "in", "link": link})
    assert answer.url == reverse("training:my_class", kwargs={"pk": enrolment.pk})
    row = Punch.objects.get()
    assert (row.kind, row.method, row.by_user_id) == ("in", "qr", user.pk)
    client.post(url, {"kind": "in", "link": link})
    assert Punch.objects.count() == 1
    assert client.get(answer.url).status_code == 200
    with at(181):
        client = sign_in(Client(), user)
        assert 'name="code"' in client.get(url).content.decode()
        assert client.post(url, {"kind": "out", "code": pins.pin(lesson.pk)}).status_code == 302
        assert "z-empty" in client.get(url).content.decode()


def test_codes_that_do_not_count(client: Client, lesson: Any, training_class: Any, member: Any) -> None:
    _enrolment, user = member
    sign_in(client, user)
    url = reverse("training:punch", kwargs={"pk": lesson.pk})
    other = training_class.lessons.last()
    for data in (
        {"kind": "in", "code": pins.pin(other.pk)},
        {"kind": "in", "code": ""},
        {"kind": "in", "code": "１２３４５６"},
        {"kind": "in", "link": pins.link_code(other.pk)},
    ):
        assert client.post(url, data).status_code == 422
    assert client.post(url, {"kind": "abs", "code": pins.pin(lesson.pk)}).status_code == 422
    stale = pins.link_code(lesson.pk)
    with at(0):
        page = sign_in(Client(), user).get(url, {"code": stale}).content.decode()
        assert "z-message-warning" in page
    assert not Punch.objects.exists()


def test_guessing_is_bounded(lesson: Any, member: Any) -> None:
    by = as_actor(member[1])
    wrong = f"{(int(pins.pin(lesson.pk)) + 1) % 1_000_000:06d}"
    for _ in range(10):
        with pytest.raises(Refusal, match="wrong_code"):
            actions.punch(lesson, "in", "pin", code=wrong, by=by)
    with pytest.raises(Refusal) as refused:
        actions.punch(lesson, "in", "pin", code=pins.pin(lesson.pk), by=by)
    assert refused.value.status == 429


@pytest.mark.req("R024")
def test_the_window_and_the_order_of_punches(lesson: Any, member: Any, training_class: Any) -> None:
    user = member[1]
    for minutes, kind, code in (
        (-31, "in", "too_early"),
        (180, "in", "too_late"),
        (211, "out", "too_late"),
        (10, "out", "not_signed_in"),
    ):
        with pytest.raises(Conflict, match=code):
            punch(lesson, user, kind, minutes)
    punch(lesson, user, "in", -30)
    with pytest.raises(Refusal, match="leaves_early"):
        punch(lesson, user, "out", 100)
    assert punch(lesson, user, "out", 100, early=True).kind == "out"
    training_class.state = "enrolling"
    training_class.save()
    with pytest.raises(Conflict, match="class_not_running"):
        punch(training_class.lessons.last(), user, "in", 300)


def test_who_is_not_on_the_list_cannot_sign_in(client: Client, lesson: Any, training_class: Any) -> None:
    person, user = make_learner()
    make_enrolment(training_class, person, "applied")
    with pytest.raises(Forbidden, match="not_in_class"):
        punch(lesson, user, "in", 0)
    sign_in(client, user)
    assert "z-empty" in client.get(reverse("training:punch", kwargs={"pk": lesson.pk})).content.decode()


@pytest.mark.req("R025")
@pytest.mark.parametrize(
    ("came", "left", "state", "minutes", "credited"),
    [
        (-20, 185, "present", 180, "4"),
        (15, 180, "present", 165, "4"),
        (7, 172, "present", 165, "4"),
        (16, 180, "late", 164, "3.5"),
        (0, 164, "left_early", 164, "3.5"),
        (60, 180, "late", 120, "2.5"),
        (10, 170, "late", 160, "3.5"),
        (-20, -5, "late", 0, "0"),
        (None, None, "absent", 0, "0"),
        (0, None, "left_early", 0, "0"),
    ],
)
def test_what_punches_come_to(
    lesson: Any, came: Any, left: Any, state: str, minutes: int, credited: str
) -> None:
    punches = {k: START + timedelta(minutes=m) for k, m in (("in", came), ("out", left)) if m is not None}
    found = actions.outcome_of(lesson, punches, late_minutes=15, minutes_per_hour=45)
    if punches.get("out", END) <= START:
        state = found.state
    assert (found.state, found.minutes, found.credited) == (state, minutes, Decimal(credited))
    assert bool(found.reason) == (found.state != "present")


@pytest.mark.req("R022", "R025")
def test_closing_a_lesson_credits_hours_once(
    client: Client, lesson: Any, member: Any, training_class: Any, teacher: Any
) -> None:
    enrolment, user = member
    absent = make_enrolment(training_class, make_person(), "accepted")
    make_enrolment(training_class, make_person(), "returned")
    punch(lesson, user, "in", 0)
    punch(lesson, user, "out", 180)
    url = reverse("training:lesson_close", kwargs={"pk": lesson.pk})
    with at(100), pytest.raises(Conflict, match="lesson_goes_on"):
        actions.close_lesson(lesson, by=as_actor(teacher))
    with at(185):
        sign_in(client, teacher)
        page = client.get(url)
        assert page.status_code == 200
        assert enrolment.person.name in page.content.decode()
        assert not Attendance.objects.exists()
        assert client.post(url).status_code == 302
        assert client.post(url).status_code == 302  # again: nothing changes
        assert client.get(url).status_code == 302
    assert {(a.enrolment_id, a.credited) for a in Attendance.objects.all()} == {
        (enrolment.pk, Decimal(4)),
        (absent.pk, Decimal(0)),
    }
    entry = HourEntry.objects.get()
    assert (entry.source_key, entry.hours, entry.enrolment_id) == (
        f"lesson:{lesson.pk}",
        Decimal(4),
        enrolment.pk,
    )
    assert hours.accepted_hours(enrolment.pk) == 4
    with at(186):
        with pytest.raises(Conflict, match="lesson_closed"):
            actions.punch(lesson, "out", "pin", code=pins.pin(lesson.pk), by=as_actor(user))
        client = sign_in(Client(), user)
        text = client.get(reverse("training:my_class", kwargs={"pk": enrolment.pk})).content.decode()
        assert "4.00" in text
        head = sign_in(Client(), make_user(Role.TEACHING_HEAD, training_class.institution.organisation))
        assert head.get(reverse("training:enrolment", kwargs={"pk": absent.pk})).status_code == 200
    data = records_of(enrolment.person)
    assert (len(data["enrolments"]), len(data["punches"]), len(data["attendance"])) == (1, 2, 1)


@pytest.mark.req("R024", "R025")
def test_the_roll_is_called(
    client: Client, lesson: Any, member: Any, training_class: Any, teacher: Any
) -> None:
    enrolment, user = member
    others = [make_enrolment(training_class, make_person()) for _ in range(3)]
    url = reverse("training:roll_call", kwargs={"pk": lesson.pk})
    punch(lesson, user, "in", 0)
    sign_in(client, teacher)
    assert client.get(url).status_code == 200
    whole = {f"mark-{others[0].pk}": "whole"}
    assert client.post(url, whole).status_code == 409  # it still goes on
    assert (
        client.post(
            url, {f"mark-{others[1].pk}": "in", f"mark-{enrolment.pk}": "absent", "mark-0": "whole"}
        ).status_code
        == 302
    )
    with at(181):
        client = sign_in(Client(), teacher)
        assert client.get(url).status_code == 200
        assert (
            client.post(
                url, {**whole, f"mark-{others[1].pk}": "out", f"mark-{others[2].pk}": "out"}
            ).status_code
            == 302
        )
        actions.close_lesson(lesson, by=as_actor(teacher))
        assert client.post(url, whole).status_code == 409
        assert client.get(reverse("training:lesson_roll", kwargs={"pk": lesson.pk})).content.startswith(
            b"%PDF"
        )
    found = {a.enrolment_id: (a.state, a.credited) for a in Attendance.objects.all()}
    assert found == {
        others[0].pk: ("present", Decimal(4)),
        others[1].pk: ("present", Decimal(4)),
        others[2].pk: ("absent", Decimal(0)),
        enrolment.pk: ("absent", Decimal(0)),  # found absent although signed in
    }
    assert set(Punch.objects.exclude(by_user_id=user.pk).values_list("method", flat=True)) == {"roll_call"}


def test_the_roll_is_not_called_too_early_nor_by_others(
    lesson: Any, member: Any, institution: Any, teacher: Any
) -> None:
    marks = {member[0].pk: "in"}
    with at(-40), pytest.raises(Conflict, match="too_early"):
        actions.call_roll(lesson, marks, by=as_actor(teacher))
    for by in (
        make_actor(Role.REGISTRAR, institution.organisation),
        make_actor(Role.TEACHER, institution.organisation),
    ):
        with pytest.raises(Forbidden):
            actions.call_roll(lesson, marks, by=by)
        with pytest.raises(Forbidden):
            actions.close_lesson(lesson, by=by)


def test_a_lesson_with_sign_ins_stands(lesson: Any, member: Any, institution: Any) -> None:
    punch(lesson, member[1], "in", 0)
    with pytest.raises(Conflict, match="lesson_begun"):
        actions.remove_lesson(lesson, by=make_actor(Role.TEACHING_HEAD, institution.organisation))


def test_ones_own_page_asks_the_same_number_of_questions(
    client: Client, training_class: Any, member: Any, django_assert_max_num_queries: Any
) -> None:
    enrolment, user = member
    sign_in(client, user)
    with django_assert_max_num_queries(16):
        client.get(reverse("training:my_class", kwargs={"pk": enrolment.pk}))
    with django_assert_max_num_queries(14):
        client.get(reverse("training:my_classes"))
