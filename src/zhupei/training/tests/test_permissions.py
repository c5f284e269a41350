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
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, INSTITUTION, Role
from zhupei.training import actions
from zhupei.web.access import permission_table

pytestmark = pytest.mark.django_db

EVERYONE = frozenset(Role) | {None}
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

# url name, its arguments, method, roles let in (None: the public)
ROWS = [
    ("training:plans", dict, "get", READERS),
    ("training:plan_queue", dict, "get", CENTRE),
    ("training:plan_new", dict, "get", FILERS),
    ("training:plan", plan, "get", READERS),
    ("training:plan_edit", draft, "get", FILERS),
    ("training:plan_submit", draft, "get", FILERS),
    ("training:plan_withdraw", draft, "post", FILERS),
    ("training:plan_change", plan, "post", FILERS),
    ("training:plan_changes", plan, "get", READERS),
    ("training:plan_receive", plan, "post", {Role.CENTRE_OFFICER}),
    ("training:plan_receive", late, "post", {Role.CENTRE_APPROVER}),
    ("training:plan_return", plan, "post", CENTRE),
    ("training:plan_pdf", plan, "get", READERS),
    ("training:plan_docx", plan, "get", READERS),
    ("training:plan_file", of("plan", which="seal"), "get", READERS),
    ("training:classes", dict, "get", READERS),
    ("training:class_open", row, "get", MANAGERS),
    ("training:class", klass, "get", READERS),
    ("training:class_start", klass, "post", MANAGERS),
    ("training:class_finish", klass, "post", MANAGERS),
    ("training:class_cancel", klass, "post", MANAGERS),
    ("training:timetable_generate", klass, "get", MANAGERS),
    ("training:lesson_new", klass, "get", MANAGERS),
    ("training:lesson_edit", lesson, "get", MANAGERS),
    ("training:lesson_remove", lesson, "post", MANAGERS),
    ("training:today", dict, "get", LEADERS),
    ("training:lesson_board", lesson, "get", LEADERS),
    ("training:lesson_code", lesson, "get", LEADERS),
    ("training:roll_call", lesson, "get", LEADERS),
    ("training:lesson_close", lesson, "get", LEADERS),
    ("training:lesson_roll", lesson, "get", LEADERS | {Role.REGISTRAR, Role.INSTITUTION_HEAD}),
    ("training:enrolments", dict, "get", READERS),
    ("training:enrolment", enrolment, "get", READERS),
    ("training:enrolment_accept", enrolment, "post", FILERS),
    ("training:enrolment_return", enrolment, "post", FILERS),
    ("training:enrolments_accept", dict, "post", FILERS),
    ("training:class_import", klass, "get", REGISTRAR),
    ("training:class_import_confirm", klass, "post", REGISTRAR),
    ("training:import_template", dict, "get", REGISTRAR),
    ("training:archive", klass, "get", READERS),
    ("training:archive_add", klass, "post", FILERS),
    ("training:archive_file", item, "get", READERS),
    ("training:archive_close", klass, "post", MANAGERS),
    ("training:open_classes", dict, "get", EVERYONE),
    ("training:open_class", klass, "get", EVERYONE),
    ("training:enrol", klass, "post", LEARNER),
    ("training:my_classes", dict, "get", LEARNER),
    ("training:my_class", enrolment, "get", LEARNER),
    ("training:my_enrolment_cancel", enrolment, "post", LEARNER),
    ("training:punch", lesson, "get", LEARNER),
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


@pytest.mark.parametrize(("name", "kwargs", "method", "let_in"), ROWS)
def test_permission(name: str, kwargs: Any, method: str, let_in: Any) -> None:
    institution = set_up()
    district = make_organisation("district", division_code=institution.division_code)
    url = reverse(name, kwargs=kwargs())
    for role in [*sorted(set(Role) - set(let_in)), *sorted(set(let_in) - {None})]:
        unit = institution.organisation if role in INSTITUTION else district if role in DISTRICT else None
        user = _things["teacher"] if role == Role.TEACHER else make_user(role, unit)
        response = getattr(sign_in(Client(), user), method)(url)
        assert (response.status_code != 403) == (role in let_in), (name, role, response.status_code)
        assert response.status_code < 500
    response = getattr(Client(), method)(url)
    refused = response.status_code == 401 or (response.status_code == 302 and "sign" in response["Location"])
    assert refused != (None in let_in)


OTHERS = [row for row in ROWS if row[1] is not dict and None not in row[3] and set(row[3]) & (INSTITUTION | DISTRICT)]


@pytest.mark.parametrize(("name", "kwargs", "method", "let_in"), OTHERS)
def test_another_unit_finds_nothing(name: str, kwargs: Any, method: str, let_in: Any) -> None:
    """A role that may open the page, held in another institution or district."""
    set_up()
    other = make_institution(division_code="500101")
    district = make_organisation("district", division_code="500101")
    url = reverse(name, kwargs=kwargs())
    for role in set(let_in) & (INSTITUTION | DISTRICT):
        user = make_user(role, other.organisation if role in INSTITUTION else district)
        assert getattr(sign_in(Client(), user), method)(url).status_code == 404, (name, role)


def test_every_page_has_its_row() -> None:
    names = {name for name in permission_table() if name.startswith("training:")}
    assert names == {row[0] for row in ROWS}
