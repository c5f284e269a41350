"""A passed subject that counts in the next test, where the rulebook has it so (J03; by default it does not, 三(四))."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import F, Q, QuerySet

from zhupei.kernel import clock
from zhupei.rulebook.api import decimal_parameter, parameter

from .choices import ResultState
from .models import Batch, Candidate, Result

SUBJECTS = ("general", "professional")


def settle_carried(batch: Batch, candidates: Sequence[Candidate]) -> None:
    """Note on each candidate which subject is not sat again, and the result whose mark counts for it.

    With ``carry_over`` on the day of the first session, it is the subject passed in the newest confirmed result of the same
    enrolment in which exactly one was, and only while the result in which it was really sat is confirmed and still reaches
    the pass mark. Whoever has none sits both.
    """
    day = clock.local(batch.slots.all()[0].starts_at).date()
    for one in candidates:
        one.carried_subject = one.carried_from = None
    if parameter("carry_over", on=day):
        mark = decimal_parameter("subject_pass_mark", on=day)
        earlier = defaultdict(list)
        rows = Result.objects.filter(
            candidate__enrolment_id__in={one.enrolment_id for one in candidates if one.attempt > 1},
            candidate__removed_at=None,
            state=ResultState.CONFIRMED,
        ).exclude(candidate__batch=batch)
        for row in rows.select_related("candidate__carried_from").order_by("-pk"):
            earlier[row.candidate.enrolment_id].append(row)
        for one in candidates:
            for row in earlier[one.enrolment_id]:
                passed = [subject for subject in SUBJECTS if getattr(row, subject) >= mark]
                if len(passed) != 1:
                    continue
                (subject,) = passed
                sat = row
                if row.candidate.carried_subject == subject and row.candidate.carried_from is not None:
                    sat = row.candidate.carried_from
                if sat.state == ResultState.CONFIRMED and getattr(sat, subject) >= mark:
                    one.carried_subject, one.carried_from = subject, sat
                    break
    Candidate.objects.bulk_update(candidates, ["carried_subject", "carried_from"], batch_size=200)


def carried_marks_lost() -> QuerySet[Result]:
    """Results with a carried mark whose origin was voided, put in doubt or scored again since: it is no longer the mark there.

    Nothing changes them by itself; the centre looks at each, and voids it where the mark no longer passes.
    """
    moved = Q()
    for subject in SUBJECTS:
        moved |= Q(candidate__carried_subject=subject) & ~Q(
            **{subject: F(f"candidate__carried_from__{subject}")}
        )
    return (
        Result.objects.filter(candidate__carried_from__isnull=False)
        .filter(moved | ~Q(candidate__carried_from__state=ResultState.CONFIRMED))
        .exclude(state=ResultState.VOID)
        .select_related("candidate__person", "candidate__batch", "candidate__carried_from__candidate__batch")
        .order_by("-pk")
    )
