"""Scores that were computed again: what stands, what waits, what the nightly check finds (I07)."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from zhupei.itembank.api import latest_release
from zhupei.kernel import clock
from zhupei.kernel.workdays import Deadline
from zhupei.rulebook.api import calendar, parameter

from .choices import BatchState, CorrectionState, ResultState
from .models import KeyCorrection, Rescoring, Result, VoidProposal


def last_rescoring(result: Result) -> Rescoring | None:
    """The re-scoring that stands, with its correction; None if the announced score does."""
    return result.rescorings.select_related("correction").order_by("-pk").first()


def challenge_until(result: Result) -> Deadline | None:
    """The last day on which a review of a result can be asked for: ``challenge_workdays`` after it was confirmed or last
    scored again; None while it is not confirmed."""
    if result.candidate.batch.confirmed_at is None:
        return None
    moments = [result.candidate.batch.confirmed_at, result.confirmed_at]
    moments += [one.at for one in result.rescorings.all() if one.moved]
    start = max(clock.local(moment).date() for moment in moments if moment is not None)
    return calendar().add_workdays(start, int(parameter("challenge_workdays")))


def waiting_passes(correction: KeyCorrection | None = None) -> QuerySet[Result]:
    """Passes that a re-scoring (of ``correction``) brought to confirmed batches, and that the centre still has to confirm.

    Those that somebody proposed to void wait for that decision first.
    """
    brought = Rescoring.objects.filter(
        result=OuterRef("pk"), state_before=ResultState.CONFIRMED, state_after=ResultState.PROVISIONAL
    )
    if correction is not None:
        brought = brought.filter(correction=correction)
    return Result.objects.filter(
        Exists(brought),
        ~Exists(VoidProposal.objects.filter(result=OuterRef("pk"), decided_at=None)),
        state=ResultState.PROVISIONAL,
        candidate__batch__state=BatchState.CONFIRMED,
    )


def standing_faults() -> list[str]:
    """Results whose standing score is not what the announced one and its re-scorings give, in words; the nightly check."""
    faults = [
        f"result {pk}: its score changed without a re-scoring"
        for pk in Result.objects.filter(
            ~Q(general=F("announced_general"))
            | ~Q(professional=F("announced_professional"))
            | ~Q(passed=F("announced_passed")),
            ~Exists(Rescoring.objects.filter(result=OuterRef("pk"))),
        ).values_list("pk", flat=True)
    ]
    last: Result | None = None
    marks: tuple[Decimal, Decimal, bool] | None = None
    rows = Rescoring.objects.select_related("result").order_by("result_id", "pk")
    for row in rows.iterator():
        if last is None or row.result_id != last.pk:
            faults += _standing_fault(last, marks)
            last = row.result
            marks = last.announced_general, last.announced_professional, last.announced_passed
        if marks != (row.general_before, row.professional_before, row.passed_before):
            faults.append(f"result {row.result_id}: re-scoring {row.pk} does not follow the one before it")
        marks = row.general_after, row.professional_after, row.passed_after
    return faults + _standing_fault(last, marks)


def _standing_fault(result: Result | None, marks: tuple[Decimal, Decimal, bool] | None) -> list[str]:
    if result is None or marks == (result.general, result.professional, result.passed):
        return []
    return [f"result {result.pk}: its score is not that of its last re-scoring"]


def stale_questions() -> list[KeyCorrection]:
    """Approved corrections whose wrong version the newest release still holds: papers go on being drawn with it."""
    release = latest_release()
    corrections = list(KeyCorrection.objects.filter(state=CorrectionState.APPROVED).order_by("sequence"))
    if release is None or not corrections:
        return []
    held = dict(
        release.rows.filter(version__item__uid__in={one.item_uid for one in corrections}).values_list(
            "version__item__uid", "version__number"
        )
    )
    newest = {(one.item_uid, one.version, one.child_no): one for one in corrections}  # the last one counts
    return [
        one
        for one in newest.values()
        if (number := held.get(one.item_uid)) is not None
        and (number == one.version or (one.new_version is not None and number < one.new_version))
    ]
