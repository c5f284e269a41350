"""What somebody in the hall's network, or behind its address, might try against the server: faults once found, tried again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from django.test import Client
from django.urls import reverse

from tests.makers import make_actor, make_institution, make_rulebook, make_user
from zhupei.accounts.models import Lockout
from zhupei.config import asgi, patience
from zhupei.config.asgi import application
from zhupei.delivery.api import PracticeApp
from zhupei.delivery.app.crossing import _unsent
from zhupei.delivery.rehearsal import stage as stages
from zhupei.exams import machines
from zhupei.exams.tests.test_halls import ROOT, make_hall, new_key
from zhupei.hall import actions, rehearsals
from zhupei.hall.api import Doorkeeper, close_engine, rehearsal_application
from zhupei.hall.rehearsals import close_stage, stage
from zhupei.kernel.roles import Role


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.HALL_DATA = tmp_path / "hall"
    machines.forget()
    machines.centre_fingerprint.cache_clear()
    yield
    close_stage()
    close_engine()


# --- the one port -----------------------------------------------------------------------------------------------------


def _scope(
    path: str, *headers: tuple[bytes, bytes], method: str = "POST", query: bytes = b""
) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": query,
        "scheme": "http",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("10.0.0.9", 4000),
    }


async def _asked(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]]) -> tuple[int, bytes]:
    """Status and body of the application's answer; status 0: none."""
    status, body = 0, b""

    async def send(message: Any) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    await application(scope, receive, send)
    return status, body


async def _never() -> Any:
    await asyncio.Event().wait()


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.django_db(transaction=True)
def test_who_never_ends_his_post_does_not_hold_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few open posts used to hold every thread, and with them the invigilators' pages."""
    monkeypatch.setattr(patience, "PAUSE_S", 1.5)

    async def attack() -> None:
        slow = _scope(
            "/account/sign-in/",
            (b"content-length", b"100"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"cookie", b"zhupei_csrf=" + b"a" * 32),
        )
        held = [asyncio.create_task(_asked(dict(slow), _never)) for _n in range(2 * asgi.settings.THREADS)]
        await asyncio.sleep(0.1)
        page = await asyncio.wait_for(_asked(_scope("/no/such/page/", method="GET"), _nothing), 1.2)
        assert page[0] == 404
        assert {one[0] for one in await asyncio.gather(*held)} == {408}
        assert asgi.bodies.held == 0

    asyncio.run(attack())


def _pieces(*parts: bytes, more: bool = False) -> Callable[[], Awaitable[Any]]:
    left = list(parts)

    async def receive() -> Any:
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or more}

    return receive


def test_a_body_arrives_whole_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = patience.Bodies()
    content = bytes(range(256)) * 4000  # more than is kept in memory, more than one piece

    async def taken(length: bytes, receive: Callable[[], Awaitable[Any]]) -> bytes:
        got = b""
        async with bodies.whole(_scope("/x", (b"Content-Length", length)), receive) as given:
            assert bodies.held == int(length)
            while True:
                message = await given()
                assert len(message["body"]) <= patience.PIECE
                got += message["body"]
                if not message["more_body"]:
                    return got
        raise AssertionError

    def refused(length: bytes, receive: Callable[[], Awaitable[Any]]) -> int:
        with pytest.raises(patience.TurnedAway) as caught:
            asyncio.run(taken(length, receive))
        assert bodies.held == 0
        return caught.value.status

    length = b"%d" % len(content)
    assert asyncio.run(taken(length, _pieces(content[:7], content[7:700_000], content[700_000:]))) == content
    assert bodies.held == 0
    assert refused(length, _pieces(content[:7], more=True)) == 0  # gone
    assert refused(b"5", _pieces(b"123", b"456")) == 413
    assert refused(b"%d" % (patience.MAX_BODY + 1), _never) == 413
    assert refused(b"9" * 20, _never) == 413
    monkeypatch.setattr(patience, "MAX_HELD", 100)
    monkeypatch.setattr(patience, "SMALL", 1000)
    assert (
        asyncio.run(taken(b"1000", _pieces(b"1" * 1000))) == b"1" * 1000
    )  # a form goes through all the same
    assert refused(b"2000", _pieces(b"1" * 2000)) == 503


@pytest.mark.django_db(transaction=True)
def test_an_address_with_raw_chinese_is_a_page_like_any_other() -> None:
    scope = _scope("/no/such/page/", method="GET", query="q=\u4e2d".encode())
    assert asyncio.run(_asked(scope, _nothing))[0] == 404


def test_a_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_S", 0.2)
    drops = 0

    async def drip() -> Any:
        nonlocal drops
        drops += 1
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def attack() -> None:
        async with patience.Bodies().whole(_scope("/x", (b"content-length", b"100000")), drip):
            raise AssertionError("it was taken")

    began = time.monotonic()
    with pytest.raises(patience.TurnedAway) as caught:
        asyncio.run(attack())
    assert caught.value.status == 408
    assert drops > 1
    assert time.monotonic() - began < 2


def test_cookies_of_candidates_are_secure_behind_a_proxy_with_tls(settings: Any) -> None:
    forwarded = asgi.seen_by_proxy(
        _scope("/exam/", (b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"1.1.1.1, 10.9.8.7"))
    )
    assert (forwarded["scheme"], forwarded["client"][0]) == ("https", "10.9.8.7")
    assert asgi.seen_by_proxy(_scope("/exam/"))["scheme"] == "http"

    async def begun() -> str:
        headers: list[tuple[bytes, bytes]] = []

        async def send(message: Any) -> None:
            headers.extend(message.get("headers", []))

        scope = _scope("/practice/enter", (b"x-forwarded-proto", b"https"))
        await application(scope, _nothing, send)
        await asgi.MOUNTS["/practice"].stop()
        return dict(headers)[b"set-cookie"].decode()

    assert "Secure" not in asyncio.run(begun())  # without a proxy in front, anybody may write that header
    settings.BEHIND_PROXY = True
    assert "Secure" in asyncio.run(begun())


@pytest.mark.django_db
def test_names_that_nobody_has_keep_the_server_at_work_only_so_long() -> None:
    """Each costs a tenth of a second of all cores, and the database's lock."""
    known = make_user(Role.INVIGILATOR)

    def tried(name: str, address: str = "10.0.0.9") -> int:
        form = {"login": name, "password": "wrong"}
        return Client().post(reverse("accounts:sign_in"), form, REMOTE_ADDR=address).status_code

    assert {tried(f"nobody{n}") for n in range(60)} == {422}
    rows = Lockout.objects.count()
    assert tried("nobody60") == 429
    assert tried(known.login) == 429  # nobody learns from this which names there are
    assert Lockout.objects.count() == rows
    assert tried(known.login, "10.0.0.10") == 422


# --- requests that are not meant to be understood ---------------------------------------------------------------------


def test_deep_and_long_requests_are_refused_without_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    app = PracticeApp()
    quick = (
        (b"origin", b"http://localhost"),
        (b"content-type", b"application/json"),
        (b"cookie", b"zhupei_sitting=a"),
    )

    async def ask(path: str, body: bytes, *headers: tuple[bytes, bytes], query: bytes = b"") -> int:
        status = 0

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        method = "POST" if body else "GET"
        await app(_scope(path, *headers, method=method, query=query), receive, send)
        return status

    async def attack() -> None:
        wish = b'{"form":"a","paper":"a","subject":"a","key":"a","seq":1,"x":' + deep + b"}"
        assert await ask("/save", wish, *quick) == 400
        assert await ask("/heartbeat", b'{"form":"a","x":' + deep + b"}", *quick) == 400
        assert await ask("/", b"", query=b"&".join([b"a=1"] * 60)) == 200
        await app.stop()

    asyncio.run(attack())
    assert _unsent(deep.decode()) == ([], 1)
    assert not [one for one in caplog.records if one.exc_info]


# --- the centre's address for halls' machines -------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_stranger_behind_the_halls_own_address_does_not_shut_its_machine_out() -> None:
    hall = make_hall()
    assert [Client().get(ROOT).status_code for _n in range(32)] == [401] * 30 + [429] * 2
    assert hall.call("GET", ROOT, signer=new_key()).status_code == 429  # well made, but nobody's
    assert hall.call("GET", ROOT).status_code == 200


@pytest.mark.django_db
def test_calls_in_a_machines_name_without_its_key_do_not_use_its_calls_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall = make_hall()
    monkeypatch.setattr(machines, "CALLS_PER_MACHINE", machines.RateLimitItemPerMinute(3, namespace="few"))

    def forged(header: str) -> str:
        return header[:-1] + ("0" if header[-1] != "0" else "1")

    calls = [hall.call("GET", ROOT, change=forged, REMOTE_ADDR="10.6.6.6").status_code for _n in range(32)]
    assert calls == [401] * 30 + [429] * 2
    assert [hall.call("GET", ROOT).status_code for _n in range(4)] == [200] * 3 + [429]


# --- rehearsal and standby --------------------------------------------------------------------------------------------


def _prepared() -> Any:
    make_rulebook()
    head = make_actor(Role.HALL_TECHNICAL_HEAD, make_institution().organisation)
    row = actions.prepare_rehearsal(site_id=None, seats=2, minutes=1, by=head)
    plan = stage().plan
    assert plan is not None
    return row, plan


def _rehearsing() -> httpx.AsyncClient:
    transport: Any = httpx.ASGITransport(app=rehearsal_application(), root_path="/rehearsal")  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://hall.test")


@pytest.mark.django_db
def test_a_rehearsal_that_was_left_on_is_silent_while_a_test_is_sat(monkeypatch: pytest.MonkeyPatch) -> None:
    _row, plan = _prepared()
    sitting = False
    monkeypatch.setattr(rehearsals, "a_test_runs", lambda: sitting)
    monkeypatch.setattr(rehearsals, "TEST_KNOWN_S", 0.0)

    async def attack() -> list[int]:
        async with _rehearsing() as one:
            return [
                (await one.get("/rehearsal/")).status_code,
                (await one.get("/rehearsal/play")).status_code,
                (await one.post("/rehearsal/account.json", json={"code": plan.code})).status_code,
                (await one.post("/rehearsal/enter", data={"slip_no": "1", "id_number": "2"})).status_code,
            ]

    assert asyncio.run(attack()) == [200, 200, 200, 403]
    sitting = True
    assert asyncio.run(attack()) == [503] * 4


@pytest.mark.django_db
def test_a_report_that_the_pages_could_not_show_is_not_kept(client: Client) -> None:
    row, plan = _prepared()
    good = {"candidates": 2}
    bad: list[dict[str, Any]] = [
        {"candidates": "all"},
        {**good, "save": {"p99_ms": ["a"]}},
        {**good, "parameters": [1, 2]},
        {**good, "problems": 5},
    ]
    odd = {**good, "passed": True, "seats": [1, 2], "checks": [{"name": ["a"], "passed": True}]}

    async def told(report: dict[str, Any]) -> int:
        async with _rehearsing() as one:
            answer = await one.post("/rehearsal/report.json", json={"code": plan.code, "report": report})
            return answer.status_code

    assert [asyncio.run(told(one)) for one in bad] == [400] * 4
    assert stage().report() is None
    assert asyncio.run(told(odd)) == 200
    _source, found = actions.results_now(row)
    assert "seats" not in found  # what is no figure of the players' is left out
    assert not found["passed"]
    assert all(isinstance(one["name"], str) for one in found["checks"])


@pytest.mark.django_db
def test_what_a_rehearsals_computers_tell_does_not_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    _row, plan = _prepared()
    monkeypatch.setattr(stages, "MAX_TOLD", 2000)
    seat = {"place": 1, "state": "joined", "problem": "x" * 190}

    async def attack() -> list[int]:
        async with _rehearsing() as one:
            body = {"code": plan.code, "seat": seat}
            return [(await one.post("/rehearsal/seat.json", json=body)).status_code for _n in range(20)]

    codes = asyncio.run(attack())
    assert codes[0] == 200
    assert codes[-1] == 413
    assert (stage().folder / "seats.jsonl").stat().st_size < 3000


def test_connections_that_say_nothing_do_not_pile_up_at_a_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhupei.hall.servers.standby.MAX_LINES", 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    door = Doorkeeper("127.0.0.1", port, lambda: {"active": False})
    door.start()
    try:
        with contextlib.ExitStack() as held:
            for _n in range(3):
                held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=3))
            time.sleep(0.2)
            more = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=3))
            with contextlib.suppress(ConnectionResetError):
                assert more.recv(10) == b""  # at once, not after the others' five seconds
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", port), timeout=3) as one:
            one.sendall(b"GET /exam/health HTTP/1.1\r\n\r\n")
            answer = b""
            while part := one.recv(4096):
                answer += part
        assert answer.startswith(b"HTTP/1.1 503")
        assert msgspec.json.decode(answer.partition(b"\r\n\r\n")[2]) == {"active": False}
    finally:
        door.stop()
