"""What counts as right in a question once its key was corrected, and what a sitting then earns (I07, R041–R043).

Corrections of one question are applied in the order of their approval to the key that was drawn. Under ``nobody_loses`` the
answers that counted before go on counting, so no mark ever goes down; under ``strict`` only those of the last correction
count. A void question earns full marks whatever was answered. Marks come from the raw answers alone, in exact decimals, by
``delivery.score_slot`` with the marking rule of the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from msgspec.structs import replace

from zhupei.delivery import api as delivery

from .choices import Policy, Remedy
from .models import KeyCorrection

Place: TypeAlias = tuple[str, int, int]
"""A question: item number, version, child (0 if the item is no case)."""
Corrections: TypeAlias = Mapping[Place, Sequence[KeyCorrection]]


@dataclass(frozen=True)
class Accepted:
    """The answers (sets of option ids) that count as right; ``everybody``: the question is void, all get its marks."""

    answers: tuple[frozenset[str], ...]
    everybody: bool = False

    def marks(self, slot: delivery.Slot, key: delivery.Key, chosen: Iterable[str]) -> Decimal:
        """The best that ``chosen`` earns by any of the answers, under the marking rule of ``key``."""
        if self.everybody:
            return slot.marks
        given = tuple(chosen)
        return max(
            delivery.score_slot(slot, replace(key, right=tuple(answer)), given) for answer in self.answers
        )


def place_of(correction: KeyCorrection) -> Place:
    """The question that a correction is about."""
    return correction.item_uid, correction.version, correction.child_no


def by_place(corrections: Iterable[KeyCorrection]) -> dict[Place, list[KeyCorrection]]:
    """Corrections by question, in the order given."""
    found: dict[Place, list[KeyCorrection]] = {}
    for one in corrections:
        found.setdefault(place_of(one), []).append(one)
    return found


def accepted_after(right: Iterable[str], corrections: Iterable[KeyCorrection]) -> Accepted:
    """What counts as right after ``corrections`` of a question whose key was drawn as ``right``."""
    answers, everybody = [frozenset(right)], False
    for one in corrections:
        new = [frozenset(answer) for answer in one.accepted]
        if one.remedy == Remedy.VOID:
            everybody = True
        elif one.policy == Policy.NOBODY_LOSES:
            answers += [answer for answer in new if answer not in answers]
        else:
            answers, everybody = new, False
    return Accepted(tuple(answers), everybody)


def places_in(paper: delivery.Paper) -> dict[str, Place]:
    """The questions of a paper by slot key."""
    return {
        delivery.slot_key(unit.item_uid, no): (unit.item_uid, unit.version, no)
        for unit in paper.units
        for no in ([child.no for child in unit.children] or [0])
    }


def score(
    papers: Mapping[str, delivery.Paper],
    keys: Mapping[str, delivery.Key],
    answers: delivery.Answers,
    rules: delivery.Rules,
    corrections: Corrections,
) -> delivery.SittingScore:
    """A sitting under corrected keys: ``delivery.score_sitting`` with other marks in the corrected questions."""
    plain = delivery.score_sitting(papers, keys, answers, rules)
    subjects = {}
    for subject, paper in papers.items():
        own = plain.subjects[subject]
        accepted = {
            key: accepted_after(keys[key].right, corrections[place])
            for key, place in places_in(paper).items()
            if place in corrections
        }
        slots = [
            replace(scored, marks=accepted[slot.key].marks(slot, keys[slot.key], scored.chosen))
            if slot.key in accepted
            else scored
            for slot, scored in zip(paper.slots(), own.per_unit, strict=True)
        ]
        marks = sum((one.marks for one in slots), Decimal(0))
        subjects[subject] = replace(own, marks=marks, passed=marks >= rules.pass_mark, per_unit=tuple(slots))
    whole = bool(subjects) and (rules.carry_over or set(rules.subjects) <= set(subjects))
    return replace(plain, subjects=subjects, passed=whole and all(one.passed for one in subjects.values()))
