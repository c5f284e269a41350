"""Batches held with chosen answers, for tests of re-scoring."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from decimal import Decimal

import msgspec
from tests.makers import make_actor, make_batch, make_hall_return

from zhupei.delivery import api as delivery
from zhupei.exams import actions
from zhupei.exams.actions.dry_runs import open_sittings
from zhupei.exams.models import Batch, Result
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role

Answers = dict[str, dict[str, tuple[str, ...]]]
Choose = Callable[[int, delivery.Candidate, Answers], Answers]


def bundle_of(batch: Batch) -> delivery.Bundle:
    """The opened bundle of a released batch."""
    from zhupei.exams import keys

    return delivery.open_bundle(
        actions.bundle_file(batch), bundle_key=actions.bundle_key(batch), verifier=keys.centre_verifier()
    )


def unit_of(paper: delivery.Paper, kind: str, among: Collection[str] | None = None) -> delivery.Unit:
    """The first unit of a kind (that is one of the items ``among``)."""
    return next(
        unit for unit in paper.units if unit.kind == kind and (among is None or unit.item_uid in among)
    )


def other_option(slot: delivery.Slot, right: tuple[str, ...]) -> tuple[str, ...]:
    """A wrong answer of the slot's kind that could have been its key."""
    wrong = [id_ for id_ in slot.option_ids if id_ not in right]
    return (wrong[0],) if slot.kind != "multiple" else (right[0], wrong[0])


def slot_of(paper: delivery.Paper, key: str) -> delivery.Slot:
    return next(slot for slot in paper.slots() if slot.key == key)


def just_below(bundle: delivery.Bundle, paper: delivery.Paper, without: str) -> dict[str, tuple[str, ...]]:
    """Right answers worth as much as there is below the pass mark; ``without`` is left out."""
    given, total = {}, Decimal(0)
    for slot in sorted(paper.slots(), key=lambda slot: -slot.marks):
        if slot.key != without and total + slot.marks < bundle.rules.pass_mark:
            given[slot.key], total = bundle.keys[slot.key].right, total + slot.marks
    return given


def hold(batch: Batch, choose: Choose, *, confirm: bool = True) -> Batch:
    """Receive the return of a released batch in which candidate ``n`` answers as ``choose(n, candidate, all right)`` says."""
    bundle = bundle_of(batch)
    planned = {one.candidate_id: (number, one) for number, one in enumerate(bundle.candidates)}

    def change(content: delivery.Return) -> delivery.Return:
        sittings = []
        for sitting in content.sittings:
            number, candidate = planned[sitting.candidate_id]
            answers = choose(number, candidate, dict(sitting.answers))
            sittings.append(
                msgspec.structs.replace(
                    sitting,
                    answers=answers,
                    scores=delivery.score_sitting(candidate.papers, bundle.keys, answers, bundle.rules),
                )
            )
        return msgspec.structs.replace(content, sittings=tuple(sittings))

    with clock.frozen(batch.slots.all()[0].ends_at + timedelta(minutes=30)):
        actions.receive_return(batch, make_hall_return(batch, change=change), by=SYSTEM)
        if confirm:
            actions.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))
    return Batch.objects.get(pk=batch.pk)


def released(candidates: int = 3, **more: object) -> tuple[Batch, delivery.Bundle]:
    batch = make_batch(state="released", candidates=candidates, **more)  # type: ignore[arg-type]
    return batch, bundle_of(batch)


def results_of(batch: Batch) -> list[Result]:
    """The results in the order of the bundle's candidates."""
    bundle, _content = open_sittings(batch)
    rows = {str(one.candidate_id): one for one in Result.objects.filter(candidate__batch=batch)}
    return [rows[one.candidate_id] for one in bundle.candidates]
