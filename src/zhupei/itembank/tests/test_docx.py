"""Word documents in the layouts that banks really use, and files that nobody should hand in."""

from __future__ import annotations

import io
import os
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from zhupei.itembank import formats
from zhupei.itembank.choices import ItemKind
from zhupei.itembank.formats import common, docx
from zhupei.itembank.formats.common import FileRefused, Reading
from zhupei.itembank.formats.docxwriter import _CONTENT, _HEAD, _TAIL, _relations
from zhupei.itembank.rules import faults_of
from zhupei.kernel import richtext

from . import wordsamples

DATA = Path(__file__).parent / "data"
S, M, T, C = ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE, ItemKind.CASE


def read(data: bytes) -> Reading:
    return formats.read(data, "题.docx")


def asked(reading: Reading) -> list[tuple[str, str, str]]:
    """Kind, stem and key of each item; of a case, those of its sub-questions."""
    rows = []
    for draft in reading.drafts:
        rows.append((draft.text.kind, draft.text.stem, "".join(draft.text.answer)))
        rows += [(child.kind, child.stem, "".join(child.answer)) for child in draft.text.children]
    return rows


INLINE = [
    (S, "我国安全生产的方针是（  ）。", "b"),
    (S, "混凝土强度等级用（  ）表示。", "a"),
    (S, "下列说法正确的是（  ）\n（1）甲；\n（2）乙。", "c"),
    (S, "1.5m以上应（  ）。", "c"),
    (M, "下列属于（  ）的有", "abd"),
    (T, "天是蓝的。", "t"),
    (T, "地是方的。", "f"),
    (T, "水是湿的。", "t"),
    (T, "火是冷的。", "f"),
    (C, "某工程发生事故，经过如下。\n背景资料：三人受伤。", ""),
    (S, "事故等级为（ ）。", "a"),
    (M, "应当（ ）", "ac"),
    (T, "说法正确。", "f"),
    (C, "另一工程", ""),
    (S, "甲（  ）", "b"),
    (S, "乙（  ）", "a"),
]


@pytest.mark.req("R036")
@pytest.mark.parametrize("source", ["built", "kept"])
def test_headings_numbers_options_and_answers_of_a_paper(source: str) -> None:
    """The same paper, built now and kept as a file."""
    data = wordsamples.saved(wordsamples.lines(wordsamples.INLINE))
    if source == "kept":
        data = (DATA / "inline.docx").read_bytes()
    reading = read(data)
    assert asked(reading) == INLINE
    texts = [draft.text for draft in reading.drafts]
    assert [t for _id, t in texts[0].options] == [
        "效益优先",
        "安全第一、预防为主、综合治理",
        "质量第一",
        "进度第一",
    ]
    assert [t for _id, t in texts[1].options] == ["C", "M", "MU", "A、B、C都可以"]
    assert [t for _id, t in texts[3].options] == ["甲", "乙", "丙", "丁"]
    assert (texts[0].explanation, str(texts[0].difficulty)) == ("见《安全生产法》第三条。", "0.85")
    assert (texts[1].basis, str(texts[1].difficulty), texts[1].level) == ("GB 50204-2015", "0.7", "掌握")
    assert texts[2].explanation == "都对。\n第二行解析"
    assert reading.drafts[4].chapter == "3"
    assert texts[9].children[0].explanation == "小题解析"
    assert [(one.where, one.column) for one in reading.refused] == [("第 27 段（第 2 题）", "答案")]
    assert reading.unsupported == {"填空题": 1, "简答题": 2, "连线题": 1}
    told = {note.where: note.reason for note in reading.notes}
    assert "土建施工员岗位题库" in told["第 1 段"]
    assert "连线题" in told["第 43 段（第 1 题）"]


@pytest.mark.req("R036")
@pytest.mark.parametrize("source", ["built", "kept"])
def test_answers_in_a_list_at_the_end(source: str) -> None:
    data = wordsamples.saved(wordsamples.lines(wordsamples.ANSWERS_LAST))
    if source == "kept":
        data = (DATA / "answers-last.docx").read_bytes()
    reading = read(data)
    assert [(kind, key) for kind, _stem, key in asked(reading)] == [
        (S, "a"), (S, "b"), (M, "abc"), (M, "ad"), (T, "t"), (T, "f"),
        (C, ""), (S, "a"), (M, "ab"), (C, ""), (S, "b"), (M, "bc"),
    ]  # fmt: skip
    assert [d.text.stem for d in reading.drafts if d.text.is_case] == ["背景如此。", "又一背景。"]
    assert not reading.refused
    assert not reading.notes


def test_chapters_lists_of_answers_within_them_and_kinds_by_the_answer() -> None:
    reading = read(wordsamples.saved(wordsamples.lines(wordsamples.BY_CHAPTER)))
    assert [(kind, key) for kind, _stem, key in asked(reading)] == [
        (S, "a"), (S, "b"), (T, "t"), (T, "f"), (M, "bc"), (S, "b"),
    ]  # fmt: skip
    assert [d.chapter for d in reading.drafts] == ["1", "1", "2", "2", "2", "3"]
    assert [d.text.explanation for d in reading.drafts[:2]] == ["因为一。\n第二行", "因为二"]


def test_words_own_numbers_pictures_tables_and_formulas() -> None:
    reading = read(wordsamples.saved(wordsamples.numbered()))
    first, second, third, fourth = (draft.text for draft in reading.drafts)
    assert (first.stem, first.answer, [t for _id, t in first.options]) == ("甲题（  ）", ("a",), ["一", "二"])
    assert (second.answer, [t for _id, t in second.options]) == (("b",), ["三", "四"])
    text, shown, *table = third.stem.split("\n")
    assert text == r"看图，面积 m²，CO₂，f\({}_{\text{混凝土}}\) 为（  ）"
    assert richtext.media_in(shown) == tuple(reading.media.pictures)
    assert len(reading.media.pictures) == 1
    assert table == [r"| 甲\|乙 | 丙 |", "|---|---|", "| 1 | 2 |"]
    assert (third.kind, third.answer, third.explanation) == (M, ("a", "b"), "看图。")
    assert fourth.stem == r"公式 \(\frac{a+1}{\sqrt{{b}^{2}}}\)（  ）"
    assert [t for _id, t in fourth.options] == ["甲", "乙", "丙", "丁"]
    assert not [fault for text in (third, fourth) for fault in faults_of(text) if fault[1] != "level"]
    (refused,) = reading.refused
    assert refused.where == "第 25 段（第 4 题）"
    assert "公式" in refused.reason


def test_answers_in_a_table_and_kinds_in_brackets() -> None:
    reading = read(wordsamples.saved(wordsamples.answer_table()))
    assert asked(reading) == [
        (S, "甲（  ）", "b"),
        (M, "乙（  ）", "ac"),
        (T, "丙是丁（ ）", "t"),
        (S, "戊（ ）", "a"),
    ]


def test_a_paper_that_was_typed_without_care() -> None:
    reading = read(wordsamples.saved(wordsamples.lines(wordsamples.LOOSE)))
    assert [(kind, key) for kind, _stem, key in asked(reading)] == [
        (S, "b"), (M, "abd"), (T, "f"), (S, "b"), (S, "d"),
        (C, ""), (S, "b"), (M, "ac"), (T, "t"), (S, "a"), (M, "acd"),
    ]  # fmt: skip
    texts = [draft.text for draft in reading.drafts]
    assert texts[3].explanation == "下一行的解析。"
    assert [t for _id, t in texts[4].options] == ["甲", "乙", "丙", "以上都对。"]
    assert str(texts[4].difficulty) == "0.65"
    assert texts[5].stem == "某工程甲，背景第一段。\n背景第二段。"
    (refused,) = reading.refused
    assert "第 2 小题" in refused.reason
    assert "简答题" in refused.reason


REFUSED = {
    "two brackets": ("1. （A）类（B）类\nA. 一 B. 二", "括号"),
    "letters with a gap": ("1. 甲（A）\nA. 一\nC. 三", "A、C"),
    "no options": ("一、单选题\n1. 甲\n答案：B", "没有选项"),
    "an answer that is none": ("1. 甲（  ）\nA. 一\nB. 二\n答案：见教材", "见教材"),
    "nothing at all": ("1. 只有题干", "既没有选项"),
    "a wrong day": ("1. 甲（A）\nA. 一\nB. 二\n有效至：明年", "2026-12-31"),
    "a child without answer": (
        "案例题\n1. 背景\n（1）甲（A）\nA. 一 B. 二\n（2）乙\nA. 一 B. 二",
        "第 2 小题",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_with_its_place(name: str) -> None:
    text, words = REFUSED[name]
    reading = read(wordsamples.saved(wordsamples.lines(text)))
    assert not reading.drafts
    (refused,) = reading.refused
    assert words in refused.reason
    assert "段" in refused.where


def test_what_a_paragraph_holds_beside_text_refuses_its_item_by_name() -> None:
    drawing = Document()
    drawing.add_paragraph("1. 甲（A）")._p.append(
        parse_xml(
            f'<w:r {nsdecls("w", "wp", "a")} xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape">'
            '<w:drawing><wp:inline><a:graphic><a:graphicData uri="x"><wps:wsp><wps:txbx><w:txbxContent><w:p><w:r><w:t>框'
            "</w:t></w:r></w:p></w:txbxContent></wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
        )
    )
    drawing.add_paragraph("A. 一 B. 二")
    old = Document()
    old.add_paragraph("1. 甲（A）")._p.append(parse_xml(f"<w:r {nsdecls('w')}><w:object/></w:r>"))
    old.add_paragraph("A. 一 B. 二")
    linked = Document()
    relation = linked.part.relate_to("https://example.org/x.png", docx_image(), is_external=True)
    linked.add_paragraph("1. 甲（A）")._p.append(
        parse_xml(f'<w:r {nsdecls("w", "a", "r")}><w:drawing><a:blip r:link="{relation}"/></w:drawing></w:r>')
    )
    linked.add_paragraph("A. 一 B. 二")
    for document, words in ((drawing, "文本框"), (old, "嵌入对象"), (linked, "链接")):
        reading = read(wordsamples.saved(document))
        assert not reading.drafts
        assert words in reading.refused[0].reason


def docx_image() -> str:
    return "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"


def test_deleted_text_is_gone_and_inserted_text_is_there() -> None:
    document = Document()
    paragraph = document.add_paragraph("1. 甲（A）")
    for mark, inner in (("del", "<w:delText>旧</w:delText>"), ("ins", "<w:t>新</w:t>")):
        paragraph._p.append(parse_xml(f"<w:{mark} {nsdecls('w')}><w:r>{inner}</w:r></w:{mark}>"))
    document.add_paragraph("A. 一 B. 二")
    assert read(wordsamples.saved(document)).drafts[0].text.stem == "甲（  ）新"


def test_a_picture_shown_often_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = Reading.picture

    def counted(self: Reading, where: str, raw: bytes, alt: str = "") -> str:
        seen.append(len(raw))
        return real(self, where, raw, alt)

    monkeypatch.setattr(Reading, "picture", counted)
    document = Document()
    for n in range(1, 20):
        document.add_paragraph(f"{n}. 甲（A）").add_run().add_picture(wordsamples.picture())
        document.add_paragraph("A. 一 B. 二")
    assert len(read(wordsamples.saved(document)).drafts) == 19
    assert len(seen) == 1


# ── hostile files ───────────────────────────────────────────────────────────────────────────────────────────


def package(members: dict[str, bytes | str], how: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def document(body: bytes | str, how: int = zipfile.ZIP_STORED, **more: bytes | str) -> bytes:
    return package(
        {
            "[Content_Types].xml": _CONTENT,
            "_rels/.rels": _relations([("rId1", "officeDocument", "word/document.xml")]),
            "word/document.xml": body,
            **more,
        },
        how,
    )


def body(inner: str) -> str:
    return _HEAD + inner + _TAIL


def paragraph(text: str) -> str:
    return f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 9))
    + "]><w>&a8;</w>"
)
HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "50 MB of garbage": (
        "file_large",
        lambda: package({f"x{n}": random.Random(n).randbytes(18 * 1024 * 1024) for n in range(3)}),
    ),
    "garbage within": ("file_kind", lambda: package({"x": os.urandom(1024), "word/other.xml": b"<a/>"})),
    "garbage for text": ("file_damaged", lambda: document(random.Random(1).randbytes(8 * 1024 * 1024))),
    "a bomb": ("file_bomb", lambda: document(b"<w" + b" " * 150_000_000, zipfile.ZIP_DEFLATED)),
    "many members": ("file_bomb", lambda: package({f"a{n}": b"" for n in range(common.MAX_MEMBERS + 1)})),
    "elements too deep": ("file_damaged", lambda: document(body("<w:p>" * 5000 + "</w:p>" * 5000))),
    "tables too deep": (
        "file_nested",
        lambda: document(body("<w:tbl><w:tr><w:tc>" * 60 + "</w:tc></w:tr></w:tbl>" * 60)),
    ),
    "too many paragraphs": ("file_rows", lambda: document(body("<w:p/>" * 200_001))),
    "entities": ("file_entities", lambda: document(LAUGHS)),
    "entities in utf-16": (
        "file_entities",
        lambda: document(LAUGHS.replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16")),
    ),
    "a type of its own in another part": (
        "file_entities",
        lambda: document(
            body(""), **{"word/_rels/document.xml.rels": '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'}
        ),
    ),
    "a path outside": ("file_paths", lambda: document(body(""), **{"../../x.xml": b"<a/>"})),
    "cut": ("file_damaged", lambda: document(body("<w:p/>" * 1000))[:700]),
    "not closed": ("file_damaged", lambda: document(_HEAD + paragraph("1. 甲"))),
    "an old .doc": ("file_kind", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000)),
    "the text outside the file": (
        "file_kind",
        lambda: package(
            {"_rels/.rels": _relations([("r", "officeDocument", "/etc/passwd")]), "word/document.xml": "<a/>"}
        ),
    ),
    "empty": ("file_kind", lambda: b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_within_seconds(name: str) -> None:
    code, make = HOSTILE[name]
    data = make()
    started = time.monotonic()
    with pytest.raises(FileRefused) as caught:
        read(data)
    assert time.monotonic() - started < 10
    assert caught.value.code == code
    assert caught.value.message


SLOW = {
    "brackets": paragraph("1. x") + paragraph("（A " * 2000 + "x") * 100,
    "spaces": paragraph("1. A" + " " * 7900 + "x") * 200,
    "letters": paragraph("1. x") + paragraph("A. " + "B、" * 3500) * 100,
    "formulas without end": paragraph(r"1. " + r"\(" * 3500) * 100,
    "numbers": paragraph("参考答案") + paragraph("1-5 ABCDA 第" * 600) * 100,
    "headings": paragraph("单选题" + "（(" * 70 + "x") * 2000,
    "a line of ten million signs": paragraph("1. " + "甲" * 3_000_000),
}


@pytest.mark.parametrize("name", SLOW)
def test_no_line_takes_long(name: str) -> None:
    data = document(body(SLOW[name]))
    started = time.monotonic()
    read(data)
    assert time.monotonic() - started < 15


def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhupei.itembank.formats.wordpackage.MAX_SECONDS", -1.0)
    with pytest.raises(FileRefused, match="file_slow"):
        read(wordsamples.saved(wordsamples.lines("1. 甲")))


def test_a_document_is_told_from_other_packages() -> None:
    assert docx.sniff(wordsamples.saved(Document()))
    assert not docx.sniff(package({"xl/workbook.xml": b"<a/>"}))
    assert not docx.sniff(b"PK\x03\x04 nothing")
