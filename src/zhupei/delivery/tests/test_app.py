"""A candidate's whole way over HTTP: without script, with the script's JSON, and everything that is refused."""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from zhupei.delivery.api import ExamApp
from zhupei.delivery.app.visit import COOKIE
from zhupei.delivery.tests.makers import PEOPLE, Desk, id_hash, right_answers

ZH = {"accept-language": "zh-CN"}


class Browser:
    """A browser without script: follows redirects, fills in forms."""

    def __init__(self, desk: Desk, root: str = "/exam") -> None:
        self.root = root
        self.app = ExamApp(lambda: desk.engine, identify=id_hash, monotonic=desk.clock.monotonic)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, root_path=root),  # type: ignore[arg-type]
            base_url="http://hall.test",
            headers=ZH,
            follow_redirects=True,
        )
        self.page = ""

    async def get(self, path: str) -> httpx.Response:
        answer = await self.client.get(self.root + path)
        self.page = answer.text
        return answer

    async def post(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        answer = await self.client.post(self.root + path, data=fields, headers={"origin": "http://hall.test"})
        self.page = answer.text
        return answer

    async def json(self, path: str, value: Any) -> httpx.Response:
        return await self.client.post(self.root + path, json=value, headers={"origin": "http://hall.test"})

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        assert found, f"no field {name} in {self.page[:500]}"
        return found[1]

    async def enter(self, person: int = 0) -> httpx.Response:
        return await self.post(
            "/enter", {"slip_no": PEOPLE[person][1], "id_number": PEOPLE[person][3].lower()}
        )

    async def start(self, person: int = 0) -> None:
        await self.enter(person)
        await self.post("/start", {"form": self.hidden("form")})

    async def answer(
        self, subject: str, n: int, answers: dict[str, tuple[str, ...]], go: str = "next"
    ) -> httpx.Response:
        fields: dict[str, Any] = {name: self.hidden(name) for name in ("form", "paper")} | {
            "subject": subject,
            "n": str(n),
            "go": go,
        }
        for key in re.findall(r'data-key="([^"]+)"', self.page):
            fields[f"a:{key}"] = list(answers.get(key, ()))
        return await self.post("/save", fields)


Play = Callable[[Callable[[Browser], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def play(desk: Desk) -> Play:
    """Run a scene with a browser at the desk."""

    def run(scene: Callable[[Browser], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            browser = Browser(desk)
            async with browser.client:
                await scene(browser)

        asyncio.run(whole())

    return run


@pytest.mark.req("R038", "R039", "R040", "R042", "J07")
def test_a_whole_test_without_script(desk: Desk, play: Play) -> None:
    answers = right_answers(desk.bundle, "C001")

    async def scene(browser: Browser) -> None:
        refused = await browser.enter()
        assert refused.status_code == 403
        assert "没有签到" in browser.page
        desk.admit_all()
        await browser.enter()
        assert "尚未开考" in browser.page
        assert 'http-equiv="refresh"' in browser.page
        assert "张建国" in browser.page
        assert "500103199001011234" not in browser.page
        found = re.search(r'data-form="(\w+)"', browser.page)
        assert found
        form = found[1]
        early = await browser.post("/start", {"form": form})
        assert early.status_code == 409
        desk.open()
        await browser.get("/wait")
        assert "开始答题" in browser.page
        first = await browser.post("/start", {"form": form})
        assert first.status_code == 200
        assert "通用知识" in browser.page
        for subject in ("general", "professional"):
            for _ in range(9):
                await browser.answer(subject, int(browser.hidden("n")), answers[subject])
            n = int(browser.hidden("n"))
            assert n == 10
            last = await browser.answer(subject, n, answers[subject])
            if subject == "general":
                assert last.url.path == "/exam/next-subject"
                assert "所有题目均已作答" in browser.page
                await browser.post(
                    "/next-subject", {"form": browser.hidden("form"), "subject": "professional"}
                )
                assert "专业知识" in browser.page
                back = await browser.get("/paper?subject=general")
                assert back.status_code == 409
                await browser.get("/paper")
        assert last.url.path == "/exam/hand-in"
        done = await browser.post("/hand-in", {"form": browser.hidden("form")})
        assert done.url.path == "/exam/result"
        assert browser.page.count("<b>100</b>") == 2
        assert "本次测试合格" in browser.page

    play(scene)
    assert desk.engine.seat("C001").marks == {"general": "100", "professional": "100"}


async def script_start(browser: Browser, person: int = 0) -> dict[str, Any]:
    """Sign in and start as the script does; returns the subject's data with the form token."""
    await browser.start(person)
    form = browser.hidden("form")
    data = (await browser.get("/paper.json?subject=general")).json()
    return {**data, "form": form}


def wish(data: dict[str, Any], key: str, answer: list[str], n: int, **more: Any) -> dict[str, Any]:
    return {
        "form": data["form"],
        "paper": data["paper"],
        "subject": data["subject"],
        "key": key,
        "answer": answer,
        "seq": data["seq"] + n,
        **more,
    }


@pytest.mark.req("I03")
def test_saves_by_script_are_acknowledged_and_idempotent(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        assert len(data["slots"]) == 13
        assert "o1" in data["units"][0]["html"]
        assert "right" not in str(data)
        first = (await browser.json("/save", wish(data, "G-single-1", ["o2"], 1))).json()
        assert (first["kept"], first["rev"], first["deadline_version"]) == (True, data["seq"] + 1, 1)
        assert first["remaining_s"] == 7200
        again = (await browser.json("/save", wish(data, "G-single-1", ["o2"], 1))).json()
        assert again == first
        await browser.json("/save", wish(data, "G-single-1", ["o3"], 3))
        late = (await browser.json("/save", wish(data, "G-single-1", ["o4"], 2))).json()
        assert (late["kept"], late["answer"]) == (False, ["o3"])
        marked = {**wish(data, "G-single-2", [], 4), "marked": True}
        del marked["answer"]
        assert (await browser.json("/save", marked)).json()["kept"]
        again_data = (await browser.get("/paper.json?subject=general")).json()
        assert again_data["answers"] == {"G-single-1": ["o3"]}
        assert again_data["marked"] == ["G-single-2"]
        assert again_data["seq"] > data["seq"] + 3

    desk.admit_all()
    desk.open()
    play(scene)


def test_nothing_of_another_candidate_can_be_read_or_written(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        outside = await browser.get("/paper")
        assert outside.status_code == 403
        for path in (
            "/photo",
            "/wait",
            "/result",
            "/paper.json",
            "/hand-in",
            "/next-subject",
        ):
            assert (await browser.get(path)).status_code == 403
        data = await script_start(browser)
        other = Browser(desk)
        async with other.client:
            theirs = await script_start(other, 1)
            foreign = {**wish(theirs, "G-single-1", ["o1"], 1), "paper": data["paper"]}
            assert (await other.json("/save", foreign)).status_code == 404
            stolen = {**wish(data, "G-single-1", ["o1"], 1)}
            assert (await other.json("/save", stolen)).status_code == 403
            assert (await other.post("/hand-in", {"form": data["form"]})).status_code == 403
        assert (await browser.get("/paper?subject=professional")).status_code == 409
        assert (await browser.get("/paper?subject=nothing")).status_code == 404
        assert (await browser.json("/save", wish(data, "P-single-1", ["o1"], 1))).status_code == 404

    desk.admit_all()
    desk.open()
    play(scene)
    assert desk.engine.view("C001").answers == {}
    assert desk.engine.view("C002").answers == {}


def test_forged_and_broken_requests_are_refused(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        save = wish(data, "G-single-1", ["o1"], 1)
        elsewhere = {"origin": "http://evil.test"}
        client = browser.client
        assert (await client.post("/exam/save", json=save, headers=elsewhere)).status_code == 403
        assert (await client.post("/exam/save", json=save, headers={"origin": "null"})).status_code == 403
        assert (await browser.json("/save", {**save, "form": "x"})).status_code == 403
        assert (await browser.json("/save", {"form": data["form"]})).status_code == 400
        assert (await browser.json("/save", {**save, "seq": "many"})).status_code == 400
        assert (await browser.post("/start", {})).status_code == 403
        assert (await browser.get("/save")).status_code == 405
        assert (await browser.get("/nowhere")).status_code == 404
        assert (await browser.get("/{body}?subject={title}")).status_code == 404
        assert (await browser.get("/static/../app.py")).status_code == 404
        huge = await client.post("/exam/save", content=b"x" * 200_000, headers={"origin": "http://hall.test"})
        assert huge.status_code == 413
        away = await client.get("/exam/look?size=large&back=//evil.test/", follow_redirects=False)
        assert away.headers["location"] == "/exam/"
        refused = await browser.json("/save", {**save, "answer": ["zzz"]})
        assert (refused.status_code, refused.json()["error"]) == (422, "value_wrong")
        assert refused.json()["message"]

    desk.admit_all()
    desk.open()
    play(scene)
    assert desk.engine.view("C001").answers == {}


def test_headers_and_cookie(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        page = await browser.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|style=|<script>|\son\w+=", browser.page)
        sign = await browser.client.post(
            "/exam/enter",
            data={"slip_no": PEOPLE[0][1], "id_number": PEOPLE[0][3]},
            headers={"origin": "http://hall.test"},
            follow_redirects=False,
        )
        cookie, carry = sign.headers.get_list("set-cookie")
        assert cookie.startswith(COOKIE + "=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/exam"} <= set(cookie.split("; "))
        assert sign.headers["location"] == "/exam/wait"
        assert carry.startswith("zhupei_carry=")  # the script reads it
        assert "HttpOnly" not in carry
        assert "SameSite=Strict" in carry
        css = re.search(r'href="(/exam/static/exam.css[^"]*)"', browser.page)
        assert css
        style = await browser.client.get(css[1])
        assert "immutable" in style.headers["cache-control"]
        assert (await browser.get("/photo")).headers["content-type"] == "image/jpeg"

    desk.admit_all()
    play(scene)


def test_the_paper_has_the_candidate_all_over_it(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        await browser.start()
        found = re.search(
            r'<img class="watermark" src="data:image/svg\+xml;charset=utf-8,([^"]+)"', browser.page
        )
        assert found
        image = ElementTree.fromstring(urllib.parse.unquote(found[1], errors="strict"))
        seat = desk.engine.seat("C001")
        words = {"".join(one.itertext()) for one in image.iter("{http://www.w3.org/2000/svg}text")}
        assert words == {f"{seat.slip_no} 张建国 {seat.seat_no}"}

    desk.admit_all()
    desk.open()
    play(scene)


def test_numbers_are_read_as_people_type_them(desk: Desk, play: Play) -> None:
    """A Chinese keyboard's full-width figures, and the spaces that pasting brings."""

    async def scene(browser: Browser) -> None:
        full_width = str.maketrans({n: n + 0xFEE0 for n in range(0x21, 0x7F)})
        slip_no, id_number = PEOPLE[0][1].translate(full_width), PEOPLE[0][3]
        spaced = {
            "slip_no": f" {slip_no[:3]} {slip_no[3:]}",
            "id_number": f"{id_number[:6]}\u3000{id_number[6:]}",
        }
        assert (await browser.post("/enter", spaced)).url.path == "/exam/wait"

    desk.admit_all()
    play(scene)


def test_guessing_is_slowed_down(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        wrong = {"slip_no": PEOPLE[0][1], "id_number": "110105194912310021"}
        for _ in range(5):
            assert (await browser.post("/enter", wrong)).status_code == 403
            assert "不符" in browser.page
        slowed = await browser.enter()
        assert slowed.status_code == 429
        assert slowed.headers["retry-after"]
        desk.clock.advance(61)
        assert (await browser.enter()).status_code == 200

    desk.admit_all()
    play(scene)


@pytest.mark.req("R040")
def test_when_time_is_over_the_page_leads_to_the_scores(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        await browser.json("/save", wish(data, "G-single-1", ["o1"], 1))
        desk.clock.advance(7231)
        late = await browser.json("/save", wish(data, "G-single-2", ["o1"], 2))
        assert late.json()["error"] == "time_over"
        handed = await browser.json("/hand-in", {"form": data["form"]})
        assert handed.json()["receipt"]["submit_kind"] == "auto"
        again = await browser.json("/hand-in", {"form": data["form"]})
        assert again.json() == handed.json()
        await browser.get("/")
        assert "时间到，自动交卷" in browser.page
        assert "<b>5</b>" in browser.page
        assert "两个科目均须重考" in browser.page

    desk.admit_all()
    desk.open()
    play(scene)
    assert desk.engine.tick() == []


@pytest.mark.req("I03")
def test_a_restart_in_the_middle_keeps_the_candidate_signed_in(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        await browser.json("/save", wish(data, "G-single-1", ["o1"], 1))
        desk.clock.advance(60)
        desk.engine.tick()
        desk.restart(down_s=300)
        ack = (await browser.json("/save", wish(data, "G-single-2", ["o2"], 2))).json()
        assert (ack["kept"], ack["remaining_s"]) == (True, 7140)
        page = (await browser.get("/paper.json?subject=general")).json()
        assert page["answers"] == {"G-single-1": ["o1"], "G-single-2": ["o2"]}

    desk.admit_all()
    desk.open()
    play(scene)


@pytest.mark.req("I03")
def test_after_a_crash_the_page_says_what_to_do_and_answers_are_there(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        await browser.json("/save", wish(data, "G-single-1", ["o2"], 1))
        again = Browser(desk)  # the browser was closed: the same seat, no cookie
        async with again.client:
            refused = await again.enter()
            assert refused.status_code == 409
            for words in ("坐在原位举手", "监考人员在监考页上为您选“重新登录”", "再次输入准考证号和身份证号"):
                assert words in again.page
            assert "已保存的答案都在" in again.page
            assert f'value="{PEOPLE[0][1]}"' in again.page
            desk.engine.allow_entry("C001", reason="浏览器关闭", by="王监考")
            back = await again.enter()
            assert (back.status_code, back.url.path) == (200, "/exam/paper")
            page = (await again.get("/paper.json?subject=general")).json()
            assert page["answers"] == {"G-single-1": ["o2"]}
            # what the browser had kept unsent goes out under its old number
            await again.get("/paper")
            late = wish({**data, "form": again.hidden("form")}, "G-single-2", ["o1"], 2)
            assert (await again.json("/save", late)).json()["kept"]
            assert (await browser.json("/save", wish(data, "G-single-1", ["o1"], 3))).status_code == 403
            third = await again.enter()
            assert third.status_code == 409

    desk.admit_all()
    desk.open()
    play(scene)
    assert desk.engine.view("C001").answers == {
        ("general", "G-single-1"): ("o2",),
        ("general", "G-single-2"): ("o1",),
    }


def test_in_a_paused_room_the_waiting_page_says_so(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        desk.engine.start("C002").wait()
        await browser.enter()
        form = browser.hidden("form")
        desk.engine.pause(session_id="S1", room_id="R1", reason="停电", by="王监考")
        refused = await browser.post("/start", {"form": form})
        assert refused.status_code == 409
        assert "考室已暂停，现在不能开始" in browser.page
        await browser.get("/wait")
        assert "考室已暂停，请留在座位上等候" in browser.page
        assert "/exam/start" not in browser.page
        desk.engine.resume(session_id="S1", room_id="R1", by="王监考")
        await browser.get("/wait")
        started = await browser.post("/start", {"form": browser.hidden("form")})
        assert started.url.path == "/exam/paper"

    desk.admit_all()
    desk.open()
    play(scene)


def test_pause_void_and_leave(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        desk.engine.pause(candidate_id="C001", reason="停电", by="王")
        await browser.get("/paper")
        assert "测试已暂停" in browser.page
        pulse = (await browser.json("/heartbeat", {"form": data["form"], "away_ms": 5000})).json()
        assert (pulse["state"], pulse["deadline_version"]) == ("paused", 2)
        desk.engine.resume(candidate_id="C001", by="王")
        await browser.json("/heartbeat", {"form": data["form"], "away_ms": 5000})
        assert desk.engine.seat("C001").windows_left == 1
        assert (await browser.post("/leave", {"form": data["form"]})).status_code == 409
        desk.engine.void("C001", "携带手机", by="王", by2="李")
        await browser.get("/")
        assert "携带手机" in browser.page
        left = await browser.post("/leave", {"form": data["form"]})
        assert "已退出" in left.text
        assert (await browser.get("/result")).status_code == 403

    desk.admit_all()
    desk.open()
    play(scene)


def test_without_script_marks_clears_and_jumps(desk: Desk, play: Play) -> None:
    answers = right_answers(desk.bundle, "C001")["general"]

    async def scene(browser: Browser) -> None:
        await browser.start()
        await browser.answer("general", 1, answers, go="mark")
        assert 'aria-pressed="true"' in browser.page
        assert len(desk.engine.view("C001").answers) == 1
        await browser.answer("general", 1, answers, go="n:10")
        assert browser.page.count('<fieldset class="question"') == 4
        await browser.answer("general", 10, answers, go="prev")
        assert 'id="q9"' in browser.page
        await browser.get("/paper?subject=general&n=1")
        await browser.answer("general", 1, answers, go="clear:1")
        assert len(desk.engine.view("C001").answers) == 4
        await browser.get("/paper?subject=general&n=999")
        assert browser.page.count('<fieldset class="question"') == 4

    desk.admit_all()
    desk.open()
    play(scene)


def test_english_large_and_contrast(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        await browser.get("/look?lang=en&back=/")
        assert "Candidate sign-in" in browser.page
        await browser.get("/look?size=large&back=/")
        await browser.get("/look?contrast=high&back=/")
        assert 'class="page-signin large contrast"' in browser.page
        assert "Candidate sign-in" in browser.page
        await browser.start()
        assert "Answer sheet" in browser.page

    desk.admit_all()
    desk.open()
    play(scene)


def test_a_hall_that_is_not_ready_says_so(tmp_path: Path) -> None:
    async def scene() -> None:
        app = ExamApp(lambda: None, identify=id_hash)
        transport: Any = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://hall.test", headers=ZH) as client:
            page = await client.get("/")
            assert page.status_code == 503
            assert "考场尚未准备好" in page.text

    asyncio.run(scene())
