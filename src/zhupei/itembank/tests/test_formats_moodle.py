"""Moodle XML, and the HTML of its texts."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.itembank.formats import aiken, gift, moodle, qti2, qti3
from zhupei.itembank.formats.common import FileRefused, ItemRefused, Reading
from zhupei.itembank.formats.html import Conversion

from .exchange import DATA, MANY, PICTURES, bounded, outgoing, picture_item, png, there_and_back

RED = next(iter(PICTURES))
QUESTION = (
    b'<?xml version="1.0"?>\n%s<quiz><question type="multichoice"><questiontext format="html"><text><![CDATA[%s]]></text>'
    b'</questiontext><single>true</single><answer fraction="100"><text>a</text></answer>'
    b'<answer fraction="0"><text>b</text></answer></question></quiz>'
)


@pytest.fixture(scope="module")
def reading():
    return moodle.read((DATA / "moodle4.xml").read_bytes())


@pytest.mark.req("R035")
def test_an_export_of_moodle_4(reading):
    single, multiple, true_false = reading.drafts
    assert (
        single.text.stem
        == f"如图![安全网](media:{RED})，安全网的张挂高度为 H₂，公式 \\(\\frac{{a}}{{b}}\\)，\\(x^2\\)："
    )
    assert single.text.options == (("a", "3 m"), ("b", "4 m < H"))
    assert (single.text.answer, single.uid, single.text.level) == (("b",), "S-2101", "掌握")
    assert single.text.explanation == "| 高度 | 网数 |\n| --- | --- |\n| ≤ 24 m | 1\\|2 |"
    assert multiple.text.stem == "1. 甲\n2. 乙\n其中对的是"
    assert (multiple.text.kind, multiple.text.answer, multiple.text.explanation) == (
        "multiple",
        ("a", "b"),
        "部分对",
    )
    assert (true_false.text.kind, true_false.text.answer) == ("true_false", ("f",))
    assert (true_false.text.stem, true_false.text.explanation) == ("a < b 且 \\(x\\)", "条例第三条")


def test_other_kinds_are_counted_by_name(reading):
    kinds = ["description", "essay", "matching", "cloze", "numerical", "shortanswer", "ddmarker"]
    assert reading.unsupported == {**dict.fromkeys(kinds, 1), "multichoice (hidden)": 1}


def test_what_cannot_come_in_is_refused_by_name(reading):
    assert [one.where.partition("(")[2].rstrip(")") for one in reading.refused] == [
        "没有对的",
        "缺图",
        "视频",
    ]
    assert "https://example.org/a.png" in reading.refused[1].reason
    assert "<video>" in reading.refused[2].reason


def test_what_came_in_changed_is_noted(reading):
    # the multiple choice: script, shares, order, feedback of an option, hint; the true/false one: feedback of an option
    assert len([one for one in reading.notes if "部分得分" in one.where]) == 5
    assert len(reading.notes) == 6


@pytest.mark.req("R035")
@MANY
@given(items=st.lists(outgoing(("single", "multiple", "true_false")), min_size=1, max_size=3))
def test_our_items_come_back(items):
    there_and_back(moodle, items)


@pytest.mark.parametrize(
    ("file", "format_"),
    [
        ("forms.gift", gift),
        ("sample.aiken.txt", aiken),
        ("moodle4.xml", moodle),
        ("qti2/choice.xml", qti2),
        ("qti3/choice.xml", qti3),
    ],
)
def test_formats_are_told_apart(file, format_):
    data = (DATA / file).read_bytes()
    known = [one for one in (gift, aiken, moodle, qti2, qti3) if one.sniff(data, file)]
    assert known == [format_]


def test_written_packages_are_told_apart():
    for format_ in (qti2, qti3, moodle, gift):
        data = format_.write([picture_item()])
        assert [one for one in (gift, aiken, moodle, qti2, qti3) if one.sniff(data, "x")] == [format_]


@pytest.mark.parametrize(
    ("html", "markup"),
    [
        ("<p>一</p><p>二<br>三</p>", "一\n二\n三"),
        ("<p>一</p><p>&nbsp;</p><p>二</p>", "一\n\n二"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("x<sup>2</sup> H<sub>2</sub>O", "x² H₂O"),
        ("f<sub>ck</sub>", r"f\({}_{\text{ck}}\)"),
        ("<u>&nbsp;&nbsp;&nbsp;</u>是", "____是"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<table><tr><td><p>框</p><p>里</p></td></tr></table>", "框\n里"),
        (
            "<table><tr><th colspan=2>头</th></tr><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            "| 头 | 头 |\n| --- | --- |\n| a | b |\n| a | c |",
        ),
        ('<img class="equation_image" data-equation-content="\\frac{1}{2}" src="/x">', r"\(\frac{1}{2}\)"),
        ("<math><msup><mi>x</mi><mn>2</mn></msup><mo>≤</mo><mn>3</mn></math>", r"\(x^{2} ≤ 3\)"),
        (
            '<math display="block"><semantics><mi>x</mi><annotation encoding="application/x-tex">x_1</annotation>'
            "</semantics></math>",
            r"\[x_1\]",
        ),
        ("](media:" + "0" * 64 + ")", "] (media:" + "0" * 64 + ")"),
    ],
)
def test_html_becomes_markup(html, markup):
    assert Conversion(Reading(), "1").html(html) == markup


@pytest.mark.parametrize(
    ("html", "named"),
    [
        ("<iframe src=x></iframe>", "iframe"),
        ('<input type="text">', "input"),
        ("<svg/>", "svg"),
        ("<math><mlongdiv><mi>x</mi></mlongdiv></math>", "mlongdiv"),
        ('<img src="file:///etc/passwd">', "file:///etc/passwd"),
        ('<a href="@@PLUGINFILE@@/a.pdf">x</a>', "a.pdf"),
        ("<div>" * 150, "太深|too deep"),
        ("<div>" * 400, "太深|too deep"),
        ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", "表格|table"),
    ],
)
def test_what_html_cannot_become_is_named(html, named):
    with pytest.raises(ItemRefused, match=named):
        Conversion(Reading(), "1").html(html)


@pytest.mark.parametrize("html", ["<script>x</script>题", '<b onclick="x()">题</b>', "<style>p{}</style>题"])
def test_scripts_are_dropped_and_noted(html):
    reading = Reading()
    assert Conversion(reading, "1").html(html) == "题"
    assert len(reading.notes) == 1


def test_a_picture_within_the_text():
    reading = Reading()
    source = f'<img alt="a]b" src="data:image/png;base64,{base64.b64encode(png()).decode()}">'
    assert Conversion(reading, "1").html(source) == f"![a）b](media:{RED})"
    assert set(reading.media.pictures) == {RED}


BOMB = b"<!DOCTYPE q [<!ENTITY a 'lol'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
)
HOSTILE = {
    "billion laughs": QUESTION % (BOMB + b"]>", b"x"),
    "external entity": QUESTION % (b'<!DOCTYPE quiz [<!ENTITY x SYSTEM "file:///etc/passwd">]>', b"x"),
    "parameter entity": QUESTION % (b'<!DOCTYPE quiz [<!ENTITY % x SYSTEM "file:///x"> %x;]>', b"x"),
    "undeclared entity": b"<quiz><question type='multichoice'><questiontext>&x;</questiontext></question></quiz>",
    "deep": b"<quiz>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</quiz>",
    "nodes": b"<quiz>" + b"<a/>" * 12_000_000 + b"</quiz>",
    "attributes": b"<quiz " + b" ".join(b'a%d=""' % n for n in range(2_100_000)) + b"/>",
    "questions": b"<quiz>" + b"<question/>" * 1_000_000 + b"</quiz>",
    "bytes": b'<?xml version="1.0"?><quiz>\xff\xfe</quiz>',
    "200 MB": b"<quiz>" + b" " * 200_000_000,
    "other root": b"<html/>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_soon(name):
    assert isinstance(bounded(moodle.read, HOSTILE[name]), str)


@pytest.mark.parametrize(
    "html",
    [
        b"<div>" * 100_000,
        b"<table>" + b'<tr><td rowspan="999" colspan="999">a</td></tr>' * 1200 + b"</table>",
        b'<img src="data:image/png;base64,' + b"A" * 9_900_000 + b'">',
        b"<ol>" + b"<li>a" * 4000,
        b"$$a" * 1_000_000,
        b"<b/>" * 4900 + b"&#0;&#xD800;" * 4000,
    ],
)
def test_hostile_texts_are_refused_soon(html):
    drafts, _reasons, refused = bounded(moodle.read, QUESTION % (b"", html))
    assert (drafts, refused) == (0, 1)


def test_an_external_document_type_is_not_fetched():
    data = QUESTION % (b'<!DOCTYPE quiz SYSTEM "http://127.0.0.1:9/x.dtd">', b"x")
    assert len(moodle.read(data).drafts) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_encodings(encoding):
    text = (QUESTION % (b"", b"%s")).decode().replace('"1.0"', f'"1.0" encoding="{encoding}"', 1)
    assert moodle.read(text.replace("%s", "混凝土").encode(encoding)).drafts[0].text.stem == "混凝土"


def test_a_file_that_is_no_xml_is_refused():
    with pytest.raises(FileRefused):
        moodle.read(b"::a::b{T}")
