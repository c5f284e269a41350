"""A candidate's whole way over HTTP: without script, with the script's JSON, and everything that is refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from zhupei.delivery.app import COOKIE, ExamApp
from zhupei.delivery.tests.makers import PEOPLE, SESSION, Desk, id_hash, make_bundle, right_answers

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
        form = (
            browser.hidden("form")
            if 'name="form"' in browser.page
            else re.search(r'data-form="(\w+)"', browser.page)[1]
        )  # type: ignore[index]
        early = await browser.post("/start", {"form": form})
        assert early.status_code == 409
        desk.open()
        await browser.get("/wait")
        assert "开始答题" in browser.page
        first = await browser.post("/start", {"form": form})
        assert first.status_code == 200
        assert "通用知识" in browser.page
        for subject in ("general", "professional"):
            n = 1
            for _ in range(9):
                await browser.answer(subject, n, answers[subject])
                found = re.search(r"&n=(\d+)", str(browser.client.base_url) + browser.hidden_url())
                n = int(found[1]) if found else n
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

    Browser.hidden_url = lambda self: f"&n={self.hidden('n')}"  # type: ignore[attr-defined]
    play(scene)
    assert desk.engine.seat("C001").marks == {"general": "100", "professional": "100"}
