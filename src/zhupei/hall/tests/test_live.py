"""The console's live stream over real ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.db import connections
from django.test import Client
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.config import asgi
from zhupei.hall.api import engine
from zhupei.hall.console import drawing, live, watching
from zhupei.hall.tests.days import Day, seen, sitting
from zhupei.kernel.roles import Role


class Reader:
    """A browser that has asked ``config.asgi`` for a path; hears what the server sends."""

    def __init__(self, path: str, client: Client | None, headers: dict[str, str]) -> None:
        cookies = "; ".join(f"{one.key}={one.value}" for one in client.cookies.values()) if client else ""
        path, _mark, query = path.partition("?")
        named = {"host": "testserver", "cookie": cookies, **headers}
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in named.items()],
            "server": ("testserver", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self.gone = asyncio.Event()
        self.asked = False
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.events: list[dict[str, str]] = []
        self._text = b""

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.said.put(message)

    async def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        message = await asyncio.wait_for(self.said.get(), 10)
        return message["status"], {k.decode().lower(): v.decode() for k, v in message["headers"]}

    async def event(self) -> dict[str, str] | None:
        """The next change: element → content. None at the end."""
        while True:
            block, mark, rest = self._text.partition(b"\n\n")
            if mark:
                self._text = rest
                if block.startswith(b"data: "):
                    found: dict[str, str] = json.loads(block[6:])
                    return found
                continue
            message = await asyncio.wait_for(self.said.get(), 10)
            if not message.get("more_body"):
                return None
            self._text += message["body"]


@asynccontextmanager
async def asked(
    path: str, client: Client | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Reader]:
    reader = Reader(path, client, headers or {})
    task = asyncio.create_task(asgi.application(reader.scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.gone.set()
        await asyncio.wait_for(task, 10)


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        await asgi.streams.start()
        try:
            await scene()
        finally:
            await asgi.streams.stop()

    asyncio.run(whole())
    connections.close_all()


def url_of(day: Day, room: str = "") -> str:
    url = reverse("hall:live", args=[day.row.pk, day.session])
    return f"{url}?room={room}" if room else url


def watcher(day: Day) -> Client:
    return sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))


def test_a_stream_gives_the_whole_then_what_changes(open_day: Day) -> None:
    day = open_day
    sitting(day)
    client, key = watcher(day), day.key()

    async def scene() -> None:
        async with asked(url_of(day, day.room), client) as one, asked(url_of(day), client) as hall:
            status, headers = await one.start()
            assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert "x-zhupei-stream" not in headers
            assert "content-security-policy" in headers
            whole = await one.event()
            assert whole is not None
            assert list(whole) == ["hall-map"]
            await hall.start()
            assert list(await hall.event() or ()) == ["hall-map"]
            assert asgi.streams.open == 2
            assert len(asgi.streams.sources) == 1  # both look through one source
            await asyncio.to_thread(engine().warn, key, "请勿交谈", by="x")
            change = await one.event()
            assert change is not None
            assert f"seat-{key}" in change
            assert "hall-map" not in change
        assert asgi.streams.open == 0
        assert asgi.streams.sources == {}  # nobody watches: nothing is looked at

    run(scene)


def test_a_second_watcher_gets_the_whole_at_once(open_day: Day) -> None:
    day = open_day
    sitting(day)
    client = watcher(day)

    async def scene() -> None:
        async with asked(url_of(day, day.room), client) as one:
            await one.start()
            await one.event()
            async with asked(url_of(day, day.room), client) as two:
                await two.start()
                assert list(await two.event() or ()) == ["hall-map"]
            assert asgi.streams.open == 1

    run(scene)


def test_who_has_missed_something_gets_a_fresh_whole(day: Day) -> None:
    sitting(day)
    view, look = live.View(drawing.Variant(day.room, "en", True)), seen(day)

    def windows(n: int) -> watching.Look:
        tiles = tuple(replace(tile, windows=n) for tile in look.rooms[0].tiles)
        return replace(look, rooms=(replace(look.rooms[0], tiles=tiles),))

    view.draw(windows(0), 1)
    assert view.since(0, after=1) == (b"", 0)  # that look began before he asked
    text, first = view.since(0)
    assert b"hall-map" in text
    view.draw(windows(1), 2)
    change, second = view.since(first)
    assert b"hall-map" not in change
    assert view.since(second) == (b"", second)
    view.draw(windows(2), 3)
    assert view.since(first) == (b"", first)  # two behind, and no whole at hand: it is drawn at the next look
    view.draw(windows(2), 4)
    text, third = view.since(first)
    assert b"hall-map" in text
    view.draw(windows(2), 5)
    assert view.since(0) == (b"", 0)  # the whole of a moment ago has stale clocks
    view.draw(windows(2), 6)
    assert view.since(0)[1] == third


def test_a_stream_ends_with_the_time_and_with_the_server(
    open_day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, client = open_day, watcher(open_day)
    monkeypatch.setattr(live, "COMMENT_S", 0.05)

    async def lapses() -> None:
        monkeypatch.setattr(live, "LONGEST_S", 0.5)
        async with asked(url_of(day, day.room), client) as one:
            await one.start()
            while await one.event() is not None:
                pass
        assert asgi.streams.open == 0

    run(lapses)

    async def stops() -> None:
        monkeypatch.setattr(live, "LONGEST_S", 600)
        async with asked(url_of(day, day.room), client) as one:
            await one.start()
            await one.event()
            await asgi.streams.stop()
            while await one.event() is not None:
                pass
        async with asked(url_of(day, day.room), client) as late:
            assert (await late.start())[0] == 503

    run(stops)


def test_streams_are_bounded(open_day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day, client = open_day, watcher(open_day)
    monkeypatch.setattr(live, "MOST", 1)

    async def scene() -> None:
        async with asked(url_of(day, day.room), client) as one:
            assert (await one.start())[0] == 200
            async with asked(url_of(day, day.room), client) as two:
                status, headers = await two.start()
                assert (status, "x-zhupei-stream" in headers) == (503, False)
        async with asked(url_of(day, day.room), client) as three:
            assert (await three.start())[0] == 200

    run(scene)


def test_who_may_not_look_gets_no_stream(open_day: Day) -> None:
    day = open_day
    stranger, learner = (
        sign_in(Client(), make_user(Role.INVIGILATOR)),
        sign_in(Client(), make_user(Role.LEARNER)),
    )
    own = watcher(day)
    forged = signing.dumps({"batch": day.row.pk}, salt=live.SALT)
    subject = live.Subject(day.row.pk, day.session, day.room, "en", True, 1, 1, ("x",), ())
    granted = live.answer_with_stream(subject)[live.HEADER]

    async def scene() -> None:
        for client, path, status in (
            (None, url_of(day), 302),
            (learner, url_of(day), 403),
            (stranger, url_of(day, day.room), 404),
            (own, url_of(day, "nowhere"), 404),
            (own, url_of(day).replace(day.session, "nowhere"), 404),
        ):
            async with asked(path, client, {"x-zhupei-stream": granted}) as one:
                assert (await one.start())[0] == status, path
        # what a request brings is never read, and nothing of it comes back
        async with asked("/health/", None, {"x-zhupei-stream": granted}) as one:
            status_, headers = await one.start()
            assert status_ == 200
            assert headers["content-type"] != "text/event-stream; charset=utf-8"
        for signed in (forged, "x", "", granted[:-2] + "AA"):
            front = live.Front(one.send)
            front.signed = signed
            await asgi.streams.serve(front, one.receive, one.send)
            refusal = None
            while refusal is None or refusal["type"] != "http.response.start" or refusal["status"] == 200:
                refusal = await one.said.get()
            assert refusal["status"] == 403
        assert asgi.streams.open == 0

    run(scene)


def test_a_grant_lapses(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = live.Subject(1, "1", "1", "en", False, 1, 1, ("x",), (2, 3))
    signed = live.answer_with_stream(subject)[live.HEADER]
    assert live.subject_of(signed) == subject
    monkeypatch.setattr(live, "SIGNED_S", -1)
    assert live.subject_of(signed) is None
    assert django_settings.SECRET_KEY not in signed


def test_an_answer_without_the_header_passes_as_it_is() -> None:
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    async def scene() -> None:
        front = live.Front(keep)
        messages = [
            {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]},
            {"type": "http.response.body", "body": b"z"},
        ]
        for message in messages:
            await front.send(message)
        assert sent == messages
        assert front.signed is None

    asyncio.run(scene())


def test_a_batch_that_is_closed_over_ends_its_streams(open_day: Day) -> None:
    day, client = open_day, watcher(open_day)

    def seal() -> None:
        type(day.row).objects.filter(pk=day.row.pk).update(state="returned")
        connections.close_all()

    async def scene() -> None:
        async with asked(url_of(day, day.room), client) as one:
            await one.start()
            await one.event()
            await asyncio.to_thread(seal)
            while await one.event() is not None:
                pass
        async with asked(url_of(day, day.room), client) as two:
            assert (await two.start())[0] == 409

    run(scene)
