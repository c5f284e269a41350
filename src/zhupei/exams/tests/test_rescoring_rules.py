"""What counts as right after a correction, and the moves a correction can make: without a database (I07)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from zhupei.delivery import api as delivery
from zhupei.exams.choices import CORRECTION, CorrectionState, Policy, Remedy
from zhupei.exams.models import (
    KeyCorrection,
)
from zhupei.exams.rescoring import accepted_after, by_place, score

D = Decimal


def correction(
    accepted: list[list[str]],
    *,
    remedy: str = Remedy.ANOTHER,
    policy: str = Policy.NOBODY_LOSES,
    child: int = 0,
) -> KeyCorrection:
    return KeyCorrection(
        item_uid="Q1", version=1, child_no=child, remedy=remedy, policy=policy, accepted=accepted
    )


def slot(kind: str = "single", marks: str = "2", options: str = "abcd") -> delivery.Slot:
    return delivery.Slot(key="Q1", no=1, unit_no=1, kind=kind, option_ids=tuple(options), marks=D(marks))  # type: ignore[arg-type]


@pytest.mark.req("I07")
@pytest.mark.parametrize(
    ("policy", "by_answer"),
    [
        (Policy.NOBODY_LOSES, {"a": 2, "b": 2, "c": 0, "": 0}),
        (Policy.STRICT, {"a": 0, "b": 2, "c": 0, "": 0}),
    ],
)
def test_another_key_under_both_policies(policy: str, by_answer: dict[str, int]) -> None:
    key = delivery.Key(right=("a",))
    accepted = accepted_after(key.right, [correction([["b"]], policy=policy)])
    assert {given: accepted.marks(slot(), key, given) for given in by_answer} == by_answer


@pytest.mark.req("I07")
def test_several_answers_and_a_void_question() -> None:
    key = delivery.Key(right=("a",))
    several = accepted_after(
        key.right, [correction([["b"], ["c"]], remedy=Remedy.SEVERAL, policy=Policy.STRICT)]
    )
    assert [several.marks(slot(), key, given) for given in "abcd"] == [0, 2, 2, 0]
    void = accepted_after(key.right, [correction([], remedy=Remedy.VOID)])
    assert [void.marks(slot(), key, given) for given in ("a", "d", "", "xyz")] == [2, 2, 2, 2]


@pytest.mark.req("I07")
def test_corrections_follow_one_another_in_their_order() -> None:
    key = delivery.Key(right=("a",))
    lenient = accepted_after(key.right, [correction([["b"]]), correction([["c"]])])
    assert [lenient.marks(slot(), key, given) for given in "abcd"] == [2, 2, 2, 0]
    strict = [correction([["b"]], policy=Policy.STRICT), correction([["c"]], policy=Policy.STRICT)]
    assert [accepted_after(key.right, strict).marks(slot(), key, g) for g in "abcd"] == [0, 0, 2, 0]
    back = accepted_after(key.right, [correction([], remedy=Remedy.VOID), *strict[:1]])
    assert [back.marks(slot(), key, given) for given in "ab"] == [0, 2]
    stays = accepted_after(key.right, [correction([], remedy=Remedy.VOID), correction([["b"]])])
    assert stays.marks(slot(), key, "d") == 2  # who got full marks keeps them


@pytest.mark.req("I07", "R036")
@pytest.mark.parametrize(
    ("rule", "given", "before", "after"),
    [
        ("all_or_nothing", "ab", "2", "2"),
        ("all_or_nothing", "abc", "0", "2"),
        ("half_per_right", "a", "0.5", "0.5"),
        ("half_per_right", "bc", "0", "1.0"),
        ("half_per_right", "ac", "0", "1.0"),
        ("half_per_right", "d", "0", "0"),
        ("proportional", "a", "1.00", "1.00"),
        ("proportional", "bc", "0", "1.33"),
    ],
)
def test_partial_marks_go_by_the_answer_that_earns_most(
    rule: Any, given: str, before: str, after: str
) -> None:
    key = delivery.Key(right=("a", "b"), rule=rule)
    one = slot("multiple", "2")
    assert delivery.score_slot(one, key, given) == D(before)
    accepted = accepted_after(key.right, [correction([["a", "b", "c"]])])
    assert accepted.marks(one, key, given) == D(after)


@pytest.mark.req("R042", "R043", "I07")
@pytest.mark.parametrize(("carry_over", "passed"), [(True, True), (False, False)])
def test_the_outcome_keeps_to_the_rules_of_the_sitting(carry_over: bool, passed: bool) -> None:
    option = tuple(delivery.Option(id=id_, text=id_) for id_ in "ab")
    units = tuple(
        delivery.Unit(item_uid=uid, version=1, kind="single", stem=uid, marks=D(50), options=option)
        for uid in ("Q1", "Q2")
    )
    paper = delivery.Paper(
        paper_id="P", candidate_id="1", subject="general", title="", seed="", algorithm="", bank_version="",
        sections=(delivery.Section(kind="single", title="", count=2),), units=units, full_mark=D(100),
    )  # fmt: skip
    keys = {"Q1": delivery.Key(right=("a",)), "Q2": delivery.Key(right=("a",))}
    answers = {"general": {"Q1": ("b",), "Q2": ("a",)}}
    rules = delivery.Rules(carry_over=carry_over)
    papers = {"general": paper}
    plain = score(papers, keys, answers, rules, {})
    assert (plain.subjects["general"].marks, plain.passed) == (50, False)
    changed = score(papers, keys, answers, rules, by_place([correction([["b"]])]))
    assert (changed.subjects["general"].marks, changed.passed) == (100, passed)
    other = correction([["b"]])
    other.version = 2  # another version of the item is another question
    assert score(papers, keys, answers, rules, by_place([other])) == plain


def test_every_move_of_a_correction() -> None:
    moves = {(before, verb): after for before, verb, after in CORRECTION.moves()}
    assert set(moves.values()) | {"computing"} == set(CorrectionState.values)
    for final in ("approved", "refused", "withdrawn"):
        assert CORRECTION.possible(final) == []
