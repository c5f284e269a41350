"""The script gets the questions that the page shows, whatever stands in them."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import msgspec

from zhupei.delivery.formats.papers import Paper
from zhupei.delivery.pages.frame import Look
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
