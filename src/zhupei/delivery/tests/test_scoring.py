"""Marks are exact, never negative, and each subject is passed on its own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from zhupei.delivery import api
from zhupei.delivery.tests.makers import make_bundle, make_paper, right_answers


def slot(kind: str = "multiple", marks: str = "4", options: str = "abcde") -> api.Slot:
    return api.Slot(
        key="Q",
        no=1,
        unit_no=1,
        kind=kind,  # type: ignore[arg-type]
        option_ids=tuple(options),
        marks=Decimal(marks),
    )


@pytest.mark.req("R035", "R036")
@pytest.mark.parametrize(
    ("rule", "chosen", "marks"),
    [
        ("all_or_nothing", "abc", "4"),
        ("all_or_nothing", "cab", "4"),
        ("all_or_nothing", "ab", "0"),
        ("all_or_nothing", "abcd", "0"),
        ("all_or_nothing", "", "0"),
        ("half_per_right", "abc", "4"),
        ("half_per_right", "ab", "1.0"),
        ("half_per_right", "a", "0.5"),
        ("half_per_right", "ad", "0"),
        ("half_per_right", "", "0"),
        ("proportional", "abc", "4"),
        ("proportional", "ab", "2.67"),
        ("proportional", "a", "1.33"),
        ("proportional", "abd", "0"),
        ("all_or_nothing", "abcz", "0"),
        ("half_per_right", "az", "0"),
        ("proportional", "z", "0"),
    ],
)
def test_rules_of_a_multiple(rule: str, chosen: str, marks: str) -> None:
    key = api.Key(right=("a", "b", "c"), rule=rule)  # type: ignore[arg-type]
    assert api.score_slot(slot(), key, tuple(chosen)) == Decimal(marks)


@pytest.mark.parametrize("rule", ["all_or_nothing", "half_per_right", "proportional"])
def test_one_right_option_is_all_or_nothing(rule: str) -> None:
    key = api.Key(right=("a",), rule=rule)  # type: ignore[arg-type]
    for kind in ("single", "true_false"):
        assert api.score_slot(slot(kind, "2", "ab"), key, ("a",)) == 2
        assert api.score_slot(slot(kind, "2", "ab"), key, ("b",)) == 0
        assert api.score_slot(slot(kind, "2", "ab"), key, ("a", "b")) == 0


def test_half_a_mark_never_exceeds_the_marks() -> None:
    key = api.Key(right=("a", "b", "c", "d"), rule="half_per_right")
    assert api.score_slot(slot(marks="1"), key, ("a", "b", "c")) == 1


def two_papers(
    first: str, second: str
) -> tuple[dict[str, api.Paper], dict[str, api.Key], dict[str, dict[str, tuple[str, ...]]]]:
    """Papers of two slots each; the right answer to the first slot earns exactly ``first`` or ``second``."""
    papers, keys, answers = {}, {}, {}
    for subject, marks in (("general", first), ("professional", second)):
        options = (api.Option(id="a", text="a"), api.Option(id="b", text="b"))
        worth = [Decimal(marks), Decimal(100) - Decimal(marks)]
        units = tuple(
            api.Unit(item_uid=f"{subject}{n}", version=1, kind="single", stem="?", marks=one, options=options)
            for n, one in enumerate(worth)
            if one
        )
        papers[subject] = api.Paper(
            paper_id=subject,
            candidate_id="C",
            subject=subject,
            title=subject,
            seed="",
            algorithm="",
            bank_version="",
            sections=(api.Section(kind="single", title="", count=len(units)),),
            units=units,
            full_mark=Decimal(100),
        )
        keys |= {unit.item_uid: api.Key(right=("a",)) for unit in units}
        answers[subject] = {units[0].item_uid: ("a",)}
    return papers, keys, answers


@pytest.mark.req("R041", "R042", "J02")
@pytest.mark.parametrize(
    ("first", "second", "passed"),
    [
        ("60.0", "60.0", True),
        ("59.5", "100", False),
        ("60", "59", False),
        ("100", "59", False),
        ("59.99", "60", False),
        ("100", "60", True),
    ],
)
def test_each_subject_needs_sixty(first: str, second: str, passed: bool) -> None:
    papers, keys, answers = two_papers(first, second)
    score = api.score_sitting(papers, keys, answers, api.Rules())
    assert [one.marks for one in score.subjects.values()] == [Decimal(first), Decimal(second)]
    assert all(one.full == 100 for one in score.subjects.values())
    assert score.passed is passed


@pytest.mark.req("R043", "J03")
def test_a_missing_subject_is_not_passed_unless_carried_over() -> None:
    papers, keys, answers = two_papers("80", "80")
    alone = {"general": papers["general"]}
    assert not api.score_sitting(alone, keys, answers, api.Rules()).passed
    assert api.score_sitting(alone, keys, answers, api.Rules(carry_over=True)).passed
    assert not api.score_sitting({}, keys, answers, api.Rules(carry_over=True)).passed


def test_a_slot_without_a_key_is_an_error_not_a_zero() -> None:
    papers, keys, answers = two_papers("80", "80")
    del keys["general0"]
    with pytest.raises(api.FormatError) as caught:
        api.score_sitting(papers, keys, answers, api.Rules())
    assert caught.value.code == "key_missing"


def test_knowing_everything_is_a_hundred() -> None:
    bundle = make_bundle()
    papers = bundle.candidates[1].papers
    answers = right_answers(bundle, "C002")
    score = api.score_sitting(papers, bundle.keys, answers, bundle.rules)
    assert [str(one.marks) for one in score.subjects.values()] == ["100", "100"]
    assert score.passed
    assert len(score.subjects["general"].per_unit) == len(list(make_paper("C002", "general").slots()))
