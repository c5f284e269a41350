"""What staff do about seats: pause, time, void, move, entry, hand-in; their pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_filed_staff, make_user, sign_in

from zhupei.hall import actions
from zhupei.hall.api import bundle_of, engine
from zhupei.hall.models import Incident
from zhupei.hall.tests.days import Day, picture, refused
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import RuleParameter

pytestmark = pytest.mark.django_db


@pytest.mark.req("R040")
def test_a_paused_room_loses_no_time(day: Day) -> None:
    refused("nobody_sits", lambda: actions.pause_room(day.row, day.session, None, "停电", by=day.watch))
    day.running()
    refused("no_reason", lambda: actions.pause_room(day.row, day.session, day.room, " ", by=day.watch))
    assert actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch) == 1
    assert engine().seat(day.key()).state == "paused"
    assert actions.resume_room(day.row, day.session, day.room, by=day.watch) == 1
    refused("nobody_paused", lambda: actions.resume_room(day.row, day.session, None, by=day.watch))


@pytest.mark.req("R040")
def test_time_needs_two_persons(day: Day) -> None:
    day.running()
    propose = actions.propose
    refused(
        "minutes_range", lambda: propose(day.row, day.key(), "add_time", minutes=0, reason="x", by=day.watch)
    )
    refused("no_reason", lambda: propose(day.row, day.key(), "add_time", minutes=5, reason="", by=day.watch))
    refused("bad_kind", lambda: propose(day.row, day.key(), "gift", minutes=5, reason="x", by=day.watch))
    refused(
        "wrong_state", lambda: propose(day.row, day.key(1), "add_time", minutes=5, reason="x", by=day.watch)
    )
    row = propose(day.row, day.key(), "add_time", minutes=5, reason="断网", by=day.head)
    refused(
        "proposal_open", lambda: propose(day.row, day.key(), "add_time", minutes=9, reason="x", by=day.watch)
    )
    refused("same_person", lambda: actions.decide(row, accept=True, by=day.head))
    refused("role_missing", lambda: actions.decide(row, accept=True, by=day.watch))
    refused("no_reason", lambda: actions.decide(row, accept=False, by=day.officer))
    actions.decide(row, accept=True, by=day.officer)
    refused("wrong_state", lambda: actions.decide(row, accept=True, by=day.officer))
    assert engine().seat(day.key()).added_s == 300


@pytest.mark.req("I09")
def test_voiding_needs_two_persons_of_any_name(day: Day) -> None:
    day.running()
    namesake = Actor(
        day.officer.user_id,
        day.head.name,
        day.officer.roles,
        day.officer.organisation_id,
        day.head.organisation_name,
    )
    incident = actions.add_incident(
        day.row,
        kind="impersonation",
        text="与照片不是同一人",
        candidate_key=day.key(),
        photo=picture(),
        by=day.watch,
    )
    assert incident.photo is not None
    refused("bad_kind", lambda: actions.add_incident(day.row, kind="x", text="y", by=day.watch))
    refused("no_reason", lambda: actions.add_incident(day.row, kind="other", text=" ", by=day.watch))
    row = actions.propose(day.row, day.key(), "void", reason="替考", by=day.head)
    actions.decide(row, accept=True, by=namesake)
    assert engine().seat(day.key()).state == "voided"
    refused("wrong_state", lambda: actions.propose(day.row, day.key(), "void", reason="x", by=day.head))


@pytest.mark.req("I04")
def test_a_spare_seat_keeps_time_and_answers(day: Day) -> None:
    day.running()
    other = engine().seat(day.key(1))
    move = actions.move_seat
    refused("seat_taken", lambda: move(day.row, day.key(), day.room, other.seat_no, reason="x", by=day.watch))
    refused("seat_taken", lambda: move(day.row, day.key(), day.room, "99", reason="x", by=day.watch))
    refused("no_reason", lambda: move(day.row, day.key(), day.room, "40", reason="", by=day.watch))
    move(day.row, day.key(), day.room, "40", reason="蓝屏", by=day.watch)
    seat = engine().seat(day.key())
    assert (seat.seat_no, seat.state, seat.may_enter) == ("40", "running", True)


@pytest.mark.req("R150", "J10", "I04")
def test_one_person_more_than_the_invigilators_suffice_for_is_not_let_in(day: Day) -> None:
    RuleParameter.objects.filter(key="invigilators_per").update(value=1)
    other = next(room.id for room in bundle_of(day.row).rooms if room.id != day.room)
    watches = [make_actor(Role.INVIGILATOR, day.unit) for _ in range(4)]
    move = actions.move_seat

    def moved(n: int) -> None:
        move(day.row, day.key(n), other, f"{n + 1:02d}", reason="停电", by=day.watch)

    day.check_in()
    day.check_in(1)
    moved(0)  # nobody sits yet: the room is looked at when it is opened
    move(day.row, day.key(), engine().seat(day.key(1)).room_id, "40", reason="恢复", by=day.watch)
    make_filed_staff(day.unit)
    for one in [day.watch, day.watch2, *watches[:2]]:
        actions.take_on_duty(day.row, day.room, by=one)
    actions.open_room(day.row, day.session, day.room, by=day.watch)
    for n in (0, 1):
        engine().start(day.key(n)).wait()
    refused("invigilators_missing", lambda: moved(0))
    for one in (make_actor(Role.INVIGILATOR, day.unit), make_actor(Role.INVIGILATOR, day.unit)):
        actions.take_on_duty(day.row, other, by=one)
    moved(0)
    problem = refused("invigilators_missing", lambda: moved(1))
    assert "4" in str(problem.message)
    assert engine().seat(day.key()).room_id == other
    move(day.row, day.key(), other, "30", reason="蓝屏", by=day.watch)  # within the room nothing changes


def test_entry_and_hand_in_by_staff(day: Day) -> None:
    day.running()
    refused("no_reason", lambda: actions.allow_entry(day.row, day.key(), reason="", by=day.watch))
    actions.allow_entry(day.row, day.key(), reason="浏览器关闭", by=day.watch)
    assert engine().seat(day.key()).may_enter
    refused("role_missing", lambda: actions.force_hand_in(day.row, day.key(), reason="x", by=day.watch))
    actions.force_hand_in(day.row, day.key(), reason="身体不适离场", by=day.head)
    seat = engine().seat(day.key())
    assert (seat.state, seat.submit_kind) == ("submitted", "forced")


def test_every_page_of_a_seat(day: Day, django_assert_max_num_queries: Any) -> None:
    day.running()
    row = actions.propose(day.row, day.key(), "add_time", minutes=5, reason="断网", by=day.watch)
    actions.add_incident(
        day.row, kind="machine", text="蓝屏", candidate_key=day.key(), photo=picture(), by=day.watch
    )
    client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
    args = [day.row.pk, day.key()]
    console = reverse("hall:console", args=[day.row.pk, day.session, day.room])
    for url in (
        reverse("hall:seat", args=args),
        reverse("hall:propose", args=[*args, "add_time"]),
        reverse("hall:propose", args=[*args, "void"]),
        reverse("hall:move_seat", args=args),
        reverse("hall:allow_entry", args=args),
        reverse("hall:force_hand_in", args=args),
        reverse("hall:decide", args=[row.pk]),
        reverse("hall:incident", args=[day.row.pk]) + f"?candidate={day.key()}",
        reverse("hall:incident_photo", args=[Incident.objects.get().pk]),
        reverse("hall:scores", args=[day.row.pk]),
        reverse("hall:check_in", args=args),
        reverse("hall:staff"),
        reverse("hall:staff_report"),
        console,
    ):
        answer = client.get(url)
        assert answer.status_code == 200, url
    with django_assert_max_num_queries(25):
        client.get(reverse("hall:batch", args=[day.row.pk]))
    with django_assert_max_num_queries(20):
        client.get(reverse("hall:batches"))
    with django_assert_max_num_queries(16):
        client.get(console)
    scores = client.get(reverse("hall:scores", args=[day.row.pk])).content.decode()
    assert ("未签到" in scores, "缺考" in scores) == (True, False), "the room still sits"
    part = client.get(console, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "剩余" in part
    assert client.get(reverse("hall:propose", args=[*args, "gift"])).status_code == 404
    refusal = client.post(reverse("hall:force_hand_in", args=args), {"reason": ""})
    assert refusal.status_code == 422
    assert client.post(reverse("hall:force_hand_in", args=args), {"reason": "离场"}).status_code == 302
    scores = client.get(reverse("hall:scores", args=[day.row.pk])).content.decode()
    assert ("未签到" in scores, "缺考" in scores) == (False, True), "all who came have handed in"
    pdf = client.get(reverse("hall:scores_pdf", args=[day.row.pk, day.session, day.room]))
    assert pdf.content.startswith(b"%PDF")
    assert client.get(reverse("hall:scores_pdf", args=[day.row.pk, day.session, "0"])).status_code == 404
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    assert centre.get(console).status_code == 200
    assert centre.get(reverse("hall:seat", args=args)).status_code == 403
    for who in (Role.INVIGILATOR, Role.EXAM_OFFICER):
        stranger = sign_in(Client(), make_user(who))
        assert stranger.get(reverse("hall:seat", args=args)).status_code == 404
        assert stranger.get(reverse("hall:decide", args=[row.pk])).status_code == 404
        assert (
            stranger.get(reverse("hall:incident_photo", args=[Incident.objects.get().pk])).status_code == 404
        )
