"""What the Excel template and Word write, they read back with every field."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from zhupei.itembank import demo, formats
from zhupei.itembank.formats.common import Draft, Outgoing, Reading, surroundings
from zhupei.itembank.formats.layoutwords import GUARD
from zhupei.itembank.media import picture_of
from zhupei.itembank.rules import TRUE_FALSE_OPTIONS, ItemText, Question, lettered
from zhupei.kernel import richtext

from . import wordsamples

OFFICE = ("xlsx", "docx")
FACTS = {"basis": "依据：甲 答案：B", "difficulty": Decimal("0.712"), "valid_to": date(2027, 1, 2)}
TABLE = "| a | b\\|c |\n|---|---|\n| 1. x | \\(a|b\\) |\n| A. x |  |"
HARD = [
    ItemText(
        "single",
        "下列（A）类\n1. 甲\n（2）乙\n\n二、判断题\n答案：B\n问题：\n第二章 甲\n案例一",
        "掌握",
        lettered(["甲 B.乙；", "C、丙", "答案：甲 解析：乙", "见【解析】", "A.一 B.二 C.三"]),
        ("b",),
        ("e",),
        explanation="解析：x\n答案：A\n3. x\n第二章 y\n参考答案\n1-5 ABCDE\n最后",
        **FACTS,
    ),
    ItemText("true_false", "（√）1. 对错（×）", "了解", TRUE_FALSE_OPTIONS, ("f",), explanation="（A）x"),
    ItemText("true_false", "判断题", "了解", TRUE_FALSE_OPTIONS, ("t",)),
    ItemText("true_false", "=1+1 等于 2", "了解", TRUE_FALSE_OPTIONS, ("t",), explanation="-x\n+y"),
    ItemText(
        "multiple",
        TABLE,
        "熟悉",
        lettered(["\\(\\frac{1}{2}\\) A.x", "2.5", "【图1】"]),
        ("a", "c"),
        explanation="| 题号 | 1 |\n|---|---|\n| 答案 | A |\n尾",
    ),
    ItemText(
        "case",
        "背景\n1. 甲\n（1）乙\n案例一\n问题：\nA. 甲 B. 乙",
        "掌握",
        children=(
            Question("single", "1.5m是（ A ）吗", lettered(["1.5", "2.5"]), ("a",), (), "小题解析\nA. x"),
            Question("true_false", "（判断题）对（√）", TRUE_FALSE_OPTIONS, ("f",)),
            Question("multiple", "甲 A.一 B.二", lettered(["甲", "乙", "丙"]), ("a", "b"), ("c",)),
        ),
        explanation="整体解析\n（1）x",
        **FACTS,
    ),
    ItemText(
        "case",
        "另一背景",
        "掌握",
        children=tuple(Question("single", stem, lettered(["1", "2"]), ("a",)) for stem in ("甲", "乙")),
    ),
]


def there_and_back(name: str, items: Sequence[Outgoing]) -> Reading:
    return formats.read(formats.module(name).write(items), f"题.{name}")


def facts(one: Outgoing | Draft) -> tuple[object, ...]:
    return one.text, one.subject, one.chapter, one.post_codes


def same(name: str, items: Sequence[Outgoing]) -> Reading:
    """Write, read, compare every field; returns what was read."""
    reading = there_and_back(name, items)
    back = {draft.uid: facts(draft) for draft in reading.drafts}
    for item in items:
        assert back.get(item.uid) == facts(item)
    assert len(reading.drafts) == len(items)
    assert not reading.refused
    return reading


@pytest.mark.req("R036")
@pytest.mark.parametrize("name", OFFICE)
def test_the_demonstration_bank_and_hard_texts_come_back_whole(name: str) -> None:
    items = [
        Outgoing(uid, chapter.subject, chapter.number, ("101", "102"), text)
        for chapter in demo.chapters("101")
        for uid, text in chapter.items
    ]
    items += [Outgoing(f"H-{n}", "general", "3", ("101",), text) for n, text in enumerate(HARD)]
    reading = same(name, items)
    assert not reading.notes


def photograph() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 48), 90).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("name", OFFICE)
def test_pictures_come_back_where_they_stood(name: str) -> None:
    red = picture_of(wordsamples.picture("red").getvalue())
    photo = picture_of(photograph())
    media = {one.digest: (one.content_type, one.data) for one in (red, photo)}
    first, second = f"![红 图](media:{red.digest})", f"![](media:{photo.digest})"
    text = ItemText(
        "single",
        f"看{first}和{second}，再看{first}\n选",
        "掌握",
        lettered([first, f"乙{second}", "丙"]),
        ("a",),
        explanation=f"见\n{second}",
    )
    case = ItemText(
        "case",
        f"背景{first}",
        "掌握",
        children=(
            Question("single", f"甲{first}", lettered(["1", "2"]), ("a",)),
            Question("true_false", "乙", TRUE_FALSE_OPTIONS, ("t",), (), f"因为{second}"),
        ),
    )
    items = [Outgoing(f"P-{n}", "general", "1", ("101",), one, media) for n, one in enumerate((text, case))]
    with surroundings(kept=media.__contains__):  # the bank has them: their bytes stay
        same(name, items)
    reading = there_and_back(name, items)  # another bank does not: a photograph is encoded anew
    assert red.digest in reading.media.pictures
    assert len(reading.media.pictures) == 2
    assert photo.digest not in reading.media.pictures


def test_the_guard_of_a_word_file_stands_only_where_it_is_needed() -> None:
    plain = ItemText("single", "甲是（  ）。", "掌握", lettered(["一", "二"]), ("a",), explanation="因为一。")
    writer = formats.module("docx")
    document = formats.module("docx").Document  # the reader's view of the text

    def text(item: ItemText) -> str:
        lines = document(writer.write([Outgoing("A", "general", "1", ("101",), item)]), Reading()).blocks()
        return "\n".join(line.text for line in lines)

    assert GUARD not in text(plain)
    assert GUARD in text(HARD[0])


SIGNS = r"""
    甲 乙 混凝土 （ ） （） （A） （√） ( B ) A. B、 C． D) （1） 1.
    2、 3.5 ① 第3题 一、 （二） 单选题 判断题： 答案：B 【答案】 解析： 依据：
    难度： 章节： 试题编号： 参考答案 1-5 题号 案例一 背景资料： 问题： 第一章 √ ×
    正确 对 | \| \(x^2\) \( ![] _____ 。 ； ， ？ = + - @ "
    ' < > & % # * ~ ` ^ $ m² CO₂ １ Ａ
"""
PIECES = st.sampled_from(SIGNS.split())
WORDS = st.lists(
    st.one_of(PIECES, st.sampled_from([" ", "  ", "\n", "\n\n", "　"])), min_size=1, max_size=9
).map("".join)
TEXT = WORDS.map(lambda text: "\n".join(map(str.rstrip, text.split("\n"))).strip()).filter(
    bool
)  # not spaces at line ends
LINE = TEXT.map(lambda text: " ".join(text.split())).filter(bool)


@st.composite
def questions(
    draw: st.DrawFn,
) -> tuple[str, str, tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...], str]:
    kind = draw(st.sampled_from(["single", "multiple", "true_false"]))
    stem, told = draw(TEXT), draw(st.one_of(st.just(""), TEXT))
    if kind == "true_false":
        return kind, stem, TRUE_FALSE_OPTIONS, (draw(st.sampled_from("tf")),), (), told
    options = lettered(draw(st.lists(LINE, min_size=3, max_size=6, unique=True)))
    ids = [id_ for id_, _text in options]
    count = 1 if kind == "single" else draw(st.integers(2, len(ids) - 1))
    key = tuple(sorted(draw(st.permutations(ids))[:count]))
    return kind, stem, options, key, draw(st.sampled_from([(), (ids[-1],)])), told


@st.composite
def items(draw: st.DrawFn) -> ItemText:
    shared = {
        "level": draw(st.sampled_from(["掌握", "熟悉", "了解"])),
        "basis": draw(st.one_of(st.just(""), LINE)),
        "difficulty": draw(st.one_of(st.none(), st.decimals(Decimal("0.001"), Decimal("0.999"), places=3))),
        "valid_to": draw(st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2099, 1, 1)))),
    }
    if draw(st.integers(0, 3)):
        kind, stem, options, key, anchored, told = draw(questions())
        return ItemText(
            kind, stem, options=options, answer=key, anchored=anchored, explanation=told, **shared
        )
    children = tuple(Question(*one) for one in draw(st.lists(questions(), min_size=2, max_size=3)))
    return ItemText(
        "case", draw(TEXT), children=children, explanation=draw(st.one_of(st.just(""), TEXT)), **shared
    )


def is_odd(text: ItemText) -> bool:
    """What no item may say (a formula that does not end), and lines that begin as tables do: a ragged one is not written back as
    it was typed."""
    parts = [text, *text.children]
    texts = [one for part in parts for one in (part.stem, part.explanation, *(o for _id, o in part.options))]
    bars = any(line.lstrip().startswith("|") for one in texts for line in one.split("\n"))
    return bars or any(richtext.faults(one) for one in (*texts, text.basis))


@pytest.mark.parametrize("name", OFFICE)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(items(), min_size=1, max_size=4))
def test_any_text_comes_back_as_it_was(name: str, texts: list[ItemText]) -> None:
    whole = [text for text in texts if not is_odd(text)]
    assume(whole)
    same(name, [Outgoing(f"Z-{n}", "professional", "2", ("101",), text) for n, text in enumerate(whole)])
