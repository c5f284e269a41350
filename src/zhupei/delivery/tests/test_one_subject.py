"""A candidate who passed one subject before sits the other one only, in its share of the time (J03)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from zhupei.delivery import api
from zhupei.delivery.tests.makers import Desk, make_bundle
from zhupei.delivery.tests.test_app import Browser

pytestmark = pytest.mark.req("J03", "R039", "R040", "R043")


@pytest.mark.parametrize(
    ("minutes", "papers", "share"), [(120, "gp", 120), (120, "g", 60), (121, "g", 61), (1, "p", 1)]
)
def test_each_subject_has_its_equal_share_of_the_time(minutes: int, papers: str, share: int) -> None:
    assert api.Rules(minutes=minutes).minutes_for(papers) == share


@pytest.mark.parametrize("wrong", [0, 99])
def test_the_candidate_is_told_so_and_the_clock_keeps_to_it(tmp_path: Path, wrong: int) -> None:
    bundle = make_bundle(carry_over=True)
    one, *others = bundle.candidates
    one = msgspec.structs.replace(one, papers={"professional": one.papers["professional"]})
    bundle = api.complete(msgspec.structs.replace(bundle, candidates=(one, *others)))
    desk = Desk(tmp_path, bundle=bundle)
    desk.admit_all()
    browser = Browser(desk)

    async def sit() -> None:
        await browser.enter()
        assert "本次只考" in browser.page
        assert "作答时间 60 分钟" in browser.page
        desk.open()
        desk.engine.start(one.candidate_id).wait()
        assert desk.engine.view(one.candidate_id).remaining_ms == 3_600_000
        desk.answer_all(one.candidate_id, "professional", wrong=wrong)
        desk.engine.hand_in(one.candidate_id).wait()
        await browser.get("/result")

    asyncio.run(sit())
    scores = desk.engine.seat(one.candidate_id)
    assert scores.passed is (wrong == 0)
    told = "另一科目以前已合格。两个科目均合格。" if wrong == 0 else "已合格的科目按规定保留"
    assert told in browser.page
    desk.close()
