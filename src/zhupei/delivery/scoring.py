"""Scores from raw answers: one function for the hall, which announces them, and the centre, which checks
them.

All arithmetic is ``Decimal`` and exact; only ``proportional`` can need rounding, to 0.01, halves up. Nothing
is ever negative.

- ``all_or_nothing``: full marks for exactly the right options, otherwise 0. The default, and always so for ``single`` and
  ``true_false``.
- ``half_per_right``: a ``multiple`` with nothing wrong but something missing earns 0.5 a right option, at most its marks.
- ``proportional``: such a ``multiple`` earns marks × chosen ÷ right.

An option that is not on the paper makes the answer worth 0, as a wrong one does. No answer is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from zhupei.delivery.formats.base import FormatError
from zhupei.delivery.formats.bundles import Rules
from zhupei.delivery.formats.papers import Key, Paper, Slot
from zhupei.delivery.formats.scores import Answers, SittingScore, SlotScore, SubjectScore

ZERO = Decimal(0)
HALF = Decimal("0.5")
CENT = Decimal("0.01")


def score_slot(slot: Slot, key: Key, chosen: Iterable[str]) -> Decimal:
    """Marks earned by ``chosen`` (option ids) in one slot."""
    given, right = set(chosen), set(key.right)
    if not given or not given <= set(slot.option_ids):
        return ZERO
    if given == right:
        return slot.marks
    if slot.kind != "multiple" or key.rule == "all_or_nothing" or not given < right:
        return ZERO
    if key.rule == "half_per_right":
        return min(HALF * len(given), slot.marks)
    return (slot.marks * len(given) / len(right)).quantize(CENT, rounding=ROUND_HALF_UP)


def score_paper(
    paper: Paper, keys: Mapping[str, Key], answers: Mapping[str, Iterable[str]], rules: Rules
) -> SubjectScore:
    """One subject. Raises ``FormatError("key_missing")`` rather than scoring a slot without a key as 0."""
    slots = []
    for slot in paper.slots():
        key = keys.get(slot.key)
        if key is None:
            raise FormatError("key_missing", f"{paper.candidate_id}/{paper.subject}: {slot.key} has no key")
        chosen = tuple(answers.get(slot.key, ()))
        slots.append(
            SlotScore(key=slot.key, chosen=chosen, marks=score_slot(slot, key, chosen), full=slot.marks)
        )
    marks = sum((one.marks for one in slots), ZERO)
    full = sum((one.full for one in slots), ZERO)
    return SubjectScore(marks=marks, full=full, passed=marks >= rules.pass_mark, per_unit=tuple(slots))


def score_sitting(
    papers: Mapping[str, Paper], keys: Mapping[str, Key], answers: Answers, rules: Rules
) -> SittingScore:
    """Both subjects from raw answers (R038, R041–R043).

    Passed only if every subject of the rules is there and at or over the pass mark; the sum never counts.
    With ``rules.carry_over`` the subjects sat are enough (the other one was passed before).
    """
    subjects = {
        subject: score_paper(paper, keys, answers.get(subject, {}), rules)
        for subject, paper in papers.items()
    }
    whole = bool(subjects) and (rules.carry_over or set(rules.subjects) <= set(subjects))
    return SittingScore(subjects=subjects, passed=whole and all(one.passed for one in subjects.values()))
