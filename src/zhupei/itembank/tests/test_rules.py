"""What a proper item is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from zhupei.itembank import demo
from zhupei.itembank.rules import (
    TRUE_FALSE_OPTIONS,
    ItemText,
    Question,
    check_item,
    faults_of,
    ids_of,
    lettered,
    text_of,
    truth,
)
from zhupei.kernel.errors import Refusal

OPTIONS = lettered(["甲", "乙", "丙", "丁"])
SINGLE = ItemText("single", "题干", "掌握", OPTIONS, ("a",))
MULTIPLE = ItemText("multiple", "题干", "掌握", OPTIONS, ("a", "c"))
TRUE_FALSE = ItemText("true_false", "题干", "掌握", TRUE_FALSE_OPTIONS, ("t",))
CHILD = Question("single", "小题", OPTIONS, ("b",))
CASE = ItemText("case", "背景", "掌握", children=(CHILD, Question("multiple", "小题", OPTIONS, ("b", "d"))))


@pytest.mark.req("R035", "R036")
@pytest.mark.parametrize("text", [SINGLE, MULTIPLE, TRUE_FALSE, CASE], ids=lambda t: t.kind)
def test_the_four_kinds_pass(text: ItemText) -> None:
    check_item(text)
    assert replace(text_of(text.kind, text.level, text.content(), text.key())) == text


WRONG = {
    "item_kind": replace(SINGLE, kind="essay"),
    "item_level": replace(SINGLE, level="精通"),
    "item_difficulty": replace(SINGLE, difficulty=Decimal(1)),
    "item_stem": replace(SINGLE, stem=" "),
    "item_options_few": replace(SINGLE, options=OPTIONS[:1]),
    "item_options_many": replace(SINGLE, options=(*OPTIONS, ("e", "5"), ("f", "6"), ("x6", "7"))),
    "item_option_empty": replace(SINGLE, options=(*OPTIONS, ("e", " "))),
    "item_option_repeats": replace(SINGLE, options=(*OPTIONS, ("e", "甲"))),
    "item_long": replace(SINGLE, stem="长" * 4001),
    "item_anchored": replace(SINGLE, anchored=("f",)),
    "item_children": replace(SINGLE, children=(CHILD, CHILD)),
    "single_key": replace(SINGLE, answer=("a", "b")),
    "key_unknown": replace(SINGLE, answer=("e",)),
    "key_repeats": replace(MULTIPLE, answer=("a", "a", "b")),
    "multiple_keys": replace(MULTIPLE, answer=("a",)),
    "multiple_wrong": replace(MULTIPLE, answer=("a", "b", "c", "d")),
    "true_false_options": replace(TRUE_FALSE, options=OPTIONS),
    "true_false_key": replace(TRUE_FALSE, answer=("t", "f")),
    "case_children": replace(CASE, children=(CHILD,)),
    "case_child_kind": replace(CASE, children=(CHILD, replace(CHILD, kind="case"))),
    "case_options": replace(CASE, options=OPTIONS),
}


@pytest.mark.req("R035", "R036")
@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_item_is_refused(code: str) -> None:
    assert code in {fault[0] for fault in faults_of(WRONG[code])}
    with pytest.raises(Refusal) as caught:
        check_item(WRONG[code])
    assert caught.value.status == 422
    assert caught.value.fields


@pytest.mark.req("R036")
@pytest.mark.parametrize(
    ("child", "code"),
    [
        (replace(CHILD, answer=()), "single_key"),
        (replace(CHILD, stem=""), "item_stem"),
        (replace(CHILD, kind="multiple"), "multiple_keys"),
    ],
)
def test_the_rules_hold_for_sub_questions(child: Question, code: str) -> None:
    faults = faults_of(replace(CASE, children=(CHILD, child)))
    assert [(f[0], f[1]) for f in faults] == [(code, "children")]
    assert "2" in faults[0][2]


def test_a_single_without_any_key_is_refused() -> None:
    assert [f[0] for f in faults_of(replace(SINGLE, answer=()))] == ["single_key"]


def test_answers_as_people_write_them() -> None:
    assert ids_of(" A、c，D ") == ("a", "c", "d")
    assert truth("√") == truth("正确") == ("t",)
    assert truth("错") == ("f",)
    assert truth("也许") == ()


@pytest.mark.req("R036")
def test_every_demonstration_item_is_proper() -> None:
    chapters = list(demo.chapters("101"))
    rows = [item for chapter in chapters for item in chapter.items]
    assert [uid for uid, text in rows if faults_of(text)] == []
    assert len({uid for uid, _text in rows}) == len(rows)
    for subject in ("general", "professional"):
        assert sum(c.weight for c in chapters if c.subject == subject) == 1
