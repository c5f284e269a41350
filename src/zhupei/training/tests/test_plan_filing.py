"""Training plans (annex 2): filing in time or late, deciding, the days that move with the calendar."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_actor, make_plan, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.kernel import clock
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.rulebook.models import CalendarVersion
from zhupei.training import actions
from zhupei.training.models import PlanStep, TrainingPlan
from zhupei.training.tests.plans import IN_TIME, LATE, form_data, head_of, plan_input

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("september")]


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
