"""Staff: reported and filed, enough of them on duty in every room."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_filed_staff,
    make_institution,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.hall import actions
from zhupei.hall.api import bundle_of, engine, room_states
from zhupei.hall.models import RoomStaff
from zhupei.hall.queries import needed_for
from zhupei.hall.tests.days import Day, refused
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.mark.req("R150", "J10")
def test_invigilators_by_the_rule() -> None:
    make_rulebook()
    assert [needed_for(n) for n in (0, 1, 50, 51, 100)] == [0, 2, 2, 4, 4]


@pytest.mark.req("R146", "R147", "R148", "R150")
def test_no_start_without_filed_staff_and_enough_invigilators(day: Day) -> None:
    day.check_in()
    error = refused(
        "staff_not_filed", lambda: actions.open_room(day.row, day.session, day.room, by=day.watch)
    )
    assert "机房管理员" in str(error.message)
    make_filed_staff(day.unit)
    refused("invigilators_missing", lambda: actions.open_room(day.row, day.session, day.room, by=day.watch))
    refused("role_missing", lambda: actions.take_on_duty(day.row, day.room, by=day.head))
    actions.take_on_duty(day.row, day.room, by=day.watch)
    actions.take_on_duty(day.row, day.room, by=day.watch)  # again: no effect
    error = refused("invigilators_missing", lambda: actions.open_room(day.row, day.session, by=day.watch))
    assert "须有 2 名监考人员" in str(error.message)
    assert not engine().is_open(day.session, day.room)
    actions.take_on_duty(day.row, day.room, by=day.watch2)
    refused("room_unknown", lambda: actions.open_room(day.row, day.session, "0", by=day.watch))
    refused("session_unknown", lambda: actions.open_room(day.row, "0", by=day.watch))
    empty = next(one.id for one in bundle_of(day.row).rooms if one.id != day.room)
    refused("room_empty", lambda: actions.open_room(day.row, day.session, empty, by=day.watch))
    actions.open_room(day.row, day.session, day.room, by=day.watch)
    assert engine().is_open(day.session, day.room)
    actions.open_room(day.row, day.session, day.room, by=day.watch)  # again: no effect


def test_who_watches_a_sitting_room_does_not_leave_it_short(day: Day) -> None:
    day.running()
    duty = RoomStaff.objects.get(user_id_ref=day.watch.user_id)
    refused("invigilators_missing", lambda: actions.leave_duty(duty, by=day.watch))
    empty = next(one.id for one in bundle_of(day.row).rooms if one.id != day.room)
    refused("invigilators_missing", lambda: actions.take_on_duty(day.row, empty, by=day.watch))
    assert RoomStaff.objects.filter(left_at=None).count() == 2
    third = make_actor(Role.INVIGILATOR, day.unit)
    actions.take_on_duty(day.row, day.room, by=third)
    actions.leave_duty(duty, by=day.watch)
    refused("wrong_state", lambda: actions.leave_duty(duty, by=day.watch))
    assert [one.staff for one in room_states(day.row, bundle_of(day.row))] == [2]


def test_to_another_room_ends_the_first_duty(day: Day) -> None:
    empty = next(one.id for one in bundle_of(day.row).rooms if one.id != day.room)
    actions.take_on_duty(day.row, day.room, by=day.watch)
    actions.take_on_duty(day.row, empty, by=day.watch)
    assert RoomStaff.objects.filter(left_at=None).get().room_id_ref == int(empty)
    assert RoomStaff.objects.count() == 2


@pytest.mark.req("R146", "R147", "R148")
def test_hall_staff_are_reported_trained_and_filed() -> None:
    make_rulebook()
    institution = make_institution()
    make_site(institution, "hall")
    unit = institution.organisation
    keeper = make_user(Role.ROOM_ADMINISTRATOR, unit, name="钱机房")
    client = sign_in(Client(), make_user(Role.EXAM_OFFICER, unit))
    url = reverse("hall:staff_report")
    values = {
        "person": f"{keeper.pk}/room_administrator",
        "trained_on": clock.today(),
        "training": "中心考场培训",
    }
    assert client.post(url, {**values, "trained_on": clock.today() + timedelta(days=1)}).status_code == 422
    assert client.post(url, {**values, "training": " "}).status_code == 422
    assert client.post(url, {**values, "person": "0/room_administrator"}).status_code == 422
    assert client.post(url, values).status_code == 302
    assert "待中心备案" in client.get(reverse("hall:staff")).content.decode()
    row = actions.staff.StaffFiling.objects.get()
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    assert "钱机房" in centre.get(reverse("hall:staff")).content.decode()
    file = reverse("hall:staff_file", args=[row.pk])
    assert centre.post(file, {"filing_no": " "}).status_code == 422
    assert centre.post(file, {"filing_no": "渝岗备 1"}).status_code == 302
    assert centre.post(file, {"filing_no": "渝岗备 2"}).status_code == 409
    other = make_actor(Role.EXAM_OFFICER)
    refused(
        "not_hall_staff",
        lambda: actions.report_staff(
            keeper.pk, "room_administrator", trained_on=clock.today(), training="x", by=other
        ),
    )
    refused("person_needed", lambda: actions.common.person(SYSTEM))
