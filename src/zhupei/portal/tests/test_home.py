from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_batch,
    make_class,
    make_enrolment,
    make_institution,
    make_learner,
    make_ready_enrolment,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.certificates.api import consume_news
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.people.api import Person
from zhupei.portal.learner import next_step

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rulebook() -> None:
    make_rulebook()


def title(person: Person) -> str:
    return next_step(person).title


def test_visitors_see_the_public_site(client: Client) -> None:
    opened = make_class(make_institution())
    with clock.frozen(clock.now().replace(year=opened.first_day.year, month=opened.first_day.month, day=1)):
        page = client.get("/").content.decode()
    assert opened.name in page
    assert reverse("certificates:check") in page
    assert 'href="/practice/"' in page


@pytest.mark.req("R002", "R003")
def test_the_rule_and_its_basis_are_public(client: Client) -> None:
    page = client.get(reverse("portal:rule")).content.decode()
    assert "建人〔2019〕9号" in page
    assert "2019年1月1日" in page


def test_a_learner_is_led_from_enrolment_to_the_class(client: Client) -> None:
    person, user = make_learner()
    sign_in(client, user)
    assert reverse("training:open_classes") in client.get("/").content.decode()
    training_class = make_class(make_institution(), lessons=2)
    enrolment = make_enrolment(training_class, person, state="applied")
    assert title(person) == "报名审核中"
    enrolment.state = "accepted"
    enrolment.save()
    step = next_step(person)
    assert step.stage == "learn"
    assert reverse("training:my_class", args=[enrolment.pk]) in client.get("/").content.decode()


def test_complete_hours_wait_for_the_test() -> None:
    person, _user = make_learner()
    enrolment = make_ready_enrolment(make_institution(), person=person)
    with clock.frozen(clock.now() + timedelta(days=120)):
        assert title(person) == "等待测试"
    assert enrolment.person == person


def test_a_candidate_is_led_from_the_slip_to_the_test() -> None:
    person, _user = make_learner()
    batch = make_batch(persons=[person], state="released")
    slot = batch.slots.all()[0]
    with clock.frozen(slot.starts_at - timedelta(days=3)):
        assert next_step(person).url == reverse("exams:my_test")
    with clock.frozen(slot.starts_at - timedelta(minutes=10)):
        assert next_step(person).url == "/exam/"
    with clock.frozen(slot.ends_at + timedelta(minutes=10)):
        assert title(person) == "测试已结束"


@pytest.mark.req("R044")
def test_scores_say_what_comes_next() -> None:
    batch = make_batch(persons=[make_learner()[0], make_learner()[0]], state="returned", wrong=60)
    titles = {result.passed: title(result.candidate.person) for result in batch.hall_return.results.all()}
    assert titles == {False: "本次未合格", True: "两科均已合格"}


def test_a_certificate_ends_the_way() -> None:
    person, _user = make_learner()
    make_batch(persons=[person], state="confirmed")
    consume_news()
    assert title(person) == "证书已颁发"


@pytest.mark.parametrize("role", [role for role in Role if role != Role.LEARNER])
def test_staff_see_what_waits_with_few_queries(
    client: Client, role: Role, django_assert_max_num_queries
) -> None:
    make_batch(state="preparing")
    sign_in(client, make_user(role))
    client.get("/")
    with django_assert_max_num_queries(32):
        page = client.get("/")
    assert page.status_code == 200


def test_a_task_counts_and_leads_to_its_list(client: Client) -> None:
    make_batch(state="returned")
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    page = client.get("/")
    assert [task.label for task in page.context["tasks"] if task.count] == ["待确认成绩的批次"]
    assert client.get(page.context["tasks"][0].url).status_code == 200
