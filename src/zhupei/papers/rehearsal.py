"""Assembling papers without keeping any: what a bank and a blueprint are good for, before or besides a draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from time import perf_counter
from typing import Any

from zhupei.delivery.api import slot_key
from zhupei.itembank.api import BankRelease, ItemKind, Synthetic
from zhupei.rulebook.api import Post

from .assembly import ALGORITHM, PERMILLE, Bank, Piece
from .choices import DEFAULT_SECTIONS, DEFAULT_TARGETS
from .drawing import Form, Order, Printer, Seat, plan_of, select, targets_of
from .models import Blueprint
from .queries import bank_for

FULL_MARK = Decimal(100)
Right = Mapping[str, Sequence[str]]


def synthetic_form(
    subject: str, items: Sequence[Synthetic], weights: Mapping[str, Fraction]
) -> tuple[Form, Right]:
    """The default blueprint over synthetic items, with their right answers by slot."""
    right: dict[str, Sequence[str]] = {}
    pieces = []
    for item in items:
        text, content = item.text, item.text.content()
        children = tuple(child.kind for child in text.children)
        for no, child in enumerate(text.children, 1):
            right[slot_key(item.uid, no)] = child.answer
        if not text.children:
            right[item.uid] = text.answer
        pieces.append(
            Piece(
                item.uid,
                1,
                text.kind,
                item.chapter,
                text.level,
                int((text.difficulty or 0) * PERMILLE),
                len(children) or 1,
                content,
                children,
            )
        )
    sections = [{"rule": "all_or_nothing", **section} for section in DEFAULT_SECTIONS[subject]]
    bank = Bank(plan_of(sections), pieces, targets_of(DEFAULT_TARGETS, weights))
    return Form(subject, bank, FULL_MARK, "synthetic"), right


def released_form(blueprint: Blueprint, post: Post, subject: str, release: BankRelease) -> Form:
    """A blueprint over a release. Raises ``Refusal`` naming the short cell."""
    bank = bank_for(blueprint.sections, blueprint.targets, post, subject, release)
    return Form(subject, bank, blueprint.full_mark, f"{release.number}-{release.digest[:16]}")


def rehearse(
    seed: bytes, form: Form, seats: Mapping[str, Seat], right: Right | None, *, row_length: int
) -> dict[str, Any]:
    """Assemble a paper for everybody seated, print each when the ``right`` answers are known, and say how even they came out.

    ``violations``: constraints broken, over all papers; ``expected_score`` and ``plain``: marks, of these papers and of a plain
    stratified draw for the same people; ``exposure``: the largest, over the cells, of the most used item to the cell's mean;
    ``neighbour_overlap``: share of marks; ``answer_places``: how often the right option of a four-option single choice item is A,
    B, C, D.
    """
    started = perf_counter()
    selection = select(seed, Order("rehearsal", tuple(sorted(seats)), seats, row_length), form, "rehearsal")
    chosen = perf_counter()
    places = [0, 0, 0, 0]
    faces: set[Any] = set()
    if right is None:
        faces = {tuple(sorted(row)) for row in selection.papers.tolist()}
    else:
        printer = Printer(seed, "rehearsal", form, right)
        for _key, paper in printer.papers(selection, dict.fromkeys(selection.keys, "")):
            faces.add(tuple((unit.item_uid, tuple(o.id for o in unit.options)) for unit in paper.units))
            for unit in paper.units:
                if unit.kind == ItemKind.SINGLE and len(unit.options) == 4:
                    places[[o.id for o in unit.options].index(right[unit.item_uid][0])] += 1
    figures = selection.figures
    return {
        "algorithm": ALGORITHM,
        "papers": figures["papers"],
        "violations": sum(figures["violations"].values()),
        "violations_by": figures["violations"],
        "distinct": len(faces),
        "expected_score": figures["score"],
        "plain": figures["plain"],
        "exposure": {"max_over_mean": figures["exposure"]},
        "neighbour_overlap": figures["overlap"],
        "plain_overlap": figures["plain_overlap"],
        "answer_places": places if right is not None else None,
        "selection_s": round(chosen - started, 2),
        "printing_s": round(perf_counter() - chosen, 2),
    }
