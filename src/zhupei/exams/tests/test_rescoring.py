"""A wrong key put right for everybody it touched: dry run, two persons, new scores, what follows (I07)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.makers import (
    make_actor,
    make_learner,
    make_rulebook,
)

from zhupei.audit.models import AuditEvent
from zhupei.delivery import api as delivery
from zhupei.exams import actions, standing, todo
from zhupei.exams.actions import corrections
from zhupei.exams.actions import rescoring as acts
from zhupei.exams.choices import CorrectionState, Policy, Remedy
from zhupei.exams.models import (
    ExamsEvent,
    KeyCorrection,
    Rescoring,
    Result,
    ResultStep,
    ScoreLine,
)
from zhupei.exams.tests.corrected import approve, approver, held, lines
from zhupei.exams.tests.held import (
    hold,
    other_option,
    released,
    results_of,
    slot_of,
    unit_of,
)
from zhupei.itembank.api import ItemVersion, make_release, text_of_version
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.rulebook.models import RuleParameter

D = Decimal


@pytest.fixture
def rules(db: None) -> None:
    make_rulebook()


@pytest.mark.req("I07", "R038", "R041", "R042")
@pytest.mark.parametrize("kind", ["single", "multiple", "case"])
def test_a_corrected_key_scores_everybody_again_as_the_dry_run_said(rules: None, kind: str) -> None:
    case = held(kind, persons=[make_learner()[0] for _ in range(3)])
    before = list(Result.objects.order_by("pk").values())
    row = case.propose()
    assert row.state == CorrectionState.PROPOSED
    assert row.policy == Policy.NOBODY_LOSES
    assert list(Result.objects.order_by("pk").values()) == before  # a dry run changes nothing
    assert not Rescoring.objects.exists()
    assert row.affected == len(case.holders())
    assert (row.up, row.down, row.newly_passed, row.newly_failed) == (1, 0, 1, 0)

    row = approve(row)
    assert (row.state, row.sequence) == (CorrectionState.APPROVED, 1)
    assert lines(Rescoring.objects.all()) == lines(ScoreLine.objects.all())
    first, *others = results_of(case.batch)
    assert first.announced_professional == D("60") - case.marks + (
        case.marks - (D("60") - first.announced_professional)
    )
    assert first.professional == first.announced_professional + case.marks >= 60
    assert first.general == first.announced_general == 100
    assert (first.announced_passed, first.passed) == (False, True)
    assert [(one.professional, one.passed) for one in others] == [
        (one.announced_professional, one.announced_passed) for one in others
    ]
    assert standing.standing_faults() == []
    # the pass waits for the centre as a fresh one
    assert (first.state, first.confirmed_at) == ("provisional", None)
    assert list(standing.waiting_passes(row)) == [first]
    events = ExamsEvent.objects.filter(result=first).order_by("pk").values_list("kind", flat=True)
    assert list(events) == ["result_confirmed", "result_rescored"]
    with pytest.raises(Forbidden):
        actions.confirm_rescored(row, by=make_actor(Role.CENTRE_OFFICER))
    assert actions.confirm_rescored(row, by=approver()) == 1
    with pytest.raises(Conflict):
        actions.confirm_rescored(row, by=approver())
    assert list(events.all()) == ["result_confirmed", "result_rescored", "result_confirmed"]
    first.refresh_from_db()
    assert first.state == "confirmed"
    # the item goes on under a new version
    version = ItemVersion.objects.select_related("item").get(item__uid=case.uid, number=row.new_version)
    key = text_of_version(version).key()
    assert set(key["children"][str(case.child)] if case.child else key["answer"]) == set(case.wrong)
    # who is told: the one whose mark moved, and the institution
    told = Notice.objects.filter(kind="exams.rescored").values_list("user_id", "text")
    assert (first.candidate.person.user_id, row.notice) in told
    assert {user for user, _text in told}.isdisjoint({one.candidate.person.user_id for one in others})


@pytest.mark.req("I07")
def test_who_may_propose_and_that_another_person_approves(rules: None) -> None:
    case = held()
    for role in (Role.EXAM_OFFICER, Role.CITY_OFFICE, Role.ITEM_AUTHOR, Role.LEARNER):
        with pytest.raises(Forbidden):
            case.propose(make_actor(role))
    assert not KeyCorrection.objects.exists()
    proposer = approver()
    row = case.propose(proposer)
    for by in (make_actor(Role.BANK_KEEPER), make_actor(Role.CENTRE_OFFICER)):
        with pytest.raises(Forbidden):
            approve(row, by)
        with pytest.raises(Forbidden):
            actions.refuse_correction(row, reason="不同意", by=by)
    for act in (
        lambda: approve(row, proposer),
        lambda: actions.refuse_correction(row, reason="x", by=proposer),
    ):
        with pytest.raises(Refusal) as refusal:
            act()
        assert (refusal.value.code, refusal.value.status) == ("same_person", 403)
    with pytest.raises(Refusal):
        actions.withdraw_correction(row, by=make_actor(Role.CENTRE_OFFICER))
    assert not Rescoring.objects.exists()
    assert not Result.objects.filter(passed=True, announced_passed=False).exists()


@pytest.mark.req("I07")
def test_refused_and_withdrawn_proposals_change_nothing_and_free_the_question(rules: None) -> None:
    case = held()
    row = case.propose()
    with pytest.raises(Conflict) as refusal:
        case.propose()
    assert refusal.value.code == "correction_open"
    with pytest.raises(Refusal):
        actions.refuse_correction(row, reason=" ", by=approver())
    row = actions.refuse_correction(row, reason="原答案正确", by=approver())
    assert row.state == CorrectionState.REFUSED
    keeper = make_actor(Role.BANK_KEEPER)
    second = case.propose(keeper)
    actions.withdraw_correction(second, by=keeper)
    for done in (row, second):
        with pytest.raises(Conflict):
            approve(done)
    assert not Rescoring.objects.exists()
    assert ItemVersion.objects.filter(item__uid=case.uid).count() == 1


@pytest.mark.req("I07")
def test_approving_twice_scores_once(rules: None) -> None:
    case = held()
    row = case.propose()
    approve(row)
    counts = Rescoring.objects.count(), ResultStep.objects.count(), Notice.objects.count()
    with pytest.raises(Conflict):
        approve(row)
    with pytest.raises(Conflict):
        acts.apply_correction(row.pk)
    assert counts == (Rescoring.objects.count(), ResultStep.objects.count(), Notice.objects.count())


@pytest.mark.req("I07")
def test_the_strict_policy_takes_marks_and_stays_with_its_proposal(rules: None) -> None:
    parameter = RuleParameter.objects.filter(key="correction_policy")
    parameter.update(value="strict")
    case = held(candidates=1)  # knew everything but this, by the old key
    assert case.holders() == [0]
    # everybody right by the old key: a second correction away from the first takes the marks again
    row = approve(case.propose())
    first = results_of(case.batch)[0]
    assert first.passed
    actions.confirm_rescored(row, by=approver())
    back = case.propose(answers=[case.right])
    assert (back.policy, back.newly_failed, back.down) == (Policy.STRICT, 1, 1)
    parameter.update(value="nobody_loses")
    back = approve(back)
    first.refresh_from_db()
    assert (first.professional, first.passed) == (first.announced_professional, False)
    assert first.state == "confirmed"  # not silently anything else
    assert ExamsEvent.objects.filter(kind="result_rescored", result=first).count() == 2
    assert [one.sequence for one in KeyCorrection.objects.order_by("pk")] == [1, 2]
    assert standing.standing_faults() == []


@pytest.mark.req("I07")
def test_nobody_loses_by_several_corrections_in_a_row(rules: None) -> None:
    case = held()
    approve(case.propose())
    first = results_of(case.batch)[0]
    paper = case.bundle.candidates[0].papers["professional"]
    third = [id_ for id_ in slot_of(paper, case.question).option_ids if id_ not in (*case.right, *case.wrong)]
    with pytest.raises(Refusal) as refusal:
        case.propose()
    assert refusal.value.code == "correction_same"
    row = case.propose(answers=[third[:1]])
    assert (row.up, row.down) == (0, 0)
    row = approve(row)
    again = Result.objects.get(pk=first.pk)
    assert (again.professional, again.passed) == (first.professional, True)
    assert again.rescorings.count() == 2
    numbers = ItemVersion.objects.filter(item__uid=case.uid).order_by("number")
    assert [text_of_version(one).answer for one in numbers][1:] == [case.wrong, tuple(third[:1])]


@pytest.mark.req("I07")
def test_a_void_question_gives_everybody_its_marks(rules: None) -> None:
    case = held()
    row = case.propose(remedy=Remedy.VOID, answers=[])
    empty = [number for number in case.holders() if number == 1]
    assert row.up == 1 + len(empty)
    row = approve(row)
    assert row.new_version is None  # the keeper mends or retires it
    rows = results_of(case.batch)
    for number in case.holders():
        whole = number == len(rows) - 1
        gained = rows[number].professional - rows[number].announced_professional
        assert gained == (0 if whole else case.marks)
    assert standing.stale_questions() == [row]
    assert any(task.count for task in todo.tasks_for(make_actor(Role.BANK_KEEPER)))


@pytest.mark.req("I07")
def test_the_keeper_is_reminded_until_a_release_has_the_right_key(rules: None) -> None:
    case = held()
    row = approve(case.propose())
    assert standing.stale_questions() == [row]
    make_release(note="corrected", by=SYSTEM)
    assert standing.stale_questions() == []


@pytest.mark.req("I07")
def test_several_accepted_answers(rules: None) -> None:
    case = held()
    row = approve(case.propose(remedy=Remedy.SEVERAL, answers=[case.right, case.wrong]))
    first = results_of(case.batch)[0]
    assert first.professional - first.announced_professional == case.marks
    assert row.new_version is None


@pytest.mark.req("I07")
def test_a_difference_that_moved_is_not_approved(rules: None) -> None:
    case = held()
    row = case.propose()
    shown = row.lines_digest
    first = results_of(case.batch)[0]
    proposal = actions.propose_void(first, reason="替考", by=make_actor(Role.CENTRE_OFFICER))
    actions.decide_void(proposal, accept=True, reason="查实", by=approver())
    by = approver()
    with pytest.raises(Conflict) as refusal:
        actions.approve_correction(row, shown=shown, by=by)
    assert (refusal.value.code, refusal.value.status) == ("lines_changed", 409)
    row.refresh_from_db()
    assert (row.state, row.newly_passed, row.decided_by_id) == (CorrectionState.PROPOSED, 0, None)
    assert row.lines_digest != shown
    assert not Rescoring.objects.exists()
    with pytest.raises(Conflict):  # the old page once more
        actions.approve_correction(row, shown=shown, by=by)
    approve(row, by)
    first.refresh_from_db()
    assert (first.state, first.passed) == ("void", False)
    assert not first.rescorings.exists()


@pytest.mark.req("I07")
def test_a_race_between_the_recount_and_the_lock_is_seen(rules: None, monkeypatch: Any) -> None:
    case = held()
    row = case.propose()
    first = results_of(case.batch)[0]
    plain = acts.basis_of

    def meanwhile(one: KeyCorrection) -> Any:
        Result.objects.filter(pk=first.pk).update(state="void")
        return plain(one)

    monkeypatch.setattr(acts, "basis_of", meanwhile)
    with pytest.raises(Conflict) as refusal:
        approve(row)
    assert refusal.value.code == "lines_changed"
    assert not Rescoring.objects.exists()


@pytest.mark.req("I07")
def test_a_return_that_comes_later_is_scored_by_the_corrections_that_stand(rules: None) -> None:
    late, bundle = released(4)
    papers = [one.papers["professional"] for one in bundle.candidates]
    case = held(candidates=1, among={unit.item_uid for paper in papers for unit in paper.units})
    approve(case.propose())

    def choose(number: int, candidate: delivery.Candidate, answers: Any) -> Any:
        return {subject: {**given, case.question: case.wrong} if case.question in given else given
                for subject, given in answers.items()}  # fmt: skip

    hold(late, choose, confirm=False)
    holders = [
        one.candidate_id
        for one in bundle.candidates
        if any(unit.item_uid == case.uid for unit in one.papers["professional"].units)
    ]
    for row in Result.objects.filter(candidate__batch=late):
        had = str(row.candidate_id) in holders
        assert row.professional == 100
        assert row.announced_professional == (100 - case.marks if had else 100)
        assert row.rescorings.count() == had
        assert row.state == "provisional"
    assert holders  # else the test shows nothing
    assert standing.standing_faults() == []


@pytest.mark.req("I07")
def test_two_subjects_stand_apart(rules: None) -> None:
    case = held(candidates=1)
    general = case.bundle.candidates[0].papers["general"]
    unit = unit_of(general, "single")
    answer = other_option(slot_of(general, unit.item_uid), case.bundle.keys[unit.item_uid].right)
    keeper = make_actor(Role.BANK_KEEPER)
    other = actions.propose_correction(
        unit.item_uid, unit.version, remedy=Remedy.ANOTHER, answers=[answer],
        reason="x", notice="x", by=keeper,
    )  # fmt: skip
    other = actions.start_computing(other, by=keeper)
    assert (other.affected, other.up, other.down) == (1, 0, 0)  # right by the old key, which goes on counting
    row = case.propose()
    approve(row)
    with pytest.raises(Conflict) as refusal:
        approve(other)  # its line now starts from other marks
    assert refusal.value.code == "lines_changed"
    other.refresh_from_db()
    approve(other)
    result = results_of(case.batch)[0]
    assert (result.general, result.professional) == (100, result.announced_professional + case.marks)
    assert [one.correction_id for one in result.rescorings.order_by("pk")] == [row.pk, other.pk]


@pytest.mark.req("I07")
def test_a_stored_score_that_somebody_changed_stops_the_correction(rules: None) -> None:
    case = held()
    first = results_of(case.batch)[0]
    Result.objects.filter(pk=first.pk).update(professional=D("70"))
    assert standing.standing_faults() == [f"result {first.pk}: its score changed without a re-scoring"]
    row = case.propose()
    assert row.state == CorrectionState.COMPUTING
    assert first.candidate.slip_no in row.fault
    with pytest.raises(Conflict):  # nothing to approve yet
        approve(row)
    Result.objects.filter(pk=first.pk).update(professional=first.professional)
    row = actions.start_computing(row, by=make_actor(Role.CENTRE_OFFICER))
    assert (row.state, row.fault) == (CorrectionState.PROPOSED, "")
    Result.objects.filter(pk=first.pk).update(answers_digest="0" * 64)
    with pytest.raises(Conflict) as refusal:
        approve(row)
    assert refusal.value.code == "answers_changed"
    row.refresh_from_db()
    assert row.state == CorrectionState.PROPOSED
    assert first.candidate.slip_no in row.fault


def test_the_nightly_check_follows_the_chain(rules: None) -> None:
    case = held(candidates=1)
    Result.objects.update(announced_general=None)  # a row that older code wrote
    assert len(standing.standing_faults()) == 1
    Result.objects.update(announced_general=100)
    approve(case.propose())
    assert standing.standing_faults() == []
    Rescoring.objects.update(professional_before=1)
    assert "does not follow" in standing.standing_faults()[0]
    Rescoring.objects.update(professional_before=results_of(case.batch)[0].announced_professional)
    Result.objects.update(professional=77)
    assert "not that of its last" in standing.standing_faults()[0]


@pytest.mark.req("I07")
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"answers": []}, "correction_answers", "answers"),
        ({"answers": [["a"], ["b"]]}, "correction_answers", "answers"),
        ({"answers": [["z"]]}, None, "answers"),
        ({"answers": [["a", "b"]]}, None, "answers"),  # no key of a single choice
        ({"remedy": Remedy.SEVERAL}, "correction_answers", "answers"),
        ({"child_no": 3}, "correction_place", "child_no"),
        ({"reason": "  "}, "no_reason", "reason"),
        ({"notice": ""}, "no_reason", "notice"),
    ],
)
def test_what_is_no_correction_is_refused(rules: None, changes: Any, code: str, field: str) -> None:
    case = held(candidates=1)
    with pytest.raises(Refusal) as refusal:
        case.propose(**changes)
    assert code in (None, refusal.value.code)
    assert field in refusal.value.fields
    with pytest.raises(Refusal) as refusal:
        case.propose(answers=[case.right])
    assert refusal.value.code == "correction_same"
    assert not KeyCorrection.objects.exists()


@pytest.mark.req("I07")
def test_many_results_are_work_for_the_job_with_progress(rules: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(corrections, "INLINE", 0)
    seen = []
    plain = corrections.note_progress
    monkeypatch.setattr(corrections, "note_progress", lambda *at: (seen.append(at[1:]), plain(*at)))
    case = held()
    row = case.propose()
    assert row.state == CorrectionState.PROPOSED
    row = approve(row)
    assert row.state == CorrectionState.APPROVED
    assert seen[0] == (0, 1)
    assert (row.batches_done, row.batches_all) == (1, 1)
    event = AuditEvent.objects.get(code="exams.correction_approved")
    assert event.actor_id == row.decided_by_id
