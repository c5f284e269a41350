"""The engine by its two doors: time, restarts, moves, refusals and a failing disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhupei.delivery import api
from zhupei.delivery.tests.makers import PEOPLE, SESSION, Desk, id_hash, make_bundle, right_answers
from zhupei.kernel.errors import Refusal

BY = "王监考"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def refused(act: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Refusal) as caught:
        act(*args, **kwargs)
    return caught.value.code


def enter(desk: Desk, person: int = 0) -> api.Receipt | Any:
    return desk.engine.enter(PEOPLE[person][1], id_hash(PEOPLE[person][3])).wait()


# --- time -----------------------------------------------------------------------------------------------------


@pytest.mark.req("R040")
def test_the_deadline_hands_in_what_was_saved(desk: Desk) -> None:
    desk.start()
    desk.answer_all("C001", "general", wrong=3)
    desk.clock.advance(7200)
    assert desk.engine.tick() == []
    key = next(iter(right_answers(desk.bundle, "C001")["general"]))
    ack = desk.engine.save("C001", "general", key, right_answers(desk.bundle, "C001")["general"][key]).wait()
    assert (ack.kept, ack.remaining_s) == (True, 0)
    desk.clock.advance(30)
    assert refused(desk.engine.save, "C001", "general", key, ()) == "time_over"
    assert desk.engine.tick() == ["C001"]
    seat = desk.engine.seat("C001")
    assert (seat.state, seat.submit_kind, seat.passed) == ("submitted", "auto", False)
    assert refused(desk.engine.save, "C001", "general", key, ()) == "submitted"
    assert desk.engine.tick() == []


@pytest.mark.req("R040")
def test_a_wall_clock_that_jumps_changes_nothing(desk: Desk) -> None:
    desk.start()
    desk.clock.advance(600)
    desk.clock.step_wall(3600)
    assert desk.engine.seat("C001").remaining_s == 6600
    desk.clock.step_wall(-7200)
    assert desk.engine.seat("C001").remaining_s == 6600
    assert desk.engine.tick() == []


@pytest.mark.req("R040", "I03")
def test_a_restart_goes_on_with_the_time_and_answers_left(desk: Desk) -> None:
    desk.start()
    desk.answer_all("C001", "general")
    desk.clock.advance(1000)
    desk.engine.tick()
    before = desk.engine.seat("C001")
    desk.restart(down_s=900)
    after = desk.engine.seat("C001")
    assert (before.remaining_s, after.remaining_s) == (6200, 6200)
    assert after.progress == before.progress
    (fault,) = desk.engine.proposals(SESSION)
    assert (fault.cause, fault.seconds, fault.applied) == ("server_down", 900, True)
    desk.clock.advance(6201)
    assert desk.engine.seat("C001").remaining_s == 0
    desk.clock.advance(30)
    assert desk.engine.tick() == ["C001"]


def test_a_crash_gives_back_at_most_the_time_since_the_last_entry(desk: Desk) -> None:
    desk.start()
    for _ in range(10):
        desk.clock.advance(2)
        desk.engine.tick()
    desk.clock.advance(1.5)
    desk.restart()
    assert 7180 <= desk.engine.seat("C001").remaining_s <= 7182  # type: ignore[operator]


@pytest.mark.req("R040")
def test_pause_stops_the_clock_and_added_time_counts(desk: Desk) -> None:
    desk.start()
    desk.clock.advance(100)
    assert desk.engine.pause(session_id=SESSION, reason="停电", by=BY) == 1
    desk.clock.advance(3600)
    assert desk.engine.seat("C001").remaining_s == 7100
    key, answer = next(iter(right_answers(desk.bundle, "C001")["general"].items()))
    assert refused(desk.engine.save, "C001", "general", key, answer) == "paused"
    assert refused(desk.engine.page_of, "C001", "general") == "paused"
    assert desk.engine.resume(session_id=SESSION, by=BY) == 1
    desk.engine.add_time("C001", 300, "设备故障", by=BY, approved_by="李主任")
    assert desk.engine.seat("C001").remaining_s == 7400
    assert refused(desk.engine.add_time, "C001", 300, "x", by=BY, approved_by=BY) == "two_persons"
    assert refused(desk.engine.add_time, "C001", 0, "x", by=BY, approved_by="李主任") == "seconds_range"
    assert refused(desk.engine.add_time, "C001", 60, " ", by=BY, approved_by="李主任") == "value_missing"
    assert refused(desk.engine.add_time, "C002", 60, "x", by=BY, approved_by="李主任") == "wrong_state"


def test_nobody_starts_in_a_paused_room(desk: Desk) -> None:
    desk.start()
    desk.engine.admit("C002", by=BY, method="id_card")
    assert desk.engine.pause(session_id=SESSION, room_id="R1", reason="停电", by=BY) == 1
    view = desk.engine.view("C002")
    assert (view.opened, view.room_paused) == (False, True)
    assert refused(desk.engine.start, "C002") == "room_paused"
    assert not desk.engine.heartbeat("C002").wait().opened
    desk.restart(down_s=60)
    assert refused(desk.engine.start, "C002") == "room_paused"
    assert desk.engine.resume(session_id=SESSION, room_id="R2", by=BY) == 0
    assert refused(desk.engine.start, "C002") == "room_paused"
    assert desk.engine.resume(session_id=SESSION, room_id="R1", by=BY) == 1
    assert desk.engine.view("C002").opened
    assert desk.engine.start("C002").wait().state == "running"


def test_a_pause_of_all_rooms_holds_back_those_with_nobody_running(desk: Desk) -> None:
    desk.start()
    desk.engine.admit("C002", by=BY, method="id_card")
    desk.engine.move_seat("C002", "R2", "01", reason="键盘损坏", by=BY)
    desk.engine.pause(session_id=SESSION, reason="停电", by=BY)
    assert refused(desk.engine.start, "C002") == "room_paused"
    desk.engine.resume(session_id=SESSION, room_id="R2", by=BY)
    assert desk.engine.start("C002").wait().state == "running"
    assert desk.engine.seat("C001").state == "paused"


def test_a_pause_of_one_person_or_of_nobody_holds_back_nobody(desk: Desk) -> None:
    desk.admit_all()
    desk.open()
    assert desk.engine.pause(session_id=SESSION, reason="停电", by=BY) == 0
    desk.engine.start("C001").wait()
    desk.engine.pause(candidate_id="C001", reason="不适", by=BY)
    assert desk.engine.start("C002").wait().state == "running"


def test_a_pause_of_a_room_ends_with_the_last_one_it_stopped(desk: Desk) -> None:
    desk.start()
    desk.engine.admit("C002", by=BY, method="id_card")
    desk.engine.pause(session_id=SESSION, room_id="R1", reason="停电", by=BY)
    desk.engine.force_hand_in("C001", reason="身体不适", by=BY)
    assert desk.engine.start("C002").wait().state == "running"


@pytest.mark.req("R040")
def test_a_silent_page_leads_to_a_proposal_that_is_granted_once(desk: Desk) -> None:
    desk.start()
    desk.engine.heartbeat("C001").wait()
    desk.clock.advance(200)
    assert desk.engine.seat("C001").link == "none"
    enter_refused = refused(enter, desk)
    assert enter_refused == "entry_taken"
    desk.engine.heartbeat("C001").wait()
    (fault,) = desk.engine.proposals(SESSION)
    assert (fault.cause, fault.seconds, fault.candidate_id, fault.applied) == (
        "link_lost",
        200,
        "C001",
        False,
    )
    desk.engine.add_time("C001", 200, "断网", by=BY, approved_by="李主任", proposal=fault.id)
    again = refused(desk.engine.add_time, "C001", 200, "断网", by=BY, approved_by="李主任", proposal=fault.id)
    assert again == "proposal_applied"
    assert desk.engine.seat("C001").remaining_s == 7200


def test_individual_extra_time_is_in_the_deadline(tmp_path: Path) -> None:
    bundle = make_bundle()
    one = msgspec.structs.replace(bundle.candidates[0], extra_seconds=1800)
    desk = Desk(tmp_path, bundle=api.complete(msgspec.structs.replace(bundle, candidates=(one,))))
    desk.start()
    assert desk.engine.seat("C001").remaining_s == 9000
    desk.close()


# --- answers --------------------------------------------------------------------------------------------------


@pytest.mark.req("I03")
def test_the_highest_sequence_number_wins(desk: Desk) -> None:
    desk.start()
    save, base = desk.engine.save, desk.engine.next_seq("C001")
    assert save("C001", "general", "G-single-1", ["o2"], base + 2).wait().kept
    late = save("C001", "general", "G-single-1", ["o1"], base + 1).wait()
    assert (late.kept, late.answer, late.rev) == (False, ("o2",), base + 2)
    again = save("C001", "general", "G-single-1", ["o2"], base + 2).wait()
    assert (again.kept, again.rev) == (True, base + 2)
    clash = save("C001", "general", "G-single-1", ["o3"], base + 2).wait()
    assert not clash.kept
    assert desk.engine.next_seq("C001") > base + 2
    desk.restart()
    assert desk.engine.next_seq("C001") > base + 2
    assert desk.engine.view("C001").answers[("general", "G-single-1")] == ("o2",)
    plain = desk.engine.save("C001", "general", "G-single-1", ["o4"]).wait()
    assert plain.kept


def test_what_cannot_be_an_answer_is_refused(desk: Desk) -> None:
    save = desk.engine.save
    desk.engine.admit("C001", by=BY, method="id_card")
    assert refused(save, "C001", "general", "G-single-1", ["o1"]) == "wrong_state"
    desk.start()
    assert refused(save, "C001", "general", "nowhere", ["o1"]) == "item_unknown"
    assert refused(save, "C001", "secret", "G-single-1", ["o1"]) == "item_unknown"
    assert refused(save, "C001", "general", "G-single-1", ["o9"]) == "value_wrong"
    assert refused(save, "C001", "general", "G-single-1", ["o1", "o2"]) == "value_wrong"
    assert refused(save, "C001", "general", "G-multiple-1", ["o1", "o1"]) == "value_wrong"
    assert refused(save, "C001", "general", "G-single-1", ["o1"], 2**60) == "value_wrong"
    assert refused(save, "C001", "professional", "P-single-1", ["o1"]) == "subject_not_open"
    assert refused(save, "C009", "general", "G-single-1", ["o1"]) == "candidate_unknown"
    assert desk.engine.view("C001").answers == {}


def test_marks_and_taking_an_answer_back(desk: Desk) -> None:
    desk.start()
    desk.engine.save("C001", "general", "G-single-1", ["o1"], marked=True).wait()
    (progress, _) = desk.engine.seat("C001").progress
    assert (progress.answered, progress.marked) == (1, 1)
    desk.engine.save("C001", "general", "G-single-1", []).wait()
    desk.engine.save("C001", "general", "G-single-1", None, marked=False).wait()
    (progress, _) = desk.engine.seat("C001").progress
    assert (progress.answered, progress.marked) == (0, 0)


# --- start, subjects, hand-in ---------------------------------------------------------------------------------


@pytest.mark.req("R039")
def test_in_sequence_the_first_subject_closes(desk: Desk) -> None:
    desk.start()
    assert refused(desk.engine.hand_in, "C001") == "subject_left"
    desk.engine.turn_to("C001", "professional").wait()
    desk.engine.turn_to("C001", "professional").wait()
    assert refused(desk.engine.turn_to, "C001", "general") == "subject_closed"
    assert refused(desk.engine.save, "C001", "general", "G-single-1", ["o1"]) == "subject_closed"
    assert refused(desk.engine.page_of, "C001", "general") == "subject_closed"
    assert desk.engine.page_of("C001", "professional").subject == "professional"


@pytest.mark.req("R039")
def test_in_free_order_one_may_go_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bundle=make_bundle(order="free"))
    desk.start()
    desk.engine.turn_to("C001", "professional").wait()
    desk.engine.turn_to("C001", "general").wait()
    desk.engine.save("C001", "professional", "P-single-1", ["o1"]).wait()
    assert desk.engine.hand_in("C001").wait().state == "submitted"
    desk.close()


def test_second_start_and_second_hand_in_give_the_first_receipt(desk: Desk) -> None:
    assert refused(desk.engine.start, "C001") == "wrong_state"
    desk.engine.admit("C001", by=BY, method="id_card")
    assert refused(desk.engine.start, "C001") == "not_open"
    desk.open()
    first = desk.engine.start("C001").wait()
    desk.clock.advance(60)
    assert desk.engine.start("C001").wait() == first
    desk.engine.turn_to("C001", "professional").wait()
    receipt = desk.engine.hand_in("C001").wait()
    desk.clock.advance(60)
    assert desk.engine.hand_in("C001").wait() == receipt
    assert desk.engine.force_hand_in("C001", reason="x", by=BY) == receipt
    desk.restart()
    assert desk.engine.hand_in("C001").wait() == receipt


def test_hand_in_waits_for_the_rules(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bundle=make_bundle(min_minutes_before_hand_in=30))
    desk.start()
    desk.engine.turn_to("C001", "professional").wait()
    assert refused(desk.engine.hand_in, "C001") == "too_early"
    desk.clock.advance(1800)
    assert desk.engine.hand_in("C001").wait().submit_kind == "hand"
    desk.close()


@pytest.mark.req("R038")
def test_the_moment_of_display_is_recorded_once(desk: Desk) -> None:
    desk.start()
    desk.engine.shown("C001").wait()
    desk.engine.turn_to("C001", "professional").wait()
    desk.engine.hand_in("C001").wait()
    desk.clock.advance(2)
    desk.engine.shown("C001").wait()
    desk.clock.advance(60)
    desk.engine.shown("C001").wait()
    record = desk.engine.build_return("B1", closed_by=BY).sittings[0]
    assert record.shown_at is not None
    assert record.submitted_at is not None
    assert record.shown_at - record.submitted_at == 2000


# --- the hall's people ----------------------------------------------------------------------------------------


@pytest.mark.req("R049")
def test_no_entry_without_check_in_and_none_too_late(desk: Desk) -> None:
    assert refused(enter, desk) == "not_admitted"
    assert refused(desk.engine.enter, PEOPLE[0][1], id_hash(PEOPLE[1][3])) == "not_recognised"
    assert refused(desk.engine.enter, "no such slip", id_hash(PEOPLE[1][3])) == "not_recognised"
    desk.open()
    desk.clock.advance(1801)
    assert refused(desk.engine.admit, "C001", by=BY, method="id_card") == "late_entry"
    desk.engine.admit("C001", by=BY, method="id_card", late_reason="交通事故，中心同意")
    sign = enter(desk)
    assert desk.engine.whose(sign.token) == "C001"
    assert refused(desk.engine.whose, "guess") == "not_signed_in"


@pytest.mark.req("I04")
def test_a_move_keeps_time_and_answers_and_ends_the_old_machine(desk: Desk) -> None:
    desk.start()
    desk.engine.allow_entry("C001", reason="首次", by=BY)
    old = enter(desk).token
    desk.answer_all("C001", "general")
    desk.clock.advance(600)
    before = desk.engine.seat("C001")
    assert refused(enter, desk) == "entry_taken"
    assert refused(desk.engine.move_seat, "C001", "R1", "02", reason="x", by=BY) == "seat_taken"
    assert refused(desk.engine.move_seat, "C001", "R9", "02", reason="x", by=BY) == "room_unknown"
    desk.engine.move_seat("C001", "R2", "49", reason="键盘损坏", by=BY)
    assert refused(desk.engine.whose, old) == "not_signed_in"
    new = enter(desk).token
    assert desk.engine.whose(new) == "C001"
    after = desk.engine.seat("C001")
    assert (after.room_id, after.seat_no) == ("R2", "49")
    assert (after.remaining_s, after.progress) == (before.remaining_s, before.progress)
    desk.restart()
    assert desk.engine.whose(new) == "C001"
    assert refused(desk.engine.whose, old) == "not_signed_in"


def test_void_needs_two_and_takes_the_scores_away(desk: Desk) -> None:
    desk.start()
    desk.engine.force_hand_in("C001", reason="作弊", by=BY)
    assert desk.engine.result("C001") is not None
    assert refused(desk.engine.void, "C001", "作弊", by=BY, by2=BY) == "two_persons"
    desk.engine.void("C001", "携带手机", by=BY, by2="李监考")
    assert desk.engine.result("C001") is None
    assert desk.engine.seat("C001").passed is None
    assert desk.engine.build_return("B1", closed_by=BY).sittings[0].void_reason == "携带手机"


def test_rooms_open_one_by_one(desk: Desk) -> None:
    desk.admit_all()
    desk.engine.open_session(SESSION, "R2", by=BY)
    assert refused(desk.engine.start, "C001") == "not_open"
    desk.engine.open_session(SESSION, "R1", by=BY)
    assert desk.engine.is_open(SESSION, "R1")
    desk.engine.start("C001").wait()
    assert refused(desk.engine.open_session, "S9", by=BY) == "session_unknown"
    assert refused(desk.engine.open_session, SESSION, "R9", by=BY) == "room_unknown"
    assert refused(desk.engine.open_session, SESSION, by="") == "value_missing"


def test_status_lists_everybody(desk: Desk) -> None:
    desk.start("C002")
    rows = desk.engine.status(SESSION)
    assert [(row.seat_no, row.state) for row in rows] == [
        ("01", "not_admitted"),
        ("02", "running"),
        ("03", "not_admitted"),
    ]
    assert desk.engine.status(SESSION, "R2") == []
    assert desk.engine.health().states == {"running": 1}


def test_a_return_waits_for_the_last_candidate(desk: Desk) -> None:
    desk.start()
    assert refused(desk.engine.build_return, "B1", closed_by=BY) == "sitting_running"
    assert refused(desk.engine.unload, "B1") == "sitting_running"
    desk.engine.force_hand_in("C001", reason="收卷", by=BY)
    content = desk.engine.build_return("B1", closed_by=BY)
    api.check_return(content)
    assert refused(desk.engine.build_return, "B9", closed_by=BY) == "bundle_unknown"
    desk.engine.unload("B1")
    assert desk.engine.bundles() == []


def test_a_changed_bundle_is_refused(desk: Desk) -> None:
    desk.engine.load(desk.bundle)
    assert refused(desk.engine.load, make_bundle(minutes=90)) == "bundle_changed"
    assert refused(desk.engine.load, make_bundle(bundle_id="B2")) == "candidate_known"


def test_a_session_of_another_loaded_bundle_is_refused(desk: Desk) -> None:
    other = make_bundle(bundle_id="B2")
    people = tuple(
        msgspec.structs.replace(
            one,
            candidate_id="X" + one.candidate_id,
            slip_no="9" + one.slip_no,
            papers={
                subject: msgspec.structs.replace(paper, candidate_id="X" + one.candidate_id)
                for subject, paper in one.papers.items()
            },
        )
        for one in other.candidates
    )
    clash = api.complete(msgspec.structs.replace(other, candidates=people))
    assert refused(desk.engine.load, clash) == "session_known"
    assert [one.bundle_id for one in desk.engine.bundles()] == ["B1"]
    desk.engine.unload("B1")
    desk.engine.load(clash)
    assert [one.bundle_id for one in desk.engine.bundles()] == ["B2"]


def test_one_engine_a_folder(desk: Desk) -> None:
    journal = api.SqliteJournal(desk.folder / "other.sqlite3")
    assert refused(api.Engine, journal, data_dir=desk.folder) == "engine_running"
    journal.close()


# --- a failing disk -------------------------------------------------------------------------------------------


def test_after_a_full_disk_only_what_was_acknowledged_remains(desk: Desk) -> None:
    desk.start()
    desk.engine.save("C001", "general", "G-single-1", ["o1"]).wait()
    journal: Any = desk.engine._journal
    journal._connection.execute("pragma max_page_count = 1")
    with pytest.raises(api.JournalError):
        desk.engine.record_incident("x", "长" * 100_000, by=BY)
    desk.clock.advance(2)
    big = "长" * 100_000
    with pytest.raises(api.JournalError):
        desk.engine.record_incident("x", big, by=BY)
    assert refused(desk.engine.save, "C001", "general", "G-single-2", ["o1"]) == "journal_failed"
    journal._connection.execute("pragma max_page_count = 1000000")
    desk.clock.advance(2)
    assert desk.engine.view("C001").answers == {("general", "G-single-1"): ("o1",)}
    assert desk.engine.save("C001", "general", "G-single-2", ["o1"]).wait().kept
    assert desk.engine.build_return is not None
    assert desk.engine.health().journal_ok
