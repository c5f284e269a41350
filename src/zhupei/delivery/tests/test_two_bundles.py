"""Bundles side by side in one hall: one whose papers come late after a restart, one that was closed, and pauses by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from zhupei.delivery import api
from zhupei.delivery.journal import JournalError
from zhupei.delivery.tests.makers import SESSION, Desk, id_hash, make_bundle, right_answers
from zhupei.kernel.errors import Refusal

MINUTES = 120


def second_bundle() -> api.Bundle:
    """Another batch with people, slips and a session of its own."""
    text = msgspec.json.encode(make_bundle(bundle_id="B2"))
    for old, new in ((b"C00", b"D00"), (b"2026110", b"2026120"), (b'"S1"', b'"S2"')):
        text = text.replace(old, new)
    return api.complete(msgspec.json.decode(text, type=api.Bundle))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.engine.load(second_bundle())
    for candidate_id in ("C001", "D001"):
        desk.engine.admit(candidate_id, by="王监考", method="id_card")
    for session in (SESSION, "S2"):
        desk.engine.open_session(session, by="王监考")
    yield desk
    desk.close()


def refused(code: str, act: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def left(desk: Desk, candidate_id: str) -> int:
    return desk.engine.view(candidate_id).remaining_ms // 1000


@pytest.mark.req("R040")
def test_clocks_stand_until_the_papers_of_their_own_bundle_are_there(desk: Desk) -> None:
    for one in ("C001", "D001"):
        desk.engine.start(one).wait()
    desk.clock.advance(600)
    desk.engine.tick()  # so that the journal knows how late it is
    desk.restart(down_s=300)  # B1 is loaded with it, B2 is not
    desk.clock.advance(900)
    assert left(desk, "C001") == MINUTES * 60 - 600 - 900
    desk.engine.tick()
    desk.engine.load(second_bundle())
    assert left(desk, "D001") == MINUTES * 60 - 600
    assert [one.seconds for one in desk.engine.proposals("S2") if one.id.startswith("unloaded")] == [900]
    desk.clock.advance(60)
    assert left(desk, "D001") == MINUTES * 60 - 660
    desk.engine.load(second_bundle())  # again: no effect
    assert left(desk, "D001") == MINUTES * 60 - 660


@pytest.mark.req("R040")
def test_a_second_restart_before_the_papers_came_costs_nothing_either(desk: Desk) -> None:
    for one in ("C001", "D001"):
        desk.engine.start(one).wait()
    desk.clock.advance(600)
    desk.engine.tick()  # so that the journal knows how late it is
    for _ in range(3):
        desk.restart(down_s=30)
        desk.clock.advance(1800)
        desk.engine.save("C001", "general", *first_answer(desk.bundle, "C001")).wait()
    desk.clock.advance(MINUTES * 60)
    assert desk.engine.tick() == ["C001"]  # whose time is over while nobody could hand him in is not
    desk.engine.load(second_bundle())
    assert desk.engine.tick() == []
    assert left(desk, "D001") == MINUTES * 60 - 600
    desk.clock.advance(MINUTES * 60 - 600 + desk.bundle.rules.grace_seconds)
    assert desk.engine.tick() == ["D001"]
    events = desk.engine.build_return("B2", closed_by="王监考", checkins=checked_in("D001"))
    assert api.reconcile(second_bundle(), events) == []
    lines, _ = api.protocol(events)
    waited = [one.detail for one in lines if one.what == "papers_awaited"]
    assert [int(seconds) for (seconds,) in waited] == [3 * 1800 + MINUTES * 60]


def first_answer(bundle: api.Bundle, candidate_id: str) -> tuple[str, tuple[str, ...]]:
    return next(iter(right_answers(bundle, candidate_id)["general"].items()))


def checked_in(candidate_id: str) -> list[api.CheckIn]:
    return [
        api.CheckIn(
            candidate_id=candidate_id, at=0, method="id_card", decision="accepted", by="王监考", by2="李主任"
        )
    ]


def test_answers_before_the_papers_were_loaded_again_are_told(desk: Desk) -> None:
    desk.engine.start("D001").wait()
    desk.restart(down_s=10)
    desk.clock.advance(10)
    desk.engine.load(second_bundle())
    desk.engine.save("D001", "general", *first_answer(second_bundle(), "D001")).wait()
    desk.engine.force_hand_in("D001", reason="收卷", by="王监考")
    content = desk.engine.build_return("B2", closed_by="王监考", checkins=checked_in("D001"))
    assert api.reconcile(second_bundle(), content) == []
    events = list(content.events)
    again = max(n for n, one in enumerate(events) if type(one.event).__name__ == "Loaded")
    moved = [*events[:again], *events[again + 1 :]]  # as if they had never been there again
    changed = api.complete_return(msgspec.structs.replace(content, events=tuple(moved)))
    assert "loaded" in {one.what for one in api.reconcile(second_bundle(), changed)}


def test_the_page_waits_for_its_papers_and_is_not_sent_away(desk: Desk) -> None:
    number = "500103199001011234"
    sign = desk.engine.enter("202612001", id_hash(number)).wait()
    desk.engine.start("D001").wait()
    desk.restart(down_s=5)
    assert refused("not_ready", lambda: desk.engine.whose(sign.token)).status == 503
    assert refused("not_ready", lambda: desk.engine.cross(sign.carry)).status == 503
    refused("not_signed_in", lambda: desk.engine.whose("nobody"))
    desk.engine.load(second_bundle())
    assert desk.engine.whose(sign.token) == "D001"


@pytest.mark.req("R040")
@pytest.mark.parametrize("waits", [True, False])
def test_papers_whose_loading_was_not_kept_are_not_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Also if whoever loads them waits no longer when it fails."""
    desk.engine.start("D001").wait()
    desk.restart(down_s=5)
    monkeypatch.setattr(desk.engine._journal, "_store", _fails)
    if not waits:
        monkeypatch.setattr("zhupei.delivery.tickets.Ticket.wait", _waits_no_longer)
    with pytest.raises(JournalError if waits else TimeoutError):
        desk.engine.load(second_bundle())
    _until_failed(desk)
    monkeypatch.undo()
    desk.clock.advance(60)
    desk.engine.tick()
    assert [one.bundle_id for one in desk.engine.bundles()] == ["B1"]
    desk.clock.advance(60)
    desk.engine.load(second_bundle())
    assert left(desk, "D001") == MINUTES * 60
    desk.restart()
    desk.engine.load(second_bundle())
    assert left(desk, "D001") == MINUTES * 60


def _fails(rows: Any, first: int) -> None:
    raise OSError("the disk is full")


def _waits_no_longer(ticket: Any) -> None:
    raise TimeoutError


def _until_failed(desk: Desk) -> None:
    for _ in range(500):
        if not desk.engine.serves():
            return
        time.sleep(0.01)
    raise AssertionError("it did not fail")


@pytest.mark.req("R039")
def test_after_closing_nobody_of_the_bundle_starts(desk: Desk) -> None:
    desk.engine.close_bundle("B1")
    assert refused("test_closed", lambda: desk.engine.start("C001")).status == 409
    view = desk.engine.view("C001")
    assert (view.opened, view.test_closed) == (False, True)
    desk.engine.start("D001").wait()  # the other batch goes on
    refused("sitting_running", lambda: desk.engine.close_bundle("B2"))
    assert desk.engine.view("D001").test_closed is False
    desk.engine.load(desk.bundle)
    desk.engine.start("C001").wait()


@pytest.mark.req("R039")
def test_a_closed_bundle_is_loaded_closed_after_a_restart(desk: Desk) -> None:
    desk.engine.close_bundle("B2")
    desk.restart()
    desk.engine.load(second_bundle(), closed=True)
    refused("test_closed", lambda: desk.engine.start("D001"))


@pytest.mark.req("R040")
def test_nobody_is_closed_out_before_his_papers_are_loaded_again(desk: Desk) -> None:
    desk.engine.start("D001").wait()
    desk.restart()
    refused("sitting_running", lambda: desk.engine.close_bundle("B2"))
    refused("sitting_running", lambda: desk.engine.unload("B2"))


def test_a_closing_that_was_not_kept_closes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.engine.start("C001").wait()
    monkeypatch.setattr(desk.engine._journal, "_store", _fails)
    with pytest.raises(JournalError):
        desk.engine.force_hand_in("C001", reason="收卷", by="王监考")
    desk.engine._failed = False  # the closing comes between the hand-in and the failure of its batch
    with pytest.raises(JournalError):
        desk.engine.close_bundle("B1")
    desk.engine._failed = True
    monkeypatch.undo()
    desk.clock.advance(2)
    desk.engine.tick()
    assert desk.engine.seat("C001").state == "running"
    desk.engine.admit("C002", by="王监考", method="id_card")
    desk.engine.start("C002").wait()


@pytest.mark.parametrize(("lang", "words"), [("zh", "测试已经结束"), ("en", "This test is over")])
def test_the_candidates_page_says_that_the_test_is_over(desk: Desk, lang: str, words: str) -> None:
    async def ask() -> tuple[str, str, httpx.Response]:
        app = api.ExamApp(desk.engine, identify=id_hash)
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://hall.test") as one:
            one.headers["origin"] = "http://hall.test"
            one.cookies.set("zhupei_look", lang)
            sent = {"slip_no": "202611001", "id_number": "500103199001011234"}
            await one.post("/enter", data=sent)
            before = (await one.get("/wait")).text
            form = before.partition('name="form" value="')[2].partition('"')[0]
            desk.engine.close_bundle("B1")
            after = (await one.get("/wait")).text
            return before, after, await one.post("/start", data={"form": form})

    before, after, pressed = asyncio.run(ask())
    assert words not in before
    assert "/start" in before
    assert words in after
    assert 'action="/start"' not in after
    assert pressed.status_code == 409
    assert words in pressed.text


def test_a_room_goes_on_without_those_named(desk: Desk) -> None:
    for one in ("C002", "C003"):
        desk.engine.admit(one, by="王监考", method="id_card")
        desk.engine.start(one).wait()
    desk.engine.pause(candidate_id="C002", reason="手机", by="王监考")
    desk.engine.pause(session_id=SESSION, reason="停电", by="王监考")
    assert desk.engine.is_paused(SESSION, "R1")
    assert desk.engine.resume(session_id=SESSION, by="王监考", but={"C002"}) == 1
    assert not desk.engine.is_paused(SESSION, "R1")
    assert {one: desk.engine.seat(one).state for one in ("C002", "C003")} == {
        "C002": "paused",
        "C003": "running",
    }
    went_on = [
        one.event.candidate_id
        for one in desk.engine._journal.replay()
        if type(one.event).__name__ == "Resumed" and one.event.candidate_id
    ]
    assert went_on == ["C003"]
