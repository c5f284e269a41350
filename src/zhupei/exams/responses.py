"""Answers as item analysis needs them: who chose what, with the group the person belongs to, and no name.

Personal data: the candidate's key, sex, and the kind and division of the institution that trained the person, to find items
that favour a group. Read for statistics only; nothing of it is shown by person. A bundle holds keys: the caller records that
it read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import QuerySet

from zhupei.delivery import api as delivery
from zhupei.kernel import clock

from .actions.bundles import candidate_key
from .actions.dry_runs import approved_corrections, open_sittings
from .choices import BatchState, ResultState
from .models import Batch, Result
from .rescoring import Accepted, Corrections, accepted_after, by_place, places_in, score


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """One answer: the slot and its item version, what was chosen of what, what is right, marks earned of full marks."""

    key: str
    item_uid: str
    version: int
    kind: str
    section: str
    options: tuple[str, ...]
    right: tuple[str, ...]
    chosen: tuple[str, ...]
    marks: Decimal
    full: Decimal


@dataclass(frozen=True, slots=True)
class SatPaper:
    """One person's paper in one subject, handed in and not voided. ``passed``: this subject."""

    candidate: str
    batch_id: int
    post_id: int
    subject: str
    day: date
    institution_kind: str
    division: str
    sex: str
    passed: bool
    answers: tuple[SlotAnswer, ...]


def analysable() -> QuerySet[Batch]:
    """Batches whose answers are in: received, or confirmed."""
    return Batch.objects.filter(state__in=[BatchState.RETURNED, BatchState.CONFIRMED])


def results_digest_of(batches: list[int]) -> list[tuple[int, str, str, str, str]]:
    """What the answers of these batches rest on: result, digest of the answers, state, standing marks of both subjects. The
    same list, the same statistics."""
    rows = Result.objects.filter(candidate__batch__in=batches).order_by("pk")
    fields = ("pk", "answers_digest", "state", "general", "professional")
    return [
        (pk, answers, state, str(general), str(professional))
        for pk, answers, state, general, professional in rows.values_list(*fields)
    ]


def responses(batch: Batch, *, confirmed_only: bool = False) -> Iterator[SatPaper]:
    """Every paper of a batch that was handed in, scored from the raw answers under the keys as corrected since; voided results
    and void questions are left out.

    A handful of queries however many the people; bundle and return are opened once. ``confirmed_only`` leaves out
    results that are not confirmed. Raises ``Refusal`` when a stored file cannot be opened.
    """
    rows = (
        Result.objects.filter(candidate__batch=batch)
        .exclude(state=ResultState.VOID)
        .select_related(
            "candidate__person", "candidate__slot", "candidate__enrolment__training_class__institution"
        )
    )
    if confirmed_only:
        rows = rows.filter(state=ResultState.CONFIRMED)
    results = {candidate_key(row.candidate): row for row in rows}
    if not results:
        return
    bundle, returned = open_sittings(batch)
    corrections = by_place(approved_corrections())
    planned = {one.candidate_id: one for one in bundle.candidates}
    for sitting in returned.sittings:
        result = results.get(sitting.candidate_id)
        if result is None:
            continue
        candidate = result.candidate
        institution = candidate.enrolment.training_class.institution
        day = (
            clock.local(candidate.slot.starts_at).date()
            if candidate.slot
            else clock.local(batch.created_at).date()
        )
        papers = planned[sitting.candidate_id].papers
        scored = score(papers, bundle.keys, sitting.answers, bundle.rules, corrections)
        for subject, paper in papers.items():
            yield SatPaper(
                candidate=sitting.candidate_id,
                batch_id=batch.pk,
                post_id=candidate.post_id,
                subject=subject,
                day=day,
                institution_kind=institution.type,
                division=institution.division_code,
                sex=candidate.person.sex,
                passed=scored.subjects[subject].passed,
                answers=tuple(_answers(paper, scored.subjects[subject], bundle.keys, corrections)),
            )


def _answers(
    paper: delivery.Paper,
    scored: delivery.SubjectScore,
    keys: Mapping[str, delivery.Key],
    corrections: Corrections,
) -> Iterator[SlotAnswer]:
    places = places_in(paper)
    for slot, one in zip(paper.slots(), scored.per_unit, strict=True):
        accepted: Accepted = accepted_after(keys[slot.key].right, corrections.get(places[slot.key], ()))
        if accepted.everybody:
            continue
        unit = paper.units[slot.unit_no - 1]
        yield SlotAnswer(
            key=slot.key,
            item_uid=unit.item_uid,
            version=unit.version,
            kind=slot.kind,
            section=unit.kind,
            options=tuple(sorted(slot.option_ids)),
            right=tuple(sorted(frozenset().union(*accepted.answers))),
            chosen=one.chosen,
            marks=one.marks,
            full=one.full,
        )
