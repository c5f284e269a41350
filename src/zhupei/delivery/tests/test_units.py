"""The script gets the questions that the page shows, whatever stands in them."""

from __future__ import annotations

import json
import urllib.parse
from itertools import groupby
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from zhupei.delivery.app.application import ExamApp
from zhupei.delivery.app.http import read_request
from zhupei.delivery.formats.papers import MAX_OPTIONS, Option, Paper
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.pages.paper import watermark
from zhupei.delivery.pages.units import unit_html, units_json
from zhupei.delivery.rehearsal.bundles import make_bundle as make_rehearsal
from zhupei.delivery.rehearsal.bundles import make_plan
from zhupei.delivery.rehearsal.player import Sheet
from zhupei.delivery.tests.makers import make_bundle

LOOKS = (Look(root="/exam"), Look(lang="en"), Look(root="/practice", practice=True))
ODD = (
    "a<b>&\"'\x01\x02",
    "反斜线 \\u0001 \\n \\",
    f'![图 "1"](media:{"ab" * 32})\n见图 \u2028 😀',
    "| a | b |\n|---|---|\n| 1 | 2 |",
    r"当 \(x^2 < 3\) 时",
)


def odd(paper: Paper) -> Paper:
    """``paper`` with such texts in all places."""
    other = msgspec.structs.replace

    def spoilt(part: Any, at: int) -> Any:
        options = tuple(
            other(one, text=ODD[(at + no) % len(ODD)] + one.text) for no, one in enumerate(part.options)
        )
        return other(part, stem=ODD[at % len(ODD)] + part.stem, options=options)

    units = tuple(
        other(
            spoilt(unit, at),
            children=tuple(spoilt(child, at + no) for no, child in enumerate(unit.children)),
        )
        for at, unit in enumerate(paper.units)
    )
    sections = tuple(other(one, title=ODD[at % len(ODD)]) for at, one in enumerate(paper.sections))
    return other(paper, units=units, sections=sections)


def test_the_script_gets_the_units_that_the_page_shows() -> None:
    for candidate in make_bundle().candidates:
        for plain in candidate.papers.values():
            for paper in (plain, odd(plain), plain):  # what was remembered of one is not given for the other
                slots = list(paper.slots())
                for look in LOOKS:
                    units = [list(own) for _, own in groupby(slots, lambda slot: slot.unit_no)]
                    assert json.loads(units_json(look, paper, slots)) == [
                        {
                            "html": str(unit_html(look, paper, own[0].unit_no, own, {})),
                            "slots": [one.no for one in own],
                        }
                        for own in units
                    ]


def test_every_option_has_its_letter() -> None:
    paper = make_bundle().candidates[0].papers["general"]
    options = tuple(Option(id=f"o{n}", text=f"text {n}") for n in range(MAX_OPTIONS))
    first = msgspec.structs.replace(paper.units[0], options=options)
    paper = msgspec.structs.replace(paper, units=(first, *paper.units[1:]))
    slots = list(paper.slots())
    for html in (
        str(unit_html(LOOKS[0], paper, 1, slots[:1], {})),
        json.loads(units_json(LOOKS[0], paper, slots))[0]["html"],
    ):
        for n, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
            assert f'value="o{n}"><span class="letter">{letter}</span><span class="text">text {n}<' in html


@pytest.mark.parametrize("name", ["<b>\"'&amp;%22", "阿卜杜·𠮷", "#?&#x22;%00"])
def test_any_name_stands_in_the_watermark_and_nowhere_else(name: str) -> None:
    view: Any = SimpleNamespace(candidate=SimpleNamespace(slip_no="1", name=name), seat_no="2")
    address = str(watermark(view))
    assert not set(address) & set("\"'<>&#")
    image = ElementTree.fromstring(urllib.parse.unquote(address.partition(",")[2], errors="strict"))
    texts = {"".join(one.itertext()) for one in image.iter("{http://www.w3.org/2000/svg}text")}
    assert texts == {f"1 {name} 2"}


def test_what_is_remembered_of_a_request_is_small() -> None:
    app = ExamApp(lambda: None, identify=str)

    def look(path: str, cookie: str, query: str = "") -> Look:
        headers = [(b"cookie", f"zhupei_look={cookie}".encode())]
        return app._look_of(
            read_request({"method": "GET", "path": path, "headers": headers, "query_string": query.encode()})
        )

    first = look("/paper", "en.large", "n=3")
    assert (first.lang, first.large, first.here) == ("en", True, "%2Fpaper%3Fn%3D3")
    assert look("/paper", "large.en." + "x" * 60_000, "n=3") is first
    assert look("/" + "x" * 60_000, "").here == "%2F"
    assert look("/paper", "", "subject=" + "x" * 60_000).here == "%2F"


def test_the_rehearsal_notices_a_question_that_is_missing() -> None:
    bundle = make_rehearsal(make_plan(seats=1, seconds=1, every=1, seed="t"), 1)
    paper = bundle.candidates[0].papers["general"]
    slots = list(paper.slots())
    told: dict[str, Any] = {
        "subject": "general",
        "paper": "P",
        "seq": 1,
        "slots": [{"key": slot.key} for slot in slots],
    }
    units = json.loads(units_json(LOOKS[0], paper, slots))

    def is_whole(**values: Any) -> bool:
        return msgspec.json.decode(
            msgspec.json.encode({**told, "units": units, **values}), type=Sheet
        ).is_whole()

    assert is_whole()
    assert not is_whole(units=units[:-1])
    assert not is_whole(units=[{**units[0], "html": ""}, *units[1:]])
    assert not is_whole(slots=told["slots"][1:])
    assert not is_whole(slots=[*told["slots"][1:], told["slots"][1]])
