"""The console's live stream lasts as long as the right to watch, and its threads end with it."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.accounts.actions import end_session
from zhupei.accounts.models import AccountSession, User
from zhupei.config import asgi
from zhupei.hall import actions
from zhupei.hall.console import live
from zhupei.hall.tests.days import Day
from zhupei.hall.tests.test_live import asked, run, url_of, watcher
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.organisations.models import Membership


@pytest.mark.req("R023")
@pytest.mark.parametrize(
    "how", ["signs out", "is signed out", "loses the role", "account closed", "ends the duty"]
)
def test_a_stream_ends_with_the_right_to_watch(
    how: str, open_day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = open_day
    day.staffed()
    monkeypatch.setattr(live, "CHECK_S", 0.2)
    user = User.objects.get(pk=day.watch.user_id)
    client, other = sign_in(Client(), user), watcher(day)
    elsewhere = sign_in(Client(), user)  # the same person at another computer

    def ends() -> None:
        if how == "signs out":
            client.post(reverse("accounts:sign_out"))
        elif how == "is signed out":
            key = client.cookies[settings.SESSION_COOKIE_NAME].value
            end_session(AccountSession.objects.get(session_key=key), by=day.watch)
        elif how == "loses the role":
            Membership.objects.filter(user=user).update(valid_to=clock.today() - timedelta(days=1))
        elif how == "account closed":
            User.objects.filter(pk=user.pk).update(is_active=False)
        else:
            actions.leave_duty(day.row.staff.get(user_id_ref=user.pk), by=day.watch)
        connections.close_all()

    async def scene() -> None:
        async with (
            asked(url_of(day, day.room), client) as one,
            asked(url_of(day), other) as two,
            asked(url_of(day), elsewhere) as three,
        ):
            for reader in (one, two, three):
                assert (await reader.start())[0] == 200
                await reader.event()
            began = time.monotonic()
            await asyncio.to_thread(ends)
            while await one.event() is not None:
                pass
            assert time.monotonic() - began < 4
            await asyncio.sleep(1.2)
            alone = how in ("signs out", "is signed out")
            assert asgi.streams.open == (2 if alone else 1)  # nobody else's

    run(scene)
    if how != "ends the duty":
        answer = client.get(url_of(day, day.room))
        assert live.HEADER not in answer.headers


def test_who_may_still_watch_is_asked_once_for_all(day: Day, django_assert_num_queries: Any) -> None:
    day.staffed()
    users = [make_user(Role.INVIGILATOR, day.unit) for _ in range(3)]
    users += User.objects.filter(pk__in=[day.watch.user_id, day.watch2.user_id])
    granted = [sign_in(Client(), user).get(url_of(day)).headers[live.HEADER] for user in users]
    subjects = [subject for one in granted if (subject := live.subject_of(one))]
    assert len(subjects) == len(set(subjects)) == 5
    with django_assert_num_queries(2):
        assert live.lapsed(subjects) == frozenset()


def test_the_threads_that_look_close_their_connections(
    open_day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = BaseDatabaseWrapper.close

    def noted(self: BaseDatabaseWrapper) -> None:
        if self.connection is not None:
            closed.append(threading.current_thread().name)
        close(self)

    monkeypatch.setattr(BaseDatabaseWrapper, "close", noted)
    client = watcher(open_day)

    async def scene() -> None:
        async with asked(url_of(open_day), client) as one:
            await one.start()
            await one.event()
            closed.clear()

    run(scene)
    assert [name for name in closed if name.startswith("hall-live")]
