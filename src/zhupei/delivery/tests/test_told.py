"""Pages tell what is on disk and nothing else, and what is on disk they do tell."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from zhupei.delivery import api
from zhupei.delivery.tests.makers import PEOPLE, id_hash
from zhupei.delivery.tests.test_app import Browser
from zhupei.delivery.tests.test_faults import BY, SLOT, Sick, until


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Sick]:
    desk = Sick(tmp_path)
    yield desk
    desk.disk.passes.set()
    desk.disk.works = True
    desk.close()


def test_what_rests_on_a_kept_write_is_told_though_a_later_one_fails(desk: Sick) -> None:
    desk.start()
    store = desk.disk._store

    def once(rows: Any, no: int) -> None:
        store(rows, no)
        desk.disk.works = False

    desk.disk._store = once  # type: ignore[method-assign]
    desk.disk.passes.clear()
    desk.engine.save("C001", *SLOT, ["o1"])
    until(lambda: desk.disk._open is None)  # the writer has it
    first = desk.engine.kept_view("C001")
    second = desk.engine.save("C001", *SLOT, ["o2"])
    desk.disk.passes.set()
    with pytest.raises(api.JournalError):
        second.wait()
    assert first.wait().answers == {SLOT: ("o1",)}
    desk.disk._store = store  # type: ignore[method-assign]
    desk.disk.works = True
    desk.clock.advance(2)
    assert desk.engine.kept_view("C001").wait().answers == {SLOT: ("o1",)}


@pytest.mark.req("I03")
def test_a_page_does_not_show_what_failed_while_it_was_drawn(
    desk: Sick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write fails, and the journal is mended, after the page's picture was taken and before it is sent."""
    browser, mended = Browser(desk), threading.Event()
    page_of = desk.engine.page_of

    def slow(*args: Any) -> Any:
        mended.wait(5)
        return page_of(*args)

    def fail_and_mend() -> None:
        time.sleep(0.3)
        desk.disk.works = False
        desk.disk.passes.set()
        until(lambda: desk.engine._failed)
        desk.disk.works = True
        desk.clock.advance(2)
        desk.engine.tick()
        mended.set()

    async def shown() -> tuple[int, str]:
        async with browser.client:
            desk.engine.admit("C001", by=BY, method="id_card")
            desk.open()
            await browser.enter()
            await desk.engine.start("C001")
            desk.disk.passes.clear()
            desk.engine.save("C001", *SLOT, ["o1"])
            monkeypatch.setattr(desk.engine, "page_of", slow)
            thread = threading.Thread(target=fail_and_mend)
            thread.start()
            answer = await browser.get("/paper.json")
            await asyncio.to_thread(thread.join)
            return answer.status_code, answer.text

    status, text = asyncio.run(shown())
    assert status == 503
    assert SLOT[1] not in text


@pytest.mark.parametrize("path", ["/next-subject", "/hand-in", "/wait", "/paper", "/result"])
def test_pages_wait_for_the_disk(desk: Sick, path: str) -> None:
    browser = Browser(desk)

    async def look() -> tuple[bool, int]:
        async with browser.client:
            desk.engine.admit("C001", by=BY, method="id_card")
            desk.open()
            await browser.enter()
            if path != "/wait":
                await desk.engine.start("C001")
            desk.disk.passes.clear()
            if path == "/wait":
                threading.Thread(target=lambda: desk.engine.warn("C001", "安静", by=BY)).start()
                until(lambda: bool(desk.engine._hall.sittings["C001"].warnings))
            elif path == "/result":
                desk.engine._submit("C001", "auto")
            else:
                desk.engine.save("C001", *SLOT, ["o1"])
            asking = asyncio.create_task(browser.get(path))
            await asyncio.sleep(0.2)
            early = asking.done()
            desk.disk.passes.set()
            return early, (await asking).status_code

    early, status = asyncio.run(look())
    assert not early
    assert status == 200


@pytest.mark.req("I03")
def test_whoever_signed_in_gets_his_token_though_the_disk_fails_just_then(
    desk: Sick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token serves once and a second sign-in needs the invigilator: what was kept must not be answered with an error."""
    desk.start()
    desk.engine.allow_entry("C001", reason="换机", by=BY)
    app = api.ExamApp(desk.engine, identify=id_hash, peers=("http://other.test",))

    def gone(candidate_id: str) -> Any:
        raise api.JournalError("the disk is full")

    async def sign_in() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://hall.test") as one:
            monkeypatch.setattr(desk.engine, "view", gone)
            sent = {"slip_no": PEOPLE[0][1], "id_number": PEOPLE[0][3]}
            entered = await one.post("/enter", data=sent, headers={"origin": "http://hall.test"})
            carry = one.cookies["zhupei_carry"]
            crossed = await one.post("/cross", data={"carry": carry}, headers={"origin": "http://other.test"})
            return [entered, crossed]

    entered, crossed = asyncio.run(sign_in())
    assert (entered.status_code, entered.headers["location"]) == (303, "/paper")
    assert crossed.status_code == 200
    assert "zhupei_sitting" in crossed.cookies
