"""Training plans (annex 2): a change is a new version; withdrawing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_actor, make_class, make_plan, sign_in

from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post
from zhupei.training import actions, queries
from zhupei.training.models import TrainingPlan
from zhupei.training.tests.plans import head_of, plan_input

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("september")]


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
