"""An exam day for the tests of this room, and what they share."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from tests.makers import make_actor, make_batch, make_filed_staff, make_hall_batch, make_person, make_rulebook

from zhupei.exams.api import Batch
from zhupei.hall import actions
from zhupei.hall.api import HallBatch, bundle_of, engine
from zhupei.hall.console import watching
from zhupei.hall.models import CheckIn
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "white").save(out, "JPEG")
    return out.getvalue()


class Day:
    """An exam day: two candidates in one room, the bundle open, everybody who works there."""

    def __init__(self, state: str = "open", candidates: int = 2) -> None:
        make_rulebook()
        self.people = [make_person() for _ in range(candidates)]
        self.batch: Batch = make_batch(state="released", persons=self.people)
        self.unit = self.batch.hall.institution.organisation
        self.starts_at = self.batch.slots.get().starts_at
        self.row: HallBatch = make_hall_batch(self.batch, state=state)
        self.keys = {
            one.person_id: str(one.pk)
            for one in self.batch.candidates.select_related("person").order_by("seat")
        }
        self.head = make_actor(Role.HALL_TECHNICAL_HEAD, self.unit)
        self.keeper = make_actor(Role.ROOM_ADMINISTRATOR, self.unit)
        self.watch = make_actor(Role.INVIGILATOR, self.unit)
        self.watch2 = make_actor(Role.INVIGILATOR, self.unit)
        self.officer = make_actor(Role.EXAM_OFFICER, self.unit)

    def key(self, n: int = 0) -> str:
        return self.keys[self.people[n].pk]

    @property
    def session(self) -> str:
        return bundle_of(self.row).sessions[0].id

    @property
    def room(self) -> str:
        return engine().seat(self.key()).room_id

    def card(self, n: int = 0) -> str:
        return actions.find_candidate(self.row, self.people[n].identity_number, by=self.keeper).card

    def check_in(self, n: int = 0, **fields: Any) -> CheckIn:
        values = {"method": "card", "card": self.card(n), "by": self.keeper, **fields}
        return actions.check_in(self.row, self.key(n), **values)

    def staffed(self) -> None:
        make_filed_staff(self.unit)
        actions.take_on_duty(self.row, self.room, by=self.watch)
        actions.take_on_duty(self.row, self.room, by=self.watch2)

    def running(self, n: int = 0) -> None:
        self.check_in(n)
        self.staffed()
        actions.open_room(self.row, self.session, self.room, by=self.watch)
        engine().start(self.key(n)).wait()


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    assert caught.value.status in range(400, 504)
    return caught.value


def entered(day: Day, n: int = 0) -> None:
    """The candidate signs in at the computer, with a page that has script."""
    one = next(one for one in bundle_of(day.row).candidates if one.candidate_id == day.key(n))
    engine().enter(one.slip_no, one.id_hash, address="10.0.0.1")


def sitting(day: Day, n: int = 0) -> None:
    """The candidate has begun, at a page with script."""
    day.check_in(n)
    if not n:
        day.staffed()
        actions.open_room(day.row, day.session, day.room, by=day.watch)
    entered(day, n)
    engine().start(day.key(n)).wait()
    engine().heartbeat(day.key(n)).wait()


def seen(day: Day, before: watching.Look | None = None) -> watching.Look:
    return watching.look(day.row, day.session, before)


def codes(look: watching.Look) -> list[tuple[int, str]]:
    return [(one.level, one.code) for one in look.alarms]
