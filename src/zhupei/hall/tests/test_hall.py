"""What the hall refuses, and what it keeps: bundle, desk, rooms, seats, closing, staff."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
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
from zhupei.exams.api import Batch, bundle_file, bundle_key
from zhupei.hall import actions, process
from zhupei.hall.api import HallBatch, bundle_of, close_engine, engine, exam_application, room_states
from zhupei.hall.models import CheckIn, Incident, RoomStaff
from zhupei.hall.personal import records_of
from zhupei.hall.queries import needed_for
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.people.api import Person

pytestmark = pytest.mark.django_db


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "white").save(out, "JPEG")
    return out.getvalue()


class Day:
    """An exam day: two candidates in one room, the bundle open, everybody who works there."""

    def __init__(self, state: str = "open", candidates: int = 2) -> None:
        make_rulebook()
        self.people = [make_person() for _ in range(candidates)]
        self.batch: Batch = make_batch(state="released", persons=self.people)
        self.unit = self.batch.hall.institution.organisation
        self.starts_at = self.batch.slots.get().starts_at
        self.row: HallBatch = make_hall_batch(self.batch, state=state)
        self.keys = {
            one.person_id: str(one.pk)
            for one in self.batch.candidates.select_related("person").order_by("seat")
        }
        self.head = make_actor(Role.HALL_TECHNICAL_HEAD, self.unit)
        self.keeper = make_actor(Role.ROOM_ADMINISTRATOR, self.unit)
        self.watch = make_actor(Role.INVIGILATOR, self.unit)
        self.watch2 = make_actor(Role.INVIGILATOR, self.unit)
        self.officer = make_actor(Role.EXAM_OFFICER, self.unit)

    def key(self, n: int = 0) -> str:
        return self.keys[self.people[n].pk]

    @property
    def session(self) -> str:
        return bundle_of(self.row).sessions[0].id

    @property
    def room(self) -> str:
        return engine().seat(self.key()).room_id

    def card(self, n: int = 0) -> str:
        return actions.find_candidate(self.row, self.people[n].identity_number, by=self.keeper).card

    def check_in(self, n: int = 0, **fields: Any) -> CheckIn:
        values = {"method": "card", "card": self.card(n), "by": self.keeper, **fields}
        return actions.check_in(self.row, self.key(n), **values)

    def staffed(self) -> None:
        make_filed_staff(self.unit)
        actions.take_on_duty(self.row, self.room, by=self.watch)
        actions.take_on_duty(self.row, self.room, by=self.watch2)

    def running(self, n: int = 0) -> None:
        self.check_in(n)
        self.staffed()
        actions.open_room(self.row, self.session, self.room, by=self.watch)
        engine().start(self.key(n)).wait()


@pytest.fixture
def day() -> Iterator[Day]:
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    assert caught.value.status in range(400, 504)
    return caught.value


# ── the bundle ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_is_taken_in_once_and_only_by_its_hall() -> None:
    make_rulebook()
    batch = make_batch(state="ready")
    data = bundle_file(batch)
    unit = batch.hall.institution.organisation
    keeper = make_actor(Role.ROOM_ADMINISTRATOR, unit)
    refused("role_missing", lambda: actions.take_in(data, by=make_actor(Role.INVIGILATOR, unit)))
    refused("other_hall", lambda: actions.take_in(data, by=make_actor(Role.ROOM_ADMINISTRATOR)))
    for damaged, code in (
        (b"no bundle", "not_this_kind"),
        (data[:-40], "truncated"),
        (data + b"x", "trailing"),
        (data[:-600] + bytes([data[-600] ^ 1]) + data[-599:], "signature_invalid"),
    ):
        error = refused(code, lambda damaged=damaged: actions.take_in(damaged, by=keeper))
        assert str(error.message)
    row = actions.take_in(data, by=keeper)
    assert actions.take_in(data, by=keeper) == row
    assert (row.state, row.counts["candidates"]) == ("sealed", 3)
    # I08: nothing opens it before two persons have released the key
    refused("key_not_released", lambda: actions.open_batch(row, by=keeper))
    refused("still_sealed", lambda: actions.find_candidate(row, "1", by=keeper))
    refused("key_wrong", lambda: actions.open_batch(row, key=b"0" * 16, by=keeper))
    row.refresh_from_db()
    assert (row.state, row.sealed_key) == ("sealed", "")


def test_a_typed_key_opens_it_in_a_hall_without_a_line() -> None:
    make_rulebook()
    batch = make_batch(state="released")
    row = make_hall_batch(batch, state="sealed")
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, batch.hall.institution.organisation))
    url = reverse("hall:key", args=[row.pk])
    assert client.post(url, {"key": "12 34"}).status_code == 422
    assert client.post(url, {"key": "00" * 16}).status_code == 422
    key = bundle_key(batch).hex()
    spaced = " ".join(key[n : n + 4] for n in range(0, 32, 4)).upper()
    assert client.post(url, {"key": spaced}).status_code == 302
    row.refresh_from_db()
    assert row.state == "open"
    assert key not in row.sealed_key
    assert key not in str(list(AuditEvent.objects.values_list("after", flat=True)))


def test_a_carried_file_takes_the_same_way() -> None:
    make_rulebook()
    batch = make_batch(state="released")
    client = sign_in(Client(), make_user(Role.EXAM_OFFICER, batch.hall.institution.organisation))
    url = reverse("hall:upload")
    assert client.post(url, {"file": SimpleUploadedFile("x.zpb", b"nothing")}).status_code == 422
    assert client.post(url, {}).status_code == 422
    assert client.post(url, {"file": SimpleUploadedFile("x.zpb", bundle_file(batch))}).status_code == 302
    assert HallBatch.objects.get().state == "sealed"


def test_after_a_restart_open_bundles_are_loaded_again(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    close_engine()
    assert process.running_engine() is None
    assert [one.bundle_id for one in engine().bundles()] == [day.row.bundle_id]
    # one damaged bundle keeps nobody else from going on; its page says so and offers to load it again
    close_engine()
    with monkeypatch.context() as patch:
        patch.setattr("zhupei.hall.keys.read", lambda row: b"damaged")
        assert engine().bundles() == []
        refused("not_this_kind", lambda: actions.open_batch(day.row, by=day.keeper))
    refused("not_loaded", lambda: bundle_of(day.row))
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, day.unit))
    assert "重新载入" in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
    assert client.post(reverse("hall:open", args=[day.row.pk])).status_code == 302
    assert bundle_of(day.row).bundle_id == day.row.bundle_id


def test_a_second_engine_on_the_folder_is_refused(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_engine", None)
    first = day and process.running_engine()
    assert first is None
    refused("engine_running", engine)
    monkeypatch.undo()


def test_the_exam_application_starts_and_closes_the_engine_with_the_server(day: Day) -> None:
    running = engine()
    application = exam_application()
    asyncio.run(application.start())
    assert process.running_engine() is running
    asyncio.run(application.stop())
    assert process.running_engine() is None
    assert engine() is not running


@pytest.mark.req("R048")
def test_the_checklist_keeps_who_looked_and_what_was_wrong(day: Day) -> None:
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, day.unit))
    url = reverse("hall:day_check", args=[day.row.pk])
    assert client.get(url).status_code == 200
    assert (
        client.post(url, {"items": ["computers", "network"], "note": "第 3 台摄像机离线"}).status_code == 302
    )
    page = client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
    assert "第 3 台摄像机离线" in page
    assert client.post(url, {"items": [str(c) for c in actions.bundles.CheckItem]}).status_code == 302
    assert day.row.day_checks.count() == 14
    assert "第 3 台摄像机离线" not in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()


# ── the desk ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R049", "R050")
def test_a_card_that_was_read_lets_in_at_once(day: Day) -> None:
    refused("not_found", lambda: actions.find_candidate(day.row, "500103199001011234", by=day.keeper))
    by_slip = actions.find_candidate(day.row, bundle_of(day.row).candidates[0].slip_no, by=day.keeper)
    assert by_slip.card == ""
    refused("card_not_read", lambda: day.check_in(card=""))
    refused("card_not_read", lambda: day.check_in(card=day.card(1)))  # another person's card
    refused("bad_method", lambda: day.check_in(method="face"))
    row = day.check_in(photo=picture())
    assert (row.decision, row.by_2) == ("accepted", "")
    assert row.photo is not None
    assert engine().seat(day.key()).state == "admitted"
    refused("checked_in", lambda: day.check_in())
    refused("candidate_unknown", lambda: actions.check_in(day.row, "nobody", method="card", by=day.keeper))
    assert day.people[0].identity_number not in str(list(AuditEvent.objects.values_list("after", "reason")))


@pytest.mark.req("R050", "I11")
def test_a_document_or_a_doubt_needs_a_second_person(day: Day) -> None:
    refused("no_reason", lambda: day.check_in(method="document"))
    pending = day.check_in(method="document", reason="身份证遗失，持护照")
    assert pending.decision == "pending"
    assert engine().seat(day.key()).state == "not_admitted"
    refused("check_in_pending", lambda: day.check_in())
    refused("same_person", lambda: actions.decide_check_in(pending, accept=True, by=day.keeper))
    stranger = make_actor(Role.INVIGILATOR)
    refused("other_organisation", lambda: actions.decide_check_in(pending, accept=True, by=stranger))
    refused("no_reason", lambda: actions.decide_check_in(pending, accept=False, by=day.watch))
    done = actions.decide_check_in(pending, accept=False, reason="照片不符", by=day.watch)
    assert (done.decision, done.by_2_id) == ("refused", day.watch.user_id)
    refused("wrong_state", lambda: actions.decide_check_in(pending, accept=True, by=day.watch2))
    # turned away, he comes again with the card; the face leaves doubts, two persons look
    unsure = day.check_in(alike=False, reason="面貌变化大")
    actions.decide_check_in(unsure, accept=True, by=day.watch2)
    assert engine().seat(day.key()).state == "admitted"
    assert [one.decision for one in day.row.checkins.order_by("pk")] == ["refused", "accepted"]
    refused("no_reason", lambda: day.check_in(1, accept=False))
    assert day.check_in(1, accept=False, reason="证件过期").decision == "refused"


def test_check_in_has_its_window(day: Day) -> None:
    with clock.frozen(day.starts_at - timedelta(minutes=61)):
        refused("check_in_early", lambda: day.check_in())
    assert day.check_in().decision == "accepted"


@pytest.mark.req("R049")
def test_late_entry_is_for_the_heads(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day.staffed()
    actions.open_room(day.row, day.session, by=day.watch)
    real = clock.monotonic()
    monkeypatch.setattr(clock, "_monotonic", lambda: real + 31 * 60)
    refused("late_entry", lambda: day.check_in())
    assert not CheckIn.objects.exists()  # nothing was written
    refused("late_not_yours", lambda: day.check_in(late_reason="地铁停运"))
    row = day.check_in(by=day.officer, late_reason="地铁停运")
    assert (row.decision, row.late_reason) == ("accepted", "地铁停运")
    assert engine().seat(day.key()).state == "admitted"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"no picture", "photo_unreadable"), (b"\xff\xd8\xff" + b"0" * (6 * 1024 * 1024), "photo_too_large")],
)
def test_a_bad_photo_is_refused_and_nothing_is_kept(day: Day, data: bytes, code: str) -> None:
    refused(code, lambda: day.check_in(photo=data))
    assert not CheckIn.objects.exists()
    assert engine().seat(day.key()).state == "not_admitted"


def test_the_desk_by_its_pages(day: Day) -> None:
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    desk = reverse("hall:desk", args=[day.row.pk])
    assert client.get(desk).status_code == 200
    wrong = client.post(desk, {"q": "nobody"})
    assert wrong.status_code == 422
    assert "没有这个准考证号" in wrong.content.decode()
    slip = bundle_of(day.row).candidates[0].slip_no
    found = client.post(desk, {"q": slip})
    assert found.status_code == 302
    page = client.get(found.headers["Location"]).content.decode()
    assert "座位" in page
    photo = SimpleUploadedFile("a.jpg", picture(), "image/jpeg")
    values = {"method": "document", "alike": "yes", "reason": "临时证", "photo": photo, "verdict": "accept"}
    assert client.post(found.headers["Location"], values).status_code == 302
    row = CheckIn.objects.get()
    assert client.get(reverse("hall:check_in_photo", args=[row.pk])).headers["Content-Type"] == "image/jpeg"
    other = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
    decide = reverse("hall:decide_check_in", args=[row.pk])
    assert "第一核验人" in client.get(decide).content.decode() + other.get(decide).content.decode()
    assert other.post(decide, {"verdict": "refuse"}).status_code == 422
    assert other.post(decide, {"verdict": "accept"}).status_code == 302
    row.refresh_from_db()
    assert row.decision == "accepted"
    assert client.get(desk).status_code == 200
    key = row.candidate_key
    assert client.get(reverse("hall:photo", args=[day.row.pk, key])).status_code == 404  # none on record
    person = Person.objects.get(candidacies__pk=int(key))
    assert records_of(person)["check_ins"][0]["method"] == "document"


# ── rooms ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R150", "J10")
def test_invigilators_by_the_rule() -> None:
    make_rulebook()
    assert [needed_for(n) for n in (0, 1, 50, 51, 100)] == [0, 2, 2, 4, 4]


@pytest.mark.req("R146", "R147", "R148", "R150")
def test_no_start_without_filed_staff_and_enough_invigilators(day: Day) -> None:
    day.check_in()
    error = refused(
        "staff_not_filed", lambda: actions.open_room(day.row, day.session, day.room, by=day.watch)
    )
    assert "机房管理员" in str(error.message)
    make_filed_staff(day.unit)
    refused("invigilators_missing", lambda: actions.open_room(day.row, day.session, day.room, by=day.watch))
    refused("role_missing", lambda: actions.take_on_duty(day.row, day.room, by=day.head))
    actions.take_on_duty(day.row, day.room, by=day.watch)
    actions.take_on_duty(day.row, day.room, by=day.watch)  # again: no effect
    error = refused("invigilators_missing", lambda: actions.open_room(day.row, day.session, by=day.watch))
    assert "须有 2 名监考人员" in str(error.message)
    assert not engine().is_open(day.session, day.room)
    actions.take_on_duty(day.row, day.room, by=day.watch2)
    refused("room_unknown", lambda: actions.open_room(day.row, day.session, "0", by=day.watch))
    refused("session_unknown", lambda: actions.open_room(day.row, "0", by=day.watch))
    empty = next(one.id for one in bundle_of(day.row).rooms if one.id != day.room)
    refused("room_empty", lambda: actions.open_room(day.row, day.session, empty, by=day.watch))
    actions.open_room(day.row, day.session, day.room, by=day.watch)
    assert engine().is_open(day.session, day.room)
    actions.open_room(day.row, day.session, day.room, by=day.watch)  # again: no effect


def test_who_watches_a_sitting_room_does_not_leave_it_short(day: Day) -> None:
    day.running()
    duty = RoomStaff.objects.get(user_id_ref=day.watch.user_id)
    refused("invigilators_missing", lambda: actions.leave_duty(duty, by=day.watch))
    empty = next(one.id for one in bundle_of(day.row).rooms if one.id != day.room)
    refused("invigilators_missing", lambda: actions.take_on_duty(day.row, empty, by=day.watch))
    assert RoomStaff.objects.filter(left_at=None).count() == 2
    third = make_actor(Role.INVIGILATOR, day.unit)
    actions.take_on_duty(day.row, day.room, by=third)
    actions.leave_duty(duty, by=day.watch)
    refused("wrong_state", lambda: actions.leave_duty(duty, by=day.watch))
    assert [one.staff for one in room_states(day.row, bundle_of(day.row))] == [2]


def test_to_another_room_ends_the_first_duty(day: Day) -> None:
    empty = next(one.id for one in bundle_of(day.row).rooms if one.id != day.room)
    actions.take_on_duty(day.row, day.room, by=day.watch)
    actions.take_on_duty(day.row, empty, by=day.watch)
    assert RoomStaff.objects.filter(left_at=None).get().room_id_ref == int(empty)
    assert RoomStaff.objects.count() == 2


@pytest.mark.req("R040")
def test_a_paused_room_loses_no_time(day: Day) -> None:
    refused("nobody_sits", lambda: actions.pause_room(day.row, day.session, None, "停电", by=day.watch))
    day.running()
    refused("no_reason", lambda: actions.pause_room(day.row, day.session, day.room, " ", by=day.watch))
    assert actions.pause_room(day.row, day.session, day.room, "停电", by=day.watch) == 1
    assert engine().seat(day.key()).state == "paused"
    assert actions.resume_room(day.row, day.session, day.room, by=day.watch) == 1
    refused("nobody_paused", lambda: actions.resume_room(day.row, day.session, None, by=day.watch))


# ── seats ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R040")
def test_time_needs_two_persons(day: Day) -> None:
    day.running()
    propose = actions.propose
    refused(
        "minutes_range", lambda: propose(day.row, day.key(), "add_time", minutes=0, reason="x", by=day.watch)
    )
    refused("no_reason", lambda: propose(day.row, day.key(), "add_time", minutes=5, reason="", by=day.watch))
    refused("bad_kind", lambda: propose(day.row, day.key(), "gift", minutes=5, reason="x", by=day.watch))
    refused(
        "wrong_state", lambda: propose(day.row, day.key(1), "add_time", minutes=5, reason="x", by=day.watch)
    )
    row = propose(day.row, day.key(), "add_time", minutes=5, reason="断网", by=day.head)
    refused(
        "proposal_open", lambda: propose(day.row, day.key(), "add_time", minutes=9, reason="x", by=day.watch)
    )
    refused("same_person", lambda: actions.decide(row, accept=True, by=day.head))
    refused("role_missing", lambda: actions.decide(row, accept=True, by=day.watch))
    refused("no_reason", lambda: actions.decide(row, accept=False, by=day.officer))
    actions.decide(row, accept=True, by=day.officer)
    refused("wrong_state", lambda: actions.decide(row, accept=True, by=day.officer))
    assert engine().seat(day.key()).added_s == 300


@pytest.mark.req("I09")
def test_voiding_needs_two_persons_of_any_name(day: Day) -> None:
    day.running()
    namesake = Actor(
        day.officer.user_id,
        day.head.name,
        day.officer.roles,
        day.officer.organisation_id,
        day.head.organisation_name,
    )
    incident = actions.add_incident(
        day.row,
        kind="impersonation",
        text="与照片不是同一人",
        candidate_key=day.key(),
        photo=picture(),
        by=day.watch,
    )
    assert incident.photo is not None
    refused("bad_kind", lambda: actions.add_incident(day.row, kind="x", text="y", by=day.watch))
    refused("no_reason", lambda: actions.add_incident(day.row, kind="other", text=" ", by=day.watch))
    row = actions.propose(day.row, day.key(), "void", reason="替考", by=day.head)
    actions.decide(row, accept=True, by=namesake)
    assert engine().seat(day.key()).state == "voided"
    refused("wrong_state", lambda: actions.propose(day.row, day.key(), "void", reason="x", by=day.head))


@pytest.mark.req("I04")
def test_a_spare_seat_keeps_time_and_answers(day: Day) -> None:
    day.running()
    other = engine().seat(day.key(1))
    move = actions.move_seat
    refused("seat_taken", lambda: move(day.row, day.key(), day.room, other.seat_no, reason="x", by=day.watch))
    refused("seat_taken", lambda: move(day.row, day.key(), day.room, "99", reason="x", by=day.watch))
    refused("no_reason", lambda: move(day.row, day.key(), day.room, "40", reason="", by=day.watch))
    move(day.row, day.key(), day.room, "40", reason="蓝屏", by=day.watch)
    seat = engine().seat(day.key())
    assert (seat.seat_no, seat.state, seat.may_enter) == ("40", "running", True)


def test_entry_and_hand_in_by_staff(day: Day) -> None:
    day.running()
    refused("no_reason", lambda: actions.allow_entry(day.row, day.key(), reason="", by=day.watch))
    actions.allow_entry(day.row, day.key(), reason="浏览器关闭", by=day.watch)
    assert engine().seat(day.key()).may_enter
    refused("role_missing", lambda: actions.force_hand_in(day.row, day.key(), reason="x", by=day.watch))
    actions.force_hand_in(day.row, day.key(), reason="身体不适离场", by=day.head)
    seat = engine().seat(day.key())
    assert (seat.state, seat.submit_kind) == ("submitted", "forced")


def test_every_page_of_a_seat(day: Day, django_assert_max_num_queries: Any) -> None:
    day.running()
    row = actions.propose(day.row, day.key(), "add_time", minutes=5, reason="断网", by=day.watch)
    actions.add_incident(
        day.row, kind="machine", text="蓝屏", candidate_key=day.key(), photo=picture(), by=day.watch
    )
    client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
    args = [day.row.pk, day.key()]
    console = reverse("hall:console", args=[day.row.pk, day.session, day.room])
    for url in (
        reverse("hall:seat", args=args),
        reverse("hall:propose", args=[*args, "add_time"]),
        reverse("hall:propose", args=[*args, "void"]),
        reverse("hall:move_seat", args=args),
        reverse("hall:allow_entry", args=args),
        reverse("hall:force_hand_in", args=args),
        reverse("hall:decide", args=[row.pk]),
        reverse("hall:incident", args=[day.row.pk]) + f"?candidate={day.key()}",
        reverse("hall:incident_photo", args=[Incident.objects.get().pk]),
        reverse("hall:scores", args=[day.row.pk]),
        reverse("hall:check_in", args=args),
        reverse("hall:staff"),
        reverse("hall:staff_report"),
        console,
    ):
        answer = client.get(url)
        assert answer.status_code == 200, url
    with django_assert_max_num_queries(25):
        client.get(reverse("hall:batch", args=[day.row.pk]))
    with django_assert_max_num_queries(20):
        client.get(reverse("hall:batches"))
    with django_assert_max_num_queries(16):
        client.get(console)
    part = client.get(console, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "剩余" in part
    assert client.get(reverse("hall:propose", args=[*args, "gift"])).status_code == 404
    refusal = client.post(reverse("hall:force_hand_in", args=args), {"reason": ""})
    assert refusal.status_code == 422
    assert client.post(reverse("hall:force_hand_in", args=args), {"reason": "离场"}).status_code == 302
    pdf = client.get(reverse("hall:scores_pdf", args=[day.row.pk, day.session, day.room]))
    assert pdf.content.startswith(b"%PDF")
    assert client.get(reverse("hall:scores_pdf", args=[day.row.pk, day.session, "0"])).status_code == 404
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    assert centre.get(console).status_code == 200
    assert centre.get(reverse("hall:seat", args=args)).status_code == 403
    for who in (Role.INVIGILATOR, Role.EXAM_OFFICER):
        stranger = sign_in(Client(), make_user(who))
        assert stranger.get(reverse("hall:seat", args=args)).status_code == 404
        assert stranger.get(reverse("hall:decide", args=[row.pk])).status_code == 404
        assert (
            stranger.get(reverse("hall:incident_photo", args=[Incident.objects.get().pk])).status_code == 404
        )


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────


def test_closing_waits_for_everybody(day: Day) -> None:
    refused("session_to_come", lambda: actions.close_batch(day.row, by=day.head))
    day.running()
    with clock.frozen(day.starts_at + timedelta(minutes=60)):
        refused("sitting_running", lambda: actions.close_batch(day.row, by=day.head))
        pending = day.check_in(1, method="document", reason="无身份证")
        actions.force_hand_in(day.row, day.key(), reason="离场", by=day.head)
        refused("check_in_pending", lambda: actions.close_batch(day.row, by=day.head))
        actions.decide_check_in(pending, accept=False, reason="不是本人", by=day.watch)
        row = actions.propose(day.row, day.key(), "void", reason="夹带", by=day.watch)
        refused("proposal_open", lambda: actions.close_batch(day.row, by=day.head))
        actions.decide(row, accept=False, reason="证据不足", by=day.officer)
        refused("role_missing", lambda: actions.close_batch(day.row, by=day.watch))
        refused("wrong_state", lambda: actions.make_return(day.row, by=day.head))
        refused("no_return", lambda: actions.take_return(day.row, by=day.head))
        client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
        assert client.get(reverse("hall:close", args=[day.row.pk])).status_code == 200
        row = actions.close_batch(day.row, by=day.head)
        assert row.board[0]["state"] in ("submitted", "not_admitted")
        refused("batch_closed", lambda: actions.close_batch(day.row, by=day.head))
        refused("batch_closed", lambda: day.check_in(1))
        refused("batch_closed", lambda: actions.allow_entry(day.row, day.key(), reason="x", by=day.watch))
        close_engine()  # a restart between closing and the return
        data = actions.make_return(day.row, by=day.head)
        assert actions.make_return(day.row, by=day.head) == data
        day.row.refresh_from_db()
        day.batch.refresh_from_db()
        assert (day.row.state, day.row.sealed_key, day.batch.state) == ("returned", "", "returned")
        assert engine().bundles() == []
        refused("batch_returned", lambda: bundle_of(day.row))
        assert client.get(reverse("hall:return_file", args=[day.row.pk])).content == data
        assert client.get(reverse("hall:scores", args=[day.row.pk])).status_code == 200
        assert client.get(reverse("hall:batch", args=[day.row.pk])).status_code == 200
        assert client.get(reverse("hall:desk", args=[day.row.pk])).status_code == 409


def test_closing_does_not_take_the_test_from_those_who_wait_for_it(day: Day) -> None:
    """The start is late, everybody sits in the room, checked in: the batch is not closed over their heads."""
    day.check_in()
    with clock.frozen(day.starts_at + timedelta(minutes=10)):
        refused("sitting_running", lambda: actions.close_batch(day.row, by=day.head))
    with clock.frozen(
        day.starts_at + timedelta(hours=3)
    ):  # he left without beginning, and the session is over
        assert actions.close_batch(day.row, by=day.head).state == "closed"


def test_a_return_that_the_centre_refuses_stays_made(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*args: Any, **kwargs: Any) -> None:
        raise Refusal("hall_key_missing", "x", status=409)

    with clock.frozen(day.starts_at + timedelta(hours=3)):
        actions.close_batch(day.row, by=day.head)
        with monkeypatch.context() as patch:
            patch.setattr("zhupei.exams.api.receive_return", no)
            refused("hall_key_missing", lambda: actions.make_return(day.row, by=day.head))
        day.row.refresh_from_db()
        assert day.row.state == "returned"
        client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
        assert "尚未收到" in client.get(reverse("hall:batch", args=[day.row.pk])).content.decode()
        assert client.post(reverse("hall:return", args=[day.row.pk])).status_code == 302
        day.batch.refresh_from_db()
        assert day.batch.state == "returned"


# ── staff ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R146", "R147", "R148")
def test_hall_staff_are_reported_trained_and_filed() -> None:
    make_rulebook()
    institution = make_institution()
    make_site(institution, "hall")
    unit = institution.organisation
    keeper = make_user(Role.ROOM_ADMINISTRATOR, unit, name="钱机房")
    client = sign_in(Client(), make_user(Role.EXAM_OFFICER, unit))
    url = reverse("hall:staff_report")
    values = {
        "person": f"{keeper.pk}/room_administrator",
        "trained_on": clock.today(),
        "training": "中心考场培训",
    }
    assert client.post(url, {**values, "trained_on": clock.today() + timedelta(days=1)}).status_code == 422
    assert client.post(url, {**values, "training": " "}).status_code == 422
    assert client.post(url, {**values, "person": "0/room_administrator"}).status_code == 422
    assert client.post(url, values).status_code == 302
    assert "待中心备案" in client.get(reverse("hall:staff")).content.decode()
    row = actions.staff.StaffFiling.objects.get()
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    assert "钱机房" in centre.get(reverse("hall:staff")).content.decode()
    file = reverse("hall:staff_file", args=[row.pk])
    assert centre.post(file, {"filing_no": " "}).status_code == 422
    assert centre.post(file, {"filing_no": "渝岗备 1"}).status_code == 302
    assert centre.post(file, {"filing_no": "渝岗备 2"}).status_code == 409
    other = make_actor(Role.EXAM_OFFICER)
    refused(
        "not_hall_staff",
        lambda: actions.report_staff(
            keeper.pk, "room_administrator", trained_on=clock.today(), training="x", by=other
        ),
    )
    refused("person_needed", lambda: actions.common.person(SYSTEM))
