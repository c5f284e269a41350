"""Choosing the items of one paper: algorithm ``stratified-1``. Pure: no database, no clock, no other chance than ``Chance``.

Within each section the places go to the chapters by the syllabus weights: every chapter gets the whole part of its quota, and
the places left over go to chapters at random in proportion to the fractions (systematic sampling), so that over many papers no
chapter starves and none gets more than one place above its quota. Within a chapter an item is picked uniformly among the third
least drawn so far in this batch. Cases come as units whose sub-questions add up exactly. Then items are exchanged for others of
the same section and chapter (of the same level where possible) until the expected score is within ``TOLERANCE`` of the
blueprint's mean, so that no paper is luckier than another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import comb, floor, lcm
from typing import Any

from .chance import Chance

ALGORITHM = "stratified-1"
TOLERANCE = Fraction(1, 4)  # of a mark, to either side: a range of at most half a mark over a batch
MAX_EXCHANGES = 60
NO_DIFFICULTY = Fraction(3, 5)  # an item that nobody judged, in a cell where nobody judged any


@dataclass(frozen=True)
class Piece:
    """An item version as the draw sees it. ``share`` is the expected share of right answers; ``slots`` how many answers."""

    uid: str
    version: int
    kind: str
    chapter: str
    level: str
    share: Fraction
    slots: int
    content: Mapping[str, Any] = field(compare=False, hash=False, repr=False)


@dataclass(frozen=True)
class SectionPlan:
    """One section of a blueprint: ``count`` units of a kind; a case section has ``children`` answers in all."""

    kind: str
    count: int
    marks: Decimal
    rule: str = "all_or_nothing"
    children: int = 0

    @property
    def slots(self) -> int:
        return self.children if self.kind == "case" else self.count

    @property
    def total(self) -> Decimal:
        return self.marks * self.slots


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


def quotas(count: int, weights: Mapping[str, Fraction], caps: Mapping[str, int]) -> dict[str, Fraction]:
    """How many of ``count`` places each chapter should get, none more than its cap; what a cap cuts off goes to the others."""
    left, rest = Fraction(count), {c for c in weights if caps.get(c, 0) > 0 and weights[c] > 0}
    result = {c: Fraction(0) for c in weights}
    while rest:
        whole = sum((weights[c] for c in rest), Fraction(0))
        full = {c for c in rest if left * weights[c] / whole > caps[c]}
        if not full:
            for c in rest:
                result[c] = left * weights[c] / whole
            break
        for c in full:
            result[c] = Fraction(caps[c])
        left -= sum(caps[c] for c in full)
        rest -= full
    return result


def allocate(quota: Mapping[str, Fraction], chance: Chance) -> dict[str, int]:
    """Whole places by chapter: each the floor or ceiling of its quota, the quota itself on average."""
    result = {c: floor(q) for c, q in quota.items()}
    order = [c for c in sorted(quota) if quota[c] != result[c]]
    chance.shuffle(order)
    position = chance.fraction()
    for c in order:
        after = position + quota[c] - result[c]
        if floor(after) > floor(position):
            result[c] += 1
        position = after
    return result


class Bank:
    """The pieces of one post and subject, sorted into cells of a blueprint, with what every paper of it shares."""

    def __init__(
        self, plan: Sequence[SectionPlan], pieces: Sequence[Piece], weights: Mapping[str, Fraction]
    ) -> None:
        """Raises ``CannotFill`` naming the first cell that is too small."""
        self.plan = tuple(plan)
        self.weights = dict(weights) or {"": Fraction(1)}
        self.cells: list[dict[str, list[Piece]]] = []
        self.quotas: list[dict[str, Fraction]] = []
        for section in self.plan:
            cells: dict[str, list[Piece]] = {c: [] for c in self.weights}
            for piece in sorted(pieces, key=lambda p: p.uid):
                chapter = piece.chapter if weights else ""
                if piece.kind == section.kind and chapter in cells:
                    cells[chapter].append(piece)
            self.cells.append(cells)
            self.quotas.append(self._quota(section, cells))
        self.target = sum(
            (self._mean(section, n) * Fraction(section.total) for n, section in enumerate(self.plan)),
            Fraction(0),
        )
        # whole numbers for the exchange: every expected score is a multiple of 1 / scale
        shares = {p.share.denominator for cells in self.cells for rows in cells.values() for p in rows}
        self.scale = lcm(4, *shares) * lcm(*(Fraction(section.marks).denominator for section in self.plan))
        self.target_scaled = floor(self.target * self.scale)
        self.combinations = [
            _combinations(section, cells) if section.kind == "case" else []
            for section, cells in zip(self.plan, self.cells, strict=True)
        ]

    def _quota(self, section: SectionPlan, cells: Mapping[str, list[Piece]]) -> dict[str, Fraction]:
        has = sum(len(rows) for rows in cells.values())
        if has < section.count:
            raise CannotFill(Shortage(section, None, section.count, has))
        if section.kind == "case":
            if not _combinations(section, cells):
                raise CannotFill(
                    Shortage(section, None, section.children, sum(p.slots for r in cells.values() for p in r))
                )
        else:
            whole = sum(self.weights.values(), Fraction(0))
            for chapter in sorted(self.weights, key=lambda c: (len(c), c)):
                needed = floor(section.count * self.weights[chapter] / whole)
                if len(cells[chapter]) < needed:
                    raise CannotFill(Shortage(section, chapter, needed, len(cells[chapter])))
        return quotas(section.count, self.weights, {c: len(rows) for c, rows in cells.items()})

    def _mean(self, section: SectionPlan, n: int) -> Fraction:
        """Expected share of the section's marks in a plain draw."""
        parts = [
            (quota, sum((p.share for p in self.cells[n][c]), Fraction(0)) / len(self.cells[n][c]))
            for c, quota in self.quotas[n].items()
            if quota
        ]
        return sum((q * mean for q, mean in parts), Fraction(0)) / section.count


def _combinations(section: SectionPlan, cells: Mapping[str, list[Piece]]) -> list[tuple[dict[int, int], int]]:
    """Every way to make up the section from case sizes, as ({size: how many}, number of ways to choose them)."""
    sizes = Counter(p.slots for rows in cells.values() for p in rows)
    found: list[tuple[dict[int, int], int]] = []

    def walk(rest: list[int], count: int, slots: int, chosen: dict[int, int], ways: int) -> None:
        if not rest:
            if count == 0 and slots == 0:
                found.append((dict(chosen), ways))
            return
        size = rest[0]
        for k in range(min(count, sizes[size]) + 1):
            if k * size > slots:
                break
            walk(rest[1:], count - k, slots - k * size, {**chosen, size: k}, ways * comb(sizes[size], k))

    walk(sorted(sizes), section.count, section.children, {}, 1)
    return found


def _pick(
    pool: Sequence[Piece], count: int, chance: Chance, drawn: Mapping[str, int], avoid: Collection[str]
) -> list[Piece]:
    """``count`` different pieces: new to the candidate first, then uniformly among the third least drawn in this batch."""
    picked: list[Piece] = []
    for group in ([p for p in pool if p.uid not in avoid], [p for p in pool if p.uid in avoid]):
        left = list(group)
        while left and len(picked) < count:
            ranked = sorted(drawn.get(p.uid, 0) for p in left)
            bound = ranked[(len(ranked) + 2) // 3 - 1]
            piece = chance.choice([p for p in left if drawn.get(p.uid, 0) <= bound])
            picked.append(piece)
            left.remove(piece)
    return picked


def _pick_cases(
    bank: Bank, n: int, chance: Chance, drawn: Mapping[str, int], avoid: Collection[str]
) -> list[Piece]:
    """Cases whose sub-questions add up: the sizes first (each way equally likely), then chapters by weight, then the item."""
    combinations = bank.combinations[n]
    point = chance.below(sum(ways for _sizes, ways in combinations))
    for sizes, ways in combinations:  # noqa: B007 - the one at which the loop stops is meant
        if point < ways:
            break
        point -= ways
    wanted = [size for size, count in sorted(sizes.items()) for _ in range(count)]
    chance.shuffle(wanted)
    picked: list[Piece] = []
    for size in wanted:
        free = [p for rows in bank.cells[n].values() for p in rows if p.slots == size and p not in picked]
        free = [p for p in free if p.uid not in avoid] or free
        chapters = sorted({_chapter(bank, p) for p in free})
        chapters = [c for c in chapters if all(_chapter(bank, p) != c for p in picked)] or chapters
        chapter = _weighted(chapters, bank.weights, chance)
        picked += _pick([p for p in free if _chapter(bank, p) == chapter], 1, chance, drawn, ())
    return picked


def _chapter(bank: Bank, piece: Piece) -> str:
    return piece.chapter if piece.chapter in bank.weights else ""


def _weighted(chapters: Sequence[str], weights: Mapping[str, Fraction], chance: Chance) -> str:
    point = chance.fraction() * sum((weights[c] for c in chapters), Fraction(0))
    for chapter in chapters:
        point -= weights[chapter]
        if point < 0:
            return chapter
    return chapters[-1]


def expected_score(plan: Sequence[SectionPlan], sections: Sequence[Sequence[Piece]]) -> Fraction:
    """Marks that the average candidate earns by the authors' judgement."""
    return sum(
        (
            Fraction(section.marks) * piece.slots * piece.share
            for section, pieces in zip(plan, sections, strict=True)
            for piece in pieces
        ),
        Fraction(0),
    )


def choose(
    bank: Bank, chance: Chance, drawn: Mapping[str, int], avoid: Collection[str] = (), *, balance: bool = True
) -> list[list[Piece]]:
    """The pieces of one paper, section by section, in random order within each."""
    sections: list[list[Piece]] = []
    for n, section in enumerate(bank.plan):
        if section.kind == "case":
            pieces = _pick_cases(bank, n, chance, drawn, avoid)
        else:
            places = allocate(bank.quotas[n], chance)
            pieces = [
                piece
                for chapter in sorted(places)
                for piece in _pick(bank.cells[n][chapter], places[chapter], chance, drawn, avoid)
            ]
        sections.append(pieces)
    if balance:
        _exchange(bank, sections, chance, drawn, avoid)
    for pieces in sections:
        chance.shuffle(pieces)
    return sections


def _exchange(
    bank: Bank, sections: list[list[Piece]], chance: Chance, drawn: Mapping[str, int], avoid: Collection[str]
) -> None:
    """Bring the expected score to within ``TOLERANCE`` of the blueprint's mean, as far as the bank allows."""
    scale = bank.scale
    gap = int(expected_score(bank.plan, sections) * scale) - bank.target_scaled
    bound = int(TOLERANCE * scale)
    for _round in range(MAX_EXCHANGES):
        if abs(gap) <= bound:
            return
        swaps: list[
            tuple[int, int, int, Piece, bool]
        ] = []  # what it changes, section, place, the new piece, same level
        for n, section in enumerate(bank.plan):
            inside = {p.uid for p in sections[n]}
            for place, old in enumerate(sections[n]):
                weight = Fraction(section.marks) * old.slots * scale
                chapter = _chapter(bank, old)
                for new in bank.cells[n][chapter]:
                    if (
                        new.uid in inside
                        or new.slots != old.slots
                        or (new.uid in avoid and old.uid not in avoid)
                    ):
                        continue
                    change = int(weight * (new.share - old.share))
                    if abs(gap + change) < abs(gap):
                        swaps.append((change, n, place, new, new.level == old.level))
        if not swaps:
            return
        reaching = [s for s in swaps if abs(gap + s[0]) <= bound]
        if reaching:
            level = [s for s in reaching if s[4]] or reaching
            worth = sorted({_strain(s, sections, drawn) for s in level})
            limit = worth[(len(worth) + 2) // 3 - 1]
            swap = chance.choice([s for s in level if _strain(s, sections, drawn) <= limit])
        else:
            nearest = min(abs(gap + s[0]) for s in swaps)
            swap = chance.choice([s for s in swaps if abs(gap + s[0]) == nearest])
        change, n, place, new, _same = swap
        sections[n][place] = new
        gap += change


def _strain(
    swap: tuple[int, int, int, Piece, bool], sections: Sequence[Sequence[Piece]], drawn: Mapping[str, int]
) -> int:
    """How much an exchange would add to the uneven use of the bank."""
    return drawn.get(swap[3].uid, 0) - drawn.get(sections[swap[1]][swap[2]].uid, 0)


def permuted(
    options: Sequence[Mapping[str, str]], anchored: Collection[str], chance: Chance
) -> list[Mapping[str, str]]:
    """The options in random order; anchored ones ("以上都对") keep their places."""
    loose = [o for o in options if o["id"] not in anchored]
    chance.shuffle(loose)
    rest = iter(loose)
    return [o if o["id"] in anchored else next(rest) for o in options]
