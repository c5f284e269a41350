"""A restart after which one batch's bundle cannot be read: its candidates lose no time, the others go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_batch, make_hall_batch, make_person, make_user, sign_in

from zhupei.hall import actions, keys, process
from zhupei.hall.api import bundle_of, close_engine, engine, exam_application
from zhupei.hall.models import HallBatch
from zhupei.hall.queries import loaded_bundle
from zhupei.hall.tests.days import Day, codes, refused, seen
from zhupei.hall.todo import tasks_for
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.mark.req("R040")
def test_a_bundle_that_fails_to_load_after_a_restart_costs_its_candidates_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = Day()
    later = day.starts_at + timedelta(hours=4)
    batch = make_batch(
        state="released",
        persons=[make_person()],
        hall=day.batch.hall,
        sessions=[(later, later + timedelta(hours=2))],
    )
    other = make_hall_batch(batch, state="open")
    mine, theirs = day.key(), str(batch.candidates.get().pk)
    noon = day.starts_at
    with clock.frozen(noon):
        running = engine()
        for key in (mine, theirs):
            running.admit(key, by="监考", method="card")
        for row in (day.row, other):
            running.open_session(bundle_of(row).sessions[0].id, by="监考")
        for key in (mine, theirs):
            running.start(key).wait()
        whole = running.view(theirs).remaining_ms
    close_engine()
    load = keys.load_into

    def damaged(target: object, row: HallBatch) -> object:
        if row.pk == other.pk:
            raise OSError("the file cannot be read")
        return load(target, row)  # type: ignore[arg-type]

    monkeypatch.setattr(keys, "load_into", damaged)
    with clock.frozen(noon + timedelta(minutes=1)):
        running = engine()
    refused("not_loaded", lambda: bundle_of(other))
    tick, since = running._base
    running._base = (tick, since - 3600)  # an hour goes by
    refused("candidate_unknown", lambda: running.seat(theirs))
    assert running.view(mine).remaining_ms < whole - 3_500_000
    # it is told on the consoles, on the batch's page and among the tasks, and tried again
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, day.unit))
    page = reverse("hall:batch", args=[other.pk])
    assert (3, "not_loaded") in codes(seen(day))
    board = client.get(reverse("hall:board", args=[day.row.pk, day.session])).content.decode()
    assert other.batch_no in board
    assert page in board
    assert 'role="alert"' in client.get(page).content.decode()
    assert [one.count for one in tasks_for(day.keeper) if one.url == page] == [1]
    process.load_failed()
    refused("not_loaded", lambda: bundle_of(other))
    monkeypatch.undo()
    process.load_failed()
    assert whole - 60_000 < running.view(theirs).remaining_ms <= whole + 1000
    assert "not_loaded" not in {code for _level, code in codes(seen(day))}
    assert not any(one.url == page for one in tasks_for(day.keeper))


def test_a_closed_batch_that_did_not_load_can_be_loaded_by_hand(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.frozen(day.starts_at + timedelta(hours=3)):
        actions.close_batch(day.row, by=day.head)
    close_engine()
    with monkeypatch.context() as patch:
        patch.setattr(keys, "read", lambda row: b"damaged")
        engine()
    day.row.refresh_from_db()
    assert loaded_bundle(day.row) is None
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, day.unit))
    url = reverse("hall:open", args=[day.row.pk])
    assert url in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
    actions.open_batch(day.row, by=day.keeper)
    assert loaded_bundle(day.row) is not None
    assert process.failed_loads() == frozenset()
    refused("wrong_state", lambda: actions.open_batch(day.row, by=day.keeper))


def test_the_server_tries_again_by_itself(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    close_engine()
    with monkeypatch.context() as patch:
        patch.setattr(keys, "read", lambda row: b"damaged")
        engine()
    monkeypatch.setattr(process, "RELOAD_S", 0.0)
    monkeypatch.setattr(process.connection, "close", lambda: None)
    tried = asyncio.Event()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(process, "load_failed", lambda: loop.call_soon_threadsafe(tried.set))
        application = exam_application()
        await application.start()
        await asyncio.wait_for(tried.wait(), 5)
        await application.stop()

    asyncio.run(serve())
    assert process.running_engine() is None
