"""A candidate's browser without script, on the exam application of this process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from zhupei.hall.api import exam_application


class Browser:
    """Follows redirects, fills in forms; one machine."""

    def __init__(self) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=exam_application(), root_path="/exam"),  # type: ignore[arg-type]
            base_url="http://hall.test",
            headers={"accept-language": "zh-CN"},
            follow_redirects=True,
        )
        self.page = ""

    async def get(self, path: str) -> httpx.Response:
        answer = await self.client.get(f"/exam{path}")
        self.page = answer.text
        return answer

    async def post(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        answer = await self.client.post(f"/exam{path}", data=fields, headers={"origin": "http://hall.test"})
        self.page = answer.text
        return answer

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        assert found, f"no field {name} in {self.page[:800]}"
        return found[1]

    async def enter(self, slip_no: str, number: str) -> httpx.Response:
        return await self.post("/enter", {"slip_no": slip_no, "id_number": number})

    async def start(self) -> httpx.Response:
        return await self.post("/start", {"form": self.hidden("form")})

    async def answer_subject(
        self, subject: str, total: int, answers: dict[str, tuple[str, ...]], *, until: int | None = None
    ) -> None:
        """Go through the pages of a subject with "next"; stops at slot ``until``."""
        n = 1
        await self.get(f"/paper?subject={subject}&n=1")
        while n <= (until or total):
            keys = re.findall(r'data-key="([^"]+)"', self.page)
            fields: dict[str, Any] = {
                "form": self.hidden("form"),
                "paper": self.hidden("paper"),
                "subject": subject,
                "n": str(n),
                "go": "next",
            }
            for key in keys:
                fields[f"a:{key}"] = list(answers.get(key, ()))
            answer = await self.post("/save", fields)
            assert answer.status_code == 200, answer.text[:500]
            n += len(keys)


def play(*scenes: Callable[[Browser], Coroutine[Any, Any, None]]) -> None:
    """Run scenes one after another, each at a machine of its own."""

    async def whole() -> None:
        for scene in scenes:
            browser = Browser()
            async with browser.client:
                await scene(browser)

    asyncio.run(whole())
