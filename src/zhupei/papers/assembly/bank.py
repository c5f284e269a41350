"""The pieces of one post and subject as arrays, in the cells of a blueprint.

A *cell* holds what may stand in for one another: the same section and chapter, and for cases the same number of answers. All
numbers are whole, so that every machine computes the same: marks in hundredths, shares in thousandths, and all features of a
paper in hundred-thousandths of a mark, so that their excesses can be added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import comb, floor

import numpy as np

from zhupei.papers.chance import Indices

from .plan import PERMILLE, CannotFill, Piece, SectionPlan, Shortage, Targets

UNIT = 100_000
"""Of a feature: one mark."""
CUT_SHARE = Decimal("0.6")
"""The share of the marks at which a candidate passes (R042): where the test information must be alike."""
_EXACT = Context(prec=12)


class Bank:
    """What every paper of one blueprint, post and subject shares. Pieces are in the order of their numbers."""

    def __init__(
        self,
        plan: Sequence[SectionPlan],
        pieces: Sequence[Piece],
        targets: Targets,
        enemies: Sequence[Sequence[str]] = (),
    ) -> None:
        """``enemies``: pairs of item numbers. Raises ``CannotFill`` naming the first cell that is too small."""
        self.plan, self.targets = tuple(plan), targets
        self.chapters = sorted(targets.weights, key=lambda c: (len(c), c)) or [""]
        number = {chapter: n for n, chapter in enumerate(self.chapters)}
        section_of = {section.kind: n for n, section in enumerate(self.plan)}
        self.pieces = tuple(
            sorted(
                (
                    piece
                    for piece in pieces
                    if piece.kind in section_of
                    and self.plan[section_of[piece.kind]].takes(piece)
                    and (not targets.weights or piece.chapter in number)
                    and self._fits_chapter(piece, self.plan[section_of[piece.kind]])
                ),
                key=lambda piece: piece.uid,
            )
        )
        self.section = _array(section_of[piece.kind] for piece in self.pieces)
        self.chapter = _array(number.get(piece.chapter, 0) for piece in self.pieces)
        self.slots = _array(piece.slots for piece in self.pieces)
        self.share = _array(piece.share for piece in self.pieces)
        self.marks = _array(
            int(self.plan[n].worth(piece) * 100)
            for n, piece in zip(self.section.tolist(), self.pieces, strict=True)
        )
        """Marks of each piece, in hundredths."""
        weights = [targets.weights.get(chapter, Fraction(1)) for chapter in self.chapters]
        whole = sum(weights, Fraction(0))
        self.weights = _array(int(weight / whole * 10**6) for weight in weights)
        """Weight of each chapter, in millionths."""
        self._check_cells(weights, whole)
        cells = {
            key: n
            for n, key in enumerate(
                sorted(
                    set(
                        zip(self.section.tolist(), self.chapter.tolist(), self._sizes().tolist(), strict=True)
                    )
                )
            )
        }
        self.cell = _array(
            cells[key]
            for key in zip(self.section.tolist(), self.chapter.tolist(), self._sizes().tolist(), strict=True)
        )
        self.cells = [np.flatnonzero(self.cell == n) for n in range(len(cells))]
        """The pieces of each cell."""
        self.cell_at = cells
        self.sizes_at = [
            size_choices(section, Counter(self.slots[self.section == n].tolist()))
            if section.kind == "case"
            else []
            for n, section in enumerate(self.plan)
        ]
        self.total = sum(int(section.total * 100) for section in self.plan)
        self.information = _information(self.pieces)
        self.enemies = self._enemies(enemies)

    @property
    def places(self) -> int:
        """Units on a paper."""
        return sum(section.count for section in self.plan)

    def place_sections(self) -> Indices:
        """The section of each place of a paper."""
        return np.repeat(np.arange(len(self.plan)), [section.count for section in self.plan])

    def _fits_chapter(self, piece: Piece, section: SectionPlan) -> bool:
        """Whether a case alone leaves its chapter within the tolerance."""
        weights = self.targets.weights
        if section.kind != "case" or not weights:
            return True
        total = sum((Fraction(one.total) for one in self.plan), Fraction(0))
        share = weights[piece.chapter] / sum(weights.values(), Fraction(0)) * total
        return Fraction(section.worth(piece)) <= share + self.targets.chapter_tolerance

    def _sizes(self) -> Indices:
        """Number of answers for cases, 0 for others."""
        is_case = np.array([section.kind == "case" for section in self.plan])
        sizes: Indices = np.where(is_case[self.section], self.slots, 0)
        return sizes

    def _check_cells(self, weights: Sequence[Fraction], whole: Fraction) -> None:
        for n, section in enumerate(self.plan):
            there = self.section == n
            if int(there.sum()) < section.count:
                raise CannotFill(Shortage(section, None, section.count, int(there.sum())))
            if section.kind == "case":
                if not size_choices(section, Counter(self.slots[there].tolist())):
                    raise CannotFill(Shortage(section, None, section.slots, int(self.slots[there].sum())))
                continue
            if not self.targets.weights:
                continue
            for c, weight in enumerate(weights):
                needed = floor(section.count * weight / whole)
                has = int((there & (self.chapter == c)).sum())
                if has < needed:
                    raise CannotFill(Shortage(section, self.chapters[c], needed, has))

    def _enemies(self, pairs: Sequence[Sequence[str]]) -> dict[int, frozenset[int]]:
        """The enemies of each piece that has some."""
        at = {piece.uid: n for n, piece in enumerate(self.pieces)}
        found: dict[int, set[int]] = {}
        for one, other in pairs:
            if one in at and other in at:
                found.setdefault(at[one], set()).add(at[other])
                found.setdefault(at[other], set()).add(at[one])
        return {n: frozenset(others) for n, others in found.items()}


def _array(values: object) -> Indices:
    return np.fromiter(values, dtype=np.int64)  # type: ignore[call-overload, no-any-return]


def size_choices(section: SectionPlan, there: Mapping[int, int]) -> list[tuple[tuple[int, ...], int]]:
    """Every way to make up a case section from the sizes there are: (sizes, in how many ways items can be chosen so)."""
    found: list[tuple[tuple[int, ...], int]] = []

    def walk(rest: list[int], count: int, slots: int, chosen: tuple[int, ...], ways: int) -> None:
        if not rest:
            if count == 0 and slots == 0:
                found.append((chosen, ways))
            return
        size = rest[0]
        for k in range(min(count, there[size]) + 1):
            if k * size > slots:
                break
            walk(rest[1:], count - k, slots - k * size, chosen + (size,) * k, ways * comb(there[size], k))

    walk(sorted(there), section.count, section.slots, (), 1)
    return found


def probability(a: Decimal, b: Decimal, theta: Decimal) -> Decimal:
    """The share of right answers at an ability under the two-parameter logistic model; the same digits on any machine."""
    return _EXACT.divide(Decimal(1), 1 + _EXACT.exp(_EXACT.multiply(-a, theta - b)))


def cut_ability(pieces: Sequence[Piece]) -> Decimal:
    """The ability at which calibrated pieces are answered rightly by ``CUT_SHARE`` on average, to a thousandth of a logit."""
    known = [(piece.a, piece.b) for piece in pieces if piece.a is not None and piece.b is not None]
    low, high = Decimal(-6), Decimal(6)
    while high - low > Decimal("0.001"):
        middle = (low + high) / 2
        mean = sum((probability(a, b, middle) for a, b in known), Decimal(0)) / len(known)
        low, high = (middle, high) if mean < CUT_SHARE else (low, middle)
    return low.quantize(Decimal("0.001"))


def _information(pieces: Sequence[Piece]) -> Indices:
    """Information of each piece at the cut ability, in thousandths; the mean of its kind where it is not calibrated, and 0
    for all when nothing is. A case counts as often as it has answers."""
    known = {n: (p.a, p.b) for n, p in enumerate(pieces) if p.a is not None and p.b is not None}
    if not known:
        return np.zeros(len(pieces), dtype=np.int64)
    theta = cut_ability(pieces)
    found = {}
    for n, (a, b) in known.items():
        p = probability(a, b, theta)  # type: ignore[arg-type]
        found[n] = int(PERMILLE * a * a * p * (1 - p))  # type: ignore[operator]
    of_kind: dict[str, list[int]] = {}
    for n, one in found.items():
        of_kind.setdefault(pieces[n].kind, []).append(one)
    everywhere = sum(found.values()) // len(found)
    means = {kind: sum(values) // len(values) for kind, values in of_kind.items()}
    return _array(
        found.get(n, means.get(piece.kind, everywhere)) * piece.slots for n, piece in enumerate(pieces)
    )
