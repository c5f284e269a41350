"""A bundle is taken in, opened by its key, loaded again after a restart; the checklist of the day."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_batch, make_hall_batch, make_rulebook, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.exams.api import bundle_file, bundle_key
from zhupei.hall import actions, process
from zhupei.hall.api import HallBatch, bundle_of, close_engine, engine, exam_application
from zhupei.hall.tests.days import Day, refused
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


def test_a_bundle_is_taken_in_once_and_only_by_its_hall() -> None:
    make_rulebook()
    batch = make_batch(state="ready")
    data = bundle_file(batch)
    unit = batch.hall.institution.organisation
    keeper = make_actor(Role.ROOM_ADMINISTRATOR, unit)
    refused("role_missing", lambda: actions.take_in(data, by=make_actor(Role.INVIGILATOR, unit)))
    refused("other_hall", lambda: actions.take_in(data, by=make_actor(Role.ROOM_ADMINISTRATOR)))
    for damaged, code in (
        (b"no bundle", "not_this_kind"),
        (data[:-40], "truncated"),
        (data + b"x", "trailing"),
        (data[:-600] + bytes([data[-600] ^ 1]) + data[-599:], "signature_invalid"),
    ):
        error = refused(code, lambda damaged=damaged: actions.take_in(damaged, by=keeper))
        assert str(error.message)
    row = actions.take_in(data, by=keeper)
    assert actions.take_in(data, by=keeper) == row
    assert (row.state, row.counts["candidates"]) == ("sealed", 3)
    # I08: nothing opens it before two persons have released the key
    refused("key_not_released", lambda: actions.open_batch(row, by=keeper))
    refused("still_sealed", lambda: actions.find_candidate(row, "1", by=keeper))
    refused("key_wrong", lambda: actions.open_batch(row, key=b"0" * 16, by=keeper))
    row.refresh_from_db()
    assert (row.state, row.sealed_key) == ("sealed", "")


def test_a_bundle_that_comes_twice_at_once_is_taken_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    make_rulebook()
    batch = make_batch(state="ready")
    data, keeper = (
        bundle_file(batch),
        make_actor(Role.ROOM_ADMINISTRATOR, batch.hall.institution.organisation),
    )
    theirs = actions.take_in(data, by=keeper)
    first, asked = QuerySet.first, []

    def late(rows: QuerySet[Any]) -> Any:  # the first look was before the other one's row
        if rows.model is not HallBatch:
            return first(rows)
        asked.append(rows)
        return None if len(asked) == 1 else first(rows)

    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "first", late)
        assert actions.take_in(data, by=keeper) == theirs
    assert len(asked) == 2
    assert HallBatch.objects.count() == 1


def test_a_typed_key_opens_it_in_a_hall_without_a_line() -> None:
    make_rulebook()
    batch = make_batch(state="released")
    row = make_hall_batch(batch, state="sealed")
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, batch.hall.institution.organisation))
    url = reverse("hall:key", args=[row.pk])
    assert client.post(url, {"key": "12 34"}).status_code == 422
    assert client.post(url, {"key": "00" * 16}).status_code == 422
    key = bundle_key(batch).hex()
    spaced = " ".join(key[n : n + 4] for n in range(0, 32, 4)).upper()
    assert client.post(url, {"key": spaced}).status_code == 302
    row.refresh_from_db()
    assert row.state == "open"
    assert key not in row.sealed_key
    assert key not in str(list(AuditEvent.objects.values_list("after", flat=True)))


def test_a_carried_file_takes_the_same_way() -> None:
    make_rulebook()
    batch = make_batch(state="released")
    client = sign_in(Client(), make_user(Role.EXAM_OFFICER, batch.hall.institution.organisation))
    url = reverse("hall:upload")
    assert client.post(url, {"file": SimpleUploadedFile("x.zpb", b"nothing")}).status_code == 422
    assert client.post(url, {}).status_code == 422
    assert client.post(url, {"file": SimpleUploadedFile("x.zpb", bundle_file(batch))}).status_code == 302
    assert HallBatch.objects.get().state == "sealed"


def test_after_a_restart_open_bundles_are_loaded_again(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    close_engine()
    assert process.running_engine() is None
    assert [one.bundle_id for one in engine().bundles()] == [day.row.bundle_id]
    # one damaged bundle keeps nobody else from going on; its page says so and offers to load it again
    close_engine()
    with monkeypatch.context() as patch:
        patch.setattr("zhupei.hall.keys.read", lambda row: b"damaged")
        assert engine().bundles() == []
        refused("not_this_kind", lambda: actions.open_batch(day.row, by=day.keeper))
    refused("not_loaded", lambda: bundle_of(day.row))
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, day.unit))
    assert "重新载入" in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
    assert client.post(reverse("hall:open", args=[day.row.pk])).status_code == 302
    assert bundle_of(day.row).bundle_id == day.row.bundle_id


def test_a_second_engine_on_the_folder_is_refused(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_engine", None)
    first = day and process.running_engine()
    assert first is None
    refused("engine_running", engine)
    monkeypatch.undo()


def test_the_exam_application_starts_and_closes_the_engine_with_the_server(day: Day) -> None:
    running = engine()
    application = exam_application()
    asyncio.run(application.start())
    assert process.running_engine() is running
    asyncio.run(application.stop())
    assert process.running_engine() is None
    assert engine() is not running


@pytest.mark.req("R048")
def test_the_checklist_keeps_who_looked_and_what_was_wrong(day: Day) -> None:
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, day.unit))
    url = reverse("hall:day_check", args=[day.row.pk])
    assert client.get(url).status_code == 200
    assert (
        client.post(url, {"items": ["computers", "network"], "note": "第 3 台摄像机离线"}).status_code == 302
    )
    page = client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
    assert "第 3 台摄像机离线" in page
    assert client.post(url, {"items": [str(c) for c in actions.bundles.CheckItem]}).status_code == 302
    assert day.row.day_checks.count() == 14
    assert "第 3 台摄像机离线" not in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
