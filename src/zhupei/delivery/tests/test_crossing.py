"""Two servers of a hall over HTTP: the way from one to the other and back, and what may not come along. And warnings."""

from __future__ import annotations

import asyncio
import html
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from zhupei.delivery.api import ExamApp
from zhupei.delivery.app.extras import CARRY
from zhupei.delivery.tests.makers import PEOPLE, Desk, id_hash
from zhupei.delivery.tests.test_app import ZH, Browser, script_start, wish

A, B = "http://a.test:8000", "http://b.test:8000"


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    desk = Desk(tmp_path)
    desk.admit_all()
    desk.open()
    yield desk
    desk.close()


class Pair:
    """Two servers on one journal: the engine is up at ``active`` alone. A client for each, as one browser's two origins."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.active = desk, A
        self.at = {origin: self._client(origin) for origin in (A, B)}

    def _client(self, origin: str) -> Browser:
        browser = Browser(self.desk)
        browser.app = ExamApp(
            lambda: self.desk.engine if self.active == origin else None,
            identify=id_hash,
            monotonic=self.desk.clock.monotonic,
            peers=[A, B + "/"],
        )
        browser.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=browser.app, root_path="/exam"),  # type: ignore[arg-type]
            base_url=origin,
            headers=ZH,
            follow_redirects=True,
        )
        return browser

    async def enter(self, origin: str) -> None:
        fields = {"slip_no": PEOPLE[0][1], "id_number": PEOPLE[0][3]}
        answer = await self.at[origin].client.post("/exam/enter", data=fields, headers={"origin": origin})
        self.at[origin].page = answer.text

    async def cross(
        self, start: str, end: str, unsent: Any = (), *, carry: str = "", origin: str = "", **more: str
    ) -> httpx.Response:
        """What the page of ``start`` posts to ``end``; then that page goes on by itself."""
        there = self.at[end]
        fields = {
            "carry": carry or self.at[start].client.cookies[CARRY],
            "unsent": json.dumps(list(unsent)),
            **more,
        }
        answer = await there.client.post("/exam/cross", data=fields, headers={"origin": origin or start})
        onward = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
        if onward:
            there.page = (await there.client.get(html.unescape(onward[1]))).text
        return answer


def run(desk: Desk, scene: Any) -> None:
    async def whole() -> None:
        pair = Pair(desk)
        try:
            await scene(pair)
        finally:
            for browser in pair.at.values():
                await browser.client.aclose()

    asyncio.run(whole())


def one(data: dict[str, Any], key: str, answer: list[str] | None, n: int, **more: Any) -> dict[str, Any]:
    found = {"subject": data["subject"], "paper": data["paper"], "key": key, "seq": data["seq"] + n, **more}
    return found if answer is None else {**found, "answer": answer}


async def begin(pair: Pair) -> dict[str, Any]:
    await pair.enter(A)
    here = pair.at[A]
    await here.client.post("/exam/start", data={"form": here.hidden("form")}, headers={"origin": A})
    await here.get("/paper")
    form = here.hidden("form")
    return {**(await here.get("/paper.json?subject=general")).json(), "form": form}


@pytest.mark.req("I03", "I04")
def test_there_and_back_with_unsaved_answers(desk: Desk) -> None:
    async def scene(pair: Pair) -> None:
        data = await begin(pair)
        here, there = pair.at[A].client, pair.at[B].client
        save = wish(data, "G-single-1", ["o1"], 1)
        assert (await here.post("/exam/save", json=save, headers={"origin": A})).json()["kept"]
        pair.active = B
        desk.restart()
        unsent = [
            one(data, "G-single-1", ["o3"], 2),
            one(data, "G-single-2", ["o2"], 3),
            one(data, "G-single-3", None, 4, marked=True),
        ]
        token = here.cookies["zhupei_sitting"]
        answer = await pair.cross(A, B, unsent, subject="general", n="2", look="en.large")
        assert answer.status_code == 200
        assert 'class="page-exam large"' in pair.at[B].page
        assert "3 unsaved answers were taken along" in pair.at[B].page
        assert 'id="q2"' in pair.at[B].page
        assert there.cookies["zhupei_sitting"] not in ("", token)
        view = desk.engine.view("C001")
        assert view.answers == {("general", "G-single-1"): ("o3",), ("general", "G-single-2"): ("o2",)}
        assert view.marked == {("general", "G-single-3")}
        # and back: the first server comes up again, the second is gone
        pair.active = A
        desk.restart()
        back = await pair.cross(B, A, [one(data, "G-single-2", ["o4"], 9_000)])
        assert back.status_code == 200
        assert "带来 1 题未保存的答案" in pair.at[A].page
        assert desk.engine.view("C001").answers["general", "G-single-2"] == ("o4",)
        with pytest.raises(Exception, match="not_signed_in"):
            desk.engine.whose(there.cookies["zhupei_sitting"])

    run(desk, scene)


def test_a_token_serves_once_and_strangers_are_slowed_down(desk: Desk) -> None:
    async def scene(pair: Pair) -> None:
        await begin(pair)
        old = pair.at[A].client.cookies[CARRY]
        pair.active = B
        assert (await pair.cross(A, B)).status_code == 200
        again = await pair.cross(A, B, carry=old)
        assert again.status_code == 403
        assert "没有登录" in again.text
        assert "set-cookie" not in again.headers
        for guess in ("", "x" * 101, "x"):
            assert (await pair.cross(A, B, carry=guess or " ")).status_code == 403
        for _ in range(26):
            await pair.cross(A, B, carry="x")
        good = pair.at[B].client.cookies[CARRY]
        assert (await pair.cross(A, B, carry=good)).status_code == 429
        desk.clock.advance(61)
        assert (await pair.cross(A, B, carry=good)).status_code == 200

    run(desk, scene)


def test_only_servers_of_the_hall_may_send_here_and_only_to_this_address(desk: Desk) -> None:
    async def scene(pair: Pair) -> None:
        data = await begin(pair)
        carry = pair.at[A].client.cookies[CARRY]
        pair.active = B
        for origin in ("http://evil.test", "null", "https://a.test:8000", "http://a.test:8000.evil.test"):
            assert (await pair.cross(A, B, carry=carry, origin=origin)).status_code == 403
        assert (await pair.cross(A, B)).status_code == 200
        client = pair.at[B].client
        save = {**wish(data, "G-single-1", ["o1"], 1), "form": pair.at[B].hidden("form")}
        assert (await client.post("/exam/save", json=save, headers={"origin": A})).status_code == 403
        assert (await client.post("/exam/save", json=save, headers={"origin": B})).status_code == 200

    run(desk, scene)


def test_what_comes_along_is_checked_like_any_answer(desk: Desk) -> None:
    async def scene(pair: Pair) -> None:
        data = await begin(pair)
        pair.active = B
        bad: list[Any] = [
            one(data, "G-single-1", ["zzz"], 1),
            one(data, "P-single-1", ["o1"], 2),
            {**one(data, "G-single-2", ["o1"], 3), "paper": "P-C002-general"},
            {**one(data, "G-single-2", ["o1"], 4), "subject": "professional"},
            {**one(data, "G-single-2", ["o1"], 5), "seq": 10**15},
            {"key": "G-single-2"},
            17,
            one(data, "G-single-2", ["o1"] * 200, 6),
        ]
        await pair.cross(A, B, [*bad, one(data, "G-single-3", ["o2"], 7)])
        assert "带来 1 题" in pair.at[B].page
        assert "其中 8 题没有带过来" in pair.at[B].page
        assert desk.engine.view("C001").answers == {("general", "G-single-3"): ("o2",)}
        pair.active = A
        many = await pair.cross(B, A, [one(data, "G-single-1", ["o1"], n) for n in range(301)])
        assert many.status_code == 200
        assert "其中 1 题没有带过来" in pair.at[A].page
        assert ("general", "G-single-1") not in desk.engine.view("C001").answers

    run(desk, scene)


def test_a_journal_that_fails_for_a_moment_loses_nothing_on_the_way(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhupei.delivery.app.crossing.PAUSES_S", (0.0, 0.0, 0.0))

    async def scene(pair: Pair) -> None:
        data = await begin(pair)
        pair.active = B
        journal = desk.engine._journal
        store, times = journal._store, 0  # type: ignore[attr-defined]

        def failing(*args: Any) -> None:
            nonlocal times
            times += 1
            desk.clock.advance(2)
            if times == 1:
                raise OSError("disk full")
            store(*args)

        monkeypatch.setattr(journal, "_store", failing)
        answer = await pair.cross(A, B, [one(data, "G-single-1", ["o2"], 1)])
        assert answer.status_code == 200
        assert times >= 2

    run(desk, scene)
    assert desk.engine.view("C001").answers == {("general", "G-single-1"): ("o2",)}


def test_a_server_that_stands_by_names_the_other(desk: Desk) -> None:
    async def scene(pair: Pair) -> None:
        await begin(pair)
        page = await pair.at[A].get("/paper")
        policy = page.headers["content-security-policy"]
        assert f"img-src 'self' data: {A} {B};" in policy
        assert f"form-action 'self' {A} {B};" in policy
        assert f'data-peers="{B}"' in page.text
        assert (await pair.at[A].get("/alive.gif")).headers["content-type"] == "image/gif"
        assert (await pair.at[B].get("/alive.gif")).status_code == 503
        stranger = await pair.at[B].get("/")
        assert stranger.status_code == 503
        assert f'href="{A}/exam/"' in stranger.text
        # without script: the candidate's own server still answers, and hands the token over by a button
        pair.active = B
        page = await pair.at[A].get("/paper")
        assert f'action="{B}/exam/cross"' in page.text
        assert (await pair.cross(A, B, carry=pair.at[A].hidden("carry"))).status_code == 200
        assert "已保存的答案和时间都在" in pair.at[B].page

    run(desk, scene)


def test_a_hall_with_one_server_says_nothing_of_others(desk: Desk) -> None:
    async def scene() -> None:
        browser = Browser(desk)
        async with browser.client:
            page = await browser.get("/")
            assert "data-peers" not in page.text
            assert "elsewhere.js" not in page.text
            assert page.headers["referrer-policy"] == "same-origin"

    asyncio.run(scene())
    for wrong in (
        "javascript:alert(1)",
        "http://a.test/x",
        "a.test",
        "http://a b",
        "http://a.test; script-src *",
    ):
        with pytest.raises(ValueError, match="not an origin"):
            ExamApp(desk.engine, identify=id_hash, peers=[wrong])


# --- warnings -------------------------------------------------------------------------------------------------------


@pytest.mark.req("I09")
def test_a_warning_is_read_without_script_and_the_page_keeps_its_answers(desk: Desk) -> None:
    async def scene() -> None:
        browser = Browser(desk)
        async with browser.client:
            await browser.enter()
            desk.engine.warn("C001", "请收起手机 <b>", by="王监考")
            await browser.get("/wait")
            assert "请收起手机 &lt;b&gt;" in browser.page
            read = await browser.post(
                "/warning-read", {"form": browser.hidden("form"), "count": "1", "back": "/wait"}
            )
            assert read.url.path == "/exam/wait"
            assert "请收起手机" not in browser.page
            assert desk.engine.seat("C001").warnings_read == 1
            await browser.post("/start", {"form": browser.hidden("form")})
            desk.engine.warn("C001", "第二次", by="王监考")
            desk.engine.warn("C001", "第三次", by="王监考")
            await browser.get("/paper")
            assert "第二次" in browser.page
            assert "第三次" not in browser.page
            key = re.findall(r'data-key="([^"]+)"', browser.page)[0]
            await browser.answer("general", 1, {key: ("o1",)}, go="warning:2")
            assert desk.engine.view("C001").answers == {("general", key): ("o1",)}
            assert "第二次" not in browser.page
            assert "第三次" in browser.page
            desk.engine.pause(candidate_id="C001", reason="停电", by="王")
            await browser.get("/paper")
            assert "第三次" in browser.page
            wrong = {"form": browser.hidden("form"), "count": "9", "back": "//evil.test"}
            assert (await browser.post("/warning-read", wrong)).url.path == "/exam/paper"
            assert desk.engine.seat("C001").warnings_read == 2

    asyncio.run(scene())


def test_a_warning_comes_with_any_answer_to_the_script(desk: Desk) -> None:
    async def scene() -> None:
        browser = Browser(desk)
        async with browser.client:
            data = await script_start(browser)
            desk.engine.warn("C001", "第一次", by="王监考")
            desk.engine.warn("C001", "第二次", by="王监考")
            ack = (await browser.json("/save", wish(data, "G-single-1", ["o1"], 1))).json()
            assert (ack["warning"], ack["warning_no"], ack["kept"]) == ("第一次", 1, True)
            read = {"form": data["form"], "count": 1}
            for _ in range(2):  # sent twice, read once
                after = (await browser.json("/warning-read", read)).json()
                assert after == {"warning": "第二次", "warning_no": 2}
            assert (await browser.json("/warning-read", {**read, "form": "x"})).status_code == 403
            pulse = (await browser.json("/heartbeat", {"form": data["form"]})).json()
            assert (pulse["warning"], pulse["warning_no"]) == ("第二次", 2)

    asyncio.run(scene())
