"""The pages of corrections, and every reader of a score after one (I07)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_learner,
    make_person,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.exams import actions, prints, queries, standing
from zhupei.exams.actions import rescoring as acts
from zhupei.exams.choices import ChangeKind, Remedy
from zhupei.exams.models import (
    Candidate,
    ExamsEvent,
    KeyCorrection,
    Rescoring,
)
from zhupei.exams.personal import records_of
from zhupei.exams.tests.corrected import approve, approver, held
from zhupei.exams.tests.held import (
    bundle_of,
    results_of,
)
from zhupei.itembank.api import ItemVersion, text_of_version
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

D = Decimal


@pytest.fixture
def rules(db: None) -> None:
    make_rulebook()


@pytest.mark.req("I07")
def test_from_the_item_to_the_confirmed_pass_through_the_pages(client: Client, rules: None) -> None:
    person, learner = make_learner()
    case = held(persons=[person, make_person(), make_person()])
    name = results_of(case.batch)[0].candidate.person.name
    keeper = make_user(Role.BANK_KEEPER)
    sign_in(client, keeper)
    url = reverse("exams:correct_key", args=[case.uid, case.version])
    start = client.get(reverse("exams:corrections"), {"item": case.uid, "version": case.version})
    assert start.headers["Location"] == url
    assert client.get(url).status_code == 200
    assert AuditEvent.objects.filter(code="exams.question_read").count() == 1
    text = text_of_version(ItemVersion.objects.select_related("item").get(item__uid=case.uid))
    letter = "ABCDEF"[[id_ for id_, _text in text.options].index(case.wrong[0])]
    data = {"child_no": 0, "remedy": "another", "answers": "Z", "reason": "规范", "notice": "一道题更正"}
    assert client.post(url, data).status_code == 422
    assert client.post(url, {**data, "answers": ""}).status_code == 422
    posted = client.post(url, {**data, "answers": letter.lower()})
    row = KeyCorrection.objects.get()
    page = reverse("exams:correction", args=[row.pk])
    assert posted.headers["Location"] == page
    assert client.post(url, {**data, "answers": letter}).status_code == 409
    shown = client.get(page).content.decode()
    assert "→" in shown
    assert name not in shown  # masked
    assert client.get(reverse("exams:correction_decide", args=[row.pk])).status_code == 403
    progress = client.get(reverse("exams:correction_progress", args=[row.pk]))
    assert progress.headers["HX-Refresh"] == "true"
    client.logout()
    # the approver
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    decide = reverse("exams:correction_decide", args=[row.pk])
    assert row.lines_digest in client.get(decide).content.decode()
    answer = {"accept": "1", "reason": "", "shown": "0" * 64}
    assert client.post(decide, answer).status_code == 409
    assert not Rescoring.objects.exists()
    assert client.post(decide, {**answer, "accept": "0"}).status_code == 422  # a refusal needs its reason
    assert client.post(decide, {**answer, "shown": row.lines_digest}).headers["Location"] == page
    assert reverse("exams:correction_confirm", args=[row.pk]) in client.get(page).content.decode()
    client.post(reverse("exams:correction_confirm", args=[row.pk]))
    first = results_of(case.batch)[0]
    assert (first.state, first.passed) == ("confirmed", True)
    assert "一道题更正" in client.get(reverse("exams:result", args=[first.pk])).content.decode()
    listed = client.get(reverse("exams:all_results"), {"passed": "1"}).content.decode()
    assert first.candidate.slip_no in listed
    client.logout()
    # whom it is about
    mine = Candidate.objects.get(person=person).result
    sign_in(client, learner)
    page = client.get(reverse("exams:my_results")).content.decode()
    told = records_of(person)["tests"][0]["result"]
    assert told["announced"]["professional"] == str(mine.announced_professional)
    moved = mine.professional != mine.announced_professional
    assert ("一道题更正" in page) == moved
    assert (
        bool([one for one in told["scored_again"] if one["professional"][0] != one["professional"][1]])
        == moved
    )
    # institutions never see an item
    client.logout()
    sign_in(client, make_user(Role.EXAM_OFFICER, case.batch.institution.organisation))
    for name in ("correction", "correction_progress"):
        assert client.get(reverse(f"exams:{name}", args=[row.pk])).status_code == 403
    assert client.get(url).status_code == 403


def test_pages_of_corrections_that_do_not_exist(client: Client, rules: None) -> None:
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    for uid, version in (("NONE", 1), ("x" * 400, 1), ("NONE", 10**12)):
        assert client.get(reverse("exams:correct_key", args=[uid, version])).status_code == 404
    assert client.get(reverse("exams:correction", args=[9])).status_code == 404
    found = client.get(reverse("exams:corrections"), {"item": "", "version": "x"})
    assert found.status_code == 422
    for item in ("a/b", "NONE"):
        found = client.get(reverse("exams:corrections"), {"item": item, "version": "1"})
        assert found.status_code == 422
        assert "题库中没有这道题或这个版本。" in found.content.decode()
    assert "没有" in client.get(reverse("exams:corrections")).content.decode()


def test_the_dry_run_is_paged_with_few_queries(
    client: Client, rules: None, django_assert_max_num_queries: Any
) -> None:
    case = held(candidates=6)
    row = case.propose(remedy=Remedy.VOID, answers=[])
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    page = reverse("exams:correction", args=[row.pk])
    with django_assert_max_num_queries(16):
        assert client.get(page).status_code == 200
    only = client.get(page, {"kind": ChangeKind.PASSED}).content.decode()
    assert only.count("→ ") >= 1
    assert client.get(page, {"kind": ChangeKind.FAILED}).status_code == 200
    with django_assert_max_num_queries(14):
        assert client.get(reverse("exams:corrections")).status_code == 200


@pytest.mark.req("I07")
def test_computing_and_applying_ask_nothing_for_each_sitting(
    rules: None, django_assert_max_num_queries: Any
) -> None:
    case = held(candidates=8)
    row = case.propose(remedy=Remedy.VOID, answers=[])
    with django_assert_max_num_queries(60):
        approve(row)
    assert Rescoring.objects.count() == row.affected


@pytest.mark.req("I07", "R038")
def test_every_reader_shows_the_score_that_stands(rules: None) -> None:
    case = held()
    first = results_of(case.batch)[0]
    before = queries.result_counts(case.batch)["passed"]
    row = approve(case.propose())
    first.refresh_from_db()
    assert queries.result_counts(case.batch)["passed"] == before + 1
    candidate = first.candidate
    assert candidate.slot is not None
    assert candidate.room_id is not None
    printed = prints.score_list(case.batch, candidate.slot, candidate.room_id).rows
    mine = next(one for one in printed if one.slip_number == candidate.slip_no)
    assert (mine.professional, mine.outcome) == (first.professional, "合格")
    past = queries.past_of([candidate.person_id], [candidate.post_id])
    assert past[candidate.person_id, candidate.post_id].passed == candidate  # no resit for who passes now
    assert [one.correction for one in first.rescorings.all()] == [row]


@pytest.mark.req("I07")
def test_results_that_are_not_confirmed_yet_and_results_in_doubt(rules: None) -> None:
    case = held(confirm=False)
    row = approve(case.propose())
    first = results_of(case.batch)[0]
    assert (first.state, first.passed) == ("provisional", True)
    assert not standing.waiting_passes(row).exists()  # the batch is confirmed as a whole
    with clock.frozen(case.batch.slots.all()[0].ends_at + timedelta(hours=1)):
        actions.confirm_batch(case.batch, by=approver())
    kinds = ExamsEvent.objects.filter(result=first).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["result_rescored", "result_confirmed"]


@pytest.mark.req("I07")
def test_a_pass_in_doubt_is_announced_when_the_doubt_is_lifted(rules: None) -> None:
    case = held()
    first = results_of(case.batch)[0]
    actions.doubt_result(first, reason="核查中", by=make_actor(Role.CENTRE_OFFICER))
    row = approve(case.propose())
    first.refresh_from_db()
    assert (first.state, first.passed) == ("doubtful", True)
    assert not standing.waiting_passes(row).exists()
    actions.confirm_result(first, reason="无疑点", by=approver())
    kinds = ExamsEvent.objects.filter(result=first).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["result_confirmed", "result_rescored", "result_confirmed"]


def test_the_slow_clock(rules: None) -> None:
    """Two corrections approved at one moment are still applied in the order of their approval."""
    case = held(candidates=1)
    with clock.frozen(case.batch.confirmed_at + timedelta(days=1)):
        approve(case.propose())
        third = case.propose(remedy=Remedy.VOID, answers=[])
        approve(third)
    assert [one.pk for one in acts.approved_corrections()] == [third.pk - 1, third.pk]
    assert bundle_of(case.batch).batch_no == str(case.batch)
