"""Images, tables and formulas on the candidate's page, and who gets the images."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from zhupei.delivery.api import complete
from zhupei.delivery.tests.makers import PICTURE, Desk, id_hash, make_bundle, with_texts
from zhupei.delivery.tests.test_app import Browser
from zhupei.kernel.crypto import sm3

RICH = f"""见图和表：
![梁的截面](media:{sm3(PICTURE)})
| 项目 | 值 |
|---|---|
| 强度 | \\(f_{{cu}}\\) |"""


@pytest.fixture
def rich(tmp_path: Path) -> Any:
    bundle = with_texts(
        make_bundle(), stem=RICH, option="\\(\\frac{1}{2}\\)\n<b>", media={sm3(PICTURE): PICTURE}
    )
    desk = Desk(tmp_path, bundle=complete(bundle))
    yield desk
    desk.close()


@pytest.mark.req("R036")
def test_images_tables_and_formulas_are_on_the_page_and_in_the_script_s_pieces(rich: Desk) -> None:
    async def scene() -> None:
        browser = Browser(rich)
        async with browser.client:
            await browser.start()
            data = (await browser.get("/paper.json?subject=general")).json()
            await browser.get("/paper?n=1")
            for html in (browser.page, data["units"][0]["html"]):
                assert f'<img class="rich-image" src="/exam/media/{sm3(PICTURE)}" alt="梁的截面">' in html
                assert '<th scope="col">项目</th>' in html
                assert "<msub><mi>f</mi>" in html
                assert "<mfrac>" in html
                assert "<br>&lt;b&gt;" in html
                legend = re.search(r"<legend.*?</legend>", html, re.S)
                assert legend
                assert "table" not in legend[0]
                assert 'aria-describedby="stem-1"' in html
            image = await browser.get(f"/media/{sm3(PICTURE)}")
            assert (image.status_code, image.content) == (200, PICTURE)
            assert image.headers["content-type"] == "image/png"
            assert image.headers["x-content-type-options"] == "nosniff"
            assert image.headers["cache-control"] == "private, max-age=7200, immutable"

    rich.admit_all()
    rich.open()
    asyncio.run(scene())


@pytest.mark.req("R036")
def test_images_are_for_who_is_sitting_with_them(rich: Desk) -> None:
    address = f"/media/{sm3(PICTURE)}"

    async def scene() -> None:
        browser = Browser(rich)
        async with browser.client:
            assert (await browser.get(address)).status_code == 403
            await browser.enter()
            assert (await browser.get(address)).status_code == 404  # not before the start
            rich.open()
            await browser.get("/wait")
            await browser.post("/start", {"form": browser.hidden("form")})
            assert (await browser.get(address)).status_code == 200
            rich.engine.pause(candidate_id="C001", reason="断电", by="王监考")
            assert (await browser.get(address)).status_code == 200
            rich.engine.resume(candidate_id="C001", by="王监考")
            for other in ("0" * 64, "", sm3(PICTURE).upper()):
                assert (await browser.get(f"/media/{other}")).status_code == 404
            assert (await browser.post(address, {})).status_code == 404
            rich.engine.force_hand_in("C001", reason="收卷", by="王监考")
            assert (await browser.get(address)).status_code == 404

    rich.admit_all()
    asyncio.run(scene())


@pytest.mark.req("R036")
def test_the_images_of_another_bundle_are_not_to_be_had(rich: Desk) -> None:
    other = make_bundle(bundle_id="B2")
    people = tuple(
        replace(one, candidate_id=f"D{n}", slip_no=f"9{n}", id_hash=id_hash(f"X{n}"), session_id="S2",
                papers={key: replace(paper, candidate_id=f"D{n}") for key, paper in one.papers.items()})
        for n, one in enumerate(other.candidates)
    )  # fmt: skip
    rich.engine.load(
        complete(replace(other, candidates=people, sessions=(replace(other.sessions[0], id="S2"),)))
    )

    async def scene() -> None:
        browser = Browser(rich)
        async with browser.client:
            await browser.post("/enter", {"slip_no": "90", "id_number": "X0"})
            await browser.post("/start", {"form": browser.hidden("form")})
            assert (await browser.get("/paper")).status_code == 200
            assert (await browser.get(f"/media/{sm3(PICTURE)}")).status_code == 404

    rich.engine.admit("D0", by="王监考", method="id_card")
    rich.engine.open_session("S2", by="王监考")
    asyncio.run(scene())


def test_a_plain_question_is_as_it_always_was(rich: Desk) -> None:
    async def scene() -> None:
        browser = Browser(rich)
        async with browser.client:
            await browser.start()
            await browser.get("/paper?n=2")
            stem = rich.bundle.candidates[0].papers["general"].units[1].stem
            assert (
                f'<legend><span class="no">2</span><span class="stem">{stem}</span></legend>' in browser.page
            )
            assert '<span class="text">安全施工</span>' in browser.page

    rich.admit_all()
    rich.open()
    asyncio.run(scene())
