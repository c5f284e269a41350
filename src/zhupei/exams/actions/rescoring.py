"""An approved correction applied: everybody who had the question gets a new score, in one transaction (I07).

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
from zhupei.exams.choices import CORRECTION, RESULT, CorrectionState, Remedy, ResultState
from zhupei.exams.models import Batch, ExamsEvent, KeyCorrection, Rescoring, Result, ResultStep
from zhupei.exams.rescoring import by_place
from zhupei.exams.standing import waiting_passes
from zhupei.itembank import api as itembank
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

from . import corrections
from .corrections import (
    CHUNK,
    decide,
    keep_lines,
    lock_corrections,
    locked_correction,
    question_of,
    require_second_person,
    who,
)
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
)
from .results import CONFIRMED, RESCORED


def approve_correction(
    correction: KeyCorrection, *, shown: str, reason: str = "", by: Actor
) -> KeyCorrection:
    """Approve the dry run with the digest ``shown`` and apply it, as another person than the proposer (I07).

    The difference is computed anew; ``Conflict`` if it is no longer the one that was shown, and the new one is kept to be
    looked at. More than ``INLINE`` results are applied by a job.
    """
    with transaction.atomic():
        correction = locked_correction(correction)
        require_second_person(correction, by)
        CORRECTION.after(correction.state, "apply")
        if correction.lines_digest != shown:
            raise _stale()
        correction.batches_done = 0
        correction.save(update_fields=["batches_done"])
        decide(correction, "apply", reason.strip(), by)
    if correction.affected > corrections.INLINE:
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
    return Actor(correction.decided_by_id, correction.decided_by[:100], frozenset({Role.CENTRE_APPROVER}))


def apply_correction(pk: int, *, by: Actor | None = None) -> None:
    """Recompute an approved difference and, if it is the same, score everybody again in one transaction.

    Otherwise the correction waits for approval again with the new lines, and ``Conflict`` says so.
    """
    correction = KeyCorrection.objects.get(pk=pk)
    if correction.state != CorrectionState.APPROVING:
        raise Conflict("wrong_state")
    try:
        run = dry_run(correction, progress=lambda done, all_: corrections.note_progress(pk, done, all_))
        with transaction.atomic():
            lock_corrections()
            correction = locked_correction(correction)
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
            keep_lines(correction, run)


def _unchanged(lines: Sequence[Line]) -> dict[int, Result] | None:
    """The results of ``lines``, locked; None if one of them is not any more as it was read."""
    found: dict[int, Result] = {}
    for start in range(0, len(lines), CHUNK):
        chunk = lines[start : start + CHUNK]
        rows = (
            Result.objects.select_for_update(of=("self",))
            .filter(pk__in=[line.result_id for line in chunk])
            .exclude(state=ResultState.VOID)
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
    correction.batches_done = correction.batches_all
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
    telling.tell_candidates(
        [one.candidate_id for one in results],
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
    results = list(waiting_passes(correction).select_for_update(of=("self",)))
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
    telling.tell_candidates(
        [one.candidate_id for one in results],
        kind="exams.confirmed",
        title=_("Your test result is confirmed"),
        url=reverse("exams:my_results"),
    )
    return len(results)


# --- returns that come later ---------------------------------------------------------------------------------


def rescore_fresh(batch: Batch, bundle: delivery.Bundle, content: delivery.Return) -> None:
    """Apply the corrections that stand to the results of a return that has just come in: its papers were drawn before them."""
    lock_corrections()
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
