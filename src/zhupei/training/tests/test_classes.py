"""Classes and timetables: opening, clashes, starting, finishing, archive."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from tests.makers import (
    as_actor,
    make_actor,
    make_class,
    make_enrolment,
    make_institution,
    make_organisation,
    make_person,
    make_plan,
    make_rulebook,
    make_site,
    make_teacher,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.training import actions, queries
from zhupei.training.choices import REQUIRED_ARCHIVE
from zhupei.training.models import ArchiveItem, TrainingClass

pytestmark = pytest.mark.django_db
BEFORE, FIRST_DAY = datetime(2026, 9, 21, 10), datetime(2026, 10, 12, 8)


@pytest.fixture(autouse=True)
def _rulebook() -> Any:
    make_rulebook()
    with clock.frozen(BEFORE):
        yield


@pytest.fixture
def institution() -> Any:
    return make_institution()


@pytest.fixture
def head(institution: Any) -> Any:
    return make_user(Role.TEACHING_HEAD, institution.organisation)


@pytest.mark.req("J21")
def test_a_class_is_opened_from_a_received_plan_once(client: Client, institution: Any, head: Any) -> None:
    plan = make_plan(institution, "submitted")
    row = plan.rows.get()
    sign_in(client, head)
    url = reverse("training:class_open", kwargs={"pk": row.pk})
    assert client.get(url).status_code == 200
    assert client.post(url, {"capacity": 30}).status_code == 409  # filed, not received, not yet opening day
    actions.receive_plan(plan, by=make_actor(Role.CENTRE_OFFICER))
    assert client.post(url, {"capacity": 61}).status_code == 422
    assert client.post(url, {"capacity": 30}).status_code == 302
    assert client.post(url, {"capacity": 30}).status_code == 409
    made = TrainingClass.objects.get()
    assert (made.first_day, made.last_day, made.state) == (
        date(2026, 10, 12),
        date(2026, 10, 16),
        "enrolling",
    )
    assert client.get(url).url == reverse("training:class", kwargs={"pk": made.pk})


@pytest.mark.req("J21")
def test_a_filed_plan_not_returned_by_opening_counts(institution: Any, head: Any) -> None:
    plan = make_plan(institution, "submitted")
    with clock.frozen(FIRST_DAY):
        assert actions.open_class(plan.rows.get(), by=as_actor(head)).pk
    late = make_plan(institution, "late")
    with clock.frozen(FIRST_DAY), pytest.raises(Conflict, match="plan_not_in_force"):
        actions.open_class(late.rows.get(), by=as_actor(head))
    old = make_plan(institution, "received")
    with clock.frozen(datetime(2026, 10, 17)), pytest.raises(Conflict, match="row_is_past"):
        actions.open_class(old.rows.get(), by=as_actor(head))


def test_a_hidden_institution_opens_no_class(institution: Any, head: Any) -> None:
    plan = make_plan(institution, "received")
    institution.state = "blocked"
    institution.save()
    with pytest.raises(Refusal, match="institution_blocked"):
        actions.open_class(plan.rows.get(), by=as_actor(head))


def test_only_the_own_institutions_heads_run_a_class(institution: Any) -> None:
    plan = make_plan(institution, "received")
    for by in (make_actor(Role.REGISTRAR, institution.organisation), make_actor(Role.TEACHING_HEAD)):
        with pytest.raises(Forbidden):
            actions.open_class(plan.rows.get(), by=by)


@pytest.mark.req("R022")
def test_the_timetable_is_generated_in_half_days(client: Client, institution: Any, head: Any) -> None:
    training_class = make_class(institution)
    teacher = make_teacher(institution)
    sign_in(client, head)
    url = reverse("training:timetable_generate", kwargs={"pk": training_class.pk})
    data = {"room": training_class.site.rooms.get().pk, "teacher": teacher.pk, "topic": "法规"}
    assert client.get(url).status_code == 200
    assert client.post(url, data).status_code == 302
    lessons = list(training_class.lessons.all())
    assert len(lessons) == 10
    assert [clock.local(m).strftime("%m-%d %H:%M") for m in (lessons[0].starts_at, lessons[1].ends_at)] == [
        "10-12 09:00",
        "10-12 17:00",
    ]
    assert queries.lesson_hours(training_class) == 40
    assert client.post(url, data).status_code == 409
    assert client.get(reverse("training:class", kwargs={"pk": training_class.pk})).status_code == 200


def lesson_data(training_class: Any, teacher: Any, **changes: Any) -> dict[str, Any]:
    return {
        "day": "2026-10-12",
        "start": "09:00",
        "end": "12:00",
        "room": training_class.site.rooms.first().pk,
        "teacher": teacher.pk,
        "topic": "质量",
        **changes,
    }


def test_lessons_are_added_changed_and_removed(client: Client, institution: Any, head: Any) -> None:
    training_class, teacher = make_class(institution), make_teacher(institution)
    sign_in(client, head)
    new = reverse("training:lesson_new", kwargs={"pk": training_class.pk})
    assert client.get(new).status_code == 200
    assert client.post(new, lesson_data(training_class, teacher)).status_code == 302
    lesson = training_class.lessons.get()
    edit = reverse("training:lesson_edit", kwargs={"pk": lesson.pk})
    assert client.get(edit).status_code == 200
    assert client.post(edit, lesson_data(training_class, teacher, end="11:15")).status_code == 302
    lesson.refresh_from_db()
    assert lesson.hours == 3
    assert client.post(edit, lesson_data(training_class, teacher, end="08:00")).status_code == 422
    assert client.post(edit, lesson_data(training_class, teacher, day="2026-10-20")).status_code == 422
    assert client.post(reverse("training:lesson_remove", kwargs={"pk": lesson.pk})).status_code == 302
    assert not training_class.lessons.exists()
    assert AuditEvent.objects.filter(code__startswith="training.lesson_").count() == 3


def test_rooms_and_teachers_are_not_booked_twice(institution: Any, head: Any) -> None:
    by = as_actor(head)
    site = make_site(institution, rooms=(("A", 60), ("B", 60)))
    one = make_class(plan=make_plan(institution, site=site), lessons=1)
    two = make_class(plan=make_plan(institution, site=site))
    lesson = one.lessons.get()
    other_room = site.rooms.get(name="B")
    free = make_teacher(institution)

    def data(room: Any, teacher: Any, start: time = time(11)) -> Any:
        return actions.LessonInput(date(2026, 10, 12), start, time(13), room, teacher, "x")

    with pytest.raises(Conflict) as refused:
        actions.add_lesson(two, data(lesson.room, free), by=by)
    assert "room" in refused.value.fields
    with pytest.raises(Conflict) as refused:
        actions.add_lesson(two, data(other_room, lesson.teacher), by=by)
    assert "teacher" in refused.value.fields
    with pytest.raises(Conflict) as refused:
        actions.add_lesson(one, data(other_room, free), by=by)
    assert "start" in refused.value.fields
    assert actions.add_lesson(
        two, data(lesson.room, lesson.teacher, time(12)), by=by
    ).pk  # end to end is no clash


def test_a_teacher_is_one_person_across_institutions(institution: Any, head: Any) -> None:
    user = make_user(Role.TEACHER, institution.organisation)
    elsewhere = make_institution()
    make_class(elsewhere, lessons=1, teacher=make_teacher(elsewhere, user=user))
    training_class = make_class(institution)
    with pytest.raises(Conflict) as refused:
        actions.generate_timetable(
            training_class,
            room=training_class.site.rooms.get(),
            teacher=make_teacher(institution, user=user),
            topic="x",
            by=as_actor(head),
        )
    assert "teacher" in refused.value.fields
    assert not training_class.lessons.exists()


@pytest.mark.req("R010", "R011")
def test_wrong_rooms_teachers_and_small_rooms(institution: Any, head: Any) -> None:
    by = as_actor(head)
    site = make_site(institution, rooms=(("A", 1), ("B", 60)))
    training_class = make_class(plan=make_plan(institution, site=site))
    for _ in range(2):
        make_enrolment(training_class, make_person())
    teacher = make_teacher(institution)
    small, large = site.rooms.get(name="A"), site.rooms.get(name="B")

    def add(room: Any, who: Any) -> Any:
        return actions.add_lesson(
            training_class, actions.LessonInput(date(2026, 10, 12), time(9), time(12), room, who, "x"), by=by
        )

    with pytest.raises(Refusal, match="room_too_small"):
        add(small, teacher)
    with pytest.raises(Refusal, match="wrong_room"):
        add(make_site(institution).rooms.get(), teacher)
    with pytest.raises(Refusal, match="wrong_teacher"):
        add(large, make_teacher(make_institution()))
    assert add(large, teacher).pk


@pytest.mark.req("R022", "R020")
def test_a_class_starts_only_when_all_is_ready(client: Client, institution: Any, head: Any) -> None:
    training_class = make_class(institution, lessons=9)
    url = reverse("training:class_start", kwargs={"pk": training_class.pk})
    waiting = make_enrolment(training_class, make_person(education="college"), "applied")
    sign_in(client, head)
    answer = client.post(url)
    assert answer.status_code == 409  # before its day, 36 hours, one application waiting, nobody enrolled
    assert len(queries.start_problems(training_class)) == 4
    room, teacher = training_class.site.rooms.get(), training_class.lessons.first().teacher
    actions.generate_timetable(training_class, room=room, teacher=teacher, topic="x", by=as_actor(head))
    actions.accept_enrolment(waiting, by=as_actor(head))
    with clock.frozen(FIRST_DAY):
        client = sign_in(Client(), head)
        assert client.get(reverse("training:class", kwargs={"pk": training_class.pk})).status_code == 200
        assert client.post(url).status_code == 302
        assert client.post(url).status_code == 409
    training_class.refresh_from_db()
    assert training_class.state == "running"


def test_a_class_of_a_returned_plan_does_not_start(institution: Any, head: Any) -> None:
    training_class = make_class(institution, lessons=10)
    make_enrolment(training_class, make_person())
    plan = training_class.plan_row.plan
    plan.state = "returned"
    plan.save()
    with clock.frozen(FIRST_DAY), pytest.raises(Refusal, match="cannot_start"):
        actions.start_class(training_class, by=as_actor(head))


def test_a_cancelled_class_tells_its_learners(client: Client, institution: Any, head: Any) -> None:
    training_class = make_class(institution)
    enrolment = make_enrolment(training_class, make_person())
    sign_in(client, head)
    url = reverse("training:class_cancel", kwargs={"pk": training_class.pk})
    assert client.post(url).status_code == 422
    assert client.post(url, {"reason": "人数不足"}).status_code == 302
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.reason) == ("cancelled", "人数不足")
    assert client.post(url, {"reason": "x"}).status_code == 409
    running = make_class(institution, state="running")
    assert (
        client.post(reverse("training:class_cancel", kwargs={"pk": running.pk}), {"reason": "x"}).status_code
        == 409
    )


@pytest.mark.req("R027", "R028", "R029")
def test_the_archive_is_complete_before_it_closes(client: Client, institution: Any, head: Any) -> None:
    training_class = make_class(institution, state="running", lessons=1)
    make_enrolment(training_class, make_person())
    sign_in(client, head)
    finish = reverse("training:class_finish", kwargs={"pk": training_class.pk})
    close = reverse("training:archive_close", kwargs={"pk": training_class.pk})
    add = reverse("training:archive_add", kwargs={"pk": training_class.pk})
    assert client.post(finish).status_code == 409  # a lesson is not closed
    assert client.post(close).status_code == 409  # not finished
    training_class.lessons.update(closed_at=clock.now())
    assert client.post(finish).status_code == 302
    assert client.post(close).status_code == 409  # nothing in it
    assert client.post(add, {"kind": "photo"}).status_code == 422
    file = SimpleUploadedFile("照片.pdf", b"%PDF-1.4 photo", content_type="application/pdf")
    assert client.post(add, {"kind": "photo", "file": file}).status_code == 302
    for kind in REQUIRED_ARCHIVE:
        if kind != "photo":
            assert client.post(add, {"kind": kind, "paper_location": "档案室 3 柜"}).status_code == 302
    item = ArchiveItem.objects.get(kind="photo")
    assert item.file is not None
    assert item.file.retain_until == date(2031, 9, 21)
    page = client.get(reverse("training:archive", kwargs={"pk": training_class.pk})).content.decode()
    assert "2031年9月21日" in page
    assert client.get(reverse("training:archive_file", kwargs={"pk": item.pk})).content == b"%PDF-1.4 photo"
    paper = ArchiveItem.objects.exclude(pk=item.pk).first()
    assert client.get(reverse("training:archive_file", kwargs={"pk": paper.pk})).status_code == 404
    assert client.post(close).status_code == 302
    assert client.post(add, {"kind": "survey", "paper_location": "x"}).status_code == 409
    training_class.refresh_from_db()
    assert training_class.state == "archived"
    assert not AuditEvent.objects.filter(
        code="training.archive_read"
    ).exists()  # one's own reading is not on record


@pytest.mark.req("R029")
def test_supervisors_read_archives_within_their_jurisdiction_on_record(
    client: Client, institution: Any
) -> None:
    training_class = make_class(institution)
    item = actions.add_to_archive(
        training_class,
        "photo",
        upload=actions.Upload("a.pdf", "application/pdf", b"%PDF-"),
        by=make_actor(Role.REGISTRAR, institution.organisation),
    )
    inside = make_user(Role.DISTRICT_OFFICER, make_organisation("district", "甲", division_code="500157"))
    outside = make_user(Role.DISTRICT_OFFICER, make_organisation("district", "乙", division_code="500103"))
    page = reverse("training:archive", kwargs={"pk": training_class.pk})
    file = reverse("training:archive_file", kwargs={"pk": item.pk})
    sign_in(client, inside)
    assert client.get(page).status_code == 200
    assert client.get(file).status_code == 200
    assert AuditEvent.objects.filter(code="training.archive_read").count() == 2
    sign_in(client, outside)
    assert client.get(page).status_code == 404
    assert client.get(file).status_code == 404
    sign_in(client, make_user(Role.TEACHING_HEAD))  # of another institution
    assert client.get(page).status_code == 404


def test_the_list_of_classes(
    client: Client, institution: Any, head: Any, django_assert_num_queries: Any
) -> None:
    sign_in(client, head)
    assert "z-empty" in client.get(reverse("training:classes")).content.decode()
    for _ in range(3):
        make_class(institution)
    make_class(make_institution())
    client.get(reverse("training:classes"))
    with django_assert_num_queries(LIST_QUERIES):
        assert client.get(reverse("training:classes")).content.decode().count('scope="row"') == 3
    for query, count in (
        ({"q": "班级"}, 3),
        ({"state": "running"}, 0),
        ({"division": "500157"}, 3),
        ({"division": "500103"}, 0),
    ):
        assert client.get(reverse("training:classes"), query).content.decode().count('scope="row"') == count


LIST_QUERIES = 11
