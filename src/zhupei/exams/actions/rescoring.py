"""A wrong key put right for everybody it touched: proposed, computed, approved by a second person, applied (I07).

No act here writes a mark that somebody chose: marks follow from the raw answers and the approved corrections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.exams import events, jobs, telling
from zhupei.exams.choices import (
    CHALLENGE,
    CORRECTION,
    RESULT,
    CorrectionState,
    Policy,
    Remedy,
    ResultState,
)
from zhupei.exams.models import (
    Batch,
    Challenge,
    ExamsEvent,
    KeyCorrection,
    Rescoring,
    Result,
    ResultStep,
    ScoreLine,
)
from zhupei.exams.queries import waiting_passes
from zhupei.exams.rescoring import accepted_after, by_place
from zhupei.itembank import api as itembank
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.rulebook.api import parameter

from .dry_runs import (
    DryRun,
    Line,
    Marks,
    approved_corrections,
    basis_of,
    dry_run,
    marks_of,
    sittings_of,
    stored_marks,
    touched_batches,
)
from .results import CONFIRMED, RESCORED

INLINE = 500  # sittings that are computed while the page waits; more are work for the job
CHUNK = 500
PROPOSERS = (Role.BANK_KEEPER, *CENTRE)


def who(by: Actor) -> str:
    """A person with the unit acted for, as the record keeps it."""
    return f"{by.organisation_name} {by.name}".strip()[:200]


def _required(text: str, field: str) -> str:
    if not text.strip():
        raise Refusal("no_reason", _("Give the reason."), field=field)
    return text.strip()


def _locked(correction: KeyCorrection) -> KeyCorrection:
    return KeyCorrection.objects.select_for_update().get(pk=correction.pk)


def _lock_all() -> None:
    """Corrections are applied one after the other, and a return arrives before one or after it."""
    list(KeyCorrection.objects.select_for_update().order_by("pk").values_list("pk", flat=True))


# --- the proposal --------------------------------------------------------------------------------------------


def question_of(uid: str, number: int) -> tuple[itembank.ItemVersion, itembank.ItemText]:
    """A version of an item with its text and key. Raises ``Refusal`` (404) if there is none."""
    version = (
        itembank.ItemVersion.objects.select_related("item").filter(item__uid=uid, number=number).first()
        if len(uid) <= 40 and "\x00" not in uid and number < 2**31
        else None
    )
    if version is None:
        raise Refusal("no_question", _("The bank has no such item or version."), status=404)
    return version, itembank.text_of_version(version)


@transaction.atomic
def read_question(uid: str, number: int, *, by: Actor) -> tuple[itembank.ItemVersion, itembank.ItemText]:
    """The same for a person's page: the reading of the key is kept in the record (I08)."""
    by.require(*PROPOSERS)
    version, text = question_of(uid, number)
    record(events.QUESTION_READ, by=by, on=version, after={"item": uid, "version": number})
    return version, text


def _checked(
    text: itembank.ItemText, child_no: int, remedy: str, answers: Iterable[Iterable[str]]
) -> list[list[str]]:
    """The accepted answers in the order of the options. Raises ``Refusal`` unless each could be a key and the number fits."""
    if child_no not in (range(1, len(text.children) + 1) if text.is_case else (0,)):
        raise Refusal("correction_place", _("The item has no such question."), field="child_no")
    question = text.children[child_no - 1] if text.is_case else text
    sets = {frozenset(answer) for answer in answers}
    if remedy == Remedy.VOID:
        return []
    if remedy == Remedy.ANOTHER and len(sets) != 1:
        raise Refusal("correction_answers", _("Give the one answer that is right."), field="answers")
    if remedy == Remedy.SEVERAL and len(sets) < 2:
        raise Refusal(
            "correction_answers", _("Give two or more answers, each on a line of its own."), field="answers"
        )
    for answer in sets:
        try:
            itembank.corrected(text, {child_no: tuple(answer)})
        except Refusal as refusal:
            raise Refusal(refusal.code, refusal.message, field="answers") from None
    order = [id_ for id_, _text in question.options]
    return sorted([id_ for id_ in order if id_ in answer] for answer in sets)


@transaction.atomic
def propose_correction(
    uid: str,
    number: int,
    *,
    child_no: int = 0,
    remedy: str,
    answers: Sequence[Sequence[str]] = (),
    reason: str,
    notice: str,
    challenge: Challenge | None = None,
    by: Actor,
) -> KeyCorrection:
    """Propose how a wrong key is put right; the dry run follows (``compute_correction``).

    ``answers``: option ids; one for another key, two or more where several count, none where the question is void.
    ``challenge``: the open challenge of an item that led here. Raises ``Refusal`` when the answers cannot be keys or change
    nothing, ``Conflict`` while another proposal for the question is open.
    """
    by.require(*PROPOSERS)
    assert by.user_id is not None
    version, text = question_of(uid, number)
    accepted = _checked(text, child_no, remedy, answers)
    reason, notice = _required(reason, "reason"), _required(notice, "notice")
    correction = KeyCorrection(
        item_uid=uid,
        version=number,
        child_no=child_no,
        subject=version.subject,
        remedy=remedy,
        accepted=accepted,
        policy=Policy(parameter("correction_policy")),
        reason=reason,
        notice=notice[:300],
        proposed_by=who(by),
        proposed_by_id=by.user_id,
        proposed_at=clock.now(),
    )
    _lock_all()
    same = KeyCorrection.objects.filter(item_uid=uid, version=number, child_no=child_no)
    if same.filter(state__in=OPEN).exists():
        raise Conflict(
            "correction_open", _("A correction of this question is open already. Decide it first.")
        )
    question = text.children[child_no - 1] if text.is_case else text
    earlier = list(same.filter(state=CorrectionState.APPROVED).order_by("sequence"))
    if accepted_after(question.answer, earlier) == accepted_after(question.answer, [*earlier, correction]):
        raise Refusal("correction_same", _("This is what counts as right already."), field="answers")
    correction.save()
    if challenge is not None:
        by.require(*CENTRE)
        challenge = Challenge.objects.select_for_update().get(pk=challenge.pk)
        CHALLENGE.after(challenge.state, "uphold")
        challenge.correction = correction
        challenge.save(update_fields=["correction"])
    record(
        events.CORRECTION_PROPOSED,
        by=by,
        on=correction,
        after={
            "item": uid,
            "version": number,
            "question": child_no,
            "remedy": remedy,
            "challenge": challenge.pk if challenge else None,
        },
        reason=reason,
    )
    return correction


OPEN = (CorrectionState.COMPUTING, CorrectionState.PROPOSED, CorrectionState.APPROVING)


# --- the dry run ---------------------------------------------------------------------------------------------


def start_computing(correction: KeyCorrection, *, by: Actor) -> KeyCorrection:
    """Compute the dry run (anew): at once if few sat with the item's releases, else as a job that shows its progress."""
    by.require(*PROPOSERS)
    with transaction.atomic():
        correction = _locked(correction)
        correction.state = CORRECTION.after(correction.state, "compute")
        correction.fault, correction.batches_done, correction.batches_all = "", 0, 0
        correction.decided_by, correction.decided_by_id, correction.decided_at = "", None, None
        correction.save()
        record(events.CORRECTION_COMPUTED, by=by, on=correction, after={"state": correction.state})
    batches = touched_batches(correction.item_uid, correction.version)
    if sum(batch.hall_return.sittings for batch in batches) > INLINE:
        jobs.compute_correction.enqueue(correction.pk)
    else:
        compute_correction(correction.pk)
    correction.refresh_from_db()
    return correction


def _progress(pk: int, done: int, all_: int) -> None:
    KeyCorrection.objects.filter(pk=pk).update(batches_done=done, batches_all=all_)


def compute_correction(pk: int) -> None:
    """Make the dry run of a correction that waits for it and keep its lines; a refusal is kept as the correction's fault."""
    correction = KeyCorrection.objects.get(pk=pk)
    try:
        run = dry_run(correction, progress=lambda done, all_: _progress(pk, done, all_))
    except Refusal as refusal:
        KeyCorrection.objects.filter(pk=pk, state=CorrectionState.COMPUTING).update(
            fault=str(refusal.message)
        )
        return
    with transaction.atomic():
        correction = _locked(correction)
        if correction.state == CorrectionState.COMPUTING:
            correction.state = CORRECTION.after(correction.state, "computed")
            _keep_lines(correction, run)


def _keep_lines(correction: KeyCorrection, run: DryRun) -> None:
    correction.lines.all().delete()
    ScoreLine.objects.bulk_create(
        [
            ScoreLine(correction=correction, result_id=line.result_id, kind=line.kind, **line.row())
            for line in run.lines
        ],
        batch_size=CHUNK,
    )
    for name, value in run.totals().items():
        setattr(correction, name, value)
    correction.lines_digest, correction.batches_done = run.digest, correction.batches_all
    correction.save()


# --- the decision --------------------------------------------------------------------------------------------


def _second_person(correction: KeyCorrection, by: Actor) -> None:
    by.require(Role.CENTRE_APPROVER)
    if correction.proposed_by_id == by.user_id:
        text = _("You proposed this yourself. Another person has to decide it.")
        raise Refusal("same_person", text, clause="I07", status=403)


@transaction.atomic
def withdraw_correction(correction: KeyCorrection, *, by: Actor) -> KeyCorrection:
    """Take a proposal back, by whoever made it."""
    by.require(*PROPOSERS)
    correction = _locked(correction)
    if correction.proposed_by_id != by.user_id:
        raise Refusal("not_yours", _("Only the person who proposed a correction takes it back."), status=403)
    before = correction.state
    correction.state = CORRECTION.after(correction.state, "withdraw")
    correction.save(update_fields=["state"])
    record(
        events.CORRECTION_WITHDRAWN,
        by=by,
        on=correction,
        before={"state": before},
        after={"state": correction.state},
    )
    return correction


def _decided(correction: KeyCorrection, verb: str, reason: str, by: Actor) -> str:
    before = correction.state
    correction.state = CORRECTION.after(before, verb)
    correction.decided_by, correction.decided_by_id, correction.decided_at = who(by), by.user_id, clock.now()
    correction.decision_reason = reason
    correction.save(update_fields=["state", "decided_by", "decided_by_id", "decided_at", "decision_reason"])
    return before


@transaction.atomic
def refuse_correction(correction: KeyCorrection, *, reason: str, by: Actor) -> KeyCorrection:
    """Refuse a proposal with a reason, as another person than its maker (the centre's approver)."""
    correction = _locked(correction)
    _second_person(correction, by)
    CORRECTION.after(correction.state, "refuse")
    reason = _required(reason, "reason")
    before = _decided(correction, "refuse", reason, by)
    record(
        events.CORRECTION_REFUSED,
        by=by,
        on=correction,
        before={"state": before},
        after={"state": correction.state},
        reason=reason,
    )
    return correction


def approve_correction(
    correction: KeyCorrection, *, shown: str, reason: str = "", by: Actor
) -> KeyCorrection:
    """Approve the dry run with the digest ``shown`` and apply it, as another person than the proposer (I07).

    The difference is computed anew; ``Conflict`` if it is no longer the one that was shown, and the new one is kept to be
    looked at. More than ``INLINE`` results are applied by a job.
    """
    with transaction.atomic():
        correction = _locked(correction)
        _second_person(correction, by)
        CORRECTION.after(correction.state, "apply")
        if correction.lines_digest != shown:
            raise _stale()
        correction.batches_done = 0
        correction.save(update_fields=["batches_done"])
        _decided(correction, "apply", reason.strip(), by)
    if correction.affected > INLINE:
        jobs.apply_correction.enqueue(correction.pk)
    else:
        apply_correction(correction.pk, by=by)
    correction.refresh_from_db()
    return correction


def _stale() -> Conflict:
    return Conflict(
        "lines_changed",
        _("The difference is no longer the one that was shown. Nothing was changed; look at the new one."),
    )


def _approver(correction: KeyCorrection) -> Actor:
    """Who approved, for the job that applies it later; the role was asked for when he did."""
    return Actor(correction.decided_by_id, correction.decided_by, frozenset({Role.CENTRE_APPROVER}))


def apply_correction(pk: int, *, by: Actor | None = None) -> None:
    """Recompute an approved difference and, if it is the same, score everybody again in one transaction.

    Otherwise the correction waits for approval again with the new lines, and ``Conflict`` says so.
    """
    correction = KeyCorrection.objects.get(pk=pk)
    if correction.state != CorrectionState.APPROVING:
        raise Conflict("wrong_state")
    try:
        run = dry_run(correction, progress=lambda done, all_: _progress(pk, done, all_))
        with transaction.atomic():
            _lock_all()
            correction = _locked(correction)
            if correction.state != CorrectionState.APPROVING:
                raise Conflict("wrong_state")
            same = run.digest == correction.lines_digest and basis_of(correction) == run.basis
            if same and (results := _unchanged(run.lines)) is not None:
                with override("zh-hans"):  # what is written down does not depend on who works the job
                    _apply(correction, run, results, by or _approver(correction))
                return
    except Refusal as refusal:
        _wait_again(pk, fault=str(refusal.message))
        raise
    _wait_again(pk, run=run)
    raise _stale()


@transaction.atomic
def _wait_again(pk: int, *, run: DryRun | None = None, fault: str = "") -> None:
    correction = KeyCorrection.objects.select_for_update().get(pk=pk)
    if correction.state == CorrectionState.APPROVING:
        correction.state = CORRECTION.after(correction.state, "reopen")
        correction.decided_by, correction.decided_by_id, correction.decided_at = "", None, None
        correction.fault = fault or str(_stale().message)
        correction.save()
        if run is not None:
            _keep_lines(correction, run)


def _unchanged(lines: Sequence[Line]) -> dict[int, Result] | None:
    """The results of ``lines``, locked; None if one of them is not any more as it was read."""
    found: dict[int, Result] = {}
    for start in range(0, len(lines), CHUNK):
        chunk = lines[start : start + CHUNK]
        rows = (
            Result.objects.select_for_update(of=("self",))
            .filter(pk__in=[line.result_id for line in chunk])
            .exclude(state=ResultState.VOID)
            .select_related("candidate__person__user", "candidate__batch")
        )
        found |= {row.pk: row for row in rows}
        if any(
            line.result_id not in found or stored_marks(found[line.result_id]) != line.before
            for line in chunk
        ):
            return None
    return found


def rescored(
    result: Result, before: Marks, after: Marks, *, notice: str, correction: KeyCorrection | None = None
) -> Rescoring:
    """The new score of ``result``, which is changed in memory: marks, and the state if it passes now (neither is saved).

    A pass that a re-scoring brings has to be confirmed as a fresh one, also where the failure was confirmed before.
    """
    state = result.state
    result.general, result.professional, result.passed = after.general, after.professional, after.passed
    if after.passed and not before.passed:
        result.state = RESULT.after(state, "pass_anew")
        result.confirmed_at = None
    return Rescoring(
        result=result,
        correction=correction,
        notice=notice,
        state_before=state,
        state_after=result.state,
        at=clock.now(),
        **Line(result.pk, before, after).row(),
    )


def keep_rescored(results: Iterable[Result], rescorings: Sequence[Rescoring], *, by: str, by_id: int | None,
                  second: str = "") -> list[Result]:  # fmt: skip
    """Append the new scores, write the standing ones, and tell the rooms above; returns the results whose marks moved."""
    Rescoring.objects.bulk_create(rescorings, batch_size=CHUNK)
    moved = [one for one in rescorings if one.moved]
    touched = {one.result_id for one in moved}
    changed = [result for result in results if result.pk in touched]
    Result.objects.bulk_update(
        changed, ["general", "professional", "passed", "state", "confirmed_at"], batch_size=100
    )
    ResultStep.objects.bulk_create(
        [
            ResultStep(
                result=one.result,
                verb="rescore",
                state=one.state_after,
                person=by,
                person_id=by_id,
                second_person=second,
                reason=one.notice,
                at=one.at,
            )
            for one in moved
        ],
        batch_size=CHUNK,
    )
    ExamsEvent.objects.bulk_create(
        [ExamsEvent(kind=RESCORED, result=one.result, at=one.at) for one in moved], batch_size=CHUNK
    )
    return changed


def _apply(correction: KeyCorrection, run: DryRun, results: dict[int, Result], by: Actor) -> None:
    """Score again as ``run`` says, publish the item with its new key, tell everybody. In the caller's transaction."""
    last = KeyCorrection.objects.aggregate(last=Max("sequence"))["last"] or 0
    correction.state = CORRECTION.after(correction.state, "approve")
    correction.sequence, correction.fault = last + 1, ""
    correction.new_version = _publish(correction, by)
    correction.save()
    rescorings = [
        rescored(
            results[line.result_id], line.before, line.after, notice=correction.notice, correction=correction
        )
        for line in run.lines
    ]
    moved = keep_rescored(
        results.values(),
        rescorings,
        by=correction.decided_by,
        by_id=correction.decided_by_id,
        second=correction.proposed_by,
    )
    record(
        events.CORRECTION_APPROVED,
        by=by,
        on=correction,
        before={"state": CorrectionState.APPROVING},
        after={"state": correction.state, "new_version": correction.new_version, **run.totals()},
        reason=correction.decision_reason,
    )
    tell_rescored(moved, correction.notice)


def tell_rescored(results: Sequence[Result], notice: str) -> None:
    """Tell the persons and their institutions that scores are others now, and why."""
    telling.tell_persons(
        [one.candidate.person for one in results],
        kind="exams.rescored",
        title=_("Your test was scored again"),
        text=notice,
        url=reverse("exams:my_results"),
    )
    telling.tell_units(
        {one.organisation_id for one in results},
        telling.OWNERS,
        kind="exams.rescored",
        title=_("Results of your candidates were scored again"),
        text=notice,
        url=reverse("exams:all_results"),
    )


def _publish(correction: KeyCorrection, by: Actor) -> int | None:
    """The number of the item's new version, if its newest published one still says the same under the wrong key.

    Otherwise, and where several answers count or the question is void, the bank keeper mends or retires the item: he is
    reminded as long as a release holds it.
    """
    if correction.remedy != Remedy.ANOTHER:
        return None
    right = {correction.child_no: tuple(correction.accepted[0])}
    newest = (
        itembank.ItemVersion.objects.filter(item__uid=correction.item_uid, published_at__isnull=False)
        .select_related("item")
        .order_by("-number")
        .first()
    )
    if newest is None:
        return None
    _version, drawn = question_of(correction.item_uid, correction.version)
    text = itembank.text_of_version(newest)
    if drawn.content() != text.content() or itembank.corrected(text, right).key() == text.key():
        return None
    proposer = Actor(correction.proposed_by_id, correction.proposed_by[:100])
    version = itembank.correct_key(
        correction.item_uid, newest.number, right, reason=correction.reason, proposed_by=proposer, by=by
    )
    return version.number


@transaction.atomic
def confirm_rescored(correction: KeyCorrection, *, by: Actor) -> int:
    """Confirm the passes that a correction brought, as fresh ones are (the centre's approver); returns how many.

    Results in doubt, and those that somebody proposed to void, are decided one by one.
    """
    by.require(Role.CENTRE_APPROVER)
    now = clock.now()
    results = list(
        waiting_passes(correction).select_for_update(of=("self",)).select_related("candidate__person__user")
    )
    if not results:
        raise Conflict("wrong_state", _("No pass of this correction waits to be confirmed."))
    for result in results:
        result.state, result.confirmed_at = RESULT.after(result.state, "confirm"), now
    Result.objects.bulk_update(results, ["state", "confirmed_at"], batch_size=200)
    ResultStep.objects.bulk_create(
        ResultStep(result=one, verb="confirm", state=one.state, person=who(by), person_id=by.user_id, at=now)
        for one in results
    )
    ExamsEvent.objects.bulk_create(ExamsEvent(kind=CONFIRMED, result=one, at=now) for one in results)
    record(events.RESCORED_CONFIRMED, by=by, on=correction, after={"results": len(results)})
    telling.tell_persons(
        [one.candidate.person for one in results],
        kind="exams.confirmed",
        title=_("Your test result is confirmed"),
        url=reverse("exams:my_results"),
    )
    return len(results)


# --- returns that come later ---------------------------------------------------------------------------------


def rescore_fresh(batch: Batch, bundle: delivery.Bundle, content: delivery.Return) -> None:
    """Apply the corrections that stand to the results of a return that has just come in: its papers were drawn before them."""
    _lock_all()
    standing = approved_corrections()
    questions = {(one.item_uid, one.version) for one in standing}
    if not questions:
        return
    results, rescorings = [], []
    for result, candidate, answers in sittings_of(batch, bundle, content, questions):
        held = {(unit.item_uid, unit.version) for paper in candidate.papers.values() for unit in paper.units}
        for number, correction in enumerate(standing):
            if (correction.item_uid, correction.version) in held:
                before = stored_marks(result)
                after = marks_of(bundle, candidate, answers, result, by_place(standing[: number + 1]))
                rescorings.append(
                    rescored(result, before, after, notice=correction.notice, correction=correction)
                )
        results.append(result)
    keep_rescored(results, rescorings, by="system", by_id=None)


__all__ = [
    "apply_correction",
    "approve_correction",
    "compute_correction",
    "confirm_rescored",
    "propose_correction",
    "read_question",
    "refuse_correction",
    "rescore_fresh",
    "start_computing",
    "withdraw_correction",
]
