"""Training plans (annex 2): who sees which, the queue, the form on paper."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_institution, make_organisation, make_plan, make_user, sign_in

from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post
from zhupei.training.models import TrainingPlan
from zhupei.training.tests.plans import head_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("september")]
LIST_QUERIES = (
    12  # whatever the number of rows: session, actor, notices, divisions, calendar, the page, its rows
)


def test_the_queue_shows_each_his_own(
    client: Client, institution: Any, django_assert_num_queries: Any
) -> None:
    make_plan(institution, "late")
    make_plan(institution, "submitted")
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    text = client.get(reverse("training:plan_queue")).content.decode()
    assert text.count('<th scope="row"') == 1
    empty = Client()
    TrainingPlan.objects.filter(state="late").update(state="received")
    sign_in(empty, make_user(Role.CENTRE_APPROVER))
    assert "z-empty" in empty.get(reverse("training:plan_queue")).content.decode()


@pytest.mark.req("R017", "R176", "R181")
def test_the_form_as_pdf_and_docx(client: Client, institution: Any) -> None:
    plan = make_plan(institution, "draft", posts=("101", "102", "103", "104", "106", "107", "108", "109"))
    sign_in(client, head_of(institution))
    pdf = client.get(reverse("training:plan_pdf", kwargs={"pk": plan.pk}))
    assert pdf.content.startswith(b"%PDF")
    docx = client.get(reverse("training:plan_docx", kwargs={"pk": plan.pk}))
    assert docx.content.startswith(b"PK")
    seal = client.get(reverse("training:plan_file", kwargs={"pk": plan.pk, "which": "seal"}))
    assert seal.content.startswith(b"%PDF")
    for which in ("signature", "calendar_version"):
        assert (
            client.get(reverse("training:plan_file", kwargs={"pk": plan.pk, "which": which})).status_code
            == 404
        )


@pytest.mark.req("R029")
def test_who_sees_which_plans(client: Client, institution: Any) -> None:
    mine, draft = make_plan(institution, "submitted"), make_plan(institution, "draft")
    other = make_plan(make_institution(division_code="500103"), "received")
    inside = make_user(Role.DISTRICT_OFFICER, make_organisation("district", "区县甲", division_code="500103"))

    def seen(user: Any) -> set[int]:
        c = sign_in(Client(), user)
        assert c.get(reverse("training:plans")).status_code == 200
        return {
            p.pk
            for p in (mine, draft, other)
            if c.get(reverse("training:plan", kwargs={"pk": p.pk})).status_code == 200
        }

    assert seen(inside) == {other.pk}
    assert seen(make_user(Role.CENTRE_OFFICER)) == {mine.pk, other.pk}
    assert seen(make_user(Role.CITY_EDUCATION_OFFICE)) == {mine.pk, other.pk}
    assert seen(head_of(institution)) == {mine.pk, draft.pk}


def test_the_list_filters_and_pins_its_queries(
    client: Client, institution: Any, django_assert_num_queries: Any
) -> None:
    for _ in range(5):
        make_plan(institution, "draft")
    make_plan(institution, "received", posts=("102",))
    sign_in(client, head_of(institution))
    client.get(reverse("training:plans"))
    with django_assert_num_queries(LIST_QUERIES):
        assert client.get(reverse("training:plans")).content.decode().count('scope="row"') == 6
    for _ in range(5):
        make_plan(institution, "draft")
    with django_assert_num_queries(LIST_QUERIES):
        client.get(reverse("training:plans"))
    name = Post.objects.get(code="102").name
    for query, count in (
        ({"state": "received"}, 1),
        ({"q": name}, 1),
        ({"year": "2025"}, 0),
        ({"division": "500157"}, 11),
    ):
        assert client.get(reverse("training:plans"), query).content.decode().count('scope="row"') == count
