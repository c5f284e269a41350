"""The end of a batch in the hall: closing waits for everybody; a return that is made stays made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.hall import actions
from zhupei.hall.api import bundle_of, close_engine, engine
from zhupei.hall.tests.days import Day, refused
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


def test_closing_waits_for_everybody(day: Day) -> None:
    refused("session_to_come", lambda: actions.close_batch(day.row, by=day.head))
    day.running()
    with clock.frozen(day.starts_at + timedelta(minutes=60)):
        refused("sitting_running", lambda: actions.close_batch(day.row, by=day.head))
        pending = day.check_in(1, method="document", reason="无身份证")
        actions.force_hand_in(day.row, day.key(), reason="离场", by=day.head)
        refused("check_in_pending", lambda: actions.close_batch(day.row, by=day.head))
        actions.decide_check_in(pending, accept=False, reason="不是本人", by=day.watch)
        row = actions.propose(day.row, day.key(), "void", reason="夹带", by=day.watch)
        refused("proposal_open", lambda: actions.close_batch(day.row, by=day.head))
        actions.decide(row, accept=False, reason="证据不足", by=day.officer)
        refused("role_missing", lambda: actions.close_batch(day.row, by=day.watch))
        refused("wrong_state", lambda: actions.make_return(day.row, by=day.head))
        refused("no_return", lambda: actions.take_return(day.row, by=day.head))
        client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
        assert client.get(reverse("hall:close", args=[day.row.pk])).status_code == 200
        row = actions.close_batch(day.row, by=day.head)
        assert row.board[0]["state"] in ("submitted", "not_admitted")
        refused("batch_closed", lambda: actions.close_batch(day.row, by=day.head))
        refused("batch_closed", lambda: day.check_in(1))
        refused("batch_closed", lambda: actions.allow_entry(day.row, day.key(), reason="x", by=day.watch))
        close_engine()  # a restart between closing and the return
        data = actions.make_return(day.row, by=day.head)
        assert actions.make_return(day.row, by=day.head) == data
        day.row.refresh_from_db()
        day.batch.refresh_from_db()
        assert (day.row.state, day.row.sealed_key, day.batch.state) == ("returned", "", "returned")
        assert engine().bundles() == []
        refused("batch_returned", lambda: bundle_of(day.row))
        assert client.get(reverse("hall:return_file", args=[day.row.pk])).content == data
        assert client.get(reverse("hall:scores", args=[day.row.pk])).status_code == 200
        assert client.get(reverse("hall:batch", args=[day.row.pk])).status_code == 200
        assert client.get(reverse("hall:desk", args=[day.row.pk])).status_code == 409


def test_closing_does_not_take_the_test_from_those_who_wait_for_it(day: Day) -> None:
    """The start is late, everybody sits in the room, checked in: the batch is not closed over their heads."""
    day.check_in()
    with clock.frozen(day.starts_at + timedelta(minutes=10)):
        refused("sitting_running", lambda: actions.close_batch(day.row, by=day.head))
    with clock.frozen(
        day.starts_at + timedelta(hours=3)
    ):  # he left without beginning, and the session is over
        assert actions.close_batch(day.row, by=day.head).state == "closed"


def test_a_return_that_the_centre_refuses_stays_made(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*args: Any, **kwargs: Any) -> None:
        raise Refusal("hall_key_missing", "x", status=409)

    with clock.frozen(day.starts_at + timedelta(hours=3)):
        actions.close_batch(day.row, by=day.head)
        with monkeypatch.context() as patch:
            patch.setattr("zhupei.exams.api.receive_return", no)
            refused("hall_key_missing", lambda: actions.make_return(day.row, by=day.head))
        day.row.refresh_from_db()
        assert day.row.state == "returned"
        client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
        assert "尚未收到" in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
        assert client.post(reverse("hall:return", args=[day.row.pk])).status_code == 302
        day.batch.refresh_from_db()
        assert day.batch.state == "returned"
