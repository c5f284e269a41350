"""A rehearsal in the hall's own browsers: two computers play by themselves, and the hall's record holds every answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Maker
from tests.browser.served import DESK, PHONE, Person, Served
from zhupei.delivery.rehearsal import runner
from zhupei.delivery.rehearsal.bundles import Plan, make_plan, person
from zhupei.delivery.rehearsal.record import events_on_disk, fold
from zhupei.delivery.rehearsal.servers import HallProcess
from zhupei.delivery.rehearsal.stage import JOURNAL, Seat
from zhupei.delivery.rehearsal.words import ZH

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[tuple[HallProcess, Plan]]:
    """A hall with a rehearsal of two that starts in some seconds."""
    plan = make_plan(seats=2, seconds=6, every=0.5)
    with runner.own_hall(plan, folder=tmp_path / "hall") as process:
        process.start()
        yield process, plan


def go(process: HallProcess, in_seconds: float) -> None:
    """The word for the common start, as the server finds it after a restart."""
    (process.data / "rehearsal" / "start.json").write_text(json.dumps(time.time() + in_seconds))
    process.restart()


@pytest.mark.req("R117", "R131")
def test_two_computers_play_by_themselves(chromium: Browser, hall: tuple[HallProcess, Plan]) -> None:
    """One has its number and code typed, the other comes by its address; the server restarts before the start."""
    process, plan = hall
    served = Served(process.base, {})
    typed, addressed = Person(chromium, served, DESK), Person(chromium, served, PHONE)
    try:
        typed.open("/rehearsal/play")
        assert typed.faults() == []
        typed.fill_in(seat="1", code="WRONG")
        typed.press(ZH["join"])
        expect(typed.page.get_by_role("alert")).to_have_text(ZH["error.rehearsal_code"])
        typed.fill_in(code=plan.code.lower())
        typed.press(ZH["join"])
        addressed.open(f"/rehearsal/play?seat=2&code={plan.code}")
        for one in (typed, addressed):
            expect(one.page.locator("#state")).to_have_text(ZH["state.waiting"])
        assert addressed.faults() == []
        go(process, 8)
        for one in (typed, addressed):
            expect(one.page.locator("#state")).to_have_text(ZH["state.done"], timeout=60_000)
            assert one.barriers() == []
            assert one.overflows() == []
    finally:
        typed.context.close()
        addressed.context.close()
    folder = process.data / "rehearsal"
    records, _ = fold(events_on_disk(folder / JOURNAL))
    lines = (folder / "seats.jsonl").read_text().splitlines()
    done = [one for one in (msgspec.json.decode(line, type=Seat) for line in lines) if one.state == "done"]
    assert {one.place for one in done} == {1, 2}
    for one in done:
        record = records[person(plan, one.place).candidate_id]
        assert (record.started, record.submitted) == (1, 1)
        assert len(one.acknowledged) >= 6
        assert {name.partition("/")[0] for name in one.acknowledged} == {"general", "professional"}
        for name, seq in one.acknowledged.items():
            subject, _, key = name.partition("/")
            assert record.answers[subject][key][0] == seq
        assert one.start_ms is not None
        assert one.submit_ms is not None
        assert 0 < one.start_ms < 10_000


def test_the_pages_of_the_technical_head(person: Maker, city: Served) -> None:
    head = person(DESK, login=city.login_of("hall_technical_head"))
    head.open("/hall/rehearsals/")
    assert head.faults() == []
    head.press("准备演练")
    expect(head.main.locator("[name=seats]")).to_be_visible()
    assert head.faults() == []
    head.resize(PHONE)
    assert head.faults() == []
