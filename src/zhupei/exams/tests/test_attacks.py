"""Order of acts that the pages do not suggest, and returns that contradict themselves."""

from __future__ import annotations

import msgspec
import pytest
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_application,
    make_bank,
    make_batch,
    make_hall_return,
    make_ready_enrolment,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.exams import actions
from zhupei.exams.choices import BatchState
from zhupei.hours.api import reverse_entry
from zhupei.hours.models import HourEntry
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rules():
    make_rulebook()


def spans(application):
    return [(one.starts_at, one.ends_at) for one in application.sessions.all()]


def test_a_batch_cancelled_with_its_seats_given_gets_a_slot_again():
    application = make_application(state="scheduled", rows=[("101", 1)])
    batch = application.batch
    officer = make_actor(Role.EXAM_OFFICER, batch.institution.organisation)
    actions.add_candidates(batch, [make_ready_enrolment(batch.institution).pk], by=officer)
    batch = actions.lock_batch(batch, by=officer)
    batch = actions.cancel_batch(batch, reason="停电", by=make_actor(Role.CENTRE_APPROVER))
    again = actions.schedule(application, spans(application), by=make_actor(Role.CENTRE_OFFICER))
    assert (again.pk, again.state) == (batch.pk, BatchState.PREPARING)
    assert again.candidates.get().slot_id is None
    assert actions.lock_batch(again, by=officer).state == BatchState.LOCKED


@pytest.mark.req("R022")
def test_hours_taken_back_after_the_lock_stop_the_draw():
    make_bank()
    batch = make_batch(state="locked", candidates=2)
    entry = HourEntry.objects.filter(person=batch.candidates.first().person).first()
    reverse_entry(entry, reason="点名有误", by=make_actor(Role.CENTRE_APPROVER))
    with pytest.raises(Refusal, match="hours_missing"):
        actions.draw_batch(batch, by=make_actor(Role.CENTRE_OFFICER))
    batch.refresh_from_db()
    assert batch.state == BatchState.LOCKED


def _hidden(content):
    """The first candidate has answered, but the hall says that he never came."""
    first = msgspec.structs.replace(content.sittings[0], state="not_admitted", scores=None, submitted_at=None)
    return msgspec.structs.replace(content, sittings=(first, *content.sittings[1:]))


@pytest.mark.req("R038")
def test_a_sitting_with_answers_does_not_vanish_as_absent():
    batch = make_batch(state="released")
    row = actions.receive_return(batch, make_hall_return(batch, tamper=_hidden), by=SYSTEM)
    assert [one["what"] for one in row.differences] == ["state", "no_score"]
    with pytest.raises(Conflict, match="differences_stand"):
        actions.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))


@pytest.mark.parametrize("view", ["week", "month"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "abc", ""])
def test_the_calendar_shows_today_for_a_day_out_of_reach(client, view, day):
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert client.get(reverse("exams:slots"), {"day": day, "view": view}).status_code == 200


@pytest.mark.parametrize("ids", [["²"], ["9" * 30], ["9" * 5000], ["a"], []])
def test_candidates_that_are_no_numbers_are_nobody(client, ids):
    batch = make_batch()
    sign_in(client, make_user(Role.EXAM_OFFICER, batch.institution.organisation))
    page = reverse("exams:candidates", args=[batch.pk])
    assert client.post(page, {"enrolments": ids}).status_code == 422
