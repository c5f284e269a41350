"""After a batch is closed in the hall nobody starts any more, whatever is restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from zhupei.audit.models import AuditEvent
from zhupei.delivery.app.quick import COOKIE
from zhupei.hall import actions
from zhupei.hall.api import close_engine, engine
from zhupei.hall.process import exam_application, identify
from zhupei.hall.tests.days import Day, refused
from zhupei.kernel import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def day() -> Iterator[Day]:
    """One candidate has handed in, the other was checked in and never began; the session is over."""
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        day.running()
        day.check_in(1)
        actions.force_hand_in(day.row, day.key(), reason="收卷", by=day.head)
    with clock.frozen(day.starts_at + timedelta(hours=3)):
        yield day


@pytest.mark.req("R038", "R039")
def test_after_closing_start_is_refused_also_after_a_restart(day: Day) -> None:
    row = actions.close_batch(day.row, by=day.head)
    refused("test_closed", lambda: engine().start(day.key(1)))
    assert engine().seat(day.key(1)).state == "admitted"
    close_engine()
    refused("test_closed", lambda: engine().start(day.key(1)))
    assert actions.make_return(row, by=day.head)
    assert {one["state"] for one in row.board} == {"submitted", "admitted"}


def test_whoever_begins_while_the_batch_is_being_closed_keeps_it_open(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = actions.closing.board_rows

    def looked_at(row: Any) -> list[dict[str, Any]]:
        rows = whole(row)
        engine().start(day.key(1)).wait()  # pressed in the moment after
        return rows

    monkeypatch.setattr(actions.closing, "board_rows", looked_at)
    refused("sitting_running", lambda: actions.close_batch(day.row, by=day.head))
    day.row.refresh_from_db()
    assert (day.row.state, day.row.closed_at) == ("open", None)
    assert not AuditEvent.objects.filter(code="hall.closed").exists()
    assert day.row.staff.filter(left_at=None).exists()


def test_the_page_of_one_who_never_began_says_so(day: Day) -> None:
    slip = engine().seat(day.key(1)).slip_no
    sign = engine().enter(slip, identify(day.people[1].identity_number)).wait()
    actions.close_batch(day.row, by=day.head)

    async def ask() -> bytes:
        parts: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            parts.append(message.get("body", b""))

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/exam/wait",
            "root_path": "/exam",
            "headers": [(b"cookie", f"{COOKIE}={sign.token}".encode())],
        }
        await exam_application()(scope, receive, send)
        return b"".join(parts)

    page = asyncio.run(ask()).decode()
    assert "本场测试已经结束" in page
    assert 'action="/exam/start"' not in page
