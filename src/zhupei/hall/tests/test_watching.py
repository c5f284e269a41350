"""The consoles: what asks for somebody, how a room is drawn, and their pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_filed_staff, make_user, sign_in

from zhupei.hall import actions
from zhupei.hall.api import engine
from zhupei.hall.console import drawing, live, watching
from zhupei.hall.tests.days import Day, codes, entered, refused, seen, sitting
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

ROOM = drawing.Variant("", "zh-hans", True)


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


def test_staff_is_filed_for_a_start_from_the_board(day: Day) -> None:
    day.check_in()
    make_filed_staff(day.unit)
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    url = reverse("hall:start", args=[day.row.pk, day.session])
    assert client.post(url, {"back": "board"}).status_code == 409  # R150: no invigilator on duty
    day.staffed()
    answer = client.post(url, {"back": "board"})
    assert answer.headers["Location"] == reverse("hall:board", args=[day.row.pk, day.session])
