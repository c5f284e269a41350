"""Reviews of results: asked for in time, counted again, answered with a reason (I07)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from tests.makers import (
    as_actor,
    make_actor,
    make_batch,
    make_institution,
    make_learner,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.exams import actions, standing
from zhupei.exams.choices import CHALLENGE, ChallengeState
from zhupei.exams.models import Batch, Challenge, ExamsEvent, KeyCorrection, Result
from zhupei.exams.personal import records_of
from zhupei.exams.todo import tasks_for
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.rulebook.api import calendar

pytestmark = [pytest.mark.django_db, pytest.mark.req("I07")]


@pytest.fixture(autouse=True)
def _rules() -> None:
    make_rulebook()


def sat(**more: Any) -> tuple[Batch, Result, Actor]:
    """A confirmed batch of one learner, his result and himself."""
    person, user = make_learner()
    batch = make_batch(state="confirmed", persons=[person], **more)
    return batch, Result.objects.get(candidate__batch=batch), as_actor(user)


def soon(batch: Batch) -> Any:
    return clock.frozen(batch.confirmed_at + timedelta(hours=1))


def test_who_may_ask_and_for_what() -> None:
    batch, result, learner = sat()
    with soon(batch):
        others = [
            as_actor(make_learner()[1]),
            make_actor(Role.EXAM_OFFICER, make_institution().organisation),
            make_actor(Role.REGISTRAR, batch.institution.organisation),
            make_actor(Role.CENTRE_OFFICER),
        ]
        for by in others:
            with pytest.raises((Forbidden, Refusal)) as refusal:
                actions.file_challenge(result, kind="score", text="请复核", by=by)
            assert refusal.value.status == 403
        with pytest.raises(Refusal) as empty:
            actions.file_challenge(result, kind="score", text=" ", by=learner)
        assert "text" in empty.value.fields
        challenge = actions.file_challenge(result, kind="score", text="请复核", by=learner)
        assert challenge.due == calendar().add_workdays(clock.today(), 10).date
        with pytest.raises(Conflict):
            actions.file_challenge(result, kind="score", text="再次", by=learner)
        unit = make_actor(Role.EXAM_OFFICER, batch.institution.organisation)
        other = actions.file_challenge(result, kind="item", text="关于安全帽的题", by=unit)
        assert other.organisation_id == batch.institution.organisation_id
        assert any(
            "复核" in str(one.label) for one in tasks_for(make_actor(Role.CENTRE_OFFICER)) if one.count == 2
        )
        with pytest.raises(Refusal):
            actions.withdraw_challenge(challenge, by=unit)
        assert actions.withdraw_challenge(challenge, by=learner).state == ChallengeState.WITHDRAWN
        with pytest.raises(Conflict):
            actions.withdraw_challenge(challenge, by=learner)
        actions.file_challenge(result, kind="score", text="再次", by=learner)


def test_every_move() -> None:
    assert {before for before, _verb, _after in CHALLENGE.moves()} == {"open"}
    assert {after for _before, _verb, after in CHALLENGE.moves()} == set(ChallengeState.values)


def test_the_last_day_is_a_working_day_and_the_next_is_too_late() -> None:
    batch, result, learner = sat()
    until = standing.challenge_until(result)
    assert until is not None
    assert until.date == calendar().add_workdays(clock.local(batch.confirmed_at).date(), 5).date
    with clock.frozen(until.ends_at), pytest.raises(Conflict) as refusal:
        actions.file_challenge(result, kind="score", text="请复核", by=learner)
    assert refusal.value.code == "too_late"
    with clock.frozen(until.ends_at - timedelta(seconds=1)):
        actions.file_challenge(result, kind="score", text="请复核", by=learner)


def test_a_void_result_is_not_reviewed() -> None:
    batch, result, learner = sat()
    proposal = actions.propose_void(result, reason="替考", by=make_actor(Role.CENTRE_OFFICER))
    actions.decide_void(proposal, accept=True, reason="查实", by=make_actor(Role.CENTRE_APPROVER))
    with soon(batch), pytest.raises(Conflict):
        actions.file_challenge(result, kind="score", text="请复核", by=learner)


def test_a_recount_that_gives_the_same_is_dismissed() -> None:
    batch, result, learner = sat(wrong=60)
    officer = make_actor(Role.CENTRE_OFFICER)
    with soon(batch):
        challenge = actions.file_challenge(result, kind="score", text="请复核", by=learner)
        with pytest.raises(Conflict) as refusal:
            actions.answer_challenge(challenge, uphold=False, answer="无误", by=officer)
        assert refusal.value.code == "not_recounted"
        for by in (learner, make_actor(Role.EXAM_OFFICER)):
            with pytest.raises(Forbidden):
                actions.recount(challenge, by=by)
        challenge = actions.recount(challenge, by=officer)
        assert (challenge.recount_general, challenge.recount_professional) == (
            result.general,
            result.professional,
        )
        assert not challenge.recount_differs
        with pytest.raises(Conflict) as refusal:
            actions.answer_challenge(challenge, uphold=True, answer="改分", by=officer)
        assert refusal.value.code == "recount_says"
        with pytest.raises(Refusal):
            actions.answer_challenge(challenge, uphold=False, answer="", by=officer)
        challenge = actions.answer_challenge(challenge, uphold=False, answer="重新计分无误", by=officer)
    assert challenge.state == ChallengeState.DISMISSED
    assert not result.rescorings.exists()
    assert Notice.objects.filter(user_id=learner.user_id, kind="exams.challenge").count() == 1
    told = records_of(result.candidate.person)["tests"][0]["result"]["reviews"]
    assert [one["answer"] for one in told] == ["重新计分无误"]


def test_a_recount_that_differs_stands_by_two_persons() -> None:
    """A stored score that is not what the answers give (somebody wrote into the database) is put right by the recount."""
    batch, result, learner = sat()
    Result.objects.update(professional=55, announced_professional=55, passed=False, announced_passed=False)
    first, second = make_actor(Role.CENTRE_APPROVER), make_actor(Role.CENTRE_APPROVER)
    with soon(batch):
        challenge = actions.file_challenge(result, kind="score", text="请复核", by=learner)
        challenge = actions.recount(challenge, by=first)
        assert challenge.recount_differs
        with pytest.raises(Conflict):
            actions.answer_challenge(challenge, uphold=False, answer="无误", by=second)
        for by, code in ((first, "same_person"), (make_actor(Role.CENTRE_OFFICER), "role_missing")):
            with pytest.raises(Refusal) as refusal:
                actions.answer_challenge(challenge, uphold=True, answer="更正", by=by)
            assert refusal.value.code == code
        result.refresh_from_db()
        assert result.professional == 55
        actions.answer_challenge(challenge, uphold=True, answer="更正", by=second)
    result.refresh_from_db()
    assert (result.professional, result.passed, result.state) == (100, True, "provisional")
    row = result.rescorings.get()
    assert (row.challenge, row.professional_before, row.professional_after) == (challenge, 55, 100)
    assert standing.standing_faults() == []
    assert list(standing.waiting_passes()) == [result]
    actions.confirm_result(result, reason="复核通过", by=second)
    kinds = ExamsEvent.objects.filter(result=result).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["result_confirmed", "result_rescored", "result_confirmed"]


def test_a_doubted_question_leads_to_its_correction(client: Client) -> None:
    batch, result, _learner = sat()
    officer = make_user(Role.CENTRE_OFFICER)
    with soon(batch):
        sign_in(client, make_user(Role.EXAM_OFFICER, batch.institution.organisation))
        filed = client.post(
            reverse("exams:challenge_file", args=[result.pk]), {"kind": "item", "text": "有一道题"}
        )
        challenge = Challenge.objects.get()
        page = reverse("exams:challenge", args=[challenge.pk])
        assert filed.headers["Location"] == page
        assert client.get(page).status_code == 200
        assert client.get(page, {"words": "的"}).content.decode().count("/corrections/new/") == 0
        assert page in client.get(reverse("exams:challenges")).content.decode()
        client.logout()
        sign_in(client, officer)
        answer = reverse("exams:challenge_answer", args=[challenge.pk])
        said = {"uphold": "1", "answer": "已更正"}
        assert client.post(answer, said).status_code == 409
        found = client.get(page, {"words": "的"}).content.decode()
        assert found.count("/corrections/new/") > 1
        assert AuditEvent.objects.filter(code="exams.paper_searched").count() == 1
        assert "没有" in client.get(page, {"words": "zzzzz"}).content.decode()
        form = actions.questions_of(challenge, "", by=as_actor(officer))
        assert len(form) == 50
        assert not any("key" in one or "answer" in one for one in form)
        one = next(row for row in form if row["item_uid"])
        url = reverse("exams:correct_key", args=[one["item_uid"], one["version"]])
        posted = client.post(
            f"{url}?challenge={challenge.pk}",
            {"child_no": 0, "remedy": "void", "answers": "", "reason": "题目有误", "notice": "一道题作废"},
        )
        correction = KeyCorrection.objects.get()
        assert posted.headers["Location"] == reverse("exams:correction", args=[correction.pk])
        challenge.refresh_from_db()
        assert challenge.correction == correction
        assert client.post(answer, said).headers["Location"] == page
        challenge.refresh_from_db()
        assert challenge.state == ChallengeState.UPHELD
        assert client.post(answer, said).status_code == 409
    assert Notice.objects.filter(kind="exams.challenge", url=page).count() >= 2


def test_pages_of_the_learner(client: Client) -> None:
    person, user = make_learner()
    batch = make_batch(state="confirmed", persons=[person])
    result = Result.objects.get()
    other = Result.objects.get(candidate__batch=make_batch(state="confirmed", candidates=1))
    with soon(batch):
        sign_in(client, user)
        mine = reverse("exams:my_results")
        file = reverse("exams:challenge_file", args=[result.pk])
        assert file in client.get(mine).content.decode()
        assert client.get(file).status_code == 200
        assert client.get(reverse("exams:challenge_file", args=[other.pk])).status_code == 404
        assert client.post(file, {"kind": "score", "text": ""}).status_code == 422
        posted = client.post(file, {"kind": "score", "text": "请复核成绩"})
        challenge = Challenge.objects.get()
        page = reverse("exams:challenge", args=[challenge.pk])
        assert posted.headers["Location"] == page
        assert client.post(file, {"kind": "score", "text": "请复核成绩"}).status_code == 409
        assert page in client.get(mine).content.decode()
        assert client.get(page).status_code == 200
        assert client.post(reverse("exams:challenge_recount", args=[challenge.pk])).status_code == 403
        client.logout()
        sign_in(client, make_user(Role.CENTRE_APPROVER))
        client.post(reverse("exams:challenge_recount", args=[challenge.pk]))
        answer = {"uphold": "0", "answer": "重新计分无误"}
        assert client.get(reverse("exams:challenge_answer", args=[challenge.pk])).status_code == 200
        client.post(reverse("exams:challenge_answer", args=[challenge.pk]), answer)
        client.logout()
        sign_in(client, user)
        assert "重新计分无误" in client.get(page).content.decode()
        sign_in(client, make_learner()[1])
        assert client.get(page).status_code == 404
    with clock.frozen(batch.confirmed_at + timedelta(days=30)):
        sign_in(client, user)
        assert file not in client.get(mine).content.decode()
        assert client.post(file, {"kind": "item", "text": "x"}).status_code == 409


def test_the_learner_may_take_it_back_on_the_page(client: Client) -> None:
    batch, result, learner = sat()
    with soon(batch):
        challenge = actions.file_challenge(result, kind="score", text="x", by=learner)
        sign_in(client, result.candidate.person.user)
        client.post(reverse("exams:challenge_withdraw", args=[challenge.pk]))
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.WITHDRAWN


def test_lists_ask_the_same_however_long(client: Client) -> None:
    batch, result, learner = sat()
    counts = []
    with soon(batch):
        sign_in(client, make_user(Role.CENTRE_OFFICER))
        client.get(reverse("exams:challenges"))
        for kind in ("score", "item"):
            actions.file_challenge(result, kind=kind, text="x", by=learner)
            with CaptureQueriesContext(connection) as asked:
                assert client.get(reverse("exams:challenges")).status_code == 200
            counts.append(len(asked))
    assert counts[0] == counts[1] <= 12
