"""Training plans (annex 2): drawing up, filing, deciding, changing."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from tests.makers import (
    as_actor,
    make_actor,
    make_class,
    make_institution,
    make_organisation,
    make_plan,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.rulebook.api import Post
from zhupei.rulebook.models import CalendarVersion
from zhupei.training import actions, queries
from zhupei.training.models import PlanStep, TrainingPlan

pytestmark = pytest.mark.django_db
IN_TIME = datetime(2026, 9, 29, 23, 59)
LATE = datetime(2026, 9, 30, 0, 1)


@pytest.fixture(autouse=True)
def _rulebook() -> Any:
    make_rulebook()
    with clock.frozen(datetime(2026, 9, 21, 10)):
        yield


@pytest.fixture
def institution() -> Any:
    return make_institution()


def head_of(institution: Any) -> Any:
    return make_user(Role.TEACHING_HEAD, institution.organisation)


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(out, "PNG")
    return out.getvalue()


def form_data(place: Any, **changes: Any) -> dict[str, Any]:
    return {
        "site": place.pk,
        "filled_on": "2026-09-21",
        "teaching_head": "周敏",
        "teaching_head_phone": "138 1234 5678",
        "contact": "李文",
        "contact_phone": "023-63601234",
        "opinion": "同意申报",
        "signed_by": "王建国",
        "key": "k-1",
        "rows-TOTAL_FORMS": "1",
        "rows-INITIAL_FORMS": "0",
        "rows-0-post": Post.objects.get(code="101").pk,
        "rows-0-expected": "30",
        "rows-0-fee": "1200.50",
        "rows-0-time_text": "2026年10月12-16日9:00-12:00、14:00-17:00",
        **changes,
    }


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


def plan_input(
    site: Any, *, time_text: str = "2026年10月12-16日9:00-12:00、14:00-17:00", expected: int = 30, **more: Any
) -> Any:
    post = Post.objects.get(code="101")
    values = {
        "site": site,
        "filled_on": clock.today(),
        "teaching_head": "周敏",
        "teaching_head_phone": "13812345678",
        "contact": "李文",
        "contact_phone": "13812345678",
        "opinion": "同意",
        "signed_by": "王建国",
        "seal": actions.Upload("s.pdf", "application/pdf", b"%PDF-1.4"),
        "rows": [actions.RowInput(post, expected, time_text, Decimal("0"))],
        **more,
    }
    return actions.PlanInput(**values)


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


@pytest.mark.req("R016", "I10")
def test_filed_on_the_fifth_working_day_is_in_time(client: Client, institution: Any) -> None:
    plan = make_plan(institution, "draft")
    officer = make_user(Role.CENTRE_OFFICER)
    user = head_of(institution)
    with clock.frozen(IN_TIME):
        sign_in(client, user)
        page = client.get(reverse("training:plan_submit", kwargs={"pk": plan.pk}))
        assert page.status_code == 200
        answer = client.post(reverse("training:plan_submit", kwargs={"pk": plan.pk}))
    assert answer.status_code == 302
    plan.refresh_from_db()
    assert (plan.state, plan.lateness_days) == ("submitted", 0)
    assert plan.rule_set is not None
    assert Notice.objects.filter(user=officer).exists()
    assert AuditEvent.objects.filter(code="training.plan_submitted").count() == 1
    with clock.frozen(IN_TIME):
        again = client.post(reverse("training:plan_submit", kwargs={"pk": plan.pk}))
    assert again.status_code == 409
    assert PlanStep.objects.filter(plan=plan, verb="submit").count() == 1


@pytest.mark.req("R016")
def test_a_late_plan_names_the_day_and_the_way_out(client: Client, institution: Any) -> None:
    plan = make_plan(institution, "draft")
    url = reverse("training:plan_submit", kwargs={"pk": plan.pk})
    user = head_of(institution)
    with clock.frozen(LATE):
        sign_in(client, user)
        answer = client.post(url)
        assert answer.status_code == 422
        text = answer.content.decode()
        assert "2026年9月29日" in text
        assert "二（一）3" in text
        answer = client.post(url, {"late_reason": "教师临时调整"})
    assert answer.status_code == 302
    plan.refresh_from_db()
    assert (plan.state, plan.lateness_days, plan.late_reason) == ("late", 1, "教师临时调整")


def test_filing_needs_opinion_name_and_seal(institution: Any) -> None:
    plan = make_plan(institution, "draft")
    plan.seal, plan.signed_by, plan.opinion = None, "", ""
    plan.save()
    with pytest.raises(Refusal) as refused:
        actions.submit_plan(plan, by=as_actor(head_of(institution)))
    assert set(refused.value.fields) == {"seal", "signed_by", "opinion"}


def test_a_plan_is_not_filed_once_its_class_opens(institution: Any) -> None:
    plan = make_plan(institution, "draft")
    with clock.frozen(datetime(2026, 10, 12, 8)), pytest.raises(Refusal, match="already_open"):
        actions.submit_plan(plan, late_reason="晚了", by=as_actor(head_of(institution)))


def test_only_those_who_file_and_only_for_their_own(institution: Any) -> None:
    plan = make_plan(institution, "draft")
    for by in (
        make_actor(Role.TEACHER, institution.organisation),
        make_actor(Role.TEACHING_HEAD),
        make_actor(Role.CENTRE_OFFICER),
    ):
        with pytest.raises(Forbidden):
            actions.submit_plan(plan, by=by)
    with pytest.raises(Forbidden):
        actions.edit_plan(plan, plan_input(plan.site), revision=0, by=make_actor(Role.REGISTRAR))


@pytest.mark.req("R016")
def test_the_officer_decides_plans_in_time_the_approver_late_ones(client: Client, institution: Any) -> None:
    late, filed = make_plan(institution, "late"), make_plan(institution, "submitted")
    officer, approver = make_user(Role.CENTRE_OFFICER), make_user(Role.CENTRE_APPROVER)
    sign_in(client, officer)
    assert client.post(reverse("training:plan_receive", kwargs={"pk": late.pk})).status_code == 403
    assert client.post(reverse("training:plan_receive", kwargs={"pk": filed.pk})).status_code == 302
    sign_in(client, approver)
    assert client.post(reverse("training:plan_return", kwargs={"pk": late.pk})).status_code == 422
    assert (
        client.post(
            reverse("training:plan_return", kwargs={"pk": late.pk}), {"reason": "无正当理由"}
        ).status_code
        == 302
    )
    late.refresh_from_db()
    filed.refresh_from_db()
    assert (late.state, filed.state) == ("returned", "received")
    assert client.post(reverse("training:plan_receive", kwargs={"pk": filed.pk})).status_code == 409


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


def test_a_returned_plan_is_edited_in_place(client: Client, institution: Any) -> None:
    plan = make_plan(institution, "returned")
    sign_in(client, head_of(institution))
    url = reverse("training:plan_edit", kwargs={"pk": plan.pk})
    assert "rows-0-time_text" in client.get(url).content.decode()
    data = form_data(plan.site, contact="新联系人", revision="0", **{"rows-INITIAL_FORMS": "1"})
    assert client.post(url, data).status_code == 302
    plan.refresh_from_db()
    assert (plan.contact, plan.version, plan.revision) == ("新联系人", 1, 1)
    stale = client.post(url, data)  # the other tab
    assert stale.status_code == 409
    actions.submit_plan(plan, by=as_actor(head_of(institution)))
    data["revision"] = "2"
    assert client.post(url, data).status_code == 409


@pytest.mark.req("R180", "J05")
def test_a_change_is_a_new_version_with_a_visible_difference(client: Client, institution: Any) -> None:
    plan = make_plan(institution, "received")
    make_class(plan=plan)
    user = head_of(institution)
    url = reverse("training:plan_change", kwargs={"pk": plan.pk})
    with clock.frozen(datetime(2026, 10, 11, 23, 50)):
        sign_in(client, user)
        assert client.post(url).status_code == 302
        new = TrainingPlan.objects.get(supersedes=plan)
        assert client.post(url).status_code == 302  # the other tab gets the same draft
        assert TrainingPlan.objects.count() == 2
        by = as_actor(user)
        later = "2026年10月13-17日9:00-12:00、14:00-17:00"
        actions.edit_plan(new, plan_input(plan.site, time_text=later, contact="赵六"), revision=0, by=by)
        with pytest.raises(Refusal, match="no_change_reason"):
            actions.submit_plan(new, by=by)
        actions.edit_plan(
            new,
            plan_input(plan.site, time_text=later, contact="赵六", change_reason="教室维修"),
            revision=1,
            by=by,
        )
        actions.submit_plan(new, by=by)
    plan.refresh_from_db()
    new.refresh_from_db()
    assert (plan.state, new.state, new.version, new.sequence) == ("superseded", "submitted", 2, plan.sequence)
    assert new.rows.get().training_class.first_day == date(2026, 10, 13)
    client = sign_in(Client(), user)
    text = client.get(reverse("training:plan_changes", kwargs={"pk": new.pk})).content.decode()
    assert "<del>李文</del>" in text
    assert "<ins>赵六</ins>" in text
    assert client.get(reverse("training:plan_changes", kwargs={"pk": plan.pk})).status_code == 404
    assert client.get(reverse("training:plan", kwargs={"pk": plan.pk})).status_code == 200


@pytest.mark.req("R180", "J05")
def test_a_change_after_the_day_before_is_refused(client: Client, institution: Any) -> None:
    plan = make_plan(institution, "received")
    user = head_of(institution)
    with clock.frozen(datetime(2026, 10, 12, 0, 1)):
        sign_in(client, user)
        answer = client.post(reverse("training:plan_change", kwargs={"pk": plan.pk}))
    assert answer.status_code == 409
    assert "附件2注" in answer.content.decode()
    assert TrainingPlan.objects.count() == 1


def test_a_change_begun_in_time_but_filed_late_is_refused(institution: Any) -> None:
    plan = make_plan(institution, "received")
    by = as_actor(head_of(institution))
    new = actions.change_plan(plan, by=by)
    actions.edit_plan(new, plan_input(plan.site, change_reason="x"), revision=0, by=by)
    with clock.frozen(datetime(2026, 10, 12, 0, 1)), pytest.raises(Refusal, match="change_too_late"):
        actions.submit_plan(new, by=by)


def test_bringing_the_opening_forward_needs_the_five_days(institution: Any) -> None:
    plan = make_plan(institution, "received")
    by = as_actor(head_of(institution))
    new = actions.change_plan(plan, by=by)
    earlier = "2026年9月24-28日9:00-12:00、14:00-17:00"
    actions.edit_plan(new, plan_input(plan.site, time_text=earlier, change_reason="提前"), revision=0, by=by)
    with pytest.raises(Refusal, match="too_late"):
        actions.submit_plan(new, by=by)
    new = actions.submit_plan(new, late_reason="学员要求", by=by)
    plan.refresh_from_db()
    assert (new.state, plan.state) == ("late", "received")  # the old version holds until the centre decides
    actions.receive_plan(new, by=make_actor(Role.CENTRE_APPROVER))
    plan.refresh_from_db()
    assert plan.state == "superseded"


def test_a_change_cannot_drop_the_post_of_an_open_class(institution: Any) -> None:
    plan = make_plan(institution, "received", posts=("101", "102"))
    make_class(plan=plan)
    by = as_actor(head_of(institution))
    new = actions.change_plan(plan, by=by)
    row = actions.RowInput(Post.objects.get(code="102"), 10, plan.rows.all()[0].time_text, Decimal("1"))
    actions.edit_plan(new, plan_input(plan.site, rows=[row], change_reason="x"), revision=0, by=by)
    with pytest.raises(Conflict, match="class_without_row"):
        actions.submit_plan(new, by=by)
    plan.refresh_from_db()
    assert plan.state == "received"


def test_a_returned_change_is_edited_and_filed_again(institution: Any) -> None:
    plan = make_plan(institution, "received")
    by = as_actor(head_of(institution))
    new = actions.change_plan(plan, by=by)
    actions.edit_plan(new, plan_input(plan.site, change_reason="x"), revision=0, by=by)
    new = actions.submit_plan(new, by=by)
    new = actions.return_plan(new, reason="请补充", by=make_actor(Role.CENTRE_OFFICER))
    new = actions.edit_plan(new, plan_input(plan.site, change_reason="y"), revision=new.revision, by=by)
    assert actions.submit_plan(new, by=by).state == "submitted"
    plan.refresh_from_db()
    assert plan.state == "superseded"


def test_a_withdrawn_change_leaves_the_old_version(institution: Any) -> None:
    plan = make_plan(institution, "received")
    by = as_actor(head_of(institution))
    first = actions.change_plan(plan, by=by)
    actions.withdraw_plan(first, by=by)
    second = actions.change_plan(plan, by=by)
    plan.refresh_from_db()
    assert (plan.state, second.version) == ("received", 3)


def test_withdrawing_and_the_gap_it_leaves(client: Client, institution: Any) -> None:
    first, second = make_plan(institution, "draft"), make_plan(institution, "draft")
    sign_in(client, head_of(institution))
    assert client.post(reverse("training:plan_withdraw", kwargs={"pk": first.pk})).status_code == 302
    assert client.post(reverse("training:plan_withdraw", kwargs={"pk": first.pk})).status_code == 409
    assert queries.sequence_gaps(second) == [1]
    received = make_plan(institution, "received")
    assert client.post(reverse("training:plan_withdraw", kwargs={"pk": received.pk})).status_code == 409


def test_a_plan_with_an_open_class_is_not_returned(institution: Any) -> None:
    plan = make_plan(institution, "received")
    make_class(plan=plan)
    with pytest.raises(Conflict, match="class_open"):
        actions.return_plan(plan, reason="x", by=make_actor(Role.CENTRE_OFFICER))


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


LIST_QUERIES = (
    12  # whatever the number of rows: session, actor, notices, divisions, calendar, the page, its rows
)


@pytest.mark.req("R016")
def test_filing_days_move_with_the_calendar(institution: Any, client: Client) -> None:
    plan = make_plan(institution, "submitted", time_text="2027年3月1-5日9:00-12:00、14:00-17:00")
    TrainingPlan.objects.filter(pk=plan.pk).update(deadline=date(2027, 1, 1))
    assert actions.recompute_deadlines() == 0  # same calendar
    CalendarVersion.objects.create(
        source_document="国办发〔2026〕X号", imported_at=clock.now(), imported_by="x", years=[2027]
    )
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    client.get(reverse("training:plan_queue"))
    plan.refresh_from_db()
    assert plan.deadline == date(2027, 2, 22)
    assert not plan.deadline_is_provisional
    assert AuditEvent.objects.filter(code="training.plan_deadline_moved").count() == 1
