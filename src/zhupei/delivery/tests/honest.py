"""Halls that were held honestly, and their returns: one in which a lot happened, and any that a test makes up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from zhupei.delivery import api
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.base import digest
from zhupei.delivery.journal.base import Batch
from zhupei.delivery.tests.makers import TITLES, Desk, FakeClock, id_hash, make_bundle, make_paper

replaced = msgspec.structs.replace
PHOTO, FACE = "a" * 64, "b" * 64
LI, WANG = "李监考 #1", "王监考 #2"


class KeptJournal(api.MemoryJournal):
    """Keeps its entries in memory, through restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[api.Entry] = []

    def append(self, events: Sequence[api.AnyEvent]) -> Batch:
        for event in events:
            self.entries.append(api.Entry(no=len(self.entries) + 1, event=event))
        return super().append(events)

    def replay(self, after: int = 0) -> Iterator[api.Entry]:
        return iter(self.entries[after:])


def many(prefix: str, count: int, **rules: Any) -> api.Bundle:
    """A bundle of ``count`` candidates ``prefix1``… in rooms R1 and R2, in a session of its own."""
    keys: dict[str, api.Key] = {}
    first = make_bundle(bundle_id=f"B{prefix}", photos=False, **rules)
    session = replaced(first.sessions[0], id=f"S{prefix}")
    people = [
        api.Candidate(
            candidate_id=f"{prefix}{n}",
            slip_no=f"slip-{prefix}{n}",
            name=f"考生{n}",
            id_masked="",
            id_hash=id_hash(f"{prefix}{n}"),
            post_code="101",
            post_name="土建施工员",
            room_id="R1" if n % 2 else "R2",
            seat_no=f"{n:02d}",
            session_id=session.id,
            papers={subject: make_paper(f"{prefix}{n}", subject, keys=keys) for subject in TITLES},
            extra_seconds=600 if n == 2 else 0,
        )
        for n in range(1, count + 1)
    ]
    bundle = api.complete(replaced(first, candidates=tuple(people), sessions=(session,), keys=keys))
    return msgspec.msgpack.decode(msgspec.msgpack.encode(bundle), type=api.Bundle)


class Day(Desk):
    """A hall in which two batches sit at once; check-ins and captures are kept as the hall's desk does."""

    def __init__(self, folder: Path, **rules: Any) -> None:
        self.journal = KeptJournal()
        self.other = many("B", 2)
        self.checkins: list[api.CheckIn] = []
        self.captures: list[api.Capture] = []
        super().__init__(folder, bundle=many("A", 7, **rules), clock=FakeClock())
        self.engine.load(self.other)

    def _engine(self) -> api.Engine:
        engine = api.Engine(self.journal, data_dir=self.folder, clock=self.clock, ticking=False)
        engine.load(self.bundle)
        engine.load(self.other)
        return engine

    def admit(self, name: str, *, second: str = "", late_reason: str = "") -> None:
        self.clock.advance(1)
        self.checkins.append(
            api.CheckIn(
                candidate_id=name,
                at=1,
                method="document" if second else "card",
                decision="accepted",
                by=LI,
                by2=second,
                reason="身份证遗失" if second else "",
                photo=PHOTO,
            )
        )
        self.captures = [api.Capture(candidate_id="A1", at=1, kind="check_in", digest=PHOTO, size=9)]
        method = "manual" if second else "id_card"
        self.engine.admit(
            name, by=f"{LI}; {second}" if second else LI, method=method, late_reason=late_reason
        )

    def save(self, name: str, subject: str, at: int, right: bool = True) -> None:
        self.clock.advance(0.7)
        bundle = self.bundle if name.startswith("A") else self.other
        paper = next(one for one in bundle.candidates if one.candidate_id == name).papers[subject]
        slot = list(paper.slots())[at]
        answer = bundle.keys[slot.key].right if right else (slot.option_ids[-1],)
        self.engine.save(name, subject, slot.key, answer).wait()

    def run(self, seconds: float) -> None:
        """Time goes by, with the engine's own thread at it."""
        while seconds > 0:
            self.clock.advance(min(seconds, 5))
            self.engine.tick()
            seconds -= 5

    def returned(self) -> api.Return:
        checkins = [one for one in self.checkins if one.candidate_id.startswith("A")]
        captures = [
            *self.captures,
            api.Capture(candidate_id="A3", at=1, kind="incident", digest=FACE, size=5),
        ]
        return self.engine.build_return("BA", closed_by=LI, checkins=checkins, captures=captures)


def eventful(folder: Path) -> tuple[api.Bundle, api.Return]:
    """A1 hands in, A2's time ends, A3 is taken in, A4 voided, A5 absent, A6 never begins."""
    day = Day(folder, min_minutes_before_hand_in=1)
    clock, engine = day.clock, day.engine
    for name in ("A1", "A3", "A4", "A6", "B1"):
        day.admit(name)
    day.admit("A2", second=WANG)
    for session in ("SA", "SB"):
        engine.open_session(session, by=LI)
    for name in ("A1", "A2", "A3", "A4", "B1"):
        engine.start(name).wait()
        day.save(name, "general", 0)
        day.save(name, "general", 1, right=False)
    day.save("A1", "general", 1)  # changed his mind
    engine.heartbeat("A1", left_window_ms=900).wait()
    engine.warn("A3", "请勿交谈", by=WANG)
    engine.record_incident("notes", "夹带", by=WANG, candidate_id="A3", session_id="SA", evidence=[FACE])
    engine.record_incident("power", "隔壁停电", by=WANG)
    engine.pause(reason="停电", by=LI, session_id="SA")
    clock.advance(10)
    day.save("B1", "general", 2)
    engine.save(
        "A1", "general", tuple(day.bundle.candidates[0].papers["general"].slots())[2].key, ["o1"]
    ).wait()  # on its way
    clock.advance(600)
    engine.resume(by=LI, session_id="SA")
    day.restart(down_s=300)
    engine = day.engine
    engine.move_seat("A1", "R2", "50", reason="键盘坏", by=LI)
    engine.add_time("A1", 300, "换座", by=LI, approved_by=WANG)
    day.save("A1", "general", 3)
    engine.turn_to("A1", "professional").wait()
    for at in range(4):
        day.save("A1", "professional", at)
    engine.void("A4", "替考", by=LI, by2=WANG)
    engine.force_hand_in("A3", reason="收卷", by=WANG)
    clock.advance(60)
    day.save("B1", "general", 3)
    engine.hand_in("A1").wait()
    engine.shown("A1").wait()
    day.run(40 * 60)
    day.admit("A7", late_reason="路上堵车，主考同意")
    clock.step_wall(3600)
    engine.start("A7").wait()
    day.run(119 * 60 + 50)
    day.save("A7", "general", 2)
    clock.advance(15)  # over, within the grace
    day.save("A7", "general", 4)
    clock.advance(30)
    assert engine.tick() == ["A7"]
    content = day.returned()
    day.close()
    assert [one.state for one in content.sittings] == [
        "submitted", "submitted", "submitted", "voided", "not_admitted", "admitted", "submitted"
    ]  # fmt: skip
    assert [one.submit_kind for one in content.sittings[:3]] == ["hand", "auto", "forced"]
    return day.bundle, content


def with_journal(bundle: api.Bundle, content: api.Return) -> api.Return:
    """``content`` with the journal and the check-ins of a hall in which all went as its records say."""
    start = bundle.sessions[0].starts_at
    told: list[api.AnyEvent] = []

    def tell(event: Callable[..., api.AnyEvent], tick: int, /, **fields: Any) -> None:
        told.append(event(at=start + tick, tick=tick, **fields))

    by, by2 = "王监考 #1", "李监考 #2"
    tell(ev.EngineStarted, 0, generation=1)
    mark = digest(bundle.digests)
    tell(ev.Loaded, 0, bundle_id=bundle.bundle_id, batch_no=bundle.batch_no, digest=mark)
    for session in bundle.sessions:
        tell(ev.Opened, 0, session_id=session.id, by=by)
    people = {one.candidate_id: one for one in bundle.candidates}
    came = [one for one in content.sittings if one.state != "not_admitted"]
    rules = bundle.rules
    for one in came:
        planned, who = people[one.candidate_id], {"candidate_id": one.candidate_id}
        place = {"session_id": planned.session_id, "room_id": planned.room_id, "seat_no": planned.seat_no}
        tell(ev.Admitted, 0, **who, **place, by=by, bundle_id=bundle.bundle_id, method="id_card")
        if one.started_at is None:
            continue
        begun = one.started_at - start
        budget = (rules.minutes_for(planned.papers) * 60 + planned.extra_seconds) * 1000
        subjects = tuple(subject for subject in rules.subjects if subject in planned.papers)
        grace = rules.grace_seconds * 1000
        tell(ev.Started, begun, **who, budget_ms=budget, grace_ms=grace, subjects=subjects)
        seq = 0
        for number, subject in enumerate(subjects):
            if number:
                closes = subjects[number - 1] if rules.order == "sequence" else ""
                tell(ev.SubjectTurned, begun + number * 1000, **who, subject=subject, closes=closes)
            for key, answer in one.answers.get(subject, {}).items():
                seq += 1
                tell(
                    ev.Saved,
                    begun + number * 1000,
                    **who,
                    subject=subject,
                    key=key,
                    answer=answer,
                    seq=seq,
                )
        ended = begun + one.used_ms
        if one.submit_kind is not None:
            tell(ev.Submitted, ended, **who, kind=one.submit_kind, scores=one.scores)
        if one.shown_at is not None:
            tell(ev.ResultShown, one.shown_at - start, **who)
        if one.state == "voided":
            tell(ev.Voided, ended + 2000, **who, by=by, by2=by2, reason=one.void_reason)
    told.sort(key=lambda event: event.tick)
    checkins = tuple(
        api.CheckIn(candidate_id=one.candidate_id, at=start, method="card", decision="accepted", by=by)
        for one in came
    )
    entries = tuple(api.Entry(no=no, event=event) for no, event in enumerate(told, 1))
    return msgspec.structs.replace(content, events=entries, checkins=checkins)
