"""The machines of a hall: entered from the rooms, moved about, spare ones first, and the hall's record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_filed_staff,
    make_hall_batch,
    make_institution,
    make_person,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.hall import actions
from zhupei.hall.actions import machines as acts
from zhupei.hall.api import bundle_of, readiness, seat_plan, spares
from zhupei.hall.models import ClientCheck, Machine, ServerCheck
from zhupei.hall.models.rehearsals import Rehearsal
from zhupei.hall.queries import free_seats
from zhupei.hall.readiness.queries import newest_checks, standing_of
from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db

ROOMS = (("第一考室", 50), ("第二考室", 50), ("第三考室", 60), ("第四考室", 40))


class Hall:
    """A hall with two hundred exam computers and twenty spare ones, and who works there."""

    def __init__(self, rooms: Any = ROOMS, exam: int = 200, spare: int = 20) -> None:
        make_rulebook()
        self.site = make_site(make_institution(), "hall", exam_clients=exam, spare_clients=spare, rooms=rooms)
        self.unit = self.site.institution.organisation
        self.keeper = make_actor(Role.ROOM_ADMINISTRATOR, self.unit)
        self.rooms = list(self.site.rooms.order_by("name", "pk"))

    def entered(self) -> Hall:
        acts.lay_out(self.site, by=self.keeper)
        return self

    def machine(self, seat: str = "01", room: int = 0) -> Machine:
        return Machine.objects.get(room_id_ref=self.rooms[room].pk, seat_no=seat)

    def count(self, role: str) -> int:
        return Machine.objects.filter(site_id_ref=self.site.pk, role=role).count()


def good(**figures: Any) -> dict[str, Any]:
    """What a healthy client measures."""
    return {
        "agent": "Mozilla/5.0 (Windows NT 6.1; Win64; x64) Chrome/109.0.0.0 Safari/537.36",
        "cookies": True,
        "script": "yes",
        "trip_ms": 1.2,
        "jitter_ms": 0.3,
        "loss": 0.0,
        "down_mbps": 94.0,
        "up_mbps": 93.0,
        "offset_s": 0.1,
        "width": 1366,
        "height": 768,
        "camera": "yes",
        "camera_above": "yes",
        "restore_card": "yes",
        **figures,
    }


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def page(role: Role, unit: Any = None) -> Client:
    return sign_in(Client(), make_user(role, unit))


@pytest.mark.req("R135", "R136")
def test_computers_are_entered_in_one_step_with_spares_on_top() -> None:
    hall = Hall()
    refused("role_missing", lambda: acts.lay_out(hall.site, by=make_actor(Role.INVIGILATOR, hall.unit)))
    refused("other_organisation", lambda: acts.lay_out(hall.site, by=make_actor(Role.ROOM_ADMINISTRATOR)))
    assert acts.lay_out(hall.site, by=hall.keeper) == 220
    assert (hall.count("exam"), hall.count("spare")) == (200, 20)
    # J12: a tenth of the exam machines, shared out by the size of the rooms, after their last seat
    each = [[seat for room_id, seat in spares(hall.site.pk) if room_id == room.pk] for room in hall.rooms]
    assert sorted(map(len, each)) == [4, 5, 5, 6]
    first = next(room for room in hall.rooms if room.seats == 60)
    plan = seat_plan(hall.site.pk, first.pk)
    assert list(plan) == [format(n, "02d") for n in range(1, 67)]
    assert plan["01"] == (1, 1, "exam")
    assert plan["10"] == (1, 10, "exam")
    assert plan["11"] == (2, 1, "exam")
    assert plan["60"] == (6, 10, "exam")
    assert plan["61"] == (7, 1, "spare")
    refused("all_there", lambda: acts.lay_out(hall.site, by=hall.keeper))
    event = AuditEvent.objects.get(code="hall.machines_entered")
    assert event.after == {"machines": 220, "spare": 20}


@pytest.mark.req("R136")
def test_rooms_that_hold_the_spares_too_keep_them_where_nobody_is_placed() -> None:
    hall = Hall(rooms=(("一", 100), ("二", 105), ("三", 15))).entered()
    assert (hall.count("exam"), hall.count("spare")) == (200, 20)
    hall.site.rooms.update(seats=1)  # what was entered stays
    order = list(hall.site.rooms.order_by("name", "pk"))
    sizes = {"一": 100, "二": 105, "三": 15}
    filled = [(room.pk, format(n, "02d")) for room in order for n in range(1, sizes[room.name] + 1)]
    # places are given from the first seat of the first room on: two hundred persons leave the spare machines free
    assert sorted(spares(hall.site.pk)) == sorted(filled[200:])


def test_a_hall_without_rooms_is_told_where_they_come_from() -> None:
    hall = Hall(rooms=())
    refused("no_rooms", lambda: acts.lay_out(hall.site, by=hall.keeper))
    teaching = make_site(hall.site.institution)
    refused("no_hall", lambda: acts.lay_out(teaching, by=hall.keeper))
    hall = Hall(rooms=(("一", 5),), exam=5, spare=0)
    for width in (-1, 201, 10**9):
        refused("bad_row", lambda width=width: acts.lay_out(hall.site, in_row=width, by=hall.keeper))


def test_what_stands_by_hand_is_left_and_only_gaps_are_filled() -> None:
    hall = Hall(rooms=(("一", 12),), exam=12, spare=2)
    data = acts.MachineData(row=1, place=3, role="spare")
    by_hand = acts.add_machine(hall.site, hall.rooms[0].pk, 30, data, by=hall.keeper)
    assert acts.lay_out(hall.site, by=hall.keeper) == 14
    by_hand.refresh_from_db()
    assert (by_hand.row, by_hand.place, by_hand.role) == (1, 3, "spare")
    plan = seat_plan(hall.site.pk, hall.rooms[0].pk)
    assert len({(row, place) for row, place, _role in plan.values()}) == 15


def test_rows_are_set_anew_in_the_order_of_seats() -> None:
    hall = Hall(rooms=(("一", 25),), exam=25, spare=0).entered()
    room = hall.rooms[0].pk
    refused("bad_row", lambda: acts.set_rows(hall.site, room, 0, by=hall.keeper))
    refused("room_unknown", lambda: acts.set_rows(hall.site, room + 1000, 5, by=hall.keeper))
    assert acts.set_rows(hall.site, room, 6, by=hall.keeper) == 25
    plan = seat_plan(hall.site.pk, room)
    assert plan["06"][:2] == (1, 6)
    assert plan["07"][:2] == (2, 1)
    assert plan["25"][:2] == (5, 1)


def test_a_machine_is_changed_and_struck_off() -> None:
    hall = Hall(rooms=(("一", 10),), exam=10, spare=1).entered()
    one = hall.machine()

    def change(**values: Any) -> Machine:
        return acts.edit_machine(
            one, acts.MachineData(**{"row": 1, "place": 1, "role": "exam", **values}), by=hall.keeper
        )

    refused("no_fault", lambda: change(in_order=False, fault="  "))
    refused("place_taken", lambda: change(place=2))
    for row, place in ((0, 1), (1, 0), (201, 1), (1, 10**9)):
        refused("bad_place", lambda row=row, place=place: change(row=row, place=place))
    refused("bad_role", lambda: change(role="boss"))
    stranger = make_actor(Role.ROOM_ADMINISTRATOR)
    refused("other_organisation", lambda: acts.edit_machine(one, acts.MachineData(1, 1, "exam"), by=stranger))
    changed = change(row=9, in_order=False, fault="显示屏坏", address="192.168.1.11")
    assert (changed.row, changed.in_order, changed.fault) == (9, False, "显示屏坏")
    event = AuditEvent.objects.get(code="hall.machine_edited")
    assert event.before["in_order"] is True
    assert event.reason == "显示屏坏"
    refused(
        "seat_taken",
        lambda: acts.add_machine(
            hall.site, hall.rooms[0].pk, 1, acts.MachineData(3, 3, "spare"), by=hall.keeper
        ),
    )
    refused(
        "bad_seat",
        lambda: acts.add_machine(
            hall.site, hall.rooms[0].pk, 0, acts.MachineData(3, 3, "spare"), by=hall.keeper
        ),
    )
    acts.remove_machine(one, by=hall.keeper)
    assert AuditEvent.objects.filter(code="hall.machine_removed").exists()
    assert "01" not in seat_plan(hall.site.pk, hall.rooms[0].pk)


@pytest.mark.req("I04", "R136")
def test_a_move_offers_spares_first_and_nothing_out_of_order() -> None:
    make_rulebook()
    people = [make_person() for _ in range(2)]
    batch = make_batch(state="released", persons=people)
    row = make_hall_batch(batch)
    site = batch.hall
    keeper = make_actor(Role.ROOM_ADMINISTRATOR, site.institution.organisation)
    bundle = bundle_of(row)
    before = free_seats(bundle, bundle.sessions[0].id)
    acts.lay_out(site, by=keeper)
    free = free_seats(bundle, bundle.sessions[0].id)
    reserve = [(str(room), seat) for room, seat in spares(site.pk)]
    assert len(reserve) == site.spare_clients
    assert [(room.id, seat) for room, seat in free[: len(reserve)]] == reserve
    assert free[len(reserve) :] == before
    room, seat = free[0]
    broken = Machine.objects.get(room_id_ref=int(room.id), seat_no=seat)
    data = acts.MachineData(broken.row, broken.place, "spare", in_order=False, fault="不通电")
    acts.edit_machine(broken, data, by=keeper)
    usual, number = before[0]
    second = Machine.objects.get(room_id_ref=int(usual.id), seat_no=number)
    acts.edit_machine(
        second, acts.MachineData(second.row, second.place, "exam", in_order=False, fault="x"), by=keeper
    )
    free = free_seats(bundle, bundle.sessions[0].id)
    assert (room, seat) not in free
    assert (usual, number) not in free
    # and the engine takes a spare seat that stands on top of the room's own
    watch = make_actor(Role.INVIGILATOR, site.institution.organisation)
    key = bundle.candidates[0].candidate_id
    with clock.frozen(batch.slots.get().starts_at - timedelta(minutes=20)):
        found = actions.find_candidate(row, people[0].identity_number, by=keeper)
        key = found.candidate.candidate_id
        actions.check_in(row, key, method="card", card=found.card, by=keeper)
        refused("seat_taken", lambda: actions.move_seat(row, key, room.id, seat, reason="坏了", by=watch))
        spare_room, spare_seat = free[0]
        actions.move_seat(row, key, spare_room.id, spare_seat, reason="坏了", by=watch)
    assert (spare_room, spare_seat) not in free_seats(bundle, bundle.sessions[0].id)


@pytest.mark.req("R135", "R136")
def test_the_record_counts_what_is_in_order_and_fresh() -> None:
    hall = Hall(rooms=(("一", 220),)).entered()
    ready = readiness(hall.site)
    assert (ready.exam, ready.spare, ready.exam_needed, ready.spare_needed) == (200, 20, 200, 20)
    assert ready.enough_exam
    assert ready.enough_spare
    assert ready.measured == 0
    one = hall.machine()
    data = acts.MachineData(one.row, one.place, "exam", in_order=False, fault="主板坏")
    acts.edit_machine(one, data, by=hall.keeper)
    for seat, figures in (("02", {}), ("03", {"down_mbps": 60.0}), ("04", {"down_mbps": 9.0})):
        acts.keep_check(hall.machine(seat), good(**figures), by=ANONYMOUS)
    ready = readiness(hall.site)
    assert not ready.enough_exam
    assert ready.standings == {"good": 1, "doubtful": 1, "bad": 1, "unmeasured": 216, "broken": 1}
    assert (ready.measured, ready.to_measure, ready.points) == (3, 219, {"down_mbps": 2})
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert readiness(hall.site).measured == 0


def test_the_newest_measurement_counts_and_old_ones_go() -> None:
    hall = Hall(rooms=(("一", 3),), exam=3, spare=0).entered()
    start = clock.now()
    for n in range(25):
        with clock.frozen(start + timedelta(minutes=n)):
            acts.keep_check(hall.machine(), good(loss=0.5 if n < 24 else 0.0), by=ANONYMOUS)
    with clock.frozen(start + timedelta(minutes=24, seconds=2)):
        refused("measured_just_now", lambda: acts.keep_check(hall.machine(), good(), by=ANONYMOUS))
        check = newest_checks(hall.site.pk)[hall.rooms[0].pk, "01"]
        assert standing_of(hall.machine(), check) == "good"
    assert ClientCheck.objects.count() == acts.KEPT_CHECKS
    assert AuditEvent.objects.filter(code="hall.client_checked").count() == 25


def test_the_seat_map_shows_the_room_as_it_stands(client: Client, django_assert_max_num_queries: Any) -> None:
    hall = Hall(rooms=(("一", 30),), exam=30, spare=3).entered()
    acts.keep_check(hall.machine("01"), good(), by=ANONYMOUS)
    acts.keep_check(hall.machine("02"), good(camera="no", camera_above=""), by=ANONYMOUS)
    where = reverse("hall:machines", args=[hall.site.pk, hall.rooms[0].pk])
    visitor = page(Role.ROOM_ADMINISTRATOR, hall.unit)
    with django_assert_max_num_queries(24):
        text = visitor.get(where).content.decode()
    assert text.count('class="hall-pc ') == 33
    assert text.count("hall-pc-spare") == 3
    assert text.count("hall-pc-done") == 1
    assert text.count("hall-pc-problem") == 1
    assert "显示屏正上方的摄像头" in text
    assert page(Role.CENTRE_OFFICER).get(where).status_code == 200
    assert page(Role.CITY_OFFICE).get(where).status_code == 200
    assert page(Role.ROOM_ADMINISTRATOR).get(where).status_code == 404
    english = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    english.cookies["zhupei_language"] = "en"
    assert "Front of the room" in english.get(where).content.decode()


def test_the_pages_of_a_hall(client: Client) -> None:
    hall = Hall(rooms=(("一", 20), ("二", 10)), exam=30, spare=3)
    visitor = page(Role.HALL_TECHNICAL_HEAD, hall.unit)
    record = reverse("hall:record", args=[hall.site.pk])
    assert "机房管理员" in visitor.get(record).content.decode()  # R148: who still has to be filed
    make_filed_staff(hall.unit)
    assert "hall-code" not in visitor.get(record).content.decode()
    assert visitor.post(reverse("hall:lay_out", args=[hall.site.pk]), {"in_row": "5"}).status_code == 302
    assert seat_plan(hall.site.pk, hall.rooms[0].pk)["06"][:2] == (2, 1)
    text = visitor.get(record).content.decode()
    assert "hall-code" in text
    assert hall.site.name in visitor.get(reverse("hall:halls")).content.decode()
    for role in (Role.CENTRE_OFFICER, Role.CITY_OFFICE):
        seen = page(role).get(record)
        assert seen.status_code == 200
        assert "hall-code" not in seen.content.decode()
        assert "/examine/" not in seen.content.decode()
    assert page(Role.HALL_TECHNICAL_HEAD).get(record).status_code == 404
    one = hall.machine()
    where = reverse("hall:machine", args=[one.pk])
    assert visitor.get(where).status_code == 200
    form = {"row": one.row, "place": one.place, "role": "exam", "in_order": "no", "fault": "", "address": ""}
    assert visitor.post(where, form).status_code == 422
    assert visitor.post(where, {**form, "fault": "键盘坏"}).status_code == 302
    assert visitor.post(where, {**form, "row": "²"}).status_code == 422
    assert page(Role.CENTRE_OFFICER).post(where, form).status_code == 403
    add = reverse("hall:machine_add", args=[hall.site.pk, one.room_id_ref])
    new = {**form, "seat": "77", "role": "spare", "row": "30", "in_order": "yes"}
    assert visitor.get(add).status_code == 200
    assert visitor.post(add, new).status_code == 302
    assert visitor.post(add, new).status_code == 409
    other = Machine.objects.get(room_id_ref=one.room_id_ref, seat_no="77")
    assert visitor.post(reverse("hall:machine_remove", args=[other.pk])).status_code == 302
    rows = reverse("hall:set_rows", args=[hall.site.pk, one.room_id_ref])
    assert visitor.post(rows, {"in_row": "4"}).status_code == 302
    assert visitor.post(rows, {"in_row": "x"}).status_code == 422


@pytest.mark.req("R048")
def test_the_days_checklist_shows_what_was_measured() -> None:
    make_rulebook()
    batch = make_batch(state="released")
    row = make_hall_batch(batch, state="sealed")
    unit = batch.hall.institution.organisation
    visitor = page(Role.ROOM_ADMINISTRATOR, unit)
    where = reverse("hall:batch", args=[row.pk])
    assert "本考场的计算机尚未登记" in visitor.get(where).content.decode()
    keeper = make_actor(Role.ROOM_ADMINISTRATOR, unit)
    acts.lay_out(batch.hall, by=keeper)
    machine = Machine.objects.filter(site_id_ref=batch.hall_id).first()
    acts.keep_check(machine, good(offset_s=90.0), by=ANONYMOUS)
    finding = {"code": "time_service", "verdict": "fail", "value": "", "reason": ""}
    ServerCheck.objects.create(
        site_id_ref=batch.hall_id, host="h", verdict="fail", findings=[finding], by="x", at=clock.now()
    )
    text = visitor.get(where).content.decode()
    assert "测得情况" in text
    assert "1 台偏差" in text
    assert "时间服务" in text


@pytest.mark.req("R117")
def test_the_record_shows_the_last_rehearsal_that_counts() -> None:
    hall = Hall(rooms=(("一", 3),), exam=3, spare=0)
    visitor = page(Role.HALL_TECHNICAL_HEAD, hall.unit)
    where = reverse("hall:record", args=[hall.site.pk])
    row = {"organisation_id": hall.unit.pk, "prepared_by": "x", "prepared_at": clock.now()}
    Rehearsal.objects.create(plan_id="other", site_id_ref=hall.site.pk + 1, passed=True, **row)
    Rehearsal.objects.create(plan_id="open", site_id_ref=hall.site.pk, **row)
    assert "达标" not in visitor.get(where).content.decode()
    kept = Rehearsal.objects.create(
        plan_id="kept", site_id_ref=hall.site.pk, passed=False, kept_by="王技术", kept_at=clock.now(), **row
    )
    text = visitor.get(where).content.decode()
    assert "未全部达标" in text
    assert "王技术" in text
    assert reverse("hall:rehearsal", args=[kept.pk]) in text
