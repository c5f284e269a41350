"""Aiken."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from zhupei.itembank.formats import aiken

from .exchange import DATA, MANY, bounded, outgoing, picture_item


@pytest.mark.req("R035")
def test_a_sample():
    reading = aiken.read((DATA / "sample.aiken.txt").read_bytes(), name="sample.aiken.txt")
    said = [
        (draft.text.kind, draft.text.stem, draft.text.options, draft.text.answer) for draft in reading.drafts
    ]
    assert said[0] == (
        "single",
        "施工单位主要负责人依法对本单位的安全生产工作（　　）。",
        (("a", "全面负责"), ("b", "部分负责"), ("c", "配合负责"), ("d", "不负责")),
        ("a",),
    )
    assert said[1][0] == "true_false"
    assert said[1][1] == 'Moodle can hold <html class="cool"> & images:'
    assert said[2] == ("single", "分两行的题干，\n第二行：", (("a", "甲"), ("b", "乙\n还是乙")), ("b",))
    assert len(said) == 3
    assert ["".join(filter(str.isdigit, one.where)) for one in reading.refused] == ["20", "25", "29"]
    assert len({one.reason for one in reading.refused}) == 3


@pytest.mark.req("R035")
@MANY
@given(item=outgoing(("single", "true_false"), lines=False, pictures=False))
def test_stem_options_and_key_come_back(item):
    assume(not aiken.unwritable(item))
    data = aiken.write([item])
    assert aiken.sniff(data, "x.txt")
    (draft,) = aiken.read(data).drafts
    told = (draft.text.kind, draft.text.stem, draft.text.options, draft.text.answer)
    assert told == (item.text.kind, item.text.stem, item.text.options, item.text.answer)


@given(item=outgoing(("multiple", "case")))
def test_what_it_cannot_hold_is_named(item):
    assert aiken.unwritable(item)
    assert aiken.write([item]) == b""


def test_pictures_cannot_be_written():
    assert aiken.unwritable(picture_item())


def test_what_it_loses_is_told():
    assert {"explanation", "level", "uid"} <= aiken.LOST


@pytest.mark.parametrize(
    "data",
    [
        b"A. x\n" * 900_000,
        b"q\n" + b"A. x\n" * 900_000 + b"ANSWER: A",
        b"q" * 9_000_000 + b"\nA. a\nB. b\nANSWER: A",
    ],
)
def test_hostile_texts_end_soon(data):
    drafts, _reasons, refused = bounded(aiken.read, data)
    assert (drafts, refused) == (0, 1)


@pytest.mark.parametrize("data", [b"q\nANSWER: A\n" * 30_000, b"a" * 200_000_000, b"\n" * 2_000_000])
def test_files_past_the_bounds_are_refused(data):
    assert bounded(aiken.read, data) in ("file_large", "file_items")
