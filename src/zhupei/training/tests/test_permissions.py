"""Who may open which page of training."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    as_actor,
    make_class,
    make_enrolment,
    make_institution,
    make_learner,
    make_organisation,
    make_plan,
    make_rulebook,
    make_teacher,
    make_user,
    sign_in,
)
from tests.permissions import EVERYONE, Row

from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, INSTITUTION, Role
from zhupei.training import actions
from zhupei.web.access import permission_table

pytestmark = pytest.mark.django_db

SUPERVISORS = CITY | CENTRE | DISTRICT
READERS = INSTITUTION | SUPERVISORS
FILERS = frozenset({Role.TEACHING_HEAD, Role.REGISTRAR, Role.INSTITUTION_HEAD})
MANAGERS = frozenset({Role.TEACHING_HEAD, Role.INSTITUTION_HEAD})
LEADERS = frozenset({Role.TEACHER, Role.TEACHING_HEAD})
REGISTRAR = frozenset({Role.REGISTRAR})
LEARNER = frozenset({Role.LEARNER})

_things: dict[str, Any] = {}


def of(name: str, **more: Any) -> Any:
    return lambda: {"pk": _things[name].pk, **more}


plan, draft, late, row, klass, lesson, enrolment, item = map(
    of, ("plan", "draft", "late", "row", "class", "lesson", "enrolment", "item")
)

ROWS = [
    Row("training:plans", READERS),
    Row("training:plan_queue", CENTRE),
    Row("training:plan_new", FILERS),
    Row("training:plan", READERS, plan),
    Row("training:plan_edit", FILERS, draft),
    Row("training:plan_submit", FILERS, draft),
    Row("training:plan_withdraw", FILERS, draft, "post"),
    Row("training:plan_change", FILERS, plan, "post"),
    Row("training:plan_changes", READERS, plan),
    Row("training:plan_receive", frozenset({Role.CENTRE_OFFICER}), plan, "post"),
    Row("training:plan_receive", frozenset({Role.CENTRE_APPROVER}), late, "post"),
    Row("training:plan_return", CENTRE, plan, "post"),
    Row("training:plan_pdf", READERS, plan),
    Row("training:plan_docx", READERS, plan),
    Row("training:plan_file", READERS, of("plan", which="seal")),
    Row("training:classes", READERS),
    Row("training:class_open", MANAGERS, row),
    Row("training:class", READERS, klass),
    Row("training:class_start", MANAGERS, klass, "post"),
    Row("training:class_finish", MANAGERS, klass, "post"),
    Row("training:class_cancel", MANAGERS, klass, "post"),
    Row("training:timetable_generate", MANAGERS, klass),
    Row("training:lesson_new", MANAGERS, klass),
    Row("training:lesson_edit", MANAGERS, lesson),
    Row("training:lesson_remove", MANAGERS, lesson, "post"),
    Row("training:today", LEADERS),
    Row("training:lesson_board", LEADERS, lesson),
    Row("training:lesson_code", LEADERS, lesson),
    Row("training:roll_call", LEADERS, lesson),
    Row("training:lesson_close", LEADERS, lesson),
    Row("training:lesson_roll", LEADERS | {Role.REGISTRAR, Role.INSTITUTION_HEAD}, lesson),
    Row("training:enrolments", READERS),
    Row("training:enrolment", READERS, enrolment),
    Row("training:enrolment_accept", FILERS, enrolment, "post"),
    Row("training:enrolment_return", FILERS, enrolment, "post"),
    Row("training:enrolments_accept", FILERS, dict, "post"),
    Row("training:class_import", REGISTRAR, klass),
    Row("training:class_import_confirm", REGISTRAR, klass, "post"),
    Row("training:import_template", REGISTRAR),
    Row("training:archive", READERS, klass),
    Row("training:archive_add", FILERS, klass, "post"),
    Row("training:archive_file", READERS, item),
    Row("training:archive_close", MANAGERS, klass, "post"),
    Row("training:open_classes", EVERYONE),
    Row("training:open_class", EVERYONE, klass),
    Row("training:enrol", LEARNER, klass, "post"),
    Row("training:my_classes", LEARNER),
    Row("training:my_class", LEARNER, enrolment),
    Row("training:my_enrolment_cancel", LEARNER, enrolment, "post"),
    Row("training:punch", LEARNER, lesson),
]


def set_up() -> Any:
    """One of each thing, of one institution; the teacher's account is the first teacher who signs in."""
    make_rulebook()
    institution = make_institution()
    teacher = make_user(Role.TEACHER, institution.organisation)
    submitted = make_plan(institution, "submitted")
    training_class = make_class(institution, lessons=1, teacher=make_teacher(institution, user=teacher))
    person, _user = make_learner(education="college")
    _things.update(
        {
            "institution": institution,
            "teacher": teacher,
            "plan": submitted,
            "draft": make_plan(institution, "draft"),
            "late": make_plan(institution, "late"),
            "row": submitted.rows.get(),
            "class": training_class,
            "lesson": training_class.lessons.get(),
            "enrolment": make_enrolment(training_class, person, "applied"),
            "item": actions.add_to_archive(
                training_class,
                "photo",
                upload=actions.Upload("a.pdf", "application/pdf", b"%PDF-"),
                by=as_actor(make_user(Role.REGISTRAR, institution.organisation)),
            ),
        }
    )
    return institution


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_permission(row: Row) -> None:
    institution = set_up()
    district = make_organisation("district", division_code=institution.division_code)
    url = reverse(row.name, kwargs=row.kwargs())
    for role in [*sorted(set(Role) - row.allowed), *sorted(row.allowed - {"anonymous"})]:
        unit = institution.organisation if role in INSTITUTION else district if role in DISTRICT else None
        user = _things["teacher"] if role == Role.TEACHER else make_user(role, unit)
        response = getattr(sign_in(Client(), user), row.method)(url)
        assert (response.status_code != 403) == (role in row.allowed), (row.name, role, response.status_code)
        assert response.status_code < 500
    response = getattr(Client(), row.method)(url)
    refused = response.status_code == 401 or (response.status_code == 302 and "sign" in response["Location"])
    assert refused != ("anonymous" in row.allowed)


OTHERS = [
    row
    for row in ROWS
    if row.kwargs is not dict and "anonymous" not in row.allowed and row.allowed & (INSTITUTION | DISTRICT)
]


@pytest.mark.parametrize("row", OTHERS, ids=str)
def test_another_unit_finds_nothing(row: Row) -> None:
    """A role that may open the page, held in another institution or district."""
    set_up()
    other = make_institution(division_code="500101")
    district = make_organisation("district", division_code="500101")
    url = reverse(row.name, kwargs=row.kwargs())
    for role in row.allowed & (INSTITUTION | DISTRICT):
        user = make_user(role, other.organisation if role in INSTITUTION else district)
        assert getattr(sign_in(Client(), user), row.method)(url).status_code == 404, (row.name, role)


def test_every_page_has_its_row() -> None:
    names = {name for name in permission_table() if name.startswith("training:")}
    assert names == {row.name for row in ROWS}
