"""A wrong key put right for everybody it touched: dry run, two persons, new scores, what follows (I07)."""

from __future__ import annotations

from dataclasses import dataclass
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
from zhupei.delivery import api as delivery
from zhupei.exams import actions, prints, queries, standing, todo
from zhupei.exams.actions import corrections
from zhupei.exams.actions import rescoring as acts
from zhupei.exams.choices import CORRECTION, ChangeKind, CorrectionState, Policy, Remedy
from zhupei.exams.models import (
    Batch,
    Candidate,
    ExamsEvent,
    KeyCorrection,
    Rescoring,
    Result,
    ResultStep,
    ScoreLine,
)
from zhupei.exams.personal import records_of
from zhupei.exams.rescoring import accepted_after, by_place, score
from zhupei.exams.tests.held import (
    bundle_of,
    hold,
    just_below,
    other_option,
    released,
    results_of,
    slot_of,
    unit_of,
)
from zhupei.itembank.api import ItemVersion, make_release, text_of_version
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.rulebook.models import RuleParameter

D = Decimal


# ── what counts as right, without a database ────────────────────────────────────────────────────────────


def correction(
    accepted: list[list[str]],
    *,
    remedy: str = Remedy.ANOTHER,
    policy: str = Policy.NOBODY_LOSES,
    child: int = 0,
) -> KeyCorrection:
    return KeyCorrection(
        item_uid="Q1", version=1, child_no=child, remedy=remedy, policy=policy, accepted=accepted
    )


def slot(kind: str = "single", marks: str = "2", options: str = "abcd") -> delivery.Slot:
    return delivery.Slot(key="Q1", no=1, unit_no=1, kind=kind, option_ids=tuple(options), marks=D(marks))  # type: ignore[arg-type]


@pytest.mark.req("I07")
@pytest.mark.parametrize(
    ("policy", "by_answer"),
    [
        (Policy.NOBODY_LOSES, {"a": 2, "b": 2, "c": 0, "": 0}),
        (Policy.STRICT, {"a": 0, "b": 2, "c": 0, "": 0}),
    ],
)
def test_another_key_under_both_policies(policy: str, by_answer: dict[str, int]) -> None:
    key = delivery.Key(right=("a",))
    accepted = accepted_after(key.right, [correction([["b"]], policy=policy)])
    assert {given: accepted.marks(slot(), key, given) for given in by_answer} == by_answer


@pytest.mark.req("I07")
def test_several_answers_and_a_void_question() -> None:
    key = delivery.Key(right=("a",))
    several = accepted_after(
        key.right, [correction([["b"], ["c"]], remedy=Remedy.SEVERAL, policy=Policy.STRICT)]
    )
    assert [several.marks(slot(), key, given) for given in "abcd"] == [0, 2, 2, 0]
    void = accepted_after(key.right, [correction([], remedy=Remedy.VOID)])
    assert [void.marks(slot(), key, given) for given in ("a", "d", "", "xyz")] == [2, 2, 2, 2]


@pytest.mark.req("I07")
def test_corrections_follow_one_another_in_their_order() -> None:
    key = delivery.Key(right=("a",))
    lenient = accepted_after(key.right, [correction([["b"]]), correction([["c"]])])
    assert [lenient.marks(slot(), key, given) for given in "abcd"] == [2, 2, 2, 0]
    strict = [correction([["b"]], policy=Policy.STRICT), correction([["c"]], policy=Policy.STRICT)]
    assert [accepted_after(key.right, strict).marks(slot(), key, g) for g in "abcd"] == [0, 0, 2, 0]
    back = accepted_after(key.right, [correction([], remedy=Remedy.VOID), *strict[:1]])
    assert [back.marks(slot(), key, given) for given in "ab"] == [0, 2]
    stays = accepted_after(key.right, [correction([], remedy=Remedy.VOID), correction([["b"]])])
    assert stays.marks(slot(), key, "d") == 2  # who got full marks keeps them


@pytest.mark.req("I07", "R036")
@pytest.mark.parametrize(
    ("rule", "given", "before", "after"),
    [
        ("all_or_nothing", "ab", "2", "2"),
        ("all_or_nothing", "abc", "0", "2"),
        ("half_per_right", "a", "0.5", "0.5"),
        ("half_per_right", "bc", "0", "1.0"),
        ("half_per_right", "ac", "0", "1.0"),
        ("half_per_right", "d", "0", "0"),
        ("proportional", "a", "1.00", "1.00"),
        ("proportional", "bc", "0", "1.33"),
    ],
)
def test_partial_marks_go_by_the_answer_that_earns_most(
    rule: Any, given: str, before: str, after: str
) -> None:
    key = delivery.Key(right=("a", "b"), rule=rule)
    one = slot("multiple", "2")
    assert delivery.score_slot(one, key, given) == D(before)
    accepted = accepted_after(key.right, [correction([["a", "b", "c"]])])
    assert accepted.marks(one, key, given) == D(after)


@pytest.mark.req("R042", "R043", "I07")
@pytest.mark.parametrize(("carry_over", "passed"), [(True, True), (False, False)])
def test_the_outcome_keeps_to_the_rules_of_the_sitting(carry_over: bool, passed: bool) -> None:
    option = tuple(delivery.Option(id=id_, text=id_) for id_ in "ab")
    units = tuple(
        delivery.Unit(item_uid=uid, version=1, kind="single", stem=uid, marks=D(50), options=option)
        for uid in ("Q1", "Q2")
    )
    paper = delivery.Paper(
        paper_id="P", candidate_id="1", subject="general", title="", seed="", algorithm="", bank_version="",
        sections=(delivery.Section(kind="single", title="", count=2),), units=units, full_mark=D(100),
    )  # fmt: skip
    keys = {"Q1": delivery.Key(right=("a",)), "Q2": delivery.Key(right=("a",))}
    answers = {"general": {"Q1": ("b",), "Q2": ("a",)}}
    rules = delivery.Rules(carry_over=carry_over)
    papers = {"general": paper}
    plain = score(papers, keys, answers, rules, {})
    assert (plain.subjects["general"].marks, plain.passed) == (50, False)
    changed = score(papers, keys, answers, rules, by_place([correction([["b"]])]))
    assert (changed.subjects["general"].marks, changed.passed) == (100, passed)
    other = correction([["b"]])
    other.version = 2  # another version of the item is another question
    assert score(papers, keys, answers, rules, by_place([other])) == plain


def test_every_move_of_a_correction() -> None:
    moves = {(before, verb): after for before, verb, after in CORRECTION.moves()}
    assert set(moves.values()) | {"computing"} == set(CorrectionState.values)
    for final in ("approved", "refused", "withdrawn"):
        assert CORRECTION.possible(final) == []


# ── with a batch that was held ──────────────────────────────────────────────────────────────────────────


@dataclass
class Case:
    """A confirmed batch: the first candidate is just below the pass mark in the professional paper and chose ``wrong`` in
    ``question``, the last candidate knew everything (by the old key), the others left the professional paper empty."""

    batch: Batch
    bundle: delivery.Bundle
    question: str
    uid: str
    version: int
    child: int
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    marks: Decimal

    def propose(self, by: Actor | None = None, **changes: Any) -> KeyCorrection:
        by = by or make_actor(Role.BANK_KEEPER)
        given = {
            "child_no": self.child,
            "remedy": Remedy.ANOTHER,
            "answers": [self.wrong],
            "reason": "规范已修订，原答案错误",
            "notice": "一道题的答案有误，已更正。",
            **changes,
        }
        row = actions.propose_correction(self.uid, self.version, **given, by=by)
        return actions.start_computing(row, by=by)

    def holders(self) -> list[int]:
        """The candidates, by number, whose paper holds the question."""
        return [
            number
            for number, one in enumerate(self.bundle.candidates)
            if any(unit.item_uid == self.uid for paper in one.papers.values() for unit in paper.units)
        ]


def held(
    kind: str = "single", *, candidates: int = 3, confirm: bool = True, among: Any = None, **more: Any
) -> Case:
    """``among``: the item numbers of which the question is to be one."""
    batch, bundle = released(candidates, **more)
    first = bundle.candidates[0].papers["professional"]
    unit = unit_of(first, kind, among)
    child = unit.children[0].no if unit.children else 0
    question = delivery.slot_key(unit.item_uid, child)
    right = bundle.keys[question].right
    wrong = other_option(slot_of(first, question), right)

    def choose(number: int, candidate: delivery.Candidate, answers: Any) -> Any:
        if number == 0:
            paper = candidate.papers["professional"]
            answers["professional"] = {**just_below(bundle, paper, question), question: wrong}
        elif number < candidates - 1:
            answers["professional"] = {}
        return answers

    batch = hold(batch, choose, confirm=confirm)
    marks = slot_of(first, question).marks
    return Case(batch, bundle, question, unit.item_uid, unit.version, child, right, wrong, marks)


@pytest.fixture
def rules(db: None) -> None:
    make_rulebook()


def approver() -> Actor:
    return make_actor(Role.CENTRE_APPROVER)


def approve(row: KeyCorrection, by: Actor | None = None) -> KeyCorrection:
    return actions.approve_correction(row, shown=row.lines_digest, reason="同意", by=by or approver())


def lines(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(
        (
            one.result_id,
            one.general_before,
            one.general_after,
            one.professional_before,
            one.professional_after,
            one.passed_before,
            one.passed_after,
        )
        for one in rows
    )


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


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────


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
