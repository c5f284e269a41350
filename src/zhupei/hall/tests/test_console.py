"""The invigilator's console: what it shows, the acts from it, and its live stream over real ASGI."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.db import connections
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_filed_staff, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.config import asgi
from zhupei.hall import actions
from zhupei.hall.api import bundle_of, engine
from zhupei.hall.console import drawing, live, watching
from zhupei.hall.models import Incident, Proposal
from zhupei.hall.tests.test_hall import Day, refused
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

ROOM = drawing.Variant("", "zh-hans", True)


@pytest.fixture
def day(db: None) -> Iterator[Day]:
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


@pytest.fixture
def open_day(transactional_db: None) -> Iterator[Day]:
    """A day whose rows other threads see too."""
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the monotonic clock run ahead."""

    def go(seconds: float) -> None:
        monkeypatch.setattr(clock, "_monotonic", lambda: time.monotonic() + seconds)

    return go


def seen(day: Day, before: watching.Look | None = None) -> watching.Look:
    return watching.look(day.row, day.session, before)


def codes(look: watching.Look) -> list[tuple[int, str]]:
    return [(one.level, one.code) for one in look.alarms]


def entered(day: Day, n: int = 0) -> None:
    """The candidate signs in at the computer, with a page that has script."""
    one = next(one for one in bundle_of(day.row).candidates if one.candidate_id == day.key(n))
    engine().enter(one.slip_no, one.id_hash, address="10.0.0.1")


def sitting(day: Day, n: int = 0) -> None:
    """The candidate has begun, at a page with script."""
    day.check_in(n)
    if not n:
        day.staffed()
        actions.open_room(day.row, day.session, day.room, by=day.watch)
    entered(day, n)
    engine().start(day.key(n)).wait()
    engine().heartbeat(day.key(n)).wait()


def last_event(code: str) -> AuditEvent:
    found = AuditEvent.objects.filter(code=code).order_by("-pk").first()
    assert found is not None, code
    return found


# ── what it shows ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R150", "J10")
def test_alarms_name_the_seat_and_come_worst_first(day: Day, later: Callable[[float], None]) -> None:
    entered_first = seen(day)
    assert entered_first.alarms == ()
    day.check_in()
    assert codes(seen(day)) == [(2, "staff")]  # somebody is there, and no invigilator yet
    day.staffed()
    actions.open_room(day.row, day.session, day.room, by=day.watch)
    entered(day)
    engine().start(day.key()).wait()
    assert codes(seen(day)) == []
    engine().heartbeat(day.key()).wait()
    for _ in range(3):
        engine().heartbeat(day.key(), left_window_ms=500).wait()
    later(50)
    actions.propose(day.row, day.key(), "add_time", minutes=3, reason="断网", by=day.watch)
    look = seen(day)
    assert codes(look) == [(3, "link_lost"), (2, "proposed_add_time"), (1, "windows")]
    assert {one.key for one in look.alarms} == {day.key()}
    assert {tile.key: tile.alarm for tile in look.rooms[0].tiles} == {day.key(): 3, day.key(1): 0}
    # looked at again a moment later nothing has happened: the clocks tick in the browser
    later(51)
    again = seen(day, look)
    assert again.alarms == look.alarms
    assert again.rooms == look.rooms
    actions.pause_seat(day.row, day.key(), reason="使用手机", suspected=True, by=day.watch)
    assert (2, "held") in codes(seen(day))


def test_time_nearly_over_with_many_unanswered(day: Day, later: Callable[[float], None]) -> None:
    sitting(day)
    assert (2, "ending") not in codes(seen(day))
    later(111 * 60)
    assert (2, "ending") in codes(seen(day))
    found = next(one for one in seen(day).alarms if one.code == "ending")
    assert (found.n, found.of) == (found.of, seen(day).rooms[0].tiles[0].total)


def test_silence_of_a_candidate_is_seen(day: Day) -> None:
    sitting(day)
    assert codes(seen(day)) == []
    with clock.frozen(clock.now() + timedelta(minutes=12)):
        assert codes(seen(day)) == [(2, "quiet")]


def test_a_failing_journal_and_a_full_disk_are_on_top(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting(day)
    first = seen(day)
    health = engine().health()
    sick = SimpleNamespace(journal_ok=True, free_bytes=100 * 1024**2)
    monkeypatch.setattr(type(engine()), "health", lambda self: sick)
    assert codes(seen(day))[0] == (3, "disk")
    sick.free_bytes = 1024**3
    assert codes(seen(day))[0] == (2, "disk")

    def broken(*args: Any) -> Any:
        raise live.Refusal("journal_failed", status=503)

    monkeypatch.setattr(type(engine()), "status", broken)
    refused("journal_failed", lambda: seen(day))
    look = seen(day, first)
    assert codes(look)[0] == (3, "journal")
    assert look.rooms == first.rooms
    assert health.journal_ok


def test_seats_stand_as_in_the_room() -> None:
    def tile(seat_no: str) -> watching.Tile:
        return watching.Tile(
            seat_no, seat_no, "x", "running", 0, 1, None, None, None, "", 0, False, False, ()
        )

    def drawn(places: dict[str, watching.Place], *seats: str) -> list[str]:
        room = watching.RoomLook(
            "1", "x", tuple(map(tile, seats)), (), (), 2, True, (), tuple(places.items())
        )
        return [
            " ".join((cell.seat_no or "--") + ("*" if cell.tile else "") for cell in row)
            for row in watching.rows_of(room)
        ]

    plan = {"01": (1, 1, "exam"), "02": (1, 3, "exam"), "03": (2, 1, "spare"), "04": (3, 2, "exam")}
    assert drawn(plan, "01", "04") == ["01* -- 02", "03 -- --", "-- 04* --"]
    assert drawn(plan, "01", "77") == ["01* -- 02", "77* -- --"]  # a seat that nobody recorded
    assert drawn({}, "05") == ["05*" + " --" * 9]
    assert drawn(plan) == []
    hostile = {"01": (1, 10**9, ""), "02": (10**9, 1, ""), "03": (0, 0, "")}
    assert len(drawn(hostile, "01", "02", "03")) < 4


def test_only_what_changed_is_drawn_again(day: Day) -> None:
    sitting(day)
    for variant in (ROOM, drawing.Variant(day.room, "en", False)):
        drawn = drawing.Drawing(variant)
        assert list(drawn.changed(seen(day))) == ["hall-map"]
    drawn, look = drawing.Drawing(drawing.Variant(day.room, "zh-hans", True)), seen(day)
    whole = drawn.changed(look)["hall-map"]
    assert reverse("hall:seat", args=[day.row.pk, day.key()]) in whole
    look = seen(day, look)
    assert drawn.changed(look) == {}
    actions.warn(day.row, day.key(), "请勿交谈", by=day.watch)
    look = seen(day, look)
    changed = drawn.changed(look)
    assert list(changed) == [f"seat-{day.key()}"]
    assert "警告尚未阅读" in changed[f"seat-{day.key()}"]
    day.check_in(1)
    look = seen(day, look)
    assert set(drawn.changed(look)) == {f"seat-{day.key(1)}", "hall-sum"}
    actions.move_seat(day.row, day.key(), day.room, "40", reason="电脑故障", by=day.watch)
    assert list(drawn.changed(seen(day, look))) == ["hall-map"]
    plain = drawing.Drawing(drawing.Variant(day.room, "en", False)).changed(seen(day))["hall-map"]
    assert "href" not in plain.replace("icons.svg", "").replace('<use href="', "")


# ── acts ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("I09")
def test_a_warning_reaches_the_candidate_and_the_record(day: Day) -> None:
    sitting(day)
    stranger = make_user(Role.INVIGILATOR)
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    url = reverse("hall:warn", args=[day.row.pk, day.key()])
    assert sign_in(Client(), stranger).post(url, {"reason": "x"}).status_code == 404
    assert client.post(url, {}).status_code == 422
    page = client.get(reverse("hall:seat", args=[day.row.pk, day.key()])).content.decode()
    assert url in page
    usual = "请勿交谈或打手势。"
    assert usual in page
    assert client.post(url, {"usual": usual}).status_code == 302
    assert client.post(url, {"usual": "made up"}).status_code == 422
    assert client.post(url, {"reason": "请坐好"}).status_code == 302
    assert engine().heartbeat(day.key()).wait().warning == usual
    status = engine().seat(day.key())
    assert (status.warnings, status.warnings_read, status.state) == (2, 0, "running")
    rows = Incident.objects.order_by("pk")
    assert [(row.kind, row.text, row.candidate_key) for row in rows] == [
        ("warning", usual, day.key()),
        ("warning", "请坐好", day.key()),
    ]
    event = last_event("hall.warned")
    assert (event.reason, event.after) == ("请坐好", {"candidate": day.key()})
    engine().read_warning(day.key(), 2)
    assert not any(tile.unread for tile in seen(day).rooms[0].tiles)
    refused("wrong_state", lambda: actions.warn(day.row, day.key(1), "x", by=day.watch))
    assert Incident.objects.count() == 2  # what the engine refuses leaves nothing behind
    registrar = make_actor(Role.REGISTRAR, day.unit)
    refused("role_missing", lambda: actions.warn(day.row, day.key(), "x", by=registrar))
    own = {"kind": "warning", "text": "x"}
    refused("bad_kind", lambda: actions.add_incident(day.row, **own, by=day.watch))


@pytest.mark.req("I09")
def test_one_seat_is_stopped_and_goes_on(day: Day, later: Callable[[float], None]) -> None:
    sitting(day)
    sitting(day, 1)
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    seat, args = reverse("hall:seat", args=[day.row.pk, day.key()]), [day.row.pk, day.key()]
    assert client.post(reverse("hall:stop_seat", args=args), {"reason": " "}).status_code == 422
    assert client.post(reverse("hall:stop_seat", args=args), {"reason": "手机响"}).status_code == 302
    assert [engine().seat(day.key(n)).state for n in (0, 1)] == ["paused", "running"]
    left = engine().seat(day.key()).remaining_s
    later(300)
    assert engine().seat(day.key()).remaining_s == left
    assert last_event("hall.seat_stopped").reason == "手机响"
    page = client.get(seat).content.decode()
    assert "手机响" in page
    assert reverse("hall:resume_seat", args=args) in page
    assert client.post(reverse("hall:stop_seat", args=args), {"reason": "x"}).status_code == 409
    assert client.post(reverse("hall:resume_seat", args=args)).status_code == 302
    assert engine().seat(day.key()).state == "running"
    assert last_event("hall.seat_resumed").after == {"candidate": day.key()}
    assert client.post(reverse("hall:resume_seat", args=args)).status_code == 409
    assert client.post(reverse("hall:pause_seat", args=args), {"usual": "身体不适"}).status_code == 302
    assert last_event("hall.seat_paused").reason == "身体不适"
    assert [row.kind for row in Incident.objects.order_by("pk")] == ["stopped", "resumed", "paused"]
    # a power cut: the room is paused and goes on; whoever was stopped by name does not
    assert (2, "held") in codes(seen(day))
    actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch)
    assert {code for _level, code in codes(seen(day))} == {"room_paused", "held"}
    assert actions.resume_room(day.row, day.session, day.room, by=day.watch) == 1
    assert [engine().seat(day.key(n)).state for n in (0, 1)] == ["paused", "running"]
    actions.resume_seat(day.row, day.key(), by=day.watch)
    actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch)
    assert actions.resume_room(day.row, day.session, day.room, by=day.watch) == 2


@pytest.mark.req("R040")
def test_time_for_a_whole_room_is_proposed_and_decided_once(day: Day, later: Callable[[float], None]) -> None:
    sitting(day)
    sitting(day, 1)
    refused(
        "nobody_affected",
        lambda: actions.propose_room(day.row, day.session, minutes=0, reason="断网", by=day.watch),
    )
    later(100)
    engine().heartbeat(day.key()).wait()  # heard again after a gap
    found = actions.longest_faults(day.session)
    assert list(found) == [day.key()]
    assert "fault" in {one.code for one in seen(day).alarms}
    # as long as each was cut off
    made = actions.propose_room(day.row, day.session, day.room, minutes=0, reason="断网", by=day.watch)
    assert [(one.candidate_key, one.seconds, one.fault) for one in made] == [
        (day.key(), found[day.key()].seconds, found[day.key()].id)
    ]
    actions.decide(made[0], accept=False, reason="改为全场", by=day.head)
    # or so many minutes for everybody, as one act
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    url = reverse("hall:propose_room", args=[day.row.pk, day.session])
    assert client.get(f"{url}?room=nowhere").status_code == 404
    page = client.get(f"{url}?room={day.room}").content.decode()
    assert "断线" in page or "中断" in page
    assert client.post(f"{url}?room={day.room}", {"minutes": "5", "reason": "停电"}).status_code == 302
    rows = list(Proposal.objects.filter(decided_at=None).order_by("pk"))
    assert [one.seconds for one in rows] == [300, 300]
    assert client.post(f"{url}?room={day.room}", {"minutes": "5", "reason": "停电"}).status_code == 409
    assert len(actions.together(rows[1])) == 2
    same = replace(day.head, user_id=rows[0].proposed_by_id)
    refused("same_person", lambda: actions.decide_together(rows[0], accept=True, by=same))
    refused("role_missing", lambda: actions.decide_together(rows[0], accept=True, by=day.watch2))
    assert Proposal.objects.filter(decided_at=None).count() == 2
    head = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
    decide = reverse("hall:decide", args=[rows[0].pk])
    assert 'name="all"' in head.get(decide).content.decode()
    before = AuditEvent.objects.filter(code="hall.act_decided").count()
    assert head.post(decide, {"verdict": "accept", "all": "1"}).status_code == 302
    assert AuditEvent.objects.filter(code="hall.act_decided").count() == before + 2
    assert [engine().seat(day.key(n)).added_s for n in (0, 1)] == [300, 300]
    refused("wrong_state", lambda: actions.decide_together(rows[0], accept=True, by=day.head))


def test_one_who_is_done_meanwhile_does_not_keep_the_others_from_their_time(day: Day) -> None:
    sitting(day)
    sitting(day, 1)
    rows = actions.propose_room(day.row, day.session, minutes=5, reason="停电", by=day.watch)
    actions.force_hand_in(day.row, day.key(), reason="离场", by=day.head)
    assert actions.decide_together(rows[1], accept=True, by=day.officer) == 2
    assert {row.candidate_key: row.accepted for row in Proposal.objects.all()} == {
        day.key(): False,
        day.key(1): True,
    }
    assert engine().seat(day.key(1)).added_s == 300


@pytest.mark.req("R040")
def test_a_fault_is_offered_with_its_seconds(day: Day, later: Callable[[float], None]) -> None:
    sitting(day)
    later(130)
    engine().heartbeat(day.key()).wait()
    fault = actions.longest_faults(day.session)[day.key()]
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    assert fault.id in client.get(reverse("hall:seat", args=[day.row.pk, day.key()])).content.decode()
    url = reverse("hall:propose", args=[day.row.pk, day.key(), "add_time"])
    assert client.post(url, {"reason": "断网"}).status_code == 422  # neither fault nor minutes
    assert client.post(url, {"fault": "link-x-1", "reason": "断网"}).status_code == 422
    assert client.post(url, {"fault": fault.id, "reason": "断网"}).status_code == 302
    row = Proposal.objects.get()
    assert (row.seconds, row.fault) == (fault.seconds, fault.id)
    actions.decide(row, accept=True, by=day.head)
    assert engine().seat(day.key()).added_s == fault.seconds
    assert actions.longest_faults(day.session) == {}


def test_a_room_is_handed_in_only_with_the_right_number(day: Day) -> None:
    sitting(day)
    sitting(day, 1)
    args = (day.row, day.session, day.room)
    refused("role_missing", lambda: actions.hand_in_room(*args, expected=2, reason="到时", by=day.watch))
    refused("no_reason", lambda: actions.hand_in_room(*args, expected=2, reason=" ", by=day.head))
    refused("count_differs", lambda: actions.hand_in_room(*args, expected=1, reason="到时", by=day.head))
    assert [engine().seat(day.key(n)).state for n in (0, 1)] == ["running", "running"]
    head = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
    url = reverse("hall:hand_in_room", args=[day.row.pk, day.session]) + f"?room={day.room}"
    assert head.get(url).status_code == 200
    assert head.post(url, {"expected": "3", "reason": "到时"}).status_code == 409
    assert head.post(url, {"expected": "2", "reason": "到时"}).status_code == 302
    assert [engine().seat(day.key(n)).submit_kind for n in (0, 1)] == ["forced", "forced"]
    events = AuditEvent.objects.filter(code="hall.forced").order_by("pk")
    assert {one.after["candidate"] for one in events} == {day.key(0), day.key(1)}
    assert head.post(url, {"expected": "2", "reason": "到时"}).status_code == 409


def test_who_hands_in_while_the_room_is_handed_in_did_so_himself(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    sitting(day)
    sitting(day, 1)
    status = engine().status

    def seen(*args: Any) -> Any:
        rows = status(*args)
        engine()._submit(day.key(1), "hand").wait()
        return rows

    monkeypatch.setattr(engine(), "status", seen)
    done = actions.hand_in_room(day.row, day.session, day.room, expected=2, reason="到时", by=day.head)
    monkeypatch.undo()
    assert done == 1
    assert [engine().seat(day.key(n)).submit_kind for n in (0, 1)] == ["forced", "hand"]
    assert AuditEvent.objects.filter(code="hall.forced").get().after["candidate"] == day.key(0)


def test_console_and_board_by_their_pages(day: Day, django_assert_max_num_queries: Any) -> None:
    sitting(day)
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    board = reverse("hall:board", args=[day.row.pk, day.session])
    console = reverse("hall:console", args=[day.row.pk, day.session, day.room])
    for url in (board, console):
        client.get(url)
        with django_assert_max_num_queries(18):
            page = client.get(url).content.decode()
        assert "style=" not in page
        part = client.get(url, headers={"HX-Request": "true"}).content.decode()
        assert part.startswith('<div id="hall-map"')
    assert console in client.get(board).content.decode()
    assert client.get(reverse("hall:board", args=[day.row.pk, "nowhere"])).status_code == 404
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    page = centre.get(console).content.decode()
    assert "hall:pause" not in page
    assert reverse("hall:pause", args=[day.row.pk, day.session]) not in page
    assert centre.get(board).status_code == 200


# ── the stream ──────────────────────────────────────────────────────────────────────────────────────────


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
    subject = live.Subject(day.row.pk, day.session, day.room, 1, "en", True)
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
    subject = live.Subject(1, "1", "1", 1, "en", False)
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


def test_staff_is_filed_for_a_start_from_the_board(day: Day) -> None:
    day.check_in()
    make_filed_staff(day.unit)
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    url = reverse("hall:start", args=[day.row.pk, day.session])
    assert client.post(url, {"back": "board"}).status_code == 409  # R150: no invigilator on duty
    day.staffed()
    answer = client.post(url, {"back": "board"})
    assert answer.headers["Location"] == reverse("hall:board", args=[day.row.pk, day.session])
