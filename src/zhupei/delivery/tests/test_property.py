"""Engine, journal and sittings against a simple model, written from the rules and not from the code.

Packets come late, twice, in any order or never; the clock on the wall jumps; writes fail before or after they reached the
disk; the program is stopped or dies. Whatever happens:

- an acknowledged answer is never lost, and never replaced by an older one;
- a receipt, once given, is the same for ever, and nothing is accepted after it;
- the time left is what the model says: downtime costs nothing, nor does waiting for the papers after it, whether another
  batch goes on meanwhile or not; a crash gives back less than the clock's step, and nothing else adds time but what a member
  of staff added;
- the centre, which gets only the entries that concern this bundle, folds the same sittings from them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from zhupei.delivery import api
from zhupei.delivery.engine.clockwork import TICK_EVERY_MS
from zhupei.delivery.engine.returns import concerns
from zhupei.delivery.journal import PostgresJournal, SqliteJournal
from zhupei.delivery.journal.base import GroupCommit
from zhupei.delivery.state import Hall
from zhupei.delivery.tests.journals import BACKENDS, break_it, forget, new_place
from zhupei.delivery.tests.makers import SESSION, FakeClock, make_bundle
from zhupei.delivery.tests.test_two_bundles import second_bundle
from zhupei.kernel.errors import Refusal

BASE_MS, GRACE_MS = 120 * 60_000, 30_000
SUBJECTS = ("general", "professional")
BUNDLES = {
    order: make_bundle(each=1, photos=False, order=order, minutes=120, grace_seconds=30)
    for order in ("sequence", "free")
}
OTHER = second_bundle()
PAPERS = {one.candidate_id: one.papers for one in BUNDLES["free"].candidates}
PEOPLE = ("C001", "C002")
WHO = st.sampled_from(PEOPLE)
QUARTERS = st.integers(1, 160)  # of a second: exact in binary, so no clock rounds
LATE = st.lists(st.tuples(QUARTERS, st.booleans()), max_size=3)
"""After a restart: waiting for the papers, and whether there is another restart before they come."""
At = tuple[str, str]
Answer = frozenset[str]


class Failing(GroupCommit):
    """A journal whose next write can fail, or whose machine is gone."""

    fails = ""
    """``before``: the next write does not reach the disk; ``after``: it does, but nobody learns it; ``dead``: none ever
    does."""

    def _store(self, rows: Any, first: int) -> None:
        fails = self.fails
        self.fails = fails if fails == "dead" else ""
        if fails in ("", "after"):
            super()._store(rows, first)
        if fails:
            raise OSError(fails)


class File(Failing, SqliteJournal):
    """On this disk."""


class Server(Failing, PostgresJournal):
    """In PostgreSQL. Where a write does not reach it, the session has ended too."""

    def _store(self, rows: Any, first: int) -> None:
        if self.fails == "before":
            break_it(self)
        super()._store(rows, first)


@dataclass
class Packet:
    """An answer as a page has sent it."""

    who: str
    at: At
    answer: Answer
    seq: int


@dataclass
class Model:
    """One candidate as the rules have it."""

    state: str = "not_admitted"
    used: int = 0
    added: int = 0
    paused_for: int = 0
    subject: int = 0
    held: dict[At, tuple[int, Answer]] = field(default_factory=dict)
    promised: dict[At, tuple[int, Answer]] = field(default_factory=dict)
    started: Any = None
    receipt: Any = None

    @property
    def left(self) -> int:
        return (BASE_MS if self.started else 0) + self.added - self.used

    def passes(self, ms: int) -> None:
        if self.state == "running":
            self.used += ms
        elif self.state == "paused":
            self.paused_for += ms

    def over(self) -> bool:
        return self.state == "running" and self.left + GRACE_MS <= 0

    def given(self) -> dict[At, Answer]:
        return {at: answer for at, (_, answer) in self.held.items() if answer}


class Exam(RuleBasedStateMachine):
    """A hall with two candidates, their pages, and everything that can go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="zhupei-exam-"))
        self.clock = FakeClock()
        self.models = {who: Model() for who in PEOPLE}
        self.pool: list[Packet] = []
        self.seqs: dict[str, int] = {}
        self.opened = False

    @initialize(order=st.sampled_from(["sequence", "free"]))
    def begin(self, order: str) -> None:
        self.order = order
        self.come_up()
        self.engine.load(BUNDLES[order])

    def open_journal(self) -> File | Server:
        return File(self.folder / "journal.sqlite3")

    def come_up(self) -> None:
        self.disk = self.open_journal()
        self.engine = api.Engine(self.disk, data_dir=self.folder, clock=self.clock, ticking=False)
        self.engine.load(OTHER)

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.close()
        shutil.rmtree(self.folder)

    # --- how the model learns what an act came to -------------------------------------------------------------

    def act(self, refusal: str, do: Callable[[], Any], then: Callable[[], None]) -> Any:
        """``do`` on the engine: the refusal that the rules expect, or success and ``then`` on the model.

        If the write failed, nothing was acknowledged; the model moves on only if it had reached the disk.
        """
        fails, result, said = self.disk.fails, None, ""
        try:
            result = do()
        except Refusal as problem:
            said = problem.code
        if said == "journal_failed":
            assert fails
            assert not refusal
            if fails == "after":
                then()
            self.wait(8)  # so long that the engine folds anew and writes how far its clock has come
            return None
        assert said == refusal
        if not refusal:
            then()
        return result

    def wait(self, quarters: int) -> None:
        """Time passes and the clockwork runs; it hands in whoever is over time."""
        self.clock.advance(quarters / 4)
        for model in self.models.values():
            model.passes(quarters * 250)
        due = [who for who, model in self.models.items() if model.over()]

        def hand_in() -> None:
            for who in due:
                self.models[who].state = "submitted"

        self.act("", self.engine.tick, hand_in)

    # --- acts -------------------------------------------------------------------------------------------------

    @rule(who=WHO)
    def admit(self, who: str) -> None:
        model = self.models[who]

        def then() -> None:
            if model.state == "not_admitted":
                model.state = "admitted"

        self.act("", lambda: self.engine.admit(who, by="x", method="id_card", late_reason="traffic"), then)

    @rule()
    def open_session(self) -> None:
        self.act("", lambda: self.engine.open_session(SESSION, by="x"), lambda: setattr(self, "opened", True))

    @rule(who=WHO)
    def start(self, who: str) -> None:
        """For the first time or again."""
        model = self.models[who]
        again = model.state in ("running", "paused", "submitted")
        refusal = ""
        if model.state == "not_admitted":
            refusal = "wrong_state"
        elif not again and not self.opened:
            refusal = "not_open"

        def then() -> None:
            if not again:
                model.state, model.started = "running", int(self.clock.wall.timestamp() * 1000)

        receipt = self.act(refusal, lambda: self.engine.start(who).wait(), then)
        if receipt is not None:
            assert receipt.started_at == model.started

    @rule()
    def begin_the_usual_way(self) -> None:
        self.open_session()
        for who in PEOPLE:
            self.admit(who)
            self.start(who)

    @rule(who=WHO)
    def load_page(self, who: str) -> None:
        if self.models[who].state != "not_admitted":
            self.seqs[who] = self.engine.next_seq(who)

    @rule(data=st.data(), who=WHO, subject=st.sampled_from(SUBJECTS), now=st.booleans())
    def give(self, data: st.DataObject, who: str, subject: str, now: bool) -> None:
        """The page sends an answer. It arrives ``now``, or whenever ``arrive`` takes it."""
        if who not in self.seqs:
            self.seqs[who] = self.engine.next_seq(who)
        self.seqs[who] += 1
        key, answer = self.choose(data, who, subject)
        self.pool.append(Packet(who, (subject, key), answer, self.seqs[who]))
        if now:
            self.deliver(self.pool[-1])

    def choose(self, data: st.DataObject, who: str, subject: str) -> tuple[str, Answer]:
        slots = list(PAPERS[who][subject].slots())[:4]
        slot = data.draw(st.sampled_from(slots))
        most = 3 if slot.kind == "multiple" else 1
        options = st.sampled_from(slot.option_ids)
        return slot.key, frozenset(data.draw(st.lists(options, unique=True, max_size=most)))

    @precondition(lambda self: self.pool)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """Any packet of the past arrives, for the first time or once more."""
        self.deliver(data.draw(st.sampled_from(self.pool)))

    @precondition(lambda self: self.pool)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        self.pool.remove(data.draw(st.sampled_from(self.pool)))

    def may_save(self, model: Model, subject: str) -> str:
        """The refusal of an answer by the rules, or ""."""
        if model.state == "submitted":
            return "submitted"
        if model.state == "paused":
            if model.paused_for > GRACE_MS:
                return "paused"
        elif model.state != "running":
            return "wrong_state"
        elif model.over():
            return "time_over"
        if self.order == "sequence" and SUBJECTS.index(subject) != model.subject:
            return "subject_closed" if SUBJECTS.index(subject) < model.subject else "subject_not_open"
        return ""

    def deliver(self, packet: Packet, *, form: bool = False) -> None:
        model = self.models[packet.who]
        at = packet.at
        before = model.held.get(at, (0, frozenset()))

        def then() -> None:
            if packet.seq > before[0]:
                model.held[at] = (packet.seq, packet.answer)

        ack = self.act(
            self.may_save(model, at[0]),
            lambda: self.engine.save(packet.who, *at, list(packet.answer), packet.seq).wait(),
            then,
        )
        if ack is None:
            return
        seq, answer = model.held[at]
        assert (ack.rev, frozenset(ack.answer)) == (seq, answer)
        assert ack.kept is (answer == packet.answer)
        assert ack.remaining_ms == max(model.left, 0)
        model.promised[at] = (seq, answer)

    @rule(data=st.data(), who=WHO, subject=st.sampled_from(SUBJECTS))
    def post_form(self, data: st.DataObject, who: str, subject: str) -> None:
        """A page without script: what is posted last is newer than everything before."""
        model = self.models[who]
        key, answer = self.choose(data, who, subject)
        at = (subject, key)
        before = max([seq for seq, _ in model.held.values()], default=0)
        acks: list[Any] = []
        fails = self.disk.fails

        def then() -> None:
            held = self.engine._hall.sittings[who].answers[at] if fails else None
            seq = acks[0].rev if acks else held.seq if held else 0
            assert seq > before
            model.held[at] = (seq, answer)

        def post() -> Any:
            acks.append(self.engine.save(who, subject, key, list(answer)).wait())
            return acks[0]

        ack = self.act(self.may_save(model, subject), post, then)
        if ack is not None:
            assert ack.kept
            model.promised[at] = model.held[at]

    @rule(who=WHO, to=st.sampled_from([0, 1]))
    def turn(self, who: str, to: int) -> None:
        model = self.models[who]
        refusal = ""
        if model.started is None:
            refusal = "wrong_state"
        elif to != model.subject:
            if model.state != "running" or model.over():
                refusal = "wrong_state"
            elif self.order == "sequence" and to < model.subject:
                refusal = "subject_closed"
        self.act(
            refusal,
            lambda: self.engine.turn_to(who, SUBJECTS[to]).wait(),
            lambda: setattr(model, "subject", to),
        )

    @rule(who=WHO)
    def pause(self, who: str) -> None:
        model = self.models[who]

        def then() -> None:
            model.state, model.paused_for = "paused", 0

        refusal = "" if model.state == "running" else "wrong_state"
        self.act(refusal, lambda: self.engine.pause(candidate_id=who, reason="power", by="x"), then)

    @rule(who=WHO)
    def resume(self, who: str) -> None:
        model = self.models[who]
        refusal = "" if model.state == "paused" else "wrong_state"
        self.act(
            refusal,
            lambda: self.engine.resume(candidate_id=who, by="x"),
            lambda: setattr(model, "state", "running"),
        )

    @rule(who=WHO, seconds=st.integers(1, 600))
    def add_time(self, who: str, seconds: int) -> None:
        model = self.models[who]
        refusal = "" if model.state in ("admitted", "running", "paused") else "wrong_state"
        self.act(
            refusal,
            lambda: self.engine.add_time(who, seconds, "fault", by="x", approved_by="y"),
            lambda: setattr(model, "added", model.added + seconds * 1000),
        )

    @rule(who=WHO)
    def hand_in(self, who: str) -> None:
        """For the first time or again."""
        model = self.models[who]
        refusal = ""
        if model.state not in ("running", "submitted"):
            refusal = "wrong_state"
        elif model.state == "running" and model.left > 0 and self.order == "sequence" and model.subject == 0:
            refusal = "subject_left"
        self.submit(who, refusal, lambda: self.engine.hand_in(who).wait())

    @rule(who=WHO)
    def force_hand_in(self, who: str) -> None:
        refusal = "" if self.models[who].state in ("running", "paused", "submitted") else "wrong_state"
        self.submit(who, refusal, lambda: self.engine.force_hand_in(who, reason="x", by="x"))

    def submit(self, who: str, refusal: str, do: Callable[[], Any]) -> None:
        model = self.models[who]
        receipt = self.act(refusal, do, lambda: setattr(model, "state", "submitted"))
        if receipt is not None:
            self.keep_receipt(model, receipt)

    def keep_receipt(self, model: Model, receipt: Any) -> None:
        assert receipt.state == "submitted"
        if model.receipt is None:
            model.receipt = receipt
        assert receipt == model.receipt

    # --- faults -----------------------------------------------------------------------------------------------

    @rule(quarters=QUARTERS)
    def time_passes(self, quarters: int) -> None:
        self.wait(quarters)

    @rule(minutes=st.integers(1, 70))
    def much_time_passes(self, minutes: int) -> None:
        self.wait(minutes * 240)

    @rule(hours=st.integers(-30, 30))
    def wall_clock_jumps(self, hours: int) -> None:
        self.clock.step_wall(hours * 3600)

    @rule(how=st.sampled_from(["before", "after"]))
    def next_write_fails(self, how: str) -> None:
        self.disk.fails = how

    @rule()
    def another_batch_begins(self) -> None:
        def begin() -> None:
            self.engine.admit("D001", by="x", method="id_card", late_reason="traffic")
            self.engine.open_session("S2", by="x")
            self.engine.start("D001").wait()

        self.act("", begin, lambda: None)

    @rule(down=st.integers(0, 3600), late=LATE)
    def restart(self, down: int, late: list[tuple[int, bool]]) -> None:
        self.disk.fails = ""
        self.engine.close()
        self.after_downtime(down, late)

    @rule(data=st.data(), down=st.integers(0, 3600), late=LATE)
    def crash(self, data: st.DataObject, down: int, late: list[tuple[int, bool]]) -> None:
        """The power fails with a packet on its way to the disk: it was not acknowledged, and is lost."""
        self.disk.fails = "dead"
        if self.pool:
            packet = data.draw(st.sampled_from(self.pool))
            saving = lambda: self.engine.save(packet.who, *packet.at, list(packet.answer), packet.seq).wait()  # noqa: E731
            held = self.models[packet.who].held.get(packet.at, (0, frozenset()))
            if packet.seq > held[0]:
                with pytest.raises(Refusal):
                    saving()
        self.disk.close()
        os.close(self.engine._lock_file)
        self.after_downtime(down, late)

    def after_downtime(self, down: int, late: list[tuple[int, bool]]) -> None:
        self.clock.advance(down)
        self.clock.mono = 5.0
        self.come_up()
        for quarters, again in late:
            self.clock.advance(quarters / 4)
            assert not set(self.engine.tick()) & set(PEOPLE)
            if again:
                self.engine.close()
                self.clock.mono = 7.0
                self.come_up()
        self.engine.load(BUNDLES[self.order])
        for who, model in self.models.items():
            if model.state in ("running", "paused"):
                back = self.engine.view(who).remaining_ms - model.left
                assert 0 <= back < (TICK_EVERY_MS if model.state == "running" else 1)
                model.used -= back
            if model.state == "paused":
                sitting = self.engine._hall.sittings[who]
                model.paused_for = self.engine._hall.last_tick - (sitting.paused_tick or 0)

    # --- what the centre makes of it --------------------------------------------------------------------------

    @rule()
    def the_centre_folds_the_same(self) -> None:
        hall, bundle = Hall(), BUNDLES[self.order]
        ids = {one.candidate_id for one in bundle.candidates}
        for entry in self.disk.replay():
            event = entry.event
            if event.candidate_id in ids or (
                not event.candidate_id and concerns(event, bundle.bundle_id, {SESSION})
            ):
                hall.apply(event)
        for who in PEOPLE:
            assert hall.sittings.get(who) == self.engine._hall.sittings.get(who)

    # --- what holds always ------------------------------------------------------------------------------------

    @invariant()
    def like_the_model(self) -> None:
        for who, model in self.models.items():
            view = self.engine.view(who)
            assert view.state == model.state
            got = {at: frozenset(answer) for at, answer in view.answers.items()}
            assert got == model.given()
            sitting = self.engine._hall.sittings.get(who)
            for at, (seq, answer) in model.promised.items():
                assert sitting is not None
                held = sitting.answers[at]
                assert held.seq >= seq
                assert held.seq > seq or frozenset(held.answer) == answer
            if model.started is not None:
                assert view.remaining_ms == model.left
                assert view.subject == SUBJECTS[model.subject]
                assert view.receipt.started_at == model.started
            if model.state == "submitted":
                self.keep_receipt(model, view.receipt)
                bundle = BUNDLES[self.order]
                answers = {s: {k: a for (of, k), a in view.answers.items() if of == s} for s in SUBJECTS}
                papers = next(one.papers for one in bundle.candidates if one.candidate_id == who)
                assert model.receipt.scores == api.score_sitting(papers, bundle.keys, answers, bundle.rules)


class ExamOnServer(Exam):
    """The same with the journal in PostgreSQL."""

    def __init__(self) -> None:
        super().__init__()
        self.place = new_place("postgresql", self.folder)

    def open_journal(self) -> Server:
        return Server(*self.place.split("#"))

    def teardown(self) -> None:
        super().teardown()
        forget(self.place)


Exam.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestExam = pytest.mark.req("I03", "R040")(Exam.TestCase)
if "postgresql" in BACKENDS:
    ExamOnServer.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
    TestExamOnServer = pytest.mark.req("I03", "R040")(ExamOnServer.TestCase)
