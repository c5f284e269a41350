"""What a re-scoring does to certificates: a new pass opens the way to one, a lost one is decided by the centre (I07)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_rulebook, make_user, sign_in

from zhupei.certificates.api import Certificate, check, consume_news, decide_revocation
from zhupei.certificates.models import ConsumedEvent, RevocationProposal
from zhupei.certificates.todo import tasks_for
from zhupei.exams import actions as exams
from zhupei.exams.tests.corrected import Case, approve, approver, held
from zhupei.exams.tests.held import results_of
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import RuleParameter

pytestmark = [pytest.mark.django_db, pytest.mark.req("I07", "I01")]


@pytest.fixture(autouse=True)
def _rules() -> None:
    make_rulebook()
    RuleParameter.objects.filter(key="correction_policy").update(value="strict")


def passed_anew() -> tuple[Case, Certificate]:
    case = held(candidates=1)
    assert consume_news() == 0
    row = approve(case.propose())
    assert consume_news() == 0  # a pass that the centre has not confirmed yet
    exams.confirm_rescored(row, by=approver())
    assert consume_news() == 1
    certificate = Certificate.objects.get()
    assert certificate.result == results_of(case.batch)[0]
    assert certificate.issued_on == clock.today()  # not on the day on which it was failed
    return case, certificate


def test_a_new_pass_gets_its_certificate_once_confirmed() -> None:
    _case, certificate = passed_anew()
    ConsumedEvent.objects.update(last_id=0)
    assert consume_news() == 0
    assert certificate.state == "valid"


def test_a_lost_pass_is_put_before_the_centre_and_never_revoked_by_itself(client: Client) -> None:
    case, certificate = passed_anew()
    first = approver()
    approve(case.propose(answers=[case.right]), first)
    for _again in range(2):
        ConsumedEvent.objects.update(last_id=0)
        assert consume_news() == 0
    proposal = RevocationProposal.objects.get()
    certificate.refresh_from_db()
    assert certificate.state == "valid"
    assert check(certificate.number).is_valid  # type: ignore[union-attr]
    assert proposal.proposed_by_id == first.user_id
    with pytest.raises(Forbidden):
        decide_revocation(proposal, accept=True, reason="x", by=make_actor(Role.CENTRE_OFFICER))
    with pytest.raises(Refusal) as refusal:
        decide_revocation(proposal, accept=True, reason="x", by=first)
    assert refusal.value.code == "same_person"
    with pytest.raises(Refusal):
        decide_revocation(proposal, accept=True, reason=" ", by=approver())
    user = make_user(Role.CENTRE_APPROVER)
    sign_in(client, user)
    page = reverse("certificates:revocations")
    url = reverse("certificates:revocation_decide", args=[proposal.pk])
    assert url in client.get(page).content.decode()
    assert client.get(url).status_code == 200
    assert client.post(url, {"accept": "1", "reason": ""}).status_code == 422
    assert client.post(url, {"accept": "1", "reason": "未达到合格线"}).status_code == 302
    assert client.post(url, {"accept": "1", "reason": "未达到合格线"}).status_code == 409
    certificate.refresh_from_db()
    assert certificate.state == "revoked"
    assert "未达到合格线" in client.get(page, {"done": "1"}).content.decode()
    assert url not in client.get(page).content.decode()
    ConsumedEvent.objects.update(last_id=0)
    assert consume_news() == 0
    assert RevocationProposal.objects.count() == 1


@pytest.mark.parametrize("passes_again", [False, True])
def test_the_centre_may_let_it_stand(passes_again: bool) -> None:
    case, certificate = passed_anew()
    approve(case.propose(answers=[case.right]))
    consume_news()
    proposal = RevocationProposal.objects.get()
    tasks: Any = [one for one in tasks_for(make_actor(Role.CENTRE_APPROVER)) if one.count]
    assert len(tasks) == 1
    if passes_again:
        approve(case.propose())
        with pytest.raises(Conflict):
            decide_revocation(proposal, accept=True, reason="x", by=approver())
    decide_revocation(proposal, accept=False, reason="信赖保护", by=approver())
    ConsumedEvent.objects.update(last_id=0)
    consume_news()
    certificate.refresh_from_db()
    assert certificate.state == "valid"
    assert RevocationProposal.objects.count() == 1
    with pytest.raises(Conflict):
        decide_revocation(proposal, accept=True, reason="x", by=approver())
