"""Acts from the console: a warning, a stop, time and handing in for a whole room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.hall import actions
from zhupei.hall.api import engine
from zhupei.hall.models import Incident, Proposal
from zhupei.hall.tests.days import Day, codes, refused, seen, sitting
from zhupei.kernel.roles import Role


def last_event(code: str) -> AuditEvent:
    found = AuditEvent.objects.filter(code=code).order_by("-pk").first()
    assert found is not None, code
    return found


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


@pytest.mark.req("I09")
def test_somebody_is_stopped_by_name_while_the_room_is_paused(
    day: Day, later: Callable[[float], None]
) -> None:
    sitting(day)
    sitting(day, 1)
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    args = [day.row.pk, day.key()]
    page, stop = (reverse(f"hall:{name}", args=args) for name in ("seat", "stop_seat"))
    actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch)
    left = engine().seat(day.key()).remaining_s
    assert stop in client.get(page).content.decode()
    assert client.post(stop, {"reason": "夹带"}).status_code == 302
    assert stop not in client.get(page).content.decode()
    assert client.post(stop, {"reason": "夹带"}).status_code == 409  # stopped already
    assert actions.resume_room(day.row, day.session, day.room, by=day.watch) == 1
    assert [engine().seat(day.key(n)).state for n in (0, 1)] == ["paused", "running"]
    later(300)
    assert engine().seat(day.key()).remaining_s == left
    # who is let go in a paused room goes on with it, not before
    actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch)
    assert client.post(reverse("hall:resume_seat", args=args)).status_code == 302
    assert engine().seat(day.key()).state == "paused"
    assert actions.resume_room(day.row, day.session, day.room, by=day.watch) == 2
    # voiding and handing in are possible in a pause too
    actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch)
    row = actions.propose(day.row, day.key(), "void", reason="夹带", by=day.head)
    actions.decide(row, accept=True, by=day.officer)
    actions.force_hand_in(day.row, day.key(1), reason="身体不适", by=day.head)
    assert [engine().seat(day.key(n)).state for n in (0, 1)] == ["voided", "submitted"]


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
