"""The measuring page: who gets in, what it takes, what the server makes of it."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.config.asgi import MOUNTS
from zhupei.delivery.tests import es3
from zhupei.hall.actions import machines as acts
from zhupei.hall.models import ClientCheck
from zhupei.hall.readiness import measuring
from zhupei.hall.readiness.findings import worst
from zhupei.hall.readiness.judging import POINTS, browser_of, judge, measured, windows_of
from zhupei.hall.readiness.measuring import MAX_BLOB, MeasuringApplication, Pass, pass_of
from zhupei.hall.readiness.queries import code_of_day, site_of_code
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

from .days import Day
from .test_machines import Hall, good

WIN7 = "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36"
IE8 = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)"
STATIC = Path(measuring.__file__).parents[1] / "static/hall"


class HereAndNow:
    """Runs a coroutine on a loop of its own thread, and the database work it asks for in this one: the test's transaction."""

    def __init__(self) -> None:
        self.asked: queue.Queue[tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue()

    async def work(self, work: Callable[[], Any]) -> Any:
        future: Future[Any] = Future()
        self.asked.put((work, future))
        return await asyncio.wrap_future(future)

    def run(self, scene: Coroutine[Any, Any, Any]) -> Any:
        outcome: Future[Any] = Future()

        def loop() -> None:
            try:
                outcome.set_result(asyncio.run(scene))
            except BaseException as error:
                outcome.set_exception(error)
            finally:
                self.asked.put(None)

        threading.Thread(target=loop, daemon=True).start()
        while (asked := self.asked.get(timeout=30)) is not None:
            work, future = asked
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
        return outcome.result()


class Desk:
    """A client's browser before the measuring page of this process."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.now = 0.0
        self.loop = HereAndNow()
        self.app = MeasuringApplication(run=self.loop.work, monotonic=lambda: self.now)
        self.app._noise = bytes(len(self.app._noise))

    def run(
        self, scene: Callable[[httpx.AsyncClient], Awaitable[Any]], *, agent: str = WIN7, ip: str = "10.0.0.5"
    ) -> Any:
        async def whole() -> Any:
            transport = httpx.ASGITransport(app=self.app, root_path="/measure", client=(ip, 1))  # type: ignore[arg-type]
            headers = {"user-agent": agent}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://hall.test/measure", headers=headers
            ) as client:
                return await scene(client)

        return self.loop.run(whole())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.run(lambda client: client.get(path), **options)

    def post(self, path: str, data: dict[str, Any] | bytes, **options: Any) -> httpx.Response:
        how = {"content": data} if isinstance(data, bytes) else {"data": data}
        return self.run(lambda client: client.post(path, **how), **options)

    @property
    def token(self) -> str:
        return Pass(self.hall.site.pk, 0).token()

    def seat(self, seat: str = "01") -> dict[str, Any]:
        return {"t": self.token, "room": self.hall.rooms[0].pk, "seat": seat}


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk(Hall(rooms=(("一", 12),), exam=12, spare=2).entered())


def test_it_is_mounted_before_django() -> None:
    assert isinstance(MOUNTS["/measure"], MeasuringApplication)


def test_the_code_of_the_day_opens_and_nothing_else(desk: Desk) -> None:
    site = desk.hall.site
    code = code_of_day(site.pk)
    assert re.fullmatch(r"\d{6}", code)
    assert "今日口令" in desk.get("/").text
    wrong = format((int(code) + 1) % 10**6, "06d")
    for bad in (wrong, "", "0" * 500, "²²²²²²", "a\x00b", "' OR 1=1 --"):
        answer = desk.post("/enter", {"code": bad})
        assert answer.status_code == 403, bad
        assert "不是今日口令" in answer.text
    wide = code.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    answer = desk.post("/enter", {"code": f" {wide[:3]} {wide[3:]} "})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/measure/seat?t=")
    assert desk.get(f"/?code={code}&room=7&seat=3").headers["location"].endswith("&room=7&seat=3")
    with clock.frozen(clock.now() + timedelta(days=1)):
        assert code_of_day(site.pk) != code
        assert desk.post("/enter", {"code": code}).status_code == 403


def test_a_changed_code_shuts_out_who_came_in_with_the_old_one(desk: Desk) -> None:
    old, given = code_of_day(desk.hall.site.pk), desk.seat()
    stranger = sign_in(Client(), make_user(Role.INVIGILATOR))
    url = reverse("hall:measuring_code", args=[desk.hall.site.pk])
    assert stranger.post(url).status_code == 404
    assert sign_in(Client(), make_user(Role.INVIGILATOR, desk.hall.unit)).post(url).status_code == 302
    assert AuditEvent.objects.filter(code="hall.code_renewed").exists()
    assert site_of_code(old) is None
    assert desk.post("/result", given).status_code == 403
    assert not ClientCheck.objects.exists()


def test_guessing_is_limited(desk: Desk) -> None:
    code = code_of_day(desk.hall.site.pk)
    for n in range(measuring.TRIES):
        assert desk.post("/enter", {"code": f"x{n}"}).status_code == 403
    answer = desk.post("/enter", {"code": code})
    assert answer.status_code == 429
    assert "口令输错次数过多" in answer.text
    assert desk.post("/enter", {"code": code}, ip="10.0.0.6").status_code == 303  # the others go on
    desk.now = measuring.TRIES_SECONDS + 1
    assert desk.post("/enter", {"code": code}).status_code == 303
    for _n in range(measuring.TRIES_OF_ALL):  # many addresses together find it no sooner
        desk.app._by_all.failed("all")
    assert desk.post("/enter", {"code": code}, ip="10.0.0.7").status_code == 429


def test_a_pass_ends_and_cannot_be_made(desk: Desk) -> None:
    token = desk.token
    assert pass_of(token) == Pass(desk.hall.site.pk, 0)
    site, turn, end, mac = token.split(".")
    for bad in (
        "",
        "x",
        token[:-1],
        f"{site}.{turn}.{int(end) + 1}.{mac}",
        f"{int(site) + 1}.{turn}.{end}.{mac}",
        "²" * 40,
    ):
        with pytest.raises(Refusal):
            pass_of(bad)
        assert desk.run(lambda client, bad=bad: client.get("/ping", params={"t": bad})).status_code == 403
    with clock.frozen(clock.now() + timedelta(seconds=measuring.TOKEN_SECONDS + 1)), pytest.raises(Refusal):
        pass_of(token)


@pytest.mark.req("R115", "R124", "R125", "R126", "R129", "R134", "I05")
def test_a_client_is_measured_and_kept(desk: Desk) -> None:
    room = desk.hall.rooms[0].pk
    given = desk.seat()
    listed = desk.run(lambda client: client.get("/seat", params={"t": given["t"]}))
    assert f'<option value="{room}"' in listed.text
    for bad in ({"seat": "99"}, {"room": "²"}, {"room": "9" * 30}, {"seat": "-1"}, {"room": ""}):
        answer = desk.run(lambda client, bad=bad: client.get("/seat", params={**given, **bad}))
        assert (answer.status_code, "没有该座位号" in answer.text) == (422, True), bad

    async def scene(client: httpx.AsyncClient) -> httpx.Response:
        page = await client.get("/seat", params={**given, "seat": "1"})
        assert 'id="measure"' in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        figures = {k: v for k, v in good().items() if k not in ("agent", "cookies")}
        answer = await client.post(
            "/result", data={**given, **figures, "verdict": "ok", "agent": "Chrome/999"}
        )
        assert answer.status_code == 303, answer.text
        return await client.get(answer.headers["location"].removeprefix("/measure"))

    done = desk.run(scene)
    assert "全部合格" in done.text
    row = ClientCheck.objects.get()
    assert (row.seat_no, row.verdict, row.address, row.agent) == ("01", "ok", "10.0.0.5", WIN7)
    assert row.measured["agent"] == WIN7  # what the browser sends, not what the form says
    assert row.measured["down_mbps"] == 94.0
    assert row.measured["cookies"] is True
    assert {one["code"] for one in row.findings} == set(POINTS)
    event = AuditEvent.objects.get(code="hall.client_checked")
    assert (event.ip, event.after["seat"]) == ("10.0.0.5", "01")
    again = desk.post("/result", given)
    assert again.status_code == 429
    assert "刚测过" in again.text


def test_without_script_browser_and_page_are_noted(desk: Desk) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        page = await client.get("/seat", params=desk.seat())
        assert "测量网络需要脚本" in page.text
        answer = await client.post("/result", data={**desk.seat(), "camera_above": "yes"})
        assert answer.status_code == 303

    desk.run(scene, agent=IE8)
    row = ClientCheck.objects.get()
    verdicts = {one["code"]: (one["verdict"], one["value"]) for one in row.findings}
    assert verdicts["browser"] == ("ok", "IE 8")
    assert verdicts["client_system"] == ("ok", "Windows NT 6.1")
    assert verdicts["script"][0] == "warn"
    assert verdicts["cookies"][0] == "ok"
    assert verdicts["camera"][0] == "ok"
    assert "down_mbps" not in verdicts
    assert row.verdict == "warn"


def test_a_browser_that_refuses_cookies_is_told(desk: Desk) -> None:
    assert desk.post("/result", {**desk.seat(), "camera_above": "yes"}).status_code == 303
    finding = {one["code"]: one["verdict"] for one in ClientCheck.objects.get().findings}
    assert finding["cookies"] == "fail"


def test_hostile_figures_count_as_not_measured() -> None:
    bad = [
        "NaN",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-5",
        "9e99",
        "0x10",
        "1_000",
        "²",
        "",
        "x" * 10_000,
        "１２",
        "1" * 400,
        "[1]",
        "1\n2",
    ]
    for value in bad:
        found = measured(
            dict.fromkeys(("trip_ms", "down_mbps", "width", "loss"), value), agent="a" * 9999, cookies=True
        )
        assert set(found) == {"agent", "cookies"}, (value, found)
        assert len(found["agent"]) == 300
    found = measured(
        {"down_mbps": "94.51", "camera": "<script>", "storage": "maybe", "verdict": "ok", "offset_s": "-1e9"},
        agent="",
        cookies=False,
    )
    assert found == {"agent": "", "cookies": False, "down_mbps": 94.51}
    empty = judge({})
    assert worst(empty) == "fail"
    for one in judge({**good(), "agent": "\x00\ud800" * 10}):
        assert one.verdict in ("ok", "warn", "fail", "unknown")


@pytest.mark.parametrize(
    ("figures", "code", "verdict"),
    [
        ({"down_mbps": 80.0}, "down_mbps", "ok"),
        ({"down_mbps": 79.9}, "down_mbps", "warn"),
        ({"up_mbps": 49.9}, "up_mbps", "fail"),
        ({"trip_ms": 21.0}, "trip", "warn"),
        ({"jitter_ms": 40.0}, "trip", "warn"),
        ({"trip_ms": 101.0}, "trip", "fail"),
        ({"loss": 0.05}, "loss", "warn"),
        ({"loss": 0.5}, "loss", "fail"),
        ({"offset_s": -3.0}, "client_clock", "warn"),
        ({"offset_s": 3600.0}, "client_clock", "fail"),
        ({"camera": "no"}, "camera", "fail"),
        ({"camera_allowed": "denied"}, "camera", "fail"),
        ({"camera_above": ""}, "camera", "warn"),
        ({"camera": "insecure"}, "camera", "ok"),
        ({"camera": "insecure", "camera_above": ""}, "camera", "warn"),
        ({"restore_card": ""}, "restore_card", "ok"),
        ({"width": 800}, "screen", "warn"),
        ({"cookies": False}, "cookies", "fail"),
        ({"agent": "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)"}, "browser", "fail"),
        ({"agent": "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)"}, "client_system", "fail"),
        ({"agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/115.0"}, "client_system", "warn"),
        ({"agent": "curl/8"}, "browser", "warn"),
    ],
)
@pytest.mark.req("R115", "R124", "R125", "R126", "R134", "I05")
def test_the_server_judges(figures: dict[str, Any], code: str, verdict: str) -> None:
    found = {one.code: one.verdict for one in judge(good(**figures))}
    assert found[code] == verdict
    assert worst(judge(good())) == "ok"


@pytest.mark.req("R124", "R125", "J07")
@pytest.mark.parametrize(
    ("agent", "browser", "windows"),
    [
        (IE8, ("IE", 8), (6, 1)),
        (
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/4.0)",
            ("IE", 8),
            (6, 1),
        ),  # compatibility view
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", ("IE", 11), (10, 0)),
        (WIN7, ("Chrome", 109), (6, 1)),
        (WIN7 + " QIHU 360SE", ("360", 0), (6, 1)),
        ("Mozilla/5.0 (Windows NT 6.1; rv:115.0) Gecko/20100101 Firefox/115.0", ("Firefox", 115), (6, 1)),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0.0.0 Safari/537.36 Edg/120.0", ("Edge", 120), (10, 0)),
        ("", ("", 0), None),
    ],
)
def test_browsers_by_their_own_word(
    agent: str, browser: tuple[str, int], windows: tuple[int, int] | None
) -> None:
    assert browser_of(agent) == browser
    assert windows_of(agent) == windows


@pytest.mark.req("R115", "R131")
def test_blobs_are_bounded_and_travel_one_at_a_time(desk: Desk) -> None:
    token = desk.token
    for size in ("0", "-1", str(MAX_BLOB + 1), "9" * 20, "x", ""):
        answer = desk.run(lambda client, size=size: client.get("/blob", params={"t": token, "size": size}))
        assert answer.status_code == 422, size
    whole = desk.run(lambda client: client.get("/blob", params={"t": token, "size": 300_001}))
    assert (whole.status_code, len(whole.content)) == (200, 300_001)
    sent = desk.post(f"/blob?t={token}", b"x" * 300_000)
    assert sent.json() == {"bytes": 300_000}
    assert desk.post(f"/blob?t={token}", b"x" * (MAX_BLOB + 1)).status_code == 413
    assert desk.post("/enter", {"code": "1" * 20_000}).status_code == 413
    assert desk.run(lambda client: client.put("/blob", params={"t": token})).status_code == 405
    assert desk.app._blobs == 0

    async def slow() -> int:
        gate, statuses = asyncio.Event(), []

        async def receive() -> dict[str, Any]:
            await gate.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status"))

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/blob",
            "query_string": f"t={token}".encode(),
            "headers": [],
        }
        first = asyncio.create_task(desk.app(scope, receive, send))
        await asyncio.sleep(0)
        seen: list[Any] = []

        async def send_second(message: dict[str, Any]) -> None:
            seen.append(message.get("status"))

        await desk.app(
            {**scope, "method": "GET", "query_string": f"t={token}&size=10".encode()}, receive, send_second
        )
        gate.set()
        await first
        assert statuses[0] == 200
        return int(seen[0])

    assert asyncio.run(slow()) == 503
    assert desk.app._blobs == 0


def test_who_does_not_read_loses_the_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "BLOB_SECONDS", 0.05)

    async def stuck() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(60)
            return {}

        async def send(_message: dict[str, Any]) -> None:
            await asyncio.sleep(60)

        query = f"t={desk.token}&size=1000".encode()
        scope = {"type": "http", "method": "GET", "path": "/blob", "query_string": query, "headers": []}
        await asyncio.wait_for(desk.app(scope, receive, send), 5)

    asyncio.run(stuck())
    assert desk.app._blobs == 0


@pytest.mark.django_db
@pytest.mark.req("R131")
def test_nothing_is_measured_while_a_test_runs() -> None:
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        hall = Hall.__new__(Hall)
        hall.site, hall.rooms = day.batch.hall, list(day.batch.hall.rooms.all())
        acts.lay_out(hall.site, by=day.keeper)
        desk = Desk(hall)
        assert desk.get(f"/ping?t={desk.token}").status_code == 200
        day.running()
        desk.now = measuring.TEST_KNOWN_SECONDS + 1
        for path in (f"/ping?t={desk.token}", f"/blob?t={desk.token}&size=1000"):
            answer = desk.get(path)
            assert (answer.status_code, answer.json()) == (503, {"error": "test_running"})
        assert desk.post("/result", desk.seat()).status_code == 503
        page = desk.get("/")
        assert page.status_code == 503
        assert "正在测试" in page.text


def test_other_sites_cannot_post(desk: Desk) -> None:
    def act(client: httpx.AsyncClient) -> Awaitable[httpx.Response]:
        return client.post("/enter", data={"code": "1"}, headers={"origin": "http://evil.test"})

    assert desk.run(act).status_code == 403
    assert desk.get("/nowhere").status_code == 404
    assert desk.get("/../admin").status_code == 404


def test_both_languages(desk: Desk) -> None:
    assert "Code of the day" in desk.get("/?lang=en").text
    assert "今日口令" in desk.get("/?lang=zh").text

    async def scene(client: httpx.AsyncClient) -> str:
        await client.get("/", params={"lang": "en"})
        return (await client.get("/seat", params=desk.seat())).text

    assert "restore card" in desk.run(scene)


@pytest.mark.req("J07")
def test_the_script_stays_within_old_syntax() -> None:
    found = {line.partition(": ")[2] for line in es3.faults((STATIC / "measure.js").read_text())}
    assert found == {  # where ``window.Uint8Array`` and ``navigator.mediaDevices`` were asked for first
        "Uint8Array is not known to old browsers",
        "crypto is not known to old browsers",
        ".crypto came later",
        ".then came later",
    }
    assert "var(--" not in (STATIC / "measure.css").read_text()


def test_every_point_has_words_in_both_languages() -> None:
    from zhupei.hall.readiness.findings import in_both

    for one in judge({**good(camera="insecure", camera_above=""), "agent": "curl"}):
        both = in_both(one, POINTS)["words"]
        assert both["zh"]["label"]
        assert both["en"]["label"]
        assert both["zh"]["wanted"] != ""
        if one.verdict != "ok":
            assert both["zh"]["advice"] != both["en"]["advice"]
