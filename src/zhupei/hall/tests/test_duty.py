"""Where an invigilator is on duty, and who goes on when a paused room does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.makers import make_actor, make_batch, make_hall_batch, make_person

from zhupei.audit.models import AuditEvent
from zhupei.delivery.formats import events as ev
from zhupei.hall import actions
from zhupei.hall.api import HallBatch, bundle_of, engine
from zhupei.hall.models import RoomStaff
from zhupei.hall.tests.days import Day, refused
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def day() -> Iterator[Day]:
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


def another_batch(day: Day) -> HallBatch:
    """A second batch in the same hall, open beside the first."""
    batch = make_batch(state="released", persons=[make_person()], hall=day.batch.hall)
    return make_hall_batch(batch, state="open")


@pytest.mark.req("R150")
def test_an_invigilator_counts_in_one_batch_at_a_time(day: Day) -> None:
    other = another_batch(day)
    room = bundle_of(other).rooms[0].id
    duty = actions.take_on_duty(day.row, day.room, by=day.watch)
    problem = refused("on_duty_elsewhere", lambda: actions.take_on_duty(other, room, by=day.watch))
    assert problem.status == 409
    assert str(day.row) in str(problem.message)
    assert bundle_of(day.row).rooms[0].name in str(problem.message)
    assert list(RoomStaff.objects.filter(user_id_ref=day.watch.user_id)) == [duty]
    actions.take_on_duty(other, room, by=day.watch2)
    actions.leave_duty(duty, by=day.watch)
    actions.take_on_duty(other, room, by=day.watch)
    refused("on_duty_elsewhere", lambda: actions.take_on_duty(day.row, day.room, by=day.watch))


@pytest.mark.req("R150")
def test_going_to_another_room_of_the_batch_is_a_leaving_too(day: Day) -> None:
    rooms = bundle_of(day.row).rooms
    watch = make_actor(Role.INVIGILATOR, day.unit)
    for room in rooms[:2]:
        actions.take_on_duty(day.row, room.id, by=watch)
    assert len(rooms) > 1
    left = AuditEvent.objects.filter(code="hall.off_duty")
    assert [one.after for one in left] == [{}]
    assert RoomStaff.objects.get(user_id_ref=watch.user_id, left_at=None).room_id_ref == int(rooms[1].id)


def test_whoever_was_stopped_by_name_never_runs_when_the_room_goes_on(day: Day) -> None:
    day.check_in(1)
    day.running()
    engine().start(day.key(1)).wait()
    actions.pause_seat(day.row, day.key(1), reason="手机", suspected=True, by=day.watch)
    actions.pause_room(day.row, day.session, None, "停电", by=day.watch)
    assert actions.resume_room(day.row, day.session, None, by=day.watch) == 1
    assert engine().seat(day.key(1)).state == "paused"
    assert engine().seat(day.key()).state == "running"
    resumed = [
        one.event.candidate_id for one in engine()._journal.replay() if isinstance(one.event, ev.Resumed)
    ]
    assert day.key(1) not in resumed
    count = AuditEvent.objects.filter(code="hall.resumed").count()
    refused("nobody_paused", lambda: actions.resume_room(day.row, day.session, None, by=day.watch))
    assert AuditEvent.objects.filter(code="hall.resumed").count() == count
    actions.resume_seat(day.row, day.key(1), by=day.watch)
    assert engine().seat(day.key(1)).state == "running"


def test_a_room_where_only_a_stopped_person_is_left_opens_again(day: Day) -> None:
    """The pause of the room ends and is on the record, though nobody's clock runs on by it."""
    day.check_in(1)
    day.running()
    engine().start(day.key(1)).wait()
    actions.pause_seat(day.row, day.key(1), reason="手机", suspected=True, by=day.watch)
    actions.pause_room(day.row, day.session, None, "停电", by=day.watch)
    actions.force_hand_in(day.row, day.key(), reason="收卷", by=day.head)
    assert engine().is_paused(day.session, day.room)
    assert actions.resume_room(day.row, day.session, None, by=day.watch) == 0
    assert not engine().is_paused(day.session, day.room)
    assert AuditEvent.objects.filter(code="hall.resumed").exists()
