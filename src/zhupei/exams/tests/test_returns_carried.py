"""Where the rulebook carries a passed subject over: who sat the other one only is received, scored and certified (J03)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_application,
    make_batch,
    make_hall_return,
    make_institution,
    make_learner,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.certificates.api import Certificate, consume_news
from zhupei.delivery import api as delivery
from zhupei.exams import actions, prints
from zhupei.exams.carrying import carried_marks_lost
from zhupei.exams.differences import groups_of
from zhupei.exams.models import Batch, Candidate, Result
from zhupei.exams.tests.corrected import approve
from zhupei.exams.tests.held import bundle_of, hold, other_option, slot_of
from zhupei.institutions.api import Institution
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role
from zhupei.papers.api import recheck_draw
from zhupei.papers.models import PaperForm
from zhupei.rulebook.models import RuleParameter

pytestmark = [pytest.mark.django_db, pytest.mark.req("R041", "R042", "R043", "J03")]

Again = Callable[..., Batch]


def rule(**values: Any) -> None:
    make_rulebook()
    for key, value in values.items():
        RuleParameter.objects.filter(key=key).update(value=value)


def first_of(unit: Institution, *, general: bool = True, confirm: bool = True) -> Candidate:
    """A person who sat both papers and passed in one at most."""
    first = make_batch(unit, persons=[make_learner()[0]], state="released")

    def choose(_n: int, _one: delivery.Candidate, answers: Any) -> Any:
        return {"general": answers["general"] if general else {}, "professional": {}}

    hold(first, choose, confirm=confirm)
    return Candidate.objects.get(batch=first)


def second_of(before: Candidate, state: str = "released") -> Batch:
    """The same enrolment's next test, sixty days later."""
    unit, start = before.batch.institution, before.batch.slots.get().starts_at
    later = start + timedelta(days=60)
    second = make_application(
        unit, rows=[("101", 1)], state="filed", sessions=[(later, later + timedelta(hours=2))]
    ).batch
    by = make_actor(Role.EXAM_OFFICER, unit.organisation)
    officer, approver = make_actor(Role.CENTRE_OFFICER), make_actor(Role.CENTRE_APPROVER)
    with clock.frozen(start + timedelta(days=20)):
        actions.add_candidates(second, [before.enrolment_id], by=by)
        actions.lock_batch(second, by=by)
        if state != "locked":
            actions.draw_batch(second, by=officer)
    if state == "released":
        with clock.frozen(later - timedelta(minutes=30)):
            actions.release_bundle(second, by=officer)
            actions.release_bundle(second, by=approver)
    return Batch.objects.get(pk=second.pk)


def voided(result: Result) -> None:
    proposal = actions.propose_void(result, reason="替考", by=make_actor(Role.CENTRE_OFFICER))
    actions.decide_void(proposal, accept=True, reason="属实", by=make_actor(Role.CENTRE_APPROVER))


@pytest.fixture
def again() -> Again:
    """A person who passed one subject, and sits the professional paper alone in a second batch; ``general``: False, and the
    first result is voided once that paper is drawn."""
    rule(carry_over=True)

    def make(*, general: bool = True) -> Batch:
        before = first_of(make_institution())
        batch = second_of(before)
        if not general:
            voided(before.result)
        return batch

    return make


def received(batch: Batch, **more: Any) -> Result:
    with clock.frozen(batch.slots.get().ends_at + timedelta(minutes=30)):
        actions.receive_return(batch, make_hall_return(batch, **more), by=SYSTEM)
    return Result.objects.get(candidate__batch=batch)


def confirmed(batch: Batch) -> None:
    with clock.frozen(batch.slots.get().ends_at + timedelta(hours=1)):
        actions.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))


def test_the_subject_passed_before_counts_with_the_mark_it_had(again: Again) -> None:
    batch = again()
    assert set(bundle_of(batch).candidates[0].papers) == {"professional"}
    result = received(batch)
    earlier = Result.objects.exclude(pk=result.pk).get()
    assert not earlier.passed
    assert batch.hall_return.differences == []
    assert (result.general, result.professional, result.passed) == (100, 100, True)
    assert (result.announced_general, result.announced_passed) == (100, True)
    assert str(earlier.candidate.batch) in result.steps.get().reason
    confirmed(batch)
    consume_news()
    assert Certificate.objects.get().result == result


def test_who_fails_the_one_subject_has_failed(again: Again) -> None:
    result = received(again(), wrong=1000)
    assert (result.general, result.professional, result.passed) == (100, 0, False)


def test_without_an_earlier_pass_it_is_a_difference_and_no_pass(again: Again) -> None:
    batch = again(general=False)
    result = received(batch)
    assert (result.general, result.professional, result.passed) == (0, 100, False)
    assert [(one["what"], one["subject"]) for one in batch.hall_return.differences] == [
        ("carried", "general")
    ]
    assert "只考了一个科目" in groups_of(batch.hall_return)[0].words
    with pytest.raises(Conflict):
        confirmed(batch)


def test_a_voided_one_keeps_its_reason(again: Again) -> None:
    def void(content: delivery.Return) -> delivery.Return:
        sittings = [
            msgspec.structs.replace(one, state="voided", void_reason="替考") for one in content.sittings
        ]
        return msgspec.structs.replace(content, sittings=tuple(sittings))

    batch = again()
    result = received(batch, change=void)
    assert result.state == "void"
    assert result.steps.get().reason == "替考"


@pytest.mark.req("I07")
@pytest.mark.parametrize("general", [True, False])
def test_a_corrected_key_keeps_to_it(again: Again, general: bool) -> None:
    batch = again(general=general)
    bundle = bundle_of(batch)
    paper = bundle.candidates[0].papers["professional"]
    unit = next(one for one in paper.units if one.kind == "single")
    wrong = other_option(slot_of(paper, unit.item_uid), bundle.keys[unit.item_uid].right)
    result = received(batch)
    keeper = make_actor(Role.BANK_KEEPER)
    row = actions.propose_correction(
        unit.item_uid,
        unit.version,
        child_no=0,
        remedy="another",
        answers=[wrong],
        reason="规范已修订",
        notice="一道题的答案有误，已更正。",
        by=keeper,
    )
    approve(actions.start_computing(row, by=keeper))
    result.refresh_from_db()
    assert (result.general, result.passed) == (100 if general else 0, general)


@pytest.mark.req("R037", "R039", "R040")
def test_the_draw_leaves_the_passed_subject_out_and_says_so_everywhere(again: Again) -> None:
    batch = again()
    bundle, candidate = bundle_of(batch), batch.candidates.get()
    assert bundle.rules.minutes_for(bundle.candidates[0].papers) == 60
    forms = PaperForm.objects.filter(candidate_key=str(candidate.pk))
    assert [one.subject for one in forms] == ["professional"]
    assert recheck_draw(forms.get().draw, by=SYSTEM) == []
    rules = "".join(prints.slip_of(candidate).rules)
    assert "只考专业知识一个科目，一共60分钟" in rules
    assert "两个科目，连着考" not in rules
    with clock.frozen(batch.slots.get().starts_at - timedelta(days=1)):
        client = sign_in(Client(), candidate.person.user)
        page = client.get(reverse("exams:my_test")).content.decode()
    assert "您的通用知识以前已合格，这次只考另一个科目，时间 60 分钟" in page
    received(batch)
    earlier = candidate.carried_from
    assert earlier is not None
    note = str(earlier.candidate.batch)
    client = sign_in(Client(), candidate.person.user)
    page = client.get(reverse("exams:my_results")).content.decode()
    assert f"以前已合格，成绩取自批次 {note}" in page
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    page = centre.get(reverse("exams:result", args=[candidate.result.pk])).content.decode()
    assert f"以前已合格，成绩取自批次 {note}" in page
    slot = batch.slots.get()
    assert candidate.slip_no in prints.score_list(batch, slot, candidate.room_id).note


def test_without_the_rule_both_are_sat_again() -> None:
    rule(carry_over=False)
    batch = second_of(first_of(make_institution()))
    assert set(bundle_of(batch).candidates[0].papers) == {"general", "professional"}


@pytest.mark.parametrize("lost", ["not passed", "doubtful", "voided"])
def test_only_a_confirmed_pass_is_carried(lost: str) -> None:
    rule(carry_over=True)
    before = first_of(make_institution(), general=lost != "not passed")
    if lost == "doubtful":
        actions.doubt_result(before.result, reason="查看录像", by=make_actor(Role.CENTRE_OFFICER))
    if lost == "voided":
        voided(before.result)
    batch = second_of(before, state="drawn")
    assert PaperForm.objects.filter(candidate_key=str(batch.candidates.get().pk)).count() == 2


def test_what_is_voided_between_the_list_and_the_draw_is_sat_again() -> None:
    rule(carry_over=True)
    before = first_of(make_institution())
    batch = second_of(before, state="locked")
    assert batch.candidates.get().carried_subject == "general"
    voided(before.result)
    with clock.frozen(before.batch.slots.get().starts_at + timedelta(days=21)):
        actions.draw_batch(batch, by=make_actor(Role.CENTRE_OFFICER))
    assert batch.candidates.get().carried_subject is None
    assert PaperForm.objects.filter(candidate_key=str(batch.candidates.get().pk)).count() == 2


def test_a_third_test_carries_the_mark_from_where_it_was_sat(again: Again) -> None:
    second = again()
    failed = received(second, wrong=1000)
    confirmed(second)
    origin = failed.candidate.carried_from
    third = second_of(failed.candidate, state="locked").candidates.get()
    assert (third.carried_subject, third.carried_from) == ("general", origin)


def test_a_voided_origin_is_told_to_the_centre(again: Again) -> None:
    batch = again()
    result = received(batch)
    confirmed(batch)
    assert not carried_marks_lost().exists()
    client = sign_in(Client(), make_user(Role.CENTRE_APPROVER))
    url = reverse("exams:result", args=[result.pk])
    assert url not in client.get(reverse("exams:corrections")).content.decode()
    voided(result.candidate.carried_from)
    assert list(carried_marks_lost()) == [result]
    assert url in client.get(reverse("exams:corrections")).content.decode()
    voided(result)
    assert not carried_marks_lost().exists()


def test_an_origin_scored_again_is_told_to_the_centre(again: Again) -> None:
    result = received(again())
    Result.objects.filter(pk=result.candidate.carried_from_id).update(general=98)
    assert list(carried_marks_lost()) == [result]
