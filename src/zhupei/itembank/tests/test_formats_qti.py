"""QTI 2 and 3."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.itembank.formats import qti, qti2, qti3

from .exchange import DATA, MANY, PICTURES, bounded, outgoing, png, there_and_back

ALL = ("single", "multiple", "true_false", "case")
RED = next(iter(PICTURES))
ITEM = (
    '<?xml version="1.0"?>%s<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1"'
    ' xmlns:xi="http://www.w3.org/2001/XInclude" identifier="i" title="t"><responseDeclaration identifier="RESPONSE"'
    ' cardinality="single" baseType="identifier"><correctResponse><value>a</value></correctResponse></responseDeclaration>'
    '<itemBody>%s<choiceInteraction responseIdentifier="RESPONSE" maxChoices="1"><simpleChoice identifier="a">x'
    '</simpleChoice><simpleChoice identifier="b">y</simpleChoice></choiceInteraction></itemBody></assessmentItem>'
)


def manifest(*hrefs: str, version: str = "v2p1") -> str:
    resources = "".join(
        f'<resource identifier="r{n}" type="imsqti_item_xml{version}" href="{href}"/>'
        for n, href in enumerate(hrefs)
    )
    return f'<manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1"><resources>{resources}</resources></manifest>'


def package(*members: tuple[str | zipfile.ZipInfo, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def sample(folder: str, version: str) -> bytes:
    files = sorted((DATA / folder).glob("*.xml"))
    return package(
        ("imsmanifest.xml", manifest(*(f"items/{file.name}" for file in files), version=version)),
        *((f"items/{file.name}", file.read_bytes()) for file in files),
        ("items/images/sign.png", png()),
    )


@pytest.fixture(scope="module")
def reading():
    return qti2.read(sample("qti2", "v2p1"), name="x.zip")


@pytest.mark.req("R035")
def test_a_package_of_qti_2(reading):
    case, multiple, single = sorted((draft.text for draft in reading.drafts), key=lambda text: text.kind)
    first = "看图中的标志，公式 \\(\\frac{a}{\\sqrt{b}}\\)。"
    assert single.stem == f"{first}\n![标志](media:{RED})\n一\n  二\n它的意思是什么？"
    assert single.options == (
        ("a", "禁止通行"),
        ("b", "当心坠落"),
        ("c", "必须戴安全帽"),
        ("d", "以上都不对"),
    )
    assert (single.answer, single.anchored) == (("c",), ("d",))
    assert single.explanation == "蓝底圆形是指令标志。"
    assert (multiple.stem, multiple.answer) == ("组成水的元素有", ("a", "c"))
    assert (
        case.stem
        == "某工地开挖基坑，深 6 m。\n| 土层 | 厚度 |\n| --- | --- |\n| 粘土 | 2 m |\n| 粘土 | 3 m |"
    )
    assert [(child.kind, child.stem, child.answer) for child in case.children] == [
        ("single", "谁组织专家论证？", ("b",)),
        ("multiple", "应当参加论证会的有", ("a", "c")),
        ("true_false", "开挖以后：\n方案可以口头修改。", ("f",)),
    ]


def test_other_interactions_are_counted_by_name(reading):
    names = ["matchInteraction", "textEntryInteraction", "extendedTextInteraction", "hotspotInteraction"]
    assert reading.unsupported == dict.fromkeys(names, 1)
    assert not reading.refused
    # remarks for markers, feedback of an option, feedback on a wrong answer; unequal shares
    assert [one.where.partition(" ")[0] for one in reading.notes] == ["items/choice.xml"] * 3 + [
        "items/choice_multiple.xml"
    ]


@pytest.mark.req("R035")
def test_a_package_of_qti_3():
    data = sample("qti3", "v3p0")
    assert (qti2.sniff(data, "x.zip"), qti3.sniff(data, "x.zip"), qti.sniff(data, "x.zip")) == (
        False,
        True,
        True,
    )
    reading = qti3.read(data)
    (draft,) = reading.drafts
    assert (draft.text.kind, draft.text.answer) == ("true_false", ("f",))
    assert draft.text.stem == "某工地焊接作业。\n动火作业不需要监护人。"
    assert draft.text.explanation == "动火必须有监护人。"
    assert reading.unsupported == {"gapMatchInteraction": 1}


def test_an_item_without_a_package():
    reading = qti2.read((DATA / "qti2" / "choice_multiple.xml").read_bytes(), name="choice_multiple.xml")
    assert [draft.text.kind for draft in reading.drafts] == ["multiple"]
    missing = qti2.read((DATA / "qti2" / "choice.xml").read_bytes())
    assert "images/sign.png" in missing.refused[0].reason


def test_items_that_the_manifest_does_not_list_are_read_too():
    data = package(
        ("imsmanifest.xml", manifest("test.xml")),
        ("test.xml", "<assessmentTest/>"),
        ("a/b.xml", ITEM % ("", "<p>题</p>")),
    )
    assert [draft.where for draft in qti.read(data).drafts] == ["a/b.xml (t)"]


def test_a_shared_text_that_cannot_be_read_refuses_its_item_alone():
    reference = '<assessmentStimulusRef identifier="s" href="/s.xml" title="s"/><itemBody>'
    item = (ITEM % ("", "<p>题</p>")).replace("<itemBody>", reference)
    files = (
        ("imsmanifest.xml", manifest("i.xml", "j.xml")),
        ("i.xml", item),
        ("j.xml", ITEM % ("", "<p>题</p>")),
    )
    for text in ("<broken", "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>"):
        reading = qti.read(package(*files, ("s.xml", text)))
        assert (len(reading.drafts), len(reading.refused)) == (1, 1)


def test_qti_1_is_named():
    resource = '<manifest><resources><resource type="imsqti_xmlv1p2"><file href="a.xml"/></resource></resources></manifest>'
    data = package(("imsmanifest.xml", resource), ("a.xml", "<questestinterop/>"))
    assert qti2.sniff(data, "x.zip")
    assert qti2.read(data).unsupported == {"QTI 1.2": 1}


def test_a_package_without_a_manifest_or_in_a_folder():
    item = ITEM % ("", "<p>题</p>")
    assert len(qti.read(package(("a/b.xml", item), ("[Content_Types].xml", "<x/>"))).drafts) == 1
    assert len(qti.read(package(("top/imsmanifest.xml", manifest("b.xml")), ("top/b.xml", item))).drafts) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<value>a</value>", ""),
        ("<value>a</value>", "<value>zz</value>"),
        ("<value>a</value>", "<value>a</value><value>b</value>"),
        ('cardinality="single"', 'cardinality="ordered"'),
        ('responseIdentifier="RESPONSE"', 'responseIdentifier="OTHER"'),
        ("</itemBody>", "</itemBody></assessmentItem><!--"),
    ],
)
def test_items_without_a_proper_key_are_refused(old, new):
    item = (ITEM % ("", "<p>题</p>")).replace(old, new)
    reading = qti.read(package(("imsmanifest.xml", manifest("i.xml")), ("i.xml", item)))
    assert (len(reading.drafts), len(reading.refused)) == (0, 1)


@pytest.mark.req("R035")
@MANY
@given(items=st.lists(outgoing(ALL), min_size=1, max_size=3))
@pytest.mark.parametrize("module", [qti2, qti3])
def test_our_items_come_back(module, items):
    there_and_back(module, items)
    assert not any(map(module.unwritable, items))


def _symlink() -> zipfile.ZipInfo:
    link = zipfile.ZipInfo("i.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return link


def _lying() -> bytes:
    data = bytearray(package(("imsmanifest.xml", manifest("i.xml")), ("i.xml", b"A" * 1000)))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


M = ("imsmanifest.xml", manifest("i.xml"))
LAUGHS = "<!DOCTYPE q [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)
FILES = {
    "outside": lambda: package(M, ("../../i.xml", "x")),
    "absolute": lambda: package(M, ("/etc/i.xml", "x")),
    "symlink": lambda: package(M, (_symlink(), "/etc/passwd")),
    "bomb": lambda: package(M, ("i.xml", b"\0" * 190_000_000)),
    "many bombs": lambda: package(M, *((f"{n}.xml", b" " * 19_000_000) for n in range(5))),
    "short header": _lying,
    "cut": lambda: package(M)[:-30],
    "resources": lambda: package(("imsmanifest.xml", manifest(*(f"{n}.xml" for n in range(25_000))))),
    "entities": lambda: (ITEM % (LAUGHS + "]>", "&j;")).encode(),
    "external": lambda: (
        ITEM % ('<!DOCTYPE q [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "<p>x</p>")
    ).encode(),
    "deep": lambda: (ITEM % ("", "<div>" * 100_000 + "</div>" * 100_000)).encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_packages_are_refused_soon(name):
    assert isinstance(bounded(qti.read, FILES[name]()), str)


@pytest.mark.parametrize(
    "body",
    [
        '<xi:include href="file:///etc/passwd" parse="text"/>',
        "<math>" + "<mrow>" * 200 + "</mrow>" * 200 + "</math>",
        "<math>" + "<mover><mo>a</mo><mo>b</mo></mover>" * 2000 + "</math>",
        '<p><img src="../../../../etc/hostname" alt=""/></p>',
        "<p>" + "<b/>" * 30_000 + "</p>",
        '<choiceInteraction responseIdentifier="RESPONSE"/>' * 900,
    ],
)
def test_hostile_items_are_refused_soon(body):
    data = package(
        ("imsmanifest.xml", manifest("a/i.xml", "../../etc/passwd.xml")), ("a/i.xml", ITEM % ("", body))
    )
    drafts, _reasons, refused = bounded(qti.read, data)
    assert (drafts, refused) == (0, 2)
