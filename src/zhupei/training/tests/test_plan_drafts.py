"""Training plans (annex 2): drawing up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_institution, make_site, sign_in

from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import Post
from zhupei.training import actions, queries
from zhupei.training.models import TrainingPlan
from zhupei.training.tests.plans import form_data, head_of, plan_input, png

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("september")]


@pytest.mark.req(
    "R015",
    "R017",
    "R164",
    "R165",
    "R166",
    "R167",
    "R168",
    "R169",
    "R170",
    "R171",
    "R172",
    "R173",
    "R174",
    "R175",
)
def test_a_plan_is_drawn_up_with_every_field(client: Client, institution: Any) -> None:
    site = make_site(institution)
    sign_in(client, head_of(institution))
    page = client.get(reverse("training:plan_new"))
    assert page.status_code == 200
    assert institution.full_name in page.content.decode()
    seal = SimpleUploadedFile("章.png", png(), content_type="image/png")
    answer = client.post(reverse("training:plan_new"), {**form_data(site), "seal": seal})
    plan = TrainingPlan.objects.get()
    assert answer.status_code == 302
    assert answer.url == reverse("training:plan", kwargs={"pk": plan.pk})
    assert (plan.year, plan.sequence, plan.version, plan.state) == (2026, 1, 1, "draft")
    assert plan.institution_name == institution.full_name
    assert plan.address == site.address
    assert plan.teaching_head_phone == "13812345678"
    assert plan.contact_phone == "023-63601234"
    assert plan.first_day == date(2026, 10, 12)
    assert plan.deadline == date(2026, 9, 29)
    assert plan.seal is not None
    row = plan.rows.get()
    assert (row.post.code, row.expected, row.fee, row.hours) == (
        "101",
        30,
        Decimal("1200.50"),
        Decimal("40.00"),
    )
    assert row.syllabus is not None
    assert row.periods == [
        {
            "first": "2026-10-12",
            "last": "2026-10-16",
            "start": "09:00",
            "end": "17:00",
            "breaks": [["12:00", "14:00"]],
        }
    ]
    page = client.get(answer.url)
    assert page.status_code == 200
    assert "2026年9月29日" in page.content.decode()


def test_the_form_posted_twice_makes_one_plan(client: Client, institution: Any) -> None:
    site = make_site(institution)
    sign_in(client, head_of(institution))
    for _ in range(2):
        client.post(reverse("training:plan_new"), form_data(site))
    assert TrainingPlan.objects.count() == 1
    client.post(reverse("training:plan_new"), form_data(site, key="k-2"))
    assert sorted(TrainingPlan.objects.values_list("sequence", flat=True)) == [1, 2]


@pytest.mark.req("R174")
def test_time_by_days_and_hours_without_script(client: Client, institution: Any) -> None:
    sign_in(client, head_of(institution))
    parts = {
        "first": "2027-01-01",
        "last": "2027-01-05",
        "start": "09:00",
        "end": "18:00",
        "pause": "12:00",
        "resume": "13:00",
    }
    data = form_data(
        make_site(institution), **{f"rows-0-{k}": v for k, v in parts.items()}, **{"rows-0-time_text": ""}
    )
    client.post(reverse("training:plan_new"), data)
    plan = TrainingPlan.objects.get()
    row = plan.rows.get()
    assert row.time_text == "2027年1月1-5日9:00-12:00、13:00-18:00"
    assert row.hours == Decimal("53.33")
    assert plan.year == 2027
    assert plan.deadline == date(2026, 12, 25)
    text = " ".join(queries.plan_warnings(plan))
    assert "节假日" in text or "holidays" in text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rows-0-time_text": "下周一"}, "rows"),
        ({"rows-0-time_text": "2026年10月16-12日9:00-17:00"}, "rows"),
        ({"rows-0-time_text": ""}, "rows"),
        ({"rows-0-time_text": "", "rows-0-first": "2026-10-12"}, "rows"),
        ({"rows-0-expected": "0"}, "rows"),
        ({"rows-0-fee": "-1"}, "rows"),
        ({"rows-0-post": ""}, "rows"),
        ({"contact_phone": "12"}, "contact_phone"),
        ({"teaching_head": ""}, "teaching_head"),
        ({"filled_on": "2026-09-22"}, "filled_on"),
        ({"rows-0-expected": "61"}, "form"),
        ({"site": "999999"}, "site"),
    ],
)
def test_values_that_cannot_be_are_refused(
    client: Client, institution: Any, changes: dict[str, str], field: str
) -> None:
    sign_in(client, head_of(institution))
    answer = client.post(reverse("training:plan_new"), form_data(make_site(institution), **changes))
    assert answer.status_code == 422
    assert not TrainingPlan.objects.exists()
    assert "z-errors" in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("seal.png", b"\x89PNG\r\n\x1a\n broken", "image/png"),
        ("seal.png", b"%PDF-1.4", "image/png"),
        ("seal.exe", b"MZ", "application/octet-stream"),
        ("seal.pdf", b"%PDF-" + b"0" * (5 * 1024 * 1024 + 1), "application/pdf"),
    ],
)
@pytest.mark.req("R178", "R179")
def test_seals_are_checked_by_content(
    client: Client, institution: Any, name: str, data: bytes, kind: str
) -> None:
    sign_in(client, head_of(institution))
    file = SimpleUploadedFile(name, data, content_type=kind)
    answer = client.post(reverse("training:plan_new"), {**form_data(make_site(institution)), "seal": file})
    assert answer.status_code == 422
    assert not TrainingPlan.objects.exists()


def test_a_row_is_added_without_script_and_what_was_typed_stays(client: Client, institution: Any) -> None:
    sign_in(client, head_of(institution))
    answer = client.post(reverse("training:plan_new"), form_data(make_site(institution), add_row="rows"))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="rows-1-post"' in text
    assert "周敏" in text


@pytest.mark.req("R010")
def test_a_site_of_others_or_not_approved_is_refused(institution: Any) -> None:
    by = as_actor(head_of(institution))
    for site in (make_site(institution, approved=False), make_site(make_institution())):
        with pytest.raises(Refusal, match="site_not_approved"):
            actions.create_plan(institution, plan_input(site), key="x", by=by)


@pytest.mark.req("R011", "R173")
def test_more_persons_than_seats_are_refused(institution: Any) -> None:
    site = make_site(institution, rooms=(("A", 40), ("B", 20)))
    by = as_actor(head_of(institution))
    with pytest.raises(Refusal, match="too_many_expected"):
        actions.create_plan(institution, plan_input(site, expected=61), key="x", by=by)
    assert (
        actions.create_plan(institution, plan_input(site, expected=60), key="x", by=by).rows.get().expected
        == 60
    )


@pytest.mark.req("R172", "R022", "J04")
def test_a_draft_is_warned_not_blocked(institution: Any) -> None:
    site = make_site(institution)
    row = actions.RowInput(Post.objects.get(code="101"), 10, "2026年10月12-13日9:00-17:00", Decimal("0"))
    plan = actions.create_plan(
        institution, plan_input(site, rows=[row, row]), key="x", by=as_actor(head_of(institution))
    )
    text = " ".join(queries.plan_warnings(plan))
    assert "21.33" in text
    assert len([w for w in queries.plan_warnings(plan) if Post.objects.get(code="101").name in w]) >= 3
    with pytest.raises(Refusal, match="too_few_hours"):
        actions.submit_plan(plan, by=as_actor(head_of(institution)))


@pytest.mark.req("R005")
def test_a_hidden_institution_draws_up_no_plan() -> None:
    institution = make_institution(state="blocked")
    with pytest.raises(Refusal, match="institution_blocked"):
        actions.create_plan(
            institution, plan_input(make_site(institution)), key="x", by=as_actor(head_of(institution))
        )
