"""Makers for the tests of corrected keys: a batch that was held, a proposal, its approval."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.makers import (
    make_actor,
)

from zhupei.delivery import api as delivery
from zhupei.exams import actions
from zhupei.exams.choices import Remedy
from zhupei.exams.models import (
    Batch,
    KeyCorrection,
)
from zhupei.exams.tests.held import (
    hold,
    just_below,
    other_option,
    released,
    slot_of,
    unit_of,
)
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role

D = Decimal


@dataclass
class Case:
    """A confirmed batch: the first candidate is just below the pass mark in the professional paper and chose ``wrong`` in
    ``question``, the last candidate knew everything (by the old key), the others left the professional paper empty."""

    batch: Batch
    bundle: delivery.Bundle
    question: str
    uid: str
    version: int
    child: int
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    marks: Decimal

    def propose(self, by: Actor | None = None, **changes: Any) -> KeyCorrection:
        by = by or make_actor(Role.BANK_KEEPER)
        given = {
            "child_no": self.child,
            "remedy": Remedy.ANOTHER,
            "answers": [self.wrong],
            "reason": "规范已修订，原答案错误",
            "notice": "一道题的答案有误，已更正。",
            **changes,
        }
        row = actions.propose_correction(self.uid, self.version, **given, by=by)
        return actions.start_computing(row, by=by)

    def holders(self) -> list[int]:
        """The candidates, by number, whose paper holds the question."""
        return [
            number
            for number, one in enumerate(self.bundle.candidates)
            if any(unit.item_uid == self.uid for paper in one.papers.values() for unit in paper.units)
        ]


def held(
    kind: str = "single", *, candidates: int = 3, confirm: bool = True, among: Any = None, **more: Any
) -> Case:
    """``among``: the item numbers of which the question is to be one."""
    batch, bundle = released(candidates, **more)
    first = bundle.candidates[0].papers["professional"]
    unit = unit_of(first, kind, among)
    child = unit.children[0].no if unit.children else 0
    question = delivery.slot_key(unit.item_uid, child)
    right = bundle.keys[question].right
    wrong = other_option(slot_of(first, question), right)

    def choose(number: int, candidate: delivery.Candidate, answers: Any) -> Any:
        if number == 0:
            paper = candidate.papers["professional"]
            answers["professional"] = {**just_below(bundle, paper, question), question: wrong}
        elif number < candidates - 1:
            answers["professional"] = {}
        return answers

    batch = hold(batch, choose, confirm=confirm)
    marks = slot_of(first, question).marks
    return Case(batch, bundle, question, unit.item_uid, unit.version, child, right, wrong, marks)


def approver() -> Actor:
    return make_actor(Role.CENTRE_APPROVER)


def approve(row: KeyCorrection, by: Actor | None = None) -> KeyCorrection:
    return actions.approve_correction(row, shown=row.lines_digest, reason="同意", by=by or approver())


def lines(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(
        (
            one.result_id,
            one.general_before,
            one.general_after,
            one.professional_before,
            one.professional_after,
            one.passed_before,
            one.passed_after,
        )
        for one in rows
    )
