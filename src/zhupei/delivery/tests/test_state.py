"""The fold against a simple model: packets reordered, doubled and dropped, clocks stopped, the program restarted."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from zhupei.delivery.formats import events as f
from zhupei.delivery.state import Hall, Sitting

KEYS = ("Q1", "Q2", "Q3#1", "Q3#2")
ANSWERS = st.lists(st.sampled_from("abcd"), unique=True, max_size=3).map(tuple)


class SittingMachine(RuleBasedStateMachine):
    """One candidate. The model keeps a dict of answers, an amount of time used, and a word for the state."""

    def __init__(self) -> None:
        super().__init__()
        self.journal: list[Any] = []
        self.hall = Hall()
        self.tick = 0
        self.seq = 0
        self.network: list[f.Saved] = []
        self.model: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.state = "not_admitted"
        self.used = 0
        self.added = 0

    def put(self, event: Any) -> None:
        self.journal.append(event)
        self.hall.apply(event)

    def stamp(self) -> dict[str, Any]:
        return {"at": self.tick, "tick": self.tick, "candidate_id": "C"}

    @rule(ms=st.integers(0, 600_000))
    def time_passes(self, ms: int) -> None:
        self.tick += ms
        if self.state == "running":
            self.used += ms

    @rule()
    def admit(self) -> None:
        self.put(
            f.Admitted(
                **self.stamp(),
                by="x",
                bundle_id="B",
                session_id="S",
                room_id="R",
                seat_no="1",
                method="id_card",
            )
        )
        if self.state == "not_admitted":
            self.state = "admitted"

    @rule()
    def start(self) -> None:
        self.put(f.Started(**self.stamp(), budget_ms=7_200_000, grace_ms=30_000, subjects=("general",)))
        if self.state == "admitted":
            self.state = "running"

    @rule(key=st.sampled_from(KEYS), answer=ANSWERS)
    def send(self, key: str, answer: tuple[str, ...]) -> None:
        """The page sends an answer: it is on the network now."""
        self.seq += 1
        self.network.append(
            f.Saved(at=0, tick=0, candidate_id="C", subject="general", key=key, answer=answer, seq=self.seq)
        )

    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """Any packet of the past arrives, for the first time or once more, in any order."""
        if not self.network:
            return
        packet = data.draw(st.sampled_from(self.network))
        self.put(
            f.Saved(
                **self.stamp(), subject=packet.subject, key=packet.key, answer=packet.answer, seq=packet.seq
            )
        )
        if self.state in ("running", "paused"):
            held = self.model.get(packet.key)
            if held is None or packet.seq > held[0]:
                self.model[packet.key] = (packet.seq, packet.answer)

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        if self.network:
            self.network.remove(data.draw(st.sampled_from(self.network)))

    @rule()
    def pause(self) -> None:
        self.put(f.Paused(**self.stamp(), reason="x"))
        if self.state == "running":
            self.state = "paused"

    @rule()
    def resume(self) -> None:
        self.put(f.Resumed(**self.stamp()))
        if self.state == "paused":
            self.state = "running"

    @rule(seconds=st.integers(1, 600))
    def add_time(self, seconds: int) -> None:
        self.put(f.TimeAdded(**self.stamp(), by="x", seconds=seconds, reason="x", approved_by="y"))
        if self.state not in ("submitted", "voided"):
            self.added += seconds * 1000

    @rule()
    def move(self) -> None:
        self.put(
            f.SeatMoved(
                **self.stamp(), room_id="R", seat_no="2", from_room_id="R", from_seat_no="1", reason="x"
            )
        )

    @rule()
    def submit(self) -> None:
        self.put(f.Submitted(**self.stamp(), kind="hand"))
        if self.state in ("running", "paused"):
            self.state = "submitted"

    @rule()
    def void(self) -> None:
        if self.state == "submitted":
            self.put(f.Voided(**self.stamp(), by="x", by2="y", reason="x"))
            self.state = "voided"

    @rule()
    def restart(self) -> None:
        """The program dies and folds its journal: nothing may differ."""
        again = Hall()
        for event in self.journal:
            again.apply(event)
        assert again == self.hall
        self.hall = again

    @invariant()
    def like_the_model(self) -> None:
        sitting = self.hall.sittings.get("C") or Sitting("C")
        assert sitting.state == self.state
        expected = {key: answer for key, (_, answer) in self.model.items() if answer}
        assert sitting.given().get("general", {}) == expected
        assert sitting.answered("general") == len(expected)
        assert list(self.hall.due) == (["C"] if self.state == "running" else [])
        assert sitting.used(self.tick) == self.used
        if self.state == "running":
            assert sitting.remaining(self.tick) == 7_200_000 + self.added - self.used
            assert sitting.overdue(self.tick) is (self.used >= 7_200_000 + self.added + 30_000)
            assert sitting.overdue(self.tick) is (self.hall.due["C"] <= self.tick)


SittingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSitting = SittingMachine.TestCase
