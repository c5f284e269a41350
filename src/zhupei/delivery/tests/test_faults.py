"""Faults of the hall's machines cost nobody time or answers, and nothing is told that a disk may take back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zhupei.delivery import api
from zhupei.delivery.engine.core import RETRY_S, STALL_S
from zhupei.delivery.tests.honest import Day
from zhupei.delivery.tests.makers import PEOPLE, SESSION, Desk, id_hash, make_bundle
from zhupei.delivery.tests.test_app import Browser
from zhupei.kernel.errors import Refusal

BY, BY2 = "王监考", "李主任"
SLOT = ("general", "G-single-1")


class Gate(api.SqliteJournal):
    """A journal whose disk can be slow, or fail."""

    def __init__(self, path: Path) -> None:
        self.passes = threading.Event()
        self.passes.set()
        self.works = True
        self.mends = threading.Event()
        self.mends.set()
        super().__init__(path)

    def _store(self, rows: Any, first: int) -> None:
        self.passes.wait(20)
        if not self.works:
            raise OSError("the disk is gone")
        super()._store(rows, first)

    def _recover(self) -> int:
        self.mends.wait(20)
        return super()._recover()


class Sick(Desk):
    """A desk with such a disk. ``freeze`` lets time pass in which no thread of the process ran."""

    ticking = False
    real = 0.0

    def _engine(self) -> api.Engine:
        self.disk = Gate(self.folder / "journal.sqlite3")
        engine = api.Engine(self.disk, data_dir=self.folder, clock=self.clock, ticking=self.ticking)
        engine.load(self.bundle)
        return engine

    def watched(self) -> None:
        """From now on the engine takes its clockwork for running, which last turned just now."""
        engine: Any = self.engine
        engine._real = lambda: self.real
        engine._alive, engine._alive_tick = self.real, engine._tick()

    def freeze(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.real += seconds


class Ticking(Sick):
    ticking = True


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Sick]:
    desk = Sick(tmp_path)
    yield desk
    desk.disk.passes.set()
    desk.disk.works = True
    desk.close()


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[Ticking]:
    desk = Ticking(tmp_path)
    yield desk
    desk.disk.passes.set()
    desk.disk.mends.set()
    desk.close()


def refused(act: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.code


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    for _ in range(int(seconds * 50)):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


# --- a server that stands still -------------------------------------------------------------------------------------


@pytest.mark.req("R040")
def test_a_frozen_server_gives_the_time_back_before_anybody_is_handed_in(desk: Sick) -> None:
    desk.start()
    desk.clock.advance(7000)
    desk.watched()
    desk.freeze(600)
    assert desk.engine.save("C001", *SLOT, ["o1"]).wait().remaining_s == 200
    assert desk.engine.tick() == []
    (fault,) = desk.engine.proposals(SESSION)
    assert (fault.cause, fault.seconds, fault.applied) == ("server_down", 600, True)
    desk.restart()
    assert desk.engine.seat("C001").remaining_s == 200
    assert [one.seconds for one in desk.engine.proposals(SESSION) if one.seconds] == [600]


def test_a_moment_is_no_freeze_and_a_stepped_wall_clock_neither(desk: Sick) -> None:
    desk.start()
    desk.watched()
    desk.freeze(STALL_S - 1)
    assert desk.engine.seat("C001").remaining_s == 7200 - (STALL_S - 1)
    desk.clock.step_wall(3600)
    assert desk.engine.seat("C001").remaining_s == 7200 - (STALL_S - 1)
    assert desk.engine.proposals(SESSION) == []


@pytest.mark.req("R032", "R040")
def test_the_centre_finds_no_difference_after_a_freeze(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.admit("A1")
    day.engine.open_session("SA", by=BY)
    day.engine.start("A1").wait()
    engine: Any = day.engine
    engine._real, engine._alive, engine._alive_tick = lambda: 0.0, -900.0, engine._tick()
    day.clock.advance(900)
    day.save("A1", "general", 0)
    day.run(7300)
    assert day.engine.seat("A1").submit_kind == "auto"
    content = day.returned()
    assert [line.what for line in api.protocol(content)[0]].count("engine_stalled") == 1
    assert [
        one for one in api.reconcile(day.bundle, content) if one.what not in ("capture", "one_name")
    ] == []
    day.close()


@pytest.mark.req("R040", "I03")
def test_clocks_stand_until_the_papers_are_there_again(tmp_path: Path) -> None:
    desk = Sick(tmp_path)
    desk.start()
    desk.clock.advance(7000)
    desk.engine.tick()
    desk.engine.close()
    journal = Gate(tmp_path / "journal.sqlite3")
    desk.engine = api.Engine(journal, data_dir=tmp_path, clock=desk.clock, ticking=False)
    for _ in range(100):
        desk.clock.advance(6)
        assert desk.engine.tick() == []
    desk.engine.load(desk.bundle)
    assert desk.engine.seat("C001").remaining_s == 200
    assert [one.seconds for one in desk.engine.proposals(SESSION) if one.seconds] == [600]
    assert desk.engine.tick() == []
    desk.clock.advance(231)
    assert desk.engine.tick() == ["C001"]
    desk.close()


# --- a journal that fails -------------------------------------------------------------------------------------------


def lose(desk: Sick) -> None:
    """The disk fails under a save."""
    desk.disk.works = False
    with pytest.raises(api.JournalError):
        desk.engine.save("C001", *SLOT, ["o1"]).wait()


@pytest.mark.req("R040")
@pytest.mark.parametrize(("down", "back"), [(600, True), (3, False)])
def test_time_stands_still_while_nothing_can_be_saved(desk: Sick, down: int, back: bool) -> None:
    desk.start()
    desk.clock.advance(7000)
    lose(desk)
    desk.clock.advance(down / 2)
    assert refused(lambda: desk.engine.seat("C001")) == "journal_failed"  # asked, and the disk still fails
    desk.clock.advance(down / 2)
    desk.disk.works = True
    assert desk.engine.tick() == []
    assert desk.engine.seat("C001").remaining_s == (200 if back else 200 - down)
    assert [one.seconds for one in desk.engine.proposals(SESSION)] == ([600] if back else [])
    assert desk.engine.save("C001", *SLOT, ["o2"]).wait().kept


def test_nobody_waits_while_the_journal_is_mended(ticking: Ticking) -> None:
    ticking.start()
    ticking.disk.mends.clear()
    lose(ticking)
    ticking.disk.works = True
    ticking.clock.advance(RETRY_S)
    until(lambda: bool(ticking.disk._settling) or ticking.engine._failed)
    time.sleep(0.8)  # the clockwork is at it
    began = time.monotonic()
    assert refused(lambda: ticking.engine.save("C001", *SLOT, ["o1"])) == "journal_failed"
    assert not ticking.engine.health().journal_ok
    assert not ticking.engine.serves()
    assert time.monotonic() - began < 0.5
    ticking.disk.mends.set()
    until(ticking.engine.serves)
    assert ticking.engine.save("C001", *SLOT, ["o1"]).wait().kept


@pytest.mark.req("R040")
def test_a_disk_that_does_not_answer_costs_nobody_time(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhupei.delivery.engine.core.STALL_S", 1.5)
    ticking.start()
    ticking.clock.advance(7000)
    ticking.disk.passes.clear()
    ticket = ticking.engine.save("C001", *SLOT, ["o1"])
    until(lambda: not ticking.engine.serves())
    ticking.clock.advance(600)
    assert refused(lambda: ticking.engine.hand_in("C001")) == "journal_failed"
    ticking.disk.passes.set()
    assert ticket.wait().kept
    until(ticking.engine.serves)
    seat = ticking.engine.seat("C001")
    assert (seat.state, seat.remaining_s, seat.progress[0].answered) == ("running", 200, 1)
    assert [(one.seconds, one.applied) for one in ticking.engine.proposals(SESSION)] == [(600, True)]


def test_a_journal_that_cannot_write_is_not_taken_for_mended(ticking: Ticking) -> None:
    ticking.start()
    lose(ticking)
    for _ in range(3):
        ticking.clock.advance(RETRY_S)
        time.sleep(0.6)
        assert not ticking.engine.serves()
    ticking.disk.works = True
    ticking.clock.advance(RETRY_S)
    until(ticking.engine.serves)


def test_the_clockwork_outlives_a_fault(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    ticking.start()
    turns: list[int] = []
    turn = ticking.engine._turn

    def faulty() -> Any:
        turns.append(1)
        if len(turns) < 3:
            raise TimeoutError
        return turn()

    monkeypatch.setattr(ticking.engine, "_turn", faulty)
    ticking.clock.advance(7231)
    until(lambda: ticking.engine.seat("C001").state == "submitted")
    assert len(turns) >= 3


@pytest.mark.req("R040")
def test_one_who_cannot_be_scored_keeps_nobody_else(desk: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.admit_all()
    desk.open()
    for code, *_ in PEOPLE:
        desk.engine.start(code).wait()
    submit = desk.engine._submit

    def faulty(candidate_id: str, *args: Any, **kwargs: Any) -> Any:
        if candidate_id == "C001":
            raise KeyError(candidate_id)
        return submit(candidate_id, *args, **kwargs)

    monkeypatch.setattr(desk.engine, "_submit", faulty)
    desk.clock.advance(7231)
    assert desk.engine.tick() == ["C002", "C003"]


# --- told from memory -----------------------------------------------------------------------------------------------


@pytest.mark.req("R038")
def test_staff_see_no_hand_in_that_is_not_on_disk(desk: Sick) -> None:
    desk.start()
    desk.disk.passes.clear()
    ticket = desk.engine._submit("C001", "auto")
    told: list[Any] = []
    readers: list[Callable[[], Any]] = [
        lambda: desk.engine.status(SESSION),
        lambda: desk.engine.seat("C001"),
        lambda: desk.engine.result("C001"),
        lambda: desk.engine.shown("C001").wait(),
        lambda: desk.engine.heartbeat("C001").wait(),
        lambda: desk.engine.kept_view("C001").wait(),
    ]

    def read(what: Callable[[], Any]) -> None:
        try:
            told.append(what())
        except api.JournalError:
            told.append("failed")

    threads = [threading.Thread(target=read, args=(one,)) for one in readers]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert told == []
    desk.disk.works = False
    desk.disk.passes.set()
    for thread in threads:
        thread.join()
    assert told == ["failed"] * len(readers)
    with pytest.raises(api.JournalError):
        ticket.wait()
    desk.disk.works = True
    desk.clock.advance(2)
    assert desk.engine.seat("C001").state == "running"


def test_the_second_act_waits_for_the_first_one(desk: Sick) -> None:
    desk.engine.admit("C001", by=BY, method="id_card")
    desk.disk.passes.clear()
    done: list[str] = []

    def again(name: str, act: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=lambda: (act(), done.append(name)))
        thread.start()
        return thread

    acts: dict[str, Callable[[], Any]] = {
        "open": lambda: desk.engine.open_session(SESSION, by=BY),
        "admit": lambda: desk.engine.admit("C002", by=BY, method="id_card"),
    }
    threads = [again(name, act) for name, act in acts.items() for _ in range(2)]
    time.sleep(0.3)
    assert done == []
    desk.disk.passes.set()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["admit", "admit", "open", "open"]


@pytest.mark.req("R032")
def test_what_happens_while_the_return_is_made_does_not_contradict_it(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.admit("A1")
    day.engine.open_session("SA", by=BY)
    day.engine.start("A1").wait()
    day.run(7300)
    replay = day.journal.replay

    def busy(after: int = 0) -> Any:
        day.journal.replay = replay  # type: ignore[method-assign]
        day.engine.shown("A1").wait()  # the candidate's page shows the scores just now
        return replay(after)

    day.journal.replay = busy  # type: ignore[method-assign]
    content = day.returned()
    (record,) = [one for one in content.sittings if one.candidate_id == "A1"]
    assert record.shown_at is not None
    assert [
        one for one in api.reconcile(day.bundle, content) if one.what not in ("capture", "one_name")
    ] == []
    day.close()


# --- faults of one candidate's machine ------------------------------------------------------------------------------


FIRST: dict[str, Callable[[Sick], Any]] = {
    "save": lambda desk: desk.engine.save("C001", *SLOT, ["o1"]).wait(),
    "page": lambda desk: desk.engine.view("C001"),
    "heartbeat": lambda desk: desk.engine.heartbeat("C001").wait(),
    "sign-in": lambda desk: desk.engine.enter(PEOPLE[0][1], id_hash(PEOPLE[0][3])).wait(),
}


@pytest.mark.req("R040")
@pytest.mark.parametrize("first", FIRST)
def test_a_lost_link_is_known_whatever_comes_first_after_it(desk: Sick, first: str) -> None:
    desk.start()
    desk.engine.heartbeat("C001").wait()
    desk.clock.advance(300)
    desk.engine.allow_entry("C001", reason="浏览器关闭", by=BY)
    FIRST[first](desk)
    desk.engine.heartbeat("C001").wait()
    (fault,) = desk.engine.proposals(SESSION)
    assert (fault.cause, fault.seconds, fault.candidate_id) == ("link_lost", 300, "C001")


@pytest.mark.req("R040")
@pytest.mark.parametrize("down", [2, 600])
def test_a_lost_link_is_known_though_the_disk_fails_as_it_comes_back(desk: Sick, down: int) -> None:
    desk.start()
    desk.engine.heartbeat("C001").wait()
    desk.clock.advance(300)
    lose(desk)
    desk.clock.advance(down)
    desk.disk.works = True
    assert desk.engine.save("C001", *SLOT, ["o1"]).wait().kept
    for _ in range(2):
        faults = [one for one in desk.engine.proposals(SESSION) if one.cause == "link_lost"]
        assert [(one.seconds, one.candidate_id) for one in faults] == [(300, "C001")]
        desk.restart()
    ticks = [one.event.tick for one in desk.disk.replay()]
    assert ticks == sorted(ticks)


def test_a_page_without_script_may_be_silent(desk: Sick) -> None:
    desk.start()
    desk.engine.view("C001")
    desk.clock.advance(300)
    desk.engine.save("C001", *SLOT, ["o1"]).wait()
    desk.clock.advance(300)
    desk.engine.view("C001")
    assert desk.engine.proposals(SESSION) == []


@pytest.mark.req("I04")
def test_a_new_machine_without_script_is_not_missed(desk: Sick) -> None:
    desk.start()
    desk.engine.heartbeat("C001").wait()
    desk.engine.move_seat("C001", "R2", "49", reason="键盘损坏", by=BY)
    FIRST["sign-in"](desk)
    assert not desk.engine.seat("C001").script


@pytest.mark.req("R040")
def test_the_page_s_own_countdown_hands_nobody_in_who_has_time_left(tmp_path: Path) -> None:
    desk = Sick(tmp_path, bundle=make_bundle(order="free"))
    desk.start()
    desk.clock.advance(7199)
    desk.engine.add_time("C001", 300, "断网", by=BY, approved_by=BY2)
    desk.clock.advance(60)  # the page has not heard of it and has come to nought
    assert refused(lambda: desk.engine.hand_in("C001", by_clock=True)) == "too_early"
    assert desk.engine.seat("C001").state == "running"
    desk.clock.advance(241)
    assert desk.engine.hand_in("C001", by_clock=True).wait().submit_kind == "auto"
    desk.close()


# --- acts whose outcome is not known --------------------------------------------------------------------------------


@pytest.mark.req("R040")
def test_time_by_one_decision_is_added_once(desk: Sick) -> None:
    desk.start()

    def add(act: str) -> None:
        desk.engine.add_time("C001", 300, "断网", by=BY, approved_by=BY2, act=act)

    for _ in range(2):
        add("7")
    assert desk.engine.seat("C001").remaining_s == 7500
    desk.restart()
    add("7")
    assert desk.engine.seat("C001").remaining_s == 7500
    add("8")
    assert desk.engine.seat("C001").remaining_s == 7800


def test_voiding_may_be_repeated_but_not_for_another_reason(desk: Sick) -> None:
    desk.start()
    for _ in range(2):
        desk.engine.void("C001", "携带手机", by=BY, by2=BY2)
    assert refused(lambda: desk.engine.void("C001", "替考", by=BY, by2=BY2)) == "wrong_state"


def test_the_image_of_a_living_server_is_not_there_while_its_journal_fails(desk: Sick) -> None:
    desk.start()

    async def status() -> int:
        browser = Browser(desk)
        async with browser.client:
            return (await browser.get("/alive.gif")).status_code

    assert asyncio.run(status()) == 200
    lose(desk)
    assert asyncio.run(status()) == 503
