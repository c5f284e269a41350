"""What a correction would do, computed from the sealed papers and the raw answers of every return (I07)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from zhupei.delivery import api as delivery
from zhupei.evidence.api import read
from zhupei.exams import keys
from zhupei.exams.choices import ChangeKind, CorrectionState, ResultState
from zhupei.exams.models import Batch, HallKey, KeyCorrection, Result, ReturnIn
from zhupei.exams.rescoring import Corrections, by_place, score
from zhupei.kernel.batchno import BatchNumber
from zhupei.kernel.crypto import Sm2Verifier
from zhupei.kernel.digests import digest
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.papers import api as papers

from .bundles import bundle_key, candidate_key

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Marks:
    """Both subjects and the outcome."""

    general: Decimal
    professional: Decimal
    passed: bool


@dataclass(frozen=True)
class Line:
    """What happens to one result."""

    result_id: int
    before: Marks
    after: Marks

    @property
    def kind(self) -> ChangeKind:
        before, after = self.before, self.after
        if before.passed != after.passed:
            return ChangeKind.PASSED if after.passed else ChangeKind.FAILED
        moved = after.general + after.professional - before.general - before.professional
        return ChangeKind.UP if moved > 0 else ChangeKind.DOWN if moved < 0 else ChangeKind.SAME

    def row(self) -> dict[str, Any]:
        """As the columns of a ``ScoreMove``."""
        return {
            f"{name}_{when}": getattr(marks, name)
            for when, marks in (("before", self.before), ("after", self.after))
            for name in ("general", "professional", "passed")
        }


@dataclass(frozen=True)
class Basis:
    """On what a dry run rests: the last correction applied, and the returns that were read."""

    sequence: int
    returns: frozenset[int]


@dataclass(frozen=True)
class DryRun:
    """The lines of a correction, by result, and what they rest on."""

    lines: tuple[Line, ...]
    basis: Basis
    digest: str = field(default="")

    def totals(self) -> dict[str, int]:
        """As the columns of a ``KeyCorrection``; who passes now is also one of those who go up."""
        kinds = Counter(line.kind for line in self.lines)
        return {
            "affected": len(self.lines),
            "up": kinds[ChangeKind.UP] + kinds[ChangeKind.PASSED],
            "down": kinds[ChangeKind.DOWN] + kinds[ChangeKind.FAILED],
            "newly_passed": kinds[ChangeKind.PASSED],
            "newly_failed": kinds[ChangeKind.FAILED],
        }


def approved_corrections() -> list[KeyCorrection]:
    """All corrections that stand, in the order in which they were approved."""
    return list(KeyCorrection.objects.filter(state=CorrectionState.APPROVED).order_by("sequence"))


def touched_batches(uid: str, version: int) -> list[Batch]:
    """The batches with a return whose papers were drawn from a release that holds this version of the item."""
    drawn = set(
        papers.Draw.objects.filter(
            release__rows__version__item__uid=uid, release__rows__version__number=version
        ).values_list("batch_key", flat=True)
    )
    if not drawn:
        return []
    numbers = Batch.objects.filter(hall_return__isnull=False).values_list("pk", "year", "sequence")
    found = [pk for pk, year, sequence in numbers if str(BatchNumber(year, sequence)) in drawn]
    rows = Batch.objects.filter(pk__in=found).select_related("hall_return__file", "bundle__file")
    return list(rows.order_by("pk"))


def basis_of(correction: KeyCorrection) -> Basis:
    """What a dry run made now would rest on."""
    batches = touched_batches(correction.item_uid, correction.version)
    last = (
        KeyCorrection.objects.filter(sequence__isnull=False)
        .order_by("-sequence")
        .values_list("sequence", flat=True)
        .first()
    )
    return Basis(last or 0, frozenset(batch.hall_return.pk for batch in batches))


def open_sittings(batch: Batch) -> tuple[delivery.Bundle, delivery.Return]:
    """The bundle of a batch and the return that was received for it, as they were signed; raises ``Refusal`` if not.

    A key that the hall has ended since still vouches for what it signed before.
    """
    key = bundle_key(batch)
    row: ReturnIn = batch.hall_return
    try:
        bundle = delivery.open_bundle(
            read(batch.bundle.file), bundle_key=key, verifier=keys.centre_verifier()
        )
        data = read(row.file)
        found: Refusal | None = None
        for public_key in HallKey.objects.filter(hall_id=batch.hall_id).values_list("public_key", flat=True):
            try:
                return bundle, delivery.open_return(data, bundle_key=key, verifier=Sm2Verifier(public_key))
            except Refusal as refusal:
                found = refusal
                if refusal.code != "signature_invalid":
                    break
        raise found or Refusal("hall_key_missing")
    except Refusal as refusal:
        text = _("The papers or the return of batch %(batch)s cannot be opened as they were signed: %(code)s. "
                 "Call the security officer.") % {"batch": batch, "code": refusal.code}  # fmt: skip
        raise Conflict("return_unreadable", text) from None


def marks_of(
    bundle: delivery.Bundle,
    candidate: delivery.Candidate,
    answers: delivery.Answers,
    result: Result,
    corrections: Corrections,
) -> Marks:
    """A sitting's marks under ``corrections``; a subject that was not sat keeps the mark it has, and has to be passed too."""
    scored = score(candidate.papers, bundle.keys, answers, bundle.rules, corrections)
    general, professional = (scored.subjects.get(subject) for subject in ("general", "professional"))
    unsat = set(bundle.rules.subjects) - set(candidate.papers)
    return Marks(
        general.marks if general else result.general,
        professional.marks if professional else result.professional,
        scored.passed and all(getattr(result, subject) >= bundle.rules.pass_mark for subject in unsat),
    )


def stored_marks(result: Result) -> Marks:
    """The marks that stand."""
    return Marks(result.general, result.professional, result.passed)


def sittings_of(
    batch: Batch, bundle: delivery.Bundle, content: delivery.Return, questions: Iterable[tuple[str, int]] = ()
) -> Iterator[tuple[Result, delivery.Candidate, delivery.Answers]]:
    """The results of a batch that are not void, with papers and raw answers; with ``questions`` (item, version) only those
    whose paper holds one of them. Raises ``Conflict`` if the answers are not those that were scored on arrival."""
    wanted = set(questions)
    results = {
        candidate_key(one.candidate): one
        for one in Result.objects.filter(hall_return=batch.hall_return)
        .exclude(state=ResultState.VOID)
        .select_related("candidate")
    }
    planned = {one.candidate_id: one for one in bundle.candidates}
    for sitting in content.sittings:
        result = results.get(sitting.candidate_id)
        if result is None:
            continue
        candidate = planned[sitting.candidate_id]
        if wanted and not any(
            (unit.item_uid, unit.version) in wanted
            for paper in candidate.papers.values()
            for unit in paper.units
        ):
            continue
        if digest(sitting.answers) != result.answers_digest:
            raise Conflict(
                "answers_changed",
                _("The kept answers of %(slip)s are not those that were scored. Call the security officer.")
                % {"slip": sitting.slip_no},
            )
        yield result, candidate, sitting.answers


def dry_run(correction: KeyCorrection, *, progress: Progress | None = None) -> DryRun:
    """Every result whose paper holds the question, before and after ``correction`` (proposed, not yet approved).

    ``progress`` is told (batches read, batches in all). Raises ``Conflict`` where a return or a stored score is not what the
    raw answers give: then a recount comes first.
    """
    basis = basis_of(correction)
    standing = approved_corrections()
    before, after = by_place(standing), by_place([*standing, correction])
    question = correction.item_uid, correction.version
    batches = touched_batches(*question)
    lines: list[Line] = []
    for number, batch in enumerate(batches):
        if progress:
            progress(number, len(batches))
        bundle, content = open_sittings(batch)
        for result, candidate, answers in sittings_of(batch, bundle, content, [question]):
            now = marks_of(bundle, candidate, answers, result, before)
            if now != stored_marks(result):
                text = _(
                    "The stored score of %(slip)s is not what the raw answers give. Have it counted again first."
                )
                raise Conflict("score_differs", text % {"slip": candidate.slip_no})  # fmt: skip
            lines.append(Line(result.pk, now, marks_of(bundle, candidate, answers, result, after)))
    lines.sort(key=lambda line: line.result_id)
    return DryRun(tuple(lines), basis, lines_digest(correction, lines))


def lines_digest(correction: KeyCorrection, lines: Iterable[Line]) -> str:
    """SM3 over what is approved: question, remedy, policy, and every line."""
    return digest(
        {
            "question": [correction.item_uid, correction.version, correction.child_no],
            "remedy": [correction.remedy, correction.accepted, correction.policy],
            "lines": [{"result": line.result_id, **line.row()} for line in lines],
        }
    )
