"""Two windows at once, and addresses that no page offers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    as_actor,
    make_actor,
    make_class,
    make_institution,
    make_learner,
    make_plan,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.institutions.models import Institution
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.training import actions
from zhupei.training.models import Enrolment, TrainingClass

from .plans import plan_input

pytestmark = pytest.mark.django_db
BEFORE = datetime(2026, 9, 21, 10)


@pytest.fixture(autouse=True)
def _rulebook() -> Any:
    make_rulebook()
    with clock.frozen(BEFORE):
        yield


@pytest.fixture
def institution() -> Any:
    return make_institution()


def test_no_class_from_a_plan_that_was_returned_meanwhile(institution: Any) -> None:
    plan = make_plan(institution, "received")
    row = plan.rows.select_related("plan__institution").get()  # as the page of the institution has read it
    actions.return_plan(plan, reason="场地不符", by=make_actor(Role.CENTRE_OFFICER))
    with pytest.raises(Conflict, match="plan_not_in_force"):
        actions.open_class(row, by=make_actor(Role.TEACHING_HEAD, institution.organisation))
    assert not TrainingClass.objects.exists()


def test_a_late_change_is_not_received_once_the_class_has_opened(institution: Any) -> None:
    plan = make_plan(institution, "received")
    make_class(plan=plan, state="running")
    by = as_actor(make_user(Role.TEACHING_HEAD, institution.organisation))
    new = actions.change_plan(plan, by=by)
    earlier = "2026年9月24-28日9:00-12:00、14:00-17:00"
    actions.edit_plan(new, plan_input(plan.site, time_text=earlier, change_reason="提前"), revision=0, by=by)
    new = actions.submit_plan(new, late_reason="学员要求", by=by)
    with clock.frozen(datetime(2026, 10, 13, 9)), pytest.raises(Refusal, match="change_too_late"):
        actions.receive_plan(new, by=make_actor(Role.CENTRE_APPROVER))
    plan.refresh_from_db()
    assert plan.state == "received"


def test_a_learner_enrols_only_where_the_public_list_leads(client: Client, institution: Any) -> None:
    training_class = make_class(institution)
    _person, user = make_learner(education="college")
    sign_in(client, user)
    url = reverse("training:enrol", kwargs={"pk": training_class.pk})
    Institution.objects.filter(pk=institution.pk).update(state="blocked")
    assert client.post(url).status_code == 404
    Institution.objects.filter(pk=institution.pk).update(state="published")
    with clock.frozen(datetime(2026, 10, 13)):  # begun
        assert sign_in(Client(), user).post(url).status_code == 404
    assert not Enrolment.objects.exists()
    assert client.post(url).status_code == 302


@pytest.mark.parametrize("chosen", ["²", "9" * 30, "9" * 5000, "x"])
def test_applications_that_are_no_numbers_are_none(client: Client, institution: Any, chosen: str) -> None:
    sign_in(client, make_user(Role.REGISTRAR, institution.organisation))
    assert client.post(reverse("training:enrolments_accept"), {"enrolment": chosen}).status_code == 302
