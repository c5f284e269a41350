"""Practice: anyone, nothing asked, nothing kept, bounded; and its paper is a sound one."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx

from zhupei.delivery.formats.bundles import check_bundle
from zhupei.delivery.practice import PracticeApp, app, sheets
from zhupei.delivery.practice.items import SUBJECTS, Case
from zhupei.delivery.tests.makers import FakeClock
from zhupei.delivery.tests.test_app import ZH, Browser, wish


class Visitor(Browser):
    """A browser without script at the practice, from an address of its own."""

    def __init__(self, practice: PracticeApp, address: str = "10.0.0.1") -> None:
        self.root, self.app, self.page = "/practice", practice, ""
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=practice, root_path="/practice", client=(address, 1)),  # type: ignore[arg-type]
            base_url="http://hall.test",
            headers=ZH,
            follow_redirects=True,
        )

    async def begin(self) -> httpx.Response:
        return await self.post("/enter", {})


def scene_with(play: Any, **options: Any) -> PracticeApp:
    clock = FakeClock()
    practice = PracticeApp(clock=clock, **options)

    async def whole() -> None:
        await practice.start()
        try:
            await play(practice, clock)
        finally:
            await practice.stop()

    asyncio.run(whole())
    return practice


def emptied(practice: PracticeApp) -> bool:
    """Whether the engine knows of nobody any more."""
    engine = practice.practice
    hall = engine._hall
    stores: list[Any] = [
        engine._people, engine._slips, engine._tokens, engine._seen, engine._script, engine._loads, engine._bundles,
        hall.sittings, hall.opened, hall.paused, hall.bundles, hall.proposals,
    ]  # fmt: skip
    return not any(stores)


def test_a_whole_practice_without_script_ends_with_answers_and_reasons() -> None:
    async def play(practice: PracticeApp, clock: FakeClock) -> None:
        visitor = Visitor(practice)
        async with visitor.client:
            first = await visitor.get("/")
            assert "开始练习" in visitor.page
            assert "<input" not in visitor.page  # no data asked
            assert "set-cookie" not in first.headers
            page = await visitor.begin()
            assert page.url.path == "/practice/paper"
            pages = [first, page]
            (name,) = practice._visitors
            engine = practice.practice
            for subject in SUBJECTS:
                keys = engine.view(name).bundle.keys
                for _ in range(8):
                    answers = {key: one.right for key, one in keys.items()}
                    if subject == "professional":
                        answers = dict.fromkeys(answers, ())
                    pages.append(await visitor.answer(subject, int(visitor.hidden("n")), answers))
                if subject == "general":
                    await visitor.post(
                        "/next-subject", {"form": visitor.hidden("form"), "subject": "professional"}
                    )
            done = await visitor.post("/hand-in", {"form": visitor.hidden("form")})
            assert done.url.path == "/practice/result"
            pages.append(done)
            assert "<b>100</b>" in visitor.page
            assert "<b>0</b>" in visitor.page
            assert visitor.page.count('class="solution"') == 20
            assert visitor.page.count("没有答对") == 10
            for _, items in SUBJECTS.values():
                for item in items:
                    for one in item.questions if isinstance(item, Case) else [item]:
                        assert one.why in visitor.page
            assert "题目不出自题库，成绩不作数" in visitor.page
            for answer in pages:
                assert '<p class="practice"><b>练习</b>' in answer.text
            again = await visitor.post("/leave", {"form": visitor.hidden("form")})
            assert again.url.path == "/practice/"
            assert emptied(practice)

    scene_with(play)


def test_with_script_it_is_the_test_s_own_way() -> None:
    async def play(practice: PracticeApp, clock: FakeClock) -> None:
        visitor = Visitor(practice)
        async with visitor.client:
            await visitor.begin()
            form = visitor.hidden("form")
            data = {**(await visitor.get("/paper.json?subject=general")).json(), "form": form}
            ack = (await visitor.json("/save", wish(data, "general-1", ["o1"], 1))).json()
            assert ack["kept"]
            assert ack["remaining_s"] == 30 * 60
            assert "right" not in str(data)
            clock.advance(30 * 60 + 31)
            practice.practice.tick()
            await visitor.get("/")
            assert "<b>10</b>" in visitor.page
            # two hours after the start nothing is left, and the page says what to do
            clock.advance(7200)
            practice.sweep()
            assert emptied(practice)
            gone = await visitor.json("/heartbeat", {"form": form})
            assert gone.status_code == 403
            assert "没有正在进行的练习" in gone.json()["message"]
            assert "开始练习" in (await visitor.get("/")).text

    practice = scene_with(play)
    assert practice._made is None
    assert practice._folder is None


def test_it_is_bounded_by_places_and_by_address() -> None:
    async def play(practice: PracticeApp, clock: FakeClock) -> None:
        visitors = [Visitor(practice, f"10.0.0.{n}") for n in range(4)]
        for visitor in visitors[:3]:
            await visitor.begin()
            clock.advance(60)
        await visitors[0].get("/paper")  # the first is not the longest idle one
        await visitors[3].begin()
        assert len(practice._visitors) == 3
        assert (await visitors[1].get("/paper")).status_code == 403
        assert "没有正在进行的练习" in visitors[1].page
        for visitor in (visitors[0], visitors[2], visitors[3]):
            assert (await visitor.get("/paper")).status_code == 200
        for _ in range(app.PER_ADDRESS - 1):
            assert (await visitors[3].begin()).status_code == 200
        refused = await visitors[3].begin()
        assert refused.status_code == 429
        assert "请等候" in refused.text
        assert refused.headers["retry-after"]
        assert len(practice._visitors) == 3
        clock.advance(app.IN_S)
        assert (await visitors[3].begin()).status_code == 200
        for visitor in visitors:
            await visitor.client.aclose()

    scene_with(play, most=3)


def test_what_is_not_for_practice_is_not_there() -> None:
    async def play(practice: PracticeApp, clock: FakeClock) -> None:
        visitor = Visitor(practice)
        async with visitor.client:
            assert (await visitor.get("/photo")).status_code == 404
            assert (await visitor.post("/cross", {"carry": "x"})).status_code == 404
            evil = await visitor.client.post("/practice/enter", headers={"origin": "http://evil.test"})
            assert evil.status_code == 403
            assert not practice._visitors
            await visitor.get("/look?lang=en&back=/")
            assert "Start practising" in visitor.page

    scene_with(play)


def test_the_papers_are_sound_and_differ() -> None:
    bundles = [sheets.bundle_for(name, no, 0) for no, name in enumerate(("a" * 16, "b" * 16))]
    for bundle in bundles:
        check_bundle(bundle)
        (person,) = bundle.candidates
        for paper in person.papers.values():
            assert [unit.kind for unit in paper.units].count("case") == 1
            assert len(paper.units) == 8
            assert {slot.key for slot in paper.slots()} <= set(sheets.explanations())
    orders = [[unit.item_uid for unit in bundle.candidates[0].papers["general"].units] for bundle in bundles]
    firsts = [
        [unit.options[0].id for unit in bundle.candidates[0].papers["general"].units if unit.options]
        for bundle in bundles
    ]
    assert orders[0] != orders[1] or firsts[0] != firsts[1]


def test_none_of_its_items_is_in_a_bank_that_comes_with_the_program() -> None:
    """Demonstration banks and tests have items of their own."""
    stems = [
        one.stem
        for _, items in SUBJECTS.values()
        for item in items
        for one in ([*item.questions] if isinstance(item, Case) else [item])
    ]
    package = Path(app.__file__).parents[2]
    others = "".join(
        re.sub(r"\s", "", file.read_text(encoding="utf-8"))
        for file in package.rglob("*")
        if file.suffix in (".py", ".json", ".txt", ".yaml", ".csv") and "practice" not in file.parts
    )
    assert len(stems) == 20
    for stem in stems:
        assert re.sub(r"\s", "", stem) not in others, stem
