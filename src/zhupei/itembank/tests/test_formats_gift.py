"""GIFT: the forms of its description, our items there and back, hostile files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.itembank.formats import gift
from zhupei.itembank.formats.common import FileRefused, Outgoing
from zhupei.itembank.rules import ItemText, Question, lettered

from .exchange import DATA, MANY, bounded, outgoing, picture_item, there_and_back

KINDS = ("single", "multiple", "true_false")


@pytest.fixture(scope="module")
def reading():
    return gift.read((DATA / "forms.gift").read_bytes(), name="forms.gift")


@pytest.fixture(scope="module")
def texts(reading):
    return {draft.where: draft.text for draft in reading.drafts}


@pytest.mark.req("R035")
def test_the_forms_of_its_description(reading):
    said = [
        (
            draft.text.kind,
            draft.text.stem,
            [text for _id, text in draft.text.options],
            "".join(draft.text.answer),
        )
        for draft in reading.drafts
    ]
    right_wrong = ["正确", "错误"]
    assert said == [
        ("single", "施工单位对建设工程安全生产工作全面负责的人是（　　）。", ["项目经理", "主要负责人", "专职安全员"], "b"),
        ("single", "高处作业是指距坠落高度基准面 _____ 米及以上的作业。", ["2", "3", "5"], "a"),
        ("multiple", "下列属于特种作业人员的有：", ["建筑电工", "架子工", "钢筋工", "起重信号工"], "abd"),
        ("multiple", "钢筋进场应检查的项目有", ["质量证明文件", "外观", "出厂价格"], "ab"),
        ("single", "混凝土养护不少于 7 天的水泥是", ["硅酸盐水泥", "矿渣水泥", "火山灰水泥"], "a"),
        ("true_false", "安全帽的有效期自购买之日起算。", right_wrong, "f"),
        ("true_false", "安全带应高挂低用。", right_wrong, "t"),
        ("true_false", "风力达到 5 级，应停止吊装 <p>。", right_wrong, "f"),
        ("single", "下列哪个等于 5？", ["= 2 + 2", "= 2 + 3 {花括号} ~ # : \\", "= 2 + 4\n第二行"], "b"),
        ("single", "脚手架的立杆有：", ["钢管", "竹竿"], "a"),
        ("single", "下列不是安全色的是", ["紫色", "红色"], "a"),
    ]  # fmt: skip
    assert reading.drafts[0].uid == "S-0011"


def test_feedback_explains(reading):
    told = [draft.text.explanation for draft in reading.drafts]
    assert told[0] == "《建设工程安全生产管理条例》第二十一条。"
    assert told[2] == "见《条例》第二十五条。\n住房城乡建设部另有目录。"
    assert told[5] == "对。"
    assert told[7] == "应为 6 级。"


def test_other_kinds_are_counted_by_name(reading):
    assert reading.unsupported == {
        "essay": 1,
        "numerical": 2,
        "shortanswer": 1,
        "matching": 1,
        "description": 1,
    }


def test_what_cannot_come_in_is_refused_with_line_and_reason(reading):
    lines = (DATA / "forms.gift").read_text().split("\n")
    names = [
        lines[int("".join(filter(str.isdigit, one.where))) - 1].split("::")[1] for one in reading.refused
    ]
    assert names == ["没有右括号", "两对括号", "一个也不对", "两个全对"]
    assert len({one.reason for one in reading.refused}) >= 3


def test_shares_and_feedback_of_options_are_noted(reading):
    noted = [one.where for one in reading.notes]
    assert len(noted) == len({(one.where, one.reason) for one in reading.notes}) == 4


@pytest.mark.req("R035")
@MANY
@given(items=st.lists(outgoing(KINDS), min_size=1, max_size=3))
def test_our_items_come_back(items):
    there_and_back(gift, items)


def test_a_case_is_named_as_not_writable():
    child = Question("single", "问", lettered(["甲", "乙"]), ("a",))
    case = Outgoing("D-1", "", "", (), ItemText("case", "案例", "掌握", children=(child, child)))
    assert gift.unwritable(case)
    assert gift.read(gift.write([case, picture_item()])).drafts[0].uid == "P-1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings(encoding):
    reading = gift.read("混凝土是{=对 ~错}\r\n\r\n钢筋{T}\r\n".encode(encoding))
    assert [draft.text.stem for draft in reading.drafts] == ["混凝土是", "钢筋"]


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\x80\x81 \xff{T}", b"a\0b{T}", "题{T}".encode("utf-32")])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(FileRefused) as refused:
        gift.read(data)
    assert refused.value.code == "file_encoding"


HOSTILE = {
    "open braces": b"{" * 1_000_000,
    "pairs": b"{}" * 500_000,
    "tildes": b"a{" + b"~" * 5_000_000 + b"}",
    "backslashes": b"a{" + b"\\" * 5_000_000 + b"}",
    "hashes": b"a{~b=c" + b"#" * 5_000_000 + b"}",
    "colons": b"::" * 2_000_000 + b"{T}",
    "tags": b"//" + b"[tag:" * 1_000_000 + b"\na{T}",
    "markdown": b"[markdown]" + b"*_[" * 6000 + b"{T}",
    "deep": b"[html]" + b"<div>" * 4000 + b"{T}",
    "formulas in a table": b"[html]<table><tr><td>" + b"\\\\(" * 600_000 + b"</td><td></td></tr></table>{T}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_end_soon(name):
    drafts, _reasons, refused = bounded(gift.read, HOSTILE[name])
    assert (drafts, refused) in ((0, 1), (0, 0), (1, 0))


@pytest.mark.parametrize("data", [b"\n" * 19_000_000, b"a" * 200_000_000, b"a{T}\n\n" * 21_000])
def test_files_past_the_bounds_are_refused(data):
    assert bounded(gift.read, data) in ("file_large", "file_items")
