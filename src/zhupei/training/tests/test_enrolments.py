"""Enrolment: applying, reviewing, importing, who is ready."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import Workbook, load_workbook
from tests.makers import (
    as_actor,
    make_actor,
    make_class,
    make_enrolment,
    make_hours,
    make_institution,
    make_learner,
    make_person,
    make_plan,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.hours.models import Ledger
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.people.api import Person, demo_identity_number
from zhupei.training import actions, api, queries
from zhupei.training.models import Enrolment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rulebook() -> Any:
    make_rulebook()
    with clock.frozen(datetime(2026, 9, 21, 10)):
        yield


@pytest.fixture
def institution() -> Any:
    return make_institution()


@pytest.fixture
def training_class(institution: Any) -> Any:
    return make_class(institution)


def learner(**fields: Any) -> Any:
    return make_learner(**{"education": "college", **fields})


def test_the_public_list_of_open_classes(
    client: Client, training_class: Any, django_assert_num_queries: Any
) -> None:
    make_class(make_institution(state="blocked"))
    make_class(state="running")
    url = reverse("training:open_classes")
    text = client.get(url).content.decode()
    assert training_class.name in text
    assert text.count('scope="row"') == 1
    with django_assert_num_queries(5):
        client.get(url)
    for query, count in (
        ({"q": "施工员"}, 1),
        ({"q": "不存在"}, 0),
        ({"post": training_class.post_id}, 1),
        ({"division": "500103"}, 0),
        ({"institution": training_class.institution_id}, 1),
    ):
        assert client.get(url, query).content.decode().count('scope="row"') == count
    page = client.get(reverse("training:open_class", kwargs={"pk": training_class.pk})).content.decode()
    assert "sign-in" in page
    with clock.frozen(datetime(2026, 10, 13)):  # begun
        assert client.get(reverse("training:open_class", kwargs={"pk": training_class.pk})).status_code == 404


@pytest.mark.req("R020", "R028")
def test_a_learner_applies_once_and_the_five_years_begin(client: Client, training_class: Any) -> None:
    _person, user = learner()
    sign_in(client, user)
    page = client.get(reverse("training:open_class", kwargs={"pk": training_class.pk}))
    assert reverse("training:enrol", kwargs={"pk": training_class.pk}) in page.content.decode()
    for _ in range(2):
        assert client.post(reverse("training:enrol", kwargs={"pk": training_class.pk})).status_code == 302
    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.retain_until) == ("applied", date(2031, 9, 21))
    assert enrolment.steps.count() == 1
    assert client.get(reverse("training:my_class", kwargs={"pk": enrolment.pk})).status_code == 200
    assert training_class.name in client.get(reverse("training:my_classes")).content.decode()
    _other, stranger = learner()
    sign_in(client, stranger)
    assert client.get(reverse("training:my_class", kwargs={"pk": enrolment.pk})).status_code == 404
    assert (
        client.post(reverse("training:my_enrolment_cancel", kwargs={"pk": enrolment.pk})).status_code == 404
    )


def test_an_account_without_person_is_sent_to_its_data(client: Client, training_class: Any) -> None:
    sign_in(client, make_user(Role.LEARNER))
    page = client.get(reverse("training:open_class", kwargs={"pk": training_class.pk}))
    assert page.status_code == 200
    answer = client.post(reverse("training:enrol", kwargs={"pk": training_class.pk}))
    assert answer.url == reverse("training:open_class", kwargs={"pk": training_class.pk})


@pytest.mark.req("R020")
def test_age_education_and_double_enrolment_are_checked(training_class: Any) -> None:
    young, young_user = learner(identity_number="500999201001010012"[:17] + check("50099920100101001"))
    none, none_user = learner(education="")
    junior, junior_user = learner(education="junior")
    for person, user in ((young, young_user), (none, none_user)):
        with pytest.raises(Refusal, match="check_failed"):
            actions.apply(training_class, person, by=as_actor(user))
    assert actions.apply(training_class, junior, by=as_actor(junior_user)).pk  # below vocational: warned only
    with pytest.raises(Refusal, match="check_failed"):
        actions.apply(make_class(make_institution()), junior, by=as_actor(junior_user))
    other_post = make_class(plan=make_plan(posts=("102",)))
    assert actions.apply(other_post, junior, by=as_actor(junior_user)).pk


def check(body: str) -> str:
    from stdnum.iso7064 import mod_11_2

    return str(mod_11_2.calc_check_digit(body))


@pytest.mark.req("R011")
def test_a_full_or_started_class_takes_nobody(institution: Any) -> None:
    full = make_class(institution, capacity=1)
    make_enrolment(full, make_person(), "applied")
    person, user = learner()
    with pytest.raises(Conflict, match="class_full"):
        actions.apply(full, person, by=as_actor(user))
    with pytest.raises(Conflict, match="roster_closed"):
        actions.apply(make_class(institution, state="running"), person, by=as_actor(user))
    other, _user = learner()
    with pytest.raises(Forbidden):
        actions.apply(make_class(institution), other, by=as_actor(user))


@pytest.mark.req("R020", "I10")
def test_review_by_somebody_else(client: Client, training_class: Any, institution: Any) -> None:
    registrar = make_user(Role.REGISTRAR, institution.organisation)
    colleague = make_user(Role.TEACHING_HEAD, institution.organisation)
    person, user = learner()
    enrolment = actions.apply(training_class, person, by=as_actor(registrar))
    accept = reverse("training:enrolment_accept", kwargs={"pk": enrolment.pk})
    page = reverse("training:enrolment", kwargs={"pk": enrolment.pk})
    sign_in(client, registrar)
    assert accept not in client.get(page).content.decode()
    assert client.post(accept).status_code == 403
    sign_in(client, colleague)
    assert accept in client.get(page).content.decode()
    assert client.post(accept).status_code == 302
    assert client.post(accept).status_code == 409
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.reviewed_by_id) == ("accepted", colleague.pk)
    assert Ledger.objects.filter(enrolment_id=enrolment.pk).exists()
    assert Notice.objects.filter(user=user).count() == 1
    sign_in(client, make_user(Role.TEACHING_HEAD))
    assert client.post(accept).status_code == 404


def test_returned_with_a_reason_and_applied_again(
    client: Client, training_class: Any, institution: Any
) -> None:
    person, user = learner()
    enrolment = actions.apply(training_class, person, by=as_actor(user))
    sign_in(client, make_user(Role.REGISTRAR, institution.organisation))
    url = reverse("training:enrolment_return", kwargs={"pk": enrolment.pk})
    assert client.post(url).status_code == 422
    assert client.post(url, {"reason": "学历证明不清"}).status_code == 302
    assert client.post(url, {"reason": "x"}).status_code == 409
    sign_in(client, user)
    assert (
        "学历证明不清"
        in client.get(reverse("training:my_class", kwargs={"pk": enrolment.pk})).content.decode()
    )
    client.post(reverse("training:enrol", kwargs={"pk": training_class.pk}))
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.reason, enrolment.steps.count()) == ("applied", "", 3)
    assert (
        client.post(reverse("training:my_enrolment_cancel", kwargs={"pk": enrolment.pk})).status_code == 302
    )
    assert (
        client.post(reverse("training:my_enrolment_cancel", kwargs={"pk": enrolment.pk})).status_code == 409
    )


def test_the_list_of_names_is_closed_when_the_class_starts(training_class: Any, institution: Any) -> None:
    person, user = learner()
    enrolment = actions.apply(training_class, person, by=as_actor(user))
    training_class.state = "running"
    training_class.save()
    head = make_actor(Role.TEACHING_HEAD, institution.organisation)
    for act in (
        lambda: actions.accept_enrolment(enrolment, by=head),
        lambda: actions.return_enrolment(enrolment, reason="x", by=head),
        lambda: actions.cancel_enrolment(enrolment, by=as_actor(user)),
    ):
        with pytest.raises(Conflict, match="roster_closed"):
            act()


def test_several_are_accepted_after_a_preview(client: Client, training_class: Any, institution: Any) -> None:
    people = [learner()[0] for _ in range(3)]
    rows = [make_enrolment(training_class, person, "applied") for person in people]
    bad = make_person(education="")
    rows.append(make_enrolment(training_class, bad, "applied"))
    sign_in(client, make_user(Role.REGISTRAR, institution.organisation))
    assert 'name="enrolment"' in client.get(reverse("training:enrolments")).content.decode()
    url = reverse("training:enrolments_accept")
    assert client.post(url).status_code == 302
    text = client.post(url, {"enrolment": [row.pk for row in rows]}).content.decode()
    assert text.count('type="hidden" name="enrolment"') == 3
    assert bad.name in text
    assert not Enrolment.objects.filter(state="accepted").exists()  # the preview writes nothing
    both = {"enrolment": [row.pk for row in rows], "confirmed": "1"}
    assert client.post(url, both).status_code == 422
    assert not Enrolment.objects.filter(state="accepted").exists()  # all or none
    good = {"enrolment": [row.pk for row in rows[:3]], "confirmed": "1"}
    assert client.post(url, good).status_code == 302
    assert Enrolment.objects.filter(state="accepted").count() == 3


def test_the_queue_filters_and_pins_its_queries(
    client: Client, training_class: Any, institution: Any, django_assert_num_queries: Any
) -> None:
    for _ in range(4):
        make_enrolment(training_class, make_person(), "applied")
    make_enrolment(training_class, make_person("王小明"), "accepted")
    sign_in(client, make_user(Role.REGISTRAR, institution.organisation))
    url = reverse("training:enrolments")
    client.get(url)
    with django_assert_num_queries(8):
        assert client.get(url).content.decode().count('scope="row"') == 5
    for query, count in (
        ({"state": "accepted"}, 1),
        ({"q": "王小明"}, 1),
        ({"training_class": training_class.pk}, 5),
        ({"training_class": training_class.pk + 1}, 0),
    ):
        assert client.get(url, query).content.decode().count('scope="row"') == count


# ── import ──────────────────────────────────────────────────────────────────────────────────────────────


HEADERS = ("姓名", "证件类型", "证件号码", "手机号", "学历", "工作单位")


def table(*rows: tuple[Any, ...], headers: tuple[str, ...] = HEADERS) -> bytes:
    book = Workbook()
    book.active.append(list(headers))
    for row in rows:
        book.active.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def person_row(n: int, **changes: Any) -> tuple[Any, ...]:
    values = {
        "name": f"张三{chr(0x4E00 + n)}",
        "kind": "",
        "number": demo_identity_number(5000 + n),
        "phone": "13812345678",
        "education": "大专",
        "employer": "重庆建工",
        **changes,
    }
    return tuple(values.values())


def upload(data: bytes, name: str = "名单.xlsx") -> Any:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return SimpleUploadedFile(name, data, content_type=kind)


@pytest.fixture
def labels() -> dict[str, str]:
    """The Chinese words of the catalogue, whatever they are."""
    book = load_workbook(io.BytesIO(actions.template()))
    rows = list(book.worksheets[1].iter_rows(min_row=2, values_only=True))
    return {"kind": rows[0][0], "college": rows[3][1], "junior": rows[0][1]}


@pytest.mark.req("R020", "R028")
def test_names_are_imported_after_a_preview(
    client: Client, training_class: Any, institution: Any, labels: dict[str, str]
) -> None:
    registrar = make_user(Role.REGISTRAR, institution.organisation)
    sign_in(client, registrar)
    assert client.get(reverse("training:import_template")).content.startswith(b"PK")
    url = reverse("training:class_import", kwargs={"pk": training_class.pk})
    assert client.get(url).status_code == 200
    known = make_person("李四", education="college")
    rows = [person_row(n, education=labels["college"], kind=labels["kind"]) for n in range(3)]
    rows.append(person_row(9, name="李四", number=known.identity_number, education=labels["college"]))
    answer = client.post(url, {"file": upload(table(*rows))})
    assert answer.status_code == 200
    assert not Enrolment.objects.exists()
    assert Person.objects.count() == 1
    token = answer.context["preview"].token
    confirm = reverse("training:class_import_confirm", kwargs={"pk": training_class.pk})
    assert client.post(confirm, {"token": "x"}).status_code == 409
    assert client.post(confirm, {"token": token}).status_code == 302
    assert Enrolment.objects.filter(state="applied", applied_by_id=registrar.pk).count() == 4
    assert Person.objects.count() == 4
    assert client.post(confirm, {"token": token}).status_code == 409  # they are on the list now
    assert Enrolment.objects.count() == 4
    with clock.frozen(datetime(2026, 9, 21, 12)):
        client = sign_in(Client(), registrar)
        assert client.post(confirm, {"token": token}).status_code == 409


def test_an_import_names_every_bad_row(
    client: Client, training_class: Any, institution: Any, labels: dict[str, str]
) -> None:
    level = labels["college"]
    active = make_enrolment(training_class, make_person("老同学", education="college"), "applied").person
    named = make_person("真名", education="college")
    rows = [
        person_row(1, education=level),
        person_row(2, education=level, number="50099919900101001X"),
        person_row(1, education=level),
        person_row(3, education="博士后"),
        person_row(4, education=level, phone="123"),
        person_row(5, education=level, name="=A1"),
        person_row(6, education=level, number=float(500999199001010010)),
        person_row(7, education=level, name="老同学", number=active.identity_number),
        person_row(8, education=level, name="假名", number=named.identity_number),
        person_row(9, education=""),
        person_row(10, education=level, kind="驾驶证"),
        person_row(11, education=level, name=""),
    ]
    sign_in(client, make_user(Role.REGISTRAR, institution.organisation))
    answer = client.post(
        reverse("training:class_import", kwargs={"pk": training_class.pk}), {"file": upload(table(*rows))}
    )
    assert answer.status_code == 422
    preview = answer.context["preview"]
    assert [line.number for line in preview.problems] == list(range(3, 14))
    assert not preview.token
    assert Enrolment.objects.count() == 1


def test_an_import_beyond_the_places_is_refused(institution: Any, labels: dict[str, str]) -> None:
    small = make_class(institution, capacity=1)
    by = make_actor(Role.REGISTRAR, institution.organisation)
    rows = [person_row(n, education=labels["college"]) for n in range(2)]
    preview = actions.preview_import(small, actions.Upload("a.xlsx", "", table(*rows)), by=by)
    assert [line.number for line in preview.problems] == [3]


def test_tables_that_are_none(training_class: Any, institution: Any) -> None:
    by = make_actor(Role.REGISTRAR, institution.organisation)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (45 * 1024 * 1024))
    many = table(*[person_row(1)] * 2001)
    for data, code in (
        (b"PK\x03\x04 no", "bad_table"),
        (b"x" * (2 * 1024 * 1024 + 1), "too_large"),
        (bomb.getvalue(), "too_large"),
        (table(), "empty_table"),
        (table(headers=("名字",)), "bad_headings"),
        (many, "too_many_rows"),
    ):
        with pytest.raises(Refusal, match=code):
            actions.preview_import(training_class, actions.Upload("a.xlsx", "", data), by=by)
    with pytest.raises(Forbidden):
        actions.preview_import(
            training_class, actions.Upload("a.xlsx", "", table()), by=make_actor(Role.REGISTRAR)
        )
    with pytest.raises(Forbidden):
        actions.import_enrolments(
            training_class, "x", by=make_actor(Role.TEACHING_HEAD, institution.organisation)
        )


def test_who_was_returned_is_imported_again(
    training_class: Any, institution: Any, labels: dict[str, str]
) -> None:
    by = make_actor(Role.REGISTRAR, institution.organisation)
    person = make_person("回来", education="college")
    enrolment = make_enrolment(training_class, person, "returned")
    data = table(person_row(1, name="回来", number=person.identity_number, education=labels["college"]))
    preview = actions.preview_import(training_class, actions.Upload("a.xlsx", "", data), by=by)
    assert actions.import_enrolments(training_class, preview.token, by=by) == 1
    enrolment.refresh_from_db()
    assert enrolment.state == "applied"


# ── what other rooms ask ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R022")
def test_ready_are_the_accepted_with_enough_hours(institution: Any) -> None:
    training_class = make_class(institution, state="running", lessons=1)
    ready, short, waiting = (make_person(education="college") for _ in range(3))
    organisation = institution.organisation_id
    rows = [make_enrolment(training_class, person) for person in (ready, short)]
    make_enrolment(training_class, waiting, "applied")
    make_hours(rows[0].pk, ready, 40, organisation_id=organisation)
    make_hours(rows[1].pk, short, "39.75", organisation_id=organisation)
    assert api.ready_enrolments(institution, training_class.post) == [rows[0]]
    assert api.ready_enrolments(make_institution(), training_class.post) == []
    assert api.last_lesson_end(rows[0]) == training_class.lessons.get().ends_at
    assert api.last_lesson_end(make_enrolment(make_class(institution), short)) is None


def test_enrolments_and_classes_by_actor(institution: Any) -> None:
    person, user = learner()
    enrolment = make_enrolment(make_class(institution), person)
    assert list(api.enrolments_for(as_actor(user))) == [enrolment]
    assert list(api.enrolments_for(make_actor(Role.REGISTRAR, institution.organisation))) == [enrolment]
    assert not api.enrolments_for(make_actor(Role.REGISTRAR))
    assert api.classes_for(make_actor(Role.CENTRE_OFFICER)).count() == 1
    assert not api.classes_for(as_actor(user))
    assert queries.open_classes().count() == 1
