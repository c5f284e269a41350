"""What a paper must be, and what it may be made of. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

PERMILLE = 1000
NO_SHARE = 600
"""The share of right answers of an item that nobody judged, in a cell where nobody judged any; in thousandths."""


@dataclass(frozen=True)
class Piece:
    """An item version as the draw sees it. ``share``: right answers expected, in thousandths; ``slots``: how many answers it
    takes; ``children``: the kinds of a case's; ``a`` and ``b``: slope and difficulty in logits where it is calibrated."""

    uid: str
    version: int
    kind: str
    chapter: str
    level: str
    share: int
    slots: int
    content: Mapping[str, Any] = field(compare=False, hash=False, repr=False, default_factory=dict)
    children: tuple[str, ...] = ()
    a: Decimal | None = None
    b: Decimal | None = None


@dataclass(frozen=True)
class SectionPlan:
    """One section of a blueprint: ``count`` units of a kind.

    A case section has ``children`` answers in all, of ``marks`` each; or, with a ``pattern``, cases that all have these kinds of
    children, as (kind, how many, marks of each).
    """

    kind: str
    count: int
    marks: Decimal
    rule: str = "all_or_nothing"
    children: int = 0
    pattern: tuple[tuple[str, int, Decimal], ...] = ()

    @property
    def slots(self) -> int:
        """Answers in the section."""
        if self.pattern:
            return self.count * sum(number for _kind, number, _marks in self.pattern)
        return self.children if self.kind == "case" else self.count

    @property
    def total(self) -> Decimal:
        """Marks of the section."""
        if self.pattern:
            return self.count * sum((number * marks for _kind, number, marks in self.pattern), Decimal(0))
        return self.marks * self.slots

    def marks_of(self, kind: str) -> Decimal:
        """Marks of one answer of a kind."""
        return next((marks for one, _number, marks in self.pattern if one == kind), self.marks)

    def takes(self, piece: Piece) -> bool:
        """Whether a piece may stand in the section."""
        if piece.kind != self.kind:
            return False
        if not self.pattern:
            return True
        wanted = sorted(kind for kind, number, _marks in self.pattern for _ in range(number))
        return sorted(piece.children) == wanted

    def worth(self, piece: Piece) -> Decimal:
        """Marks of a piece in the section."""
        if self.pattern:
            return sum((self.marks_of(kind) for kind in piece.children), Decimal(0))
        return self.marks * piece.slots


@dataclass(frozen=True)
class Targets:
    """What every paper of a blueprint keeps to, beyond its sections.

    ``weights``: chapter → weight in the syllabus, of any sum; empty where the syllabus has no chapters. ``chapter_tolerance``:
    marks that a chapter may lie above or below its weight. ``levels``: level → least and greatest share of the marks.
    ``mean``: expected share of the marks, None for the bank's own; ``tolerance``: marks to either side of it. ``spread``: least
    and greatest standard deviation of the items' shares. ``information``: share that the test information at the cut score
    may lie above or below the bank's mean, where items are calibrated. ``overlap``: greatest share of the marks that two
    neighbours have in common. ``exposure``: how far above the mean of its cell an item may be drawn.
    """

    weights: Mapping[str, Fraction] = field(default_factory=dict)
    chapter_tolerance: Fraction = Fraction(8)
    levels: Mapping[str, tuple[Fraction, Fraction]] = field(default_factory=dict)
    mean: Fraction | None = None
    tolerance: Fraction = Fraction(1, 5)
    spread: tuple[Fraction, Fraction] | None = None
    information: Fraction = Fraction(1, 10)
    overlap: Fraction = Fraction(1, 4)
    exposure: Fraction = Fraction(7, 5)


@dataclass(frozen=True)
class Shortage:
    """A cell that the bank cannot fill. ``chapter`` is None for the section as a whole."""

    section: SectionPlan
    chapter: str | None
    needed: int
    has: int


class CannotFill(Exception):
    """The bank is too small for the blueprint."""

    def __init__(self, shortage: Shortage) -> None:
        super().__init__(shortage)
        self.shortage = shortage
