"""One candidate's paper in one subject: units, slots, keys, and when a paper can be sat (see the folder's docstring)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from zhupei.delivery.formats.base import FormatError, Frozen, digest
from zhupei.kernel.richtext import media_in

Kind: TypeAlias = Literal["single", "multiple", "true_false", "case"]
ChildKind: TypeAlias = Literal["single", "multiple", "true_false"]
MAX_OPTIONS = 26
"""Of one question: as many as there are letters."""
ScoreRule: TypeAlias = Literal["all_or_nothing", "half_per_right", "proportional"]


def slot_key(item_uid: str, child_no: int = 0) -> str:
    """The key of an answer: ``uid``, or ``uid#n`` for child ``n`` of a case."""
    return f"{item_uid}#{child_no}" if child_no else item_uid


class Option(Frozen, frozen=True, kw_only=True):
    """One thing to choose. ``id`` is the bank's and stays the same however options are shuffled."""

    id: str
    text: str


class Child(Frozen, frozen=True, kw_only=True):
    """One question of a case (综合题), numbered from 1."""

    no: int
    kind: ChildKind
    stem: str
    options: tuple[Option, ...]
    marks: Decimal


class Unit(Frozen, frozen=True, kw_only=True):
    """One item as this candidate sees it. ``marks`` of a case is the sum of its children's."""

    item_uid: str
    version: int
    kind: Kind
    stem: str
    marks: Decimal
    options: tuple[Option, ...] = ()
    children: tuple[Child, ...] = ()


class Section(Frozen, frozen=True, kw_only=True):
    """A run of ``count`` units of one kind; sections cover ``Paper.units`` in order. ``marks_each`` is by
    slot, 0 if mixed."""

    kind: Kind
    title: str
    count: int
    marks_each: Decimal = Decimal(0)


class Slot(Frozen, frozen=True, kw_only=True):
    """A thing that takes one answer: where it stands (``no`` from 1, ``unit_no`` from 1) and what may be
    chosen."""

    key: str
    no: int
    unit_no: int
    kind: ChildKind
    option_ids: tuple[str, ...]
    marks: Decimal


class Paper(Frozen, frozen=True, kw_only=True):
    """One candidate's paper in one subject: no keys. ``digest`` covers all else (see ``signed_off``)."""

    paper_id: str
    candidate_id: str
    subject: str
    title: str
    seed: str
    algorithm: str
    bank_version: str
    sections: tuple[Section, ...]
    units: tuple[Unit, ...]
    full_mark: Decimal
    digest: str = ""

    def slots(self) -> Iterator[Slot]:
        """Everything that takes an answer, in the order of the paper."""
        no = 0
        for unit_no, unit in enumerate(self.units, 1):
            if unit.kind == "case":
                for child in unit.children:
                    no += 1
                    yield Slot(
                        key=slot_key(unit.item_uid, child.no),
                        no=no,
                        unit_no=unit_no,
                        kind=child.kind,
                        option_ids=tuple(option.id for option in child.options),
                        marks=child.marks,
                    )
            else:
                no += 1
                yield Slot(
                    key=unit.item_uid,
                    no=no,
                    unit_no=unit_no,
                    kind=unit.kind,
                    option_ids=tuple(option.id for option in unit.options),
                    marks=unit.marks,
                )


class Key(Frozen, frozen=True, kw_only=True):
    """The right answer of one slot. Several right ids in a ``multiple``; exactly one in the other kinds."""

    right: tuple[str, ...]
    rule: ScoreRule = "all_or_nothing"


def paper_media(paper: Paper) -> set[str]:
    """The digests of the images that the texts of the paper name (see ``kernel.richtext``)."""
    found: set[str] = set()
    for unit in paper.units:
        parts: tuple[Unit | Child, ...] = (unit, *unit.children)
        for part in parts:
            for text in (part.stem, *(option.text for option in part.options)):
                found.update(media_in(text))
    return found


def signed_off(paper: Paper) -> Paper:
    """``paper`` with its digest filled in."""
    return msgspec.structs.replace(paper, digest=paper_digest(paper))


def paper_digest(paper: Paper) -> str:
    return digest(msgspec.structs.replace(paper, digest=""))


def check_paper(paper: Paper, keys: Mapping[str, Key], *, full_mark: Decimal) -> None:
    """Raise ``FormatError`` unless the paper is one that can be sat and scored (R035, R036, R041).

    Marks add up to ``full_mark`` exactly; every slot is one of the three objective kinds, has two to ``MAX_OPTIONS``
    different options and a key among them (one right for ``single`` and ``true_false``, two or more and a
    wrong one for ``multiple``).
    """
    where = f"{paper.candidate_id}/{paper.subject}"
    if paper.full_mark != full_mark:
        raise FormatError(
            "paper_full_mark", f"{where}: full mark {paper.full_mark}, the rules say {full_mark}"
        )
    if sum(section.count for section in paper.sections) != len(paper.units):
        raise FormatError("paper_sections", f"{where}: sections do not cover the units")
    kinds = [section.kind for section in paper.sections for _ in range(section.count)]
    if kinds != [unit.kind for unit in paper.units]:
        raise FormatError("paper_sections", f"{where}: a unit stands in a section of another kind")
    for unit in paper.units:
        if unit.kind == "case":
            if len(unit.children) < 2 or unit.options:
                raise FormatError(
                    "paper_case", f"{where}: {unit.item_uid} needs two or more children and no options"
                )
            if [child.no for child in unit.children] != list(range(1, len(unit.children) + 1)):
                raise FormatError("paper_case", f"{where}: {unit.item_uid} has children out of order")
            if sum((child.marks for child in unit.children), Decimal(0)) != unit.marks:
                raise FormatError("paper_case", f"{where}: {unit.item_uid} is not the sum of its children")
        elif unit.children:
            raise FormatError("paper_case", f"{where}: {unit.item_uid} is no case but has children")
    total, seen = Decimal(0), set()
    for slot in paper.slots():
        total += slot.marks
        if slot.key in seen:
            raise FormatError("paper_repeats", f"{where}: {slot.key} stands twice")
        seen.add(slot.key)
        _check_slot(where, slot, keys.get(slot.key))
    if total != full_mark:
        raise FormatError("paper_sum", f"{where}: marks add up to {total}, not {full_mark}")


def _check_slot(where: str, slot: Slot, key: Key | None) -> None:
    options = set(slot.option_ids)
    if slot.marks <= 0:
        raise FormatError("paper_marks", f"{where}: {slot.key} is worth {slot.marks}")
    if len(options) != len(slot.option_ids) or not 2 <= len(options) <= MAX_OPTIONS:
        raise FormatError(
            "paper_options", f"{where}: {slot.key} needs two to {MAX_OPTIONS} different options"
        )
    if key is None:
        raise FormatError("key_missing", f"{where}: {slot.key} has no key")
    right = set(key.right)
    if not right or len(right) != len(key.right) or not right <= options:
        raise FormatError("key_options", f"{where}: the key of {slot.key} is not among its options")
    if slot.kind == "multiple":
        good = 2 <= len(right) < len(options)
    else:
        good = len(right) == 1 and (slot.kind != "true_false" or len(options) == 2)
    if not good:
        raise FormatError("key_kind", f"{where}: {slot.key} is no proper {slot.kind}")
