"""The centre's check from the journal up: an honest hall has no differences, and each falsehood is told as what it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhupei.delivery import api
from zhupei.delivery.formats import events as ev
from zhupei.delivery.tests.honest import FACE, LI, WANG, Day, eventful
from zhupei.delivery.tests.makers import TITLES, id_hash
from zhupei.kernel.crypto import Sm2Signer, Sm2Verifier, generate_sm2_key

replaced = msgspec.structs.replace
SIGNER = Sm2Signer(generate_sm2_key())


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[api.Bundle, api.Return]:
    return eventful(tmp_path_factory.mktemp("day"))


def sealed(bundle: api.Bundle, content: api.Return) -> api.Return:
    """Sealed anew with the hall's own key, and opened by the centre."""
    key, signer = b"k" * 16, SIGNER
    data = api.seal_return(api.complete_return(content), bundle_key=key, signer=signer)
    return api.open_return(data, bundle_key=key, verifier=Sm2Verifier(signer.public_key))


@pytest.mark.req("R032", "R038", "R040", "R049", "R050")
def test_an_honest_hall_has_no_differences(day: tuple[api.Bundle, api.Return]) -> None:
    bundle, content = day
    numbers = [entry.no for entry in content.events]
    assert len(numbers) < numbers[-1]  # gaps: the other batch shares the journal
    assert any(isinstance(entry.event, ev.Resumed) for entry in content.events)
    assert api.reconcile(bundle, sealed(bundle, content)) == []


# --- one falsehood each ---------------------------------------------------------------------------------------

Change = Callable[[api.Bundle, api.Return], api.Return]


def record(name: str, **fields: Any) -> Change:
    """Alter fields of one record."""

    def change(_bundle: api.Bundle, content: api.Return) -> api.Return:
        return replaced(
            content,
            sittings=tuple(
                replaced(one, **fields) if one.candidate_id == name else one for one in content.sittings
            ),
        )

    return change


def event(kind: type, name: str = "", /, *, which: int = 0, **fields: Any) -> Change:
    """Alter fields of one entry's event; without fields the entry is left out."""

    def change(_bundle: api.Bundle, content: api.Return) -> api.Return:
        entries = list(content.events)
        found = [
            at
            for at, entry in enumerate(entries)
            if isinstance(entry.event, kind) and entry.event.candidate_id == name
        ]
        at = found[which]
        if fields:
            entries[at] = replaced(entries[at], event=replaced(entries[at].event, **fields))
        else:
            del entries[at]
        return replaced(content, events=tuple(entries))

    return change


def both(*changes: Change) -> Change:
    def change(bundle: api.Bundle, content: api.Return) -> api.Return:
        for one in changes:
            content = one(bundle, content)
        return content

    return change


def swapped(_bundle: api.Bundle, content: api.Return) -> api.Return:
    entries = list(content.events)
    entries[20], entries[21] = entries[21], entries[20]
    return replaced(content, events=tuple(entries))


def repeated(_bundle: api.Bundle, content: api.Return) -> api.Return:
    return replaced(content, events=(*content.events, content.events[-1]))


def put_in(
    new: Callable[[api.Bundle, ev.AnyEvent], ev.AnyEvent], kind: type, name: str, *, before: bool = False
) -> Change:
    """An entry more, behind (or before) the last of a kind; numbers leave room for it, as those of other batches do."""

    def change(bundle: api.Bundle, content: api.Return) -> api.Return:
        entries = [replaced(entry, no=entry.no * 10) for entry in content.events]
        at = max(
            n for n, e in enumerate(entries) if isinstance(e.event, kind) and e.event.candidate_id == name
        )
        one = api.Entry(no=entries[at].no + (-1 if before else 1), event=new(bundle, entries[at].event))
        entries.insert(at if before else at + 1, one)
        return replaced(content, events=tuple(entries))

    return change


def answer_of(name: str, subject: str, at: int, shift_ms: int = 0, **fields: Any) -> Any:
    """A further answer ``shift_ms`` after the entry before it; it says what was kept already, so only its time is false."""

    def new(bundle: api.Bundle, last: ev.AnyEvent) -> ev.AnyEvent:
        paper = next(one for one in bundle.candidates if one.candidate_id == name).papers[subject]
        slot = list(paper.slots())[at]
        values: dict[str, Any] = {
            "at": last.at,
            "tick": last.tick + shift_ms,
            "candidate_id": name,
            "subject": subject,
            "key": slot.key,
            "answer": bundle.keys[slot.key].right,
            "seq": 10**12,
        }
        return ev.Saved(**{**values, **fields})

    return new


def checkin(name: str, **fields: Any) -> Change:
    def change(_bundle: api.Bundle, content: api.Return) -> api.Return:
        rows = [
            replaced(one, **fields) if one.candidate_id == name else one
            for one in content.checkins
            if fields or one.candidate_id != name
        ]
        return replaced(content, checkins=tuple(rows))

    return change


def opened_late(bundle: api.Bundle, content: api.Return) -> api.Return:
    """The room's opening is put behind everything."""
    entries = [e for e in content.events if not (isinstance(e.event, ev.Opened))]
    (opened,) = [e.event for e in content.events if isinstance(e.event, ev.Opened)]
    last = entries[-1]
    late = api.Entry(no=last.no + 1, event=replaced(opened, tick=last.event.tick))
    return replaced(content, events=(*entries, late))


def more_marks(_bundle: api.Bundle, content: api.Return) -> api.Return:
    one = content.sittings[0]
    assert one.scores is not None
    general = replaced(one.scores.subjects["general"], marks=Decimal(99))
    scores = replaced(one.scores, subjects={**one.scores.subjects, "general": general})
    return replaced(content, sittings=(replaced(one, scores=scores), *content.sittings[1:]))


def another_answer(bundle: api.Bundle, content: api.Return) -> api.Return:
    one = content.sittings[0]
    key = tuple(bundle.candidates[0].papers["general"].slots())[9].key
    answers = {**one.answers, "general": {**one.answers["general"], key: ("o1",)}}
    return replaced(content, sittings=(replaced(one, answers=answers), *content.sittings[1:]))


def over(content_name: str, shift_ms: int) -> Change:
    """Hand-in, and the time used, are later by ``shift_ms`` than time and grace allow."""

    def change(bundle: api.Bundle, content: api.Return) -> api.Return:
        used = next(one for one in content.sittings if one.candidate_id == content_name).used_ms
        submitted = next(
            e.event
            for e in content.events
            if isinstance(e.event, ev.Submitted) and e.event.candidate_id == content_name
        )
        moved = both(
            event(ev.Submitted, content_name, tick=submitted.tick + shift_ms),
            record(content_name, used_ms=used + shift_ms),
        )
        return moved(bundle, content)

    return change


HOUR = 3_600_000
CASES: dict[str, tuple[Change, list[tuple[str, str]]]] = {
    "entries in another order": (swapped, [("order", "")]),
    "an entry twice": (repeated, [("order", "")]),
    "a record left out": (
        lambda _b, c: replaced(c, sittings=c.sittings[1:]),
        [("missing", "slip-A1")],
    ),
    "a record twice": (
        lambda _b, c: replaced(c, sittings=(*c.sittings, c.sittings[0])),
        [("twice", "slip-A1")],
    ),
    "a record of a stranger": (
        lambda _b, c: replaced(
            c, sittings=(*c.sittings, replaced(c.sittings[4], candidate_id="X1", slip_no="slip-X1"))
        ),
        [("foreign", "slip-X1")],
    ),
    "a state": (record("A3", state="admitted"), [("state", "slip-A3")]),
    "a sitting hidden as absent": (
        record("A1", state="not_admitted", scores=None, submitted_at=None, used_ms=0),
        [("state", "slip-A1")],
    ),
    "a void taken back": (record("A4", state="submitted"), [("state", "slip-A4")]),
    "a void left out of the journal": (event(ev.Voided, "A4"), [("state", "slip-A4")]),
    "an answer of the record": (another_answer, [("answers", "slip-A1")]),
    "an answer of the journal": (
        event(ev.Saved, "A7", which=0, answer=("o3",)),
        [("answers", "slip-A7")],
    ),
    "time used": (record("A1", used_ms=1), [("used", "slip-A1")]),
    "time added": (record("A1", added_seconds=301), [("added", "slip-A1")]),
    "windows left": (record("A1", window_left=0), [("windows", "slip-A1")]),
    "begun": (record("A1", started_at=1), [("started_at", "slip-A1")]),
    "handed in": (record("A1", submitted_at=1), [("submitted_at", "slip-A1")]),
    "shown": (record("A1", shown_at=None), [("shown_at", "slip-A1")]),
    "kind of hand-in": (record("A3", submit_kind="hand"), [("kind", "slip-A3")]),
    "scores": (more_marks, [("scores", "slip-A1")]),
    "reason of a void": (record("A4", void_reason="缺考"), [("void_reason", "slip-A4")]),
    "slip number": (record("A5", slip_no="slip-A9"), [("identity", "slip-A5")]),
    "paper": (
        record("A5", papers={"general": "x" * 64, "professional": "y" * 64}),
        [("paper", "slip-A5"), ("paper", "slip-A5")],
    ),
    "seat of the record": (record("A1", seat_no="01", room_id="R1"), [("seat", "slip-A1")]),
    "seat moved from": (event(ev.SeatMoved, "A1", from_seat_no="33"), [("move", "slip-A1")]),
    "seat moved to no room": (
        both(event(ev.SeatMoved, "A1", room_id="R9"), record("A1", room_id="R9")),
        [("move", "slip-A1")],
    ),
    "seat moved without a reason": (event(ev.SeatMoved, "A1", reason=" "), [("unsigned", "slip-A1")]),
    "started without admission": (event(ev.Admitted, "A3"), [("not_admitted", "slip-A3")]),
    "admitted without check-in": (checkin("A3"), [("no_check_in", "slip-A3")]),
    "admitted though turned away": (checkin("A3", decision="refused"), [("no_check_in", "slip-A3")]),
    "a document and one name": (checkin("A2", by2=""), [("one_name", "slip-A2")]),
    "a document and the same name": (checkin("A2", by2=LI), [("one_name", "slip-A2")]),
    "a document passed off as a card": (checkin("A2", method="card", by2=""), [("one_name", "slip-A2")]),
    "late without a reason": (event(ev.Admitted, "A7", late_reason=""), [("late_entry", "slip-A7")]),
    "started before the opening": (
        opened_late,
        [("not_open", f"slip-{name}") for name in ("A1", "A2", "A3", "A4", "A7")],
    ),
    "started in a pause": (
        put_in(
            lambda _b, last: ev.Paused(
                at=last.at, tick=last.tick, by=LI, reason="停电", session_id="SA", room_id="R1"
            ),
            ev.Admitted,
            "A7",
        ),
        [("not_open", "slip-A7")],
    ),
    "more minutes": (event(ev.Started, "A1", budget_ms=3 * HOUR), [("terms", "slip-A1")]),
    "more grace": (event(ev.Started, "A1", grace_ms=HOUR), [("terms", "slip-A1")]),
    "no subjects": (event(ev.Started, "A1", subjects=()), [("terms", "slip-A1")]),
    "an answer after deadline and grace": (
        put_in(answer_of("A7", "general", 4, 27_000), ev.Saved, "A7"),
        [("late_answer", "slip-A7")],
    ),
    "an answer after hand-in": (
        put_in(answer_of("A1", "professional", 0), ev.Submitted, "A1"),
        [("ended_answer", "slip-A1")],
    ),
    "an answer before the start": (
        put_in(answer_of("A6", "general", 0), ev.Admitted, "A6"),
        [("ended_answer", "slip-A6")],
    ),
    "an answer in a pause": (
        put_in(answer_of("A1", "general", 2, seq=1), ev.Resumed, "A1", before=True),
        [("paused_answer", "slip-A1")],
    ),
    "an answer in a closed subject": (
        put_in(answer_of("A1", "general", 0, seq=1), ev.Saved, "A1"),
        [("closed_answer", "slip-A1")],
    ),
    "an answer that is not on the paper": (
        put_in(answer_of("A7", "general", 4, answer=("o9",), seq=1), ev.Saved, "A7"),
        [("answer", "slip-A7")],
    ),
    "a clock that goes back": (event(ev.ResultShown, "A1", tick=5), [("clock", "slip-A1")]),
    "more time than there was": (over("A7", 600_000), [("over_time", "slip-A7")]),
    "time added by one": (event(ev.TimeAdded, "A1", approved_by=LI), [("added_unsigned", "slip-A1")]),
    "time added without a reason": (event(ev.TimeAdded, "A1", reason=""), [("added_unsigned", "slip-A1")]),
    "voided by one": (event(ev.Voided, "A4", by2=LI + " "), [("void_unsigned", "slip-A4")]),
    "voided without a reason": (
        both(event(ev.Voided, "A4", reason=""), record("A4", void_reason="")),
        [("void_unsigned", "slip-A4")],
    ),
    "taken in by nobody": (event(ev.Submitted, "A3", by=""), [("forced_unsigned", "slip-A3")]),
    "taken in without a reason": (event(ev.Submitted, "A3", reason=""), [("forced_unsigned", "slip-A3")]),
    "ended by the clock before its time": (
        both(event(ev.Submitted, "A3", kind="auto"), record("A3", submit_kind="auto")),
        [("early", "slip-A3")],
    ),
    "handed in before the rule allows": (
        both(event(ev.Submitted, "A3", kind="hand"), record("A3", submit_kind="hand")),
        [("early", "slip-A3")],
    ),
    "an incident not listed": (
        lambda _b, c: replaced(c, incidents=c.incidents[1:]),
        [("incident", "slip-A3")],
    ),
    "an incident that the journal does not know": (
        lambda _b, c: replaced(c, incidents=(*c.incidents, replaced(c.incidents[1], text="别的"))),
        [("incident", "")],
    ),
    "a photo of an incident not listed": (
        lambda _b, c: replaced(c, captures=tuple(one for one in c.captures if one.kind != "incident")),
        [("capture", "slip-A3")],
    ),
    "a photo without a size": (
        lambda _b, c: replaced(
            c, captures=tuple(replaced(one, size=0) if one.digest == FACE else one for one in c.captures)
        ),
        [("capture", "")],
    ),
    "a photo of a check-in not listed": (
        lambda _b, c: replaced(
            c,
            captures=tuple(one for one in c.captures if one.kind == "incident"),
            checkins=tuple(
                one if one.candidate_id == "A1" else replaced(one, photo="") for one in c.checkins
            ),
        ),
        [("capture", "slip-A1")],
    ),
    "the bundle never loaded": (event(ev.Loaded), [("loaded", "")]),
    "another content loaded": (event(ev.Loaded, digest="0" * 64), [("loaded", "")]),
    "an entry about a stranger": (
        put_in(lambda _b, last: ev.WindowLeft(at=last.at, tick=last.tick, candidate_id="B1"), ev.Voided, "A4"),
        [("foreign", "")],
    ),
    "a second start": (
        put_in(lambda _b, last: replaced(last, tick=last.tick), ev.Started, "A1"),
        [("unfit", "slip-A1")],
    ),
    "a second hand-in": (
        put_in(lambda _b, last: replaced(last, kind="forced", by=LI, reason="x"), ev.Submitted, "A1"),
        [("unfit", "slip-A1")],
    ),
    "back to the first subject": (
        put_in(
            lambda _b, last: replaced(last, subject="general", closes=""),
            ev.SubjectTurned,
            "A1",
        ),
        [("turn", "slip-A1")],
    ),
}  # fmt: skip


@pytest.mark.req("R032", "R038", "R040", "R049", "R050")
@pytest.mark.parametrize("name", CASES, ids=str)
def test_each_falsehood_is_told_as_what_it_is(day: tuple[api.Bundle, api.Return], name: str) -> None:
    bundle, content = day
    change, expected = CASES[name]
    assert expected
    found = api.reconcile(bundle, sealed(bundle, change(bundle, content)))
    assert [(one.what, one.slip_no) for one in found] == expected, found


def test_values_stand_side_by_side(day: tuple[api.Bundle, api.Return]) -> None:
    bundle, content = day
    (found,) = api.reconcile(bundle, record("A3", submit_kind="hand")(bundle, content))
    assert (found.hall, found.centre) == ("hand", "forced")
    (found,) = api.reconcile(bundle, sealed(bundle, another_answer(bundle, content)))
    key = tuple(bundle.candidates[0].papers["general"].slots())[9].key
    assert (found.subject, found.hall, found.centre) == ("general", f"{key}: o1", f"{key}: ")


def test_a_return_without_a_journal_has_differences_for_everybody_who_sat(
    day: tuple[api.Bundle, api.Return],
) -> None:
    bundle, content = day
    found = api.reconcile(bundle, api.complete_return(replaced(content, events=())))
    assert {one.slip_no for one in found if one.what == "state"} == {f"slip-A{n}" for n in (1, 2, 3, 4, 6, 7)}


def test_a_wrong_manifest_is_told(day: tuple[api.Bundle, api.Return]) -> None:
    bundle, content = day
    found = api.reconcile(bundle, replaced(content, counts={**content.counts, "answers": 1}))
    assert [one.what for one in found] == ["counts"]


def test_texts_of_a_hostile_hall_are_cut(day: tuple[api.Bundle, api.Return]) -> None:
    bundle, content = day
    found = api.reconcile(bundle, record("A4", void_reason="x" * 100_000)(bundle, content))
    assert [one.what for one in found] == ["void_reason"]
    assert len(found[0].hall) == 120


def test_a_return_of_an_older_engine_is_taken_in(day: tuple[api.Bundle, api.Return]) -> None:
    """Before warnings and carry tokens there were no such entries and fields."""
    bundle, content = day
    entries = [
        replaced(entry, event=replaced(entry.event, carry_digest=""))
        if isinstance(entry.event, ev.Entered)
        else entry
        for entry in content.events
        if not isinstance(entry.event, (ev.Warned, ev.WarningRead))
    ]
    assert len(entries) < len(content.events)
    assert api.reconcile(bundle, sealed(bundle, replaced(content, events=tuple(entries)))) == []


# --- honest halls at random -----------------------------------------------------------------------------------


def _act(day: Day, rng: random.Random) -> None:
    """One random thing that can happen in a hall; what the engine refuses does not happen."""
    engine = day.engine
    name = rng.choice([f"A{n}" for n in range(1, 8)] + ["B1", "B2"])
    session = f"S{name[0]}"
    subject = rng.choice(list(TITLES))

    def admit() -> None:
        if engine.seat(name).state == "not_admitted":
            day.admit(name, second=rng.choice(["", WANG]), late_reason="堵车")

    acts: list[tuple[int, Callable[[], Any]]] = [
        (6, admit),
        (3, lambda: engine.open_session(session, rng.choice([None, "R1", "R2"]), by=LI)),
        (6, lambda: engine.start(name).wait()),
        (30, lambda: day.save(name, subject, rng.randrange(13), rng.random() < 0.7)),
        (2, lambda: engine.turn_to(name, subject).wait()),
        (2, lambda: engine.heartbeat(name, left_window_ms=rng.choice([None, 500])).wait()),
        (1, lambda: engine.pause(reason="停电", by=LI, session_id=session, room_id=rng.choice([None, "R1"]))),
        (1, lambda: engine.pause(reason="生病", by=LI, candidate_id=name)),
        (2, lambda: engine.resume(by=LI, session_id=session)),
        (2, lambda: engine.resume(by=LI, candidate_id=name)),
        (1, lambda: engine.add_time(name, rng.randrange(1, 900), "故障", by=LI, approved_by=WANG)),
        (1, lambda: engine.move_seat(name, rng.choice(["R1", "R2"]), f"{rng.randrange(40)}", reason="坏", by=LI)),
        (1, lambda: engine.allow_entry(name, reason="浏览器关闭", by=LI)),
        (1, lambda: engine.enter(f"slip-{name}", id_hash(name)).wait()),
        (1, lambda: engine.warn(name, "安静", by=LI)),
        (1, lambda: engine.record_incident("other", "咳嗽", by=LI, candidate_id=rng.choice([name, ""]))),
        (1, lambda: engine.void(name, "违纪", by=LI, by2=WANG)),
        (1, lambda: engine.force_hand_in(name, reason="收卷", by=LI)),
        (2, lambda: engine.hand_in(name).wait()),
        (2, lambda: engine.shown(name).wait()),
        (1, lambda: day.restart(down_s=rng.randrange(900))),
        (2, lambda: day.clock.step_wall(rng.randrange(-4000, 4000))),
        (6, lambda: day.run(rng.choice([0.2, 5, 40, 400]))),
        (8, lambda: engine.tick()),
    ]  # fmt: skip
    weights, calls = zip(*acts, strict=True)
    try:
        rng.choices(calls, weights)[0]()
    except api.FormatError:
        raise
    except Exception as error:
        if not hasattr(error, "code"):
            raise


@pytest.mark.req("R032", "R038")
@pytest.mark.parametrize("seed", range(25))
def test_random_honest_halls_have_no_differences(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    day = Day(
        tmp_path, order=rng.choice(["sequence", "free"]), minutes=rng.choice([20, 120]), late_entry_minutes=20
    )
    for _ in range(600):
        day.engine.tick()
        _act(day, rng)
    for one in day.bundle.candidates:
        if day.engine.seat(one.candidate_id).state in ("running", "paused"):
            day.engine.force_hand_in(one.candidate_id, reason="收卷", by=LI)
    content = day.returned()
    day.close()
    assert content.counts["answers"] > 3
    assert api.reconcile(day.bundle, sealed(day.bundle, content)) == []
