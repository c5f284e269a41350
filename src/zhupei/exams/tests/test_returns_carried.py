"""Where the rulebook carries a passed subject over: who sat the other one only is received, scored and certified (J03)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.makers import (
    make_actor,
    make_application,
    make_batch,
    make_hall_return,
    make_institution,
    make_person,
    make_rulebook,
)

from zhupei.certificates.api import Certificate, consume_news
from zhupei.delivery import api as delivery
from zhupei.exams import actions
from zhupei.exams.actions import bundles
from zhupei.exams.differences import groups_of
from zhupei.exams.models import Batch, Candidate, Result
from zhupei.exams.tests.corrected import approve
from zhupei.exams.tests.held import bundle_of, hold, other_option, slot_of
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import RuleParameter

pytestmark = [pytest.mark.django_db, pytest.mark.req("R041", "R042", "R043", "J03")]

Again = Callable[..., Batch]


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> Again:
    """A person who sat once, with ``general`` as it was left then, and sits the professional paper alone in a second batch."""
    make_rulebook()
    RuleParameter.objects.filter(key="carry_over").update(value=True)
    unit = make_institution()

    def make(*, general: bool = True) -> Batch:
        first = make_batch(unit, persons=[make_person()], state="released")

        def choose(_n: int, _one: delivery.Candidate, answers: Any) -> Any:
            return {"general": answers["general"] if general else {}, "professional": {}}

        hold(first, choose)
        before = Candidate.objects.get(batch=first)
        start = first.slots.get().starts_at
        later = start + timedelta(days=60)
        second = make_application(
            unit, rows=[("101", 1)], state="filed", sessions=[(later, later + timedelta(hours=2))]
        ).batch
        whole = bundles.papers.papers_of
        monkeypatch.setattr(
            bundles.papers,
            "papers_of",
            lambda draw: {key: {"professional": own["professional"]} for key, own in whole(draw).items()},
        )
        by = make_actor(Role.EXAM_OFFICER, unit.organisation)
        officer, approver = make_actor(Role.CENTRE_OFFICER), make_actor(Role.CENTRE_APPROVER)
        with clock.frozen(start + timedelta(days=20)):
            actions.add_candidates(second, [before.enrolment_id], by=by)
            actions.lock_batch(second, by=by)
            actions.draw_batch(second, by=officer)
        with clock.frozen(later - timedelta(minutes=30)):
            actions.release_bundle(second, by=officer)
            actions.release_bundle(second, by=approver)
        return Batch.objects.get(pk=second.pk)

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
