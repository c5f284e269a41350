"""What is answered before Django, at the one port."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from zhupei.config.asgi import MOUNTS, application


def test_practice_is_open_to_anyone_and_asks_for_nothing() -> None:
    async def visit() -> None:
        transport: Any = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://city.test") as client:
            first = await client.get("/practice/")
            assert first.status_code == 200
            assert "开始练习" in first.text
            assert not first.cookies
            begun = await client.post("/practice/enter", headers={"origin": "http://city.test"})
            assert begun.headers["location"] == "/practice/paper"
            assert "Path=/practice" in begun.headers["set-cookie"]
            paper = await client.get("/practice/paper")
            assert "题目不出自题库" in paper.text
        await MOUNTS["/practice"].stop()
        assert not MOUNTS["/practice"]._visitors  # type: ignore[attr-defined]

    asyncio.run(visit())
