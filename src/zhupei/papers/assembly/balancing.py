"""Balancing: dealt papers are made alike by exchanging pieces of the same cell between them.

An exchange between two papers leaves the use of every piece as even as it was dealt. Where no exchange helps, a piece is
replaced by another of its cell, up to the exposure that the blueprint allows. Each move must lessen what the papers lack
(expected score, spread, levels, test information; see ``Features``) and never puts a piece twice into a paper, enemies
together, or an item before somebody who met it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from zhupei.papers.chance import Indices, Stream

from .bank import UNIT, Bank
from .dealing import deal
from .plan import PERMILLE

ROUNDS = 400
PAIR_ROUNDS = 60
"""Rounds of exchanges alone, before pieces may also be replaced."""
TRIED = 64
"""Places of other papers looked at for mending one place."""
PART_TURNS = 6
"""How often each paper too close to a neighbour's is looked at."""
PILOT_ROWS = 2048
PILOT_KEY = bytes(range(32))


@dataclass(frozen=True)
class Features:
    """What adds up over a paper: a row of numbers for each piece, and between which bounds a paper's sum must lie."""

    of: Indices
    low: Indices
    high: Indices

    def excess(self, sums: Indices) -> Indices:
        """By how much sums (… × features) miss their bounds, added up."""
        missed: Indices = np.maximum(np.maximum(self.low - sums, sums - self.high), 0).sum(axis=-1)
        return missed


def natural_mean(bank: Bank) -> Fraction:
    """The expected share of marks when every piece of a cell is used alike: the same for every batch drawn from this bank.

    From a deal of ``PILOT_ROWS`` papers under a fixed key, each cell counted with the mean of its pieces.
    """
    papers = deal(bank, PILOT_ROWS, Stream(PILOT_KEY))
    used = np.bincount(bank.cell[papers].ravel(), minlength=len(bank.cells))
    earned = Fraction(0)
    for n, pieces in enumerate(bank.cells):
        worth = Fraction(int((bank.marks[pieces] * bank.share[pieces]).sum()), len(pieces))
        earned += int(used[n]) * worth
    return earned / (PILOT_ROWS * bank.total * PERMILLE)


def features(bank: Bank, mean: Fraction) -> Features:
    """The features of a blueprint; ``mean``: the expected share that every paper aims at."""
    targets, rows = bank.targets, []
    unit = bank.marks * (UNIT // 100)  # marks in features' units
    score = bank.marks * bank.share  # hundredths × thousandths are units
    aim = int(mean * bank.total * PERMILLE)
    slack = int(targets.tolerance * UNIT)
    rows.append((score, aim - slack, aim + slack))
    if targets.spread is not None:
        least, greatest = targets.spread
        deviation = bank.share - int(mean * PERMILLE)
        square = bank.marks * deviation * deviation // PERMILLE
        whole = bank.total * PERMILLE
        rows.append((square, int(least**2 * whole), int(greatest**2 * whole)))
    for level, (least, greatest) in targets.levels.items():
        at = np.array([piece.level == level for piece in bank.pieces])
        whole = bank.total * (UNIT // 100)
        rows.append((np.where(at, unit, 0), int(least * whole), int(greatest * whole)))
    if bank.information.any():
        # scaled so that one hundredth of the mean information weighs as a tenth of a mark
        each = [Fraction(int(bank.information[pieces].sum()), len(pieces)) for pieces in bank.cells]
        papers = deal(bank, PILOT_ROWS, Stream(PILOT_KEY))
        used = np.bincount(bank.cell[papers].ravel(), minlength=len(bank.cells))
        every = sum((int(u) * e for u, e in zip(used, each, strict=True)), Fraction(0))
        whole = max(int(every / PILOT_ROWS), 1)
        scaled = bank.information * (10 * UNIT) // whole
        part = int(targets.information * 10 * UNIT)
        rows.append((scaled, 10 * UNIT - part, 10 * UNIT + part))
    return Features(
        np.stack([row[0] for row in rows], axis=1).astype(np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.int64),
    )


class Balancer:
    """Papers of one bank on their way to being alike."""

    def __init__(
        self,
        bank: Bank,
        papers: Indices,
        wanted: Features,
        stream: Stream,
        *,
        met: Mapping[int, frozenset[int]],
        neighbours: Indices,
    ) -> None:
        """``papers``: rows × places, changed in place. ``met``: by row, pieces to avoid. ``neighbours``: rows × up to eight rows,
        -1 where there is none."""
        self.bank, self.papers, self.wanted, self.stream = bank, papers, wanted, stream
        self.met, self.neighbours = met, neighbours
        self.sums = wanted.of[papers].sum(axis=1)
        self.used = np.bincount(papers.ravel(), minlength=len(bank.pieces))
        self.cap = self._caps()
        self.most_shared = int(bank.targets.overlap * bank.total)
        self.places_of = [np.flatnonzero(bank.place_sections() == n) for n in range(len(bank.plan))]

    def _caps(self) -> Indices:
        """How often each piece may be used: above its cell's mean by the allowed factor, and at least once more than it."""
        cap = np.zeros(len(self.bank.pieces), dtype=np.int64)
        for pieces in self.bank.cells:
            total = int(self.used[pieces].sum())
            top = int(self.bank.targets.exposure * total / len(pieces))
            cap[pieces] = max(top, -(-total // len(pieces)), 1)
        return cap

    def run(self) -> None:
        """Mend, balance, part neighbours; twice where the last step found no way at first."""
        self._mend()
        for _turn in range(3):
            self._balance()
            if not self._part_neighbours():
                break

    # What must never be: pieces that meet enemies or stand before somebody who met them.

    def _faulty_places(self) -> list[tuple[int, int]]:
        found = []
        if self.bank.enemies:
            has = np.zeros(len(self.bank.pieces), dtype=bool)
            has[list(self.bank.enemies)] = True
            for row in np.flatnonzero(has[self.papers].any(axis=1)).tolist():
                here = set(self.papers[row].tolist())
                found += [
                    (row, place)
                    for place, piece in enumerate(self.papers[row].tolist())
                    if self.bank.enemies.get(piece, frozenset()) & here
                ]
        for row, seen in self.met.items():
            found += [(row, place) for place, piece in enumerate(self.papers[row].tolist()) if piece in seen]
        repeats = np.sort(self.papers, axis=1)
        for row in np.flatnonzero((repeats[:, 1:] == repeats[:, :-1]).any(axis=1)).tolist():
            here = self.papers[row].tolist()
            found += [(row, place) for place, piece in enumerate(here) if piece in here[:place]]
        return found

    def _mend(self) -> None:
        standing: dict[int, tuple[Indices, Indices]] = {}
        for row, place in self._faulty_places():
            piece = int(self.papers[row, place])
            rest = [one for at, one in enumerate(self.papers[row].tolist()) if at != place]
            clash = piece in rest or any(one in self.bank.enemies.get(piece, ()) for one in rest)
            if not clash and piece not in self.met.get(row, ()):
                continue
            if self._exchange_place(row, place, standing) or self._replace_place(row, place):
                continue
            if clash:  # better an item that was met than one twice, or beside its enemy
                self._replace_place(row, place, again=True)

    def _allowed(self, row: int, place: int, new: int, *, again: bool = False) -> bool:
        """Whether a piece may take a place of a row; ``again``: also one that was met."""
        if not again and new in self.met.get(row, ()):
            return False
        others = self.papers[row].tolist()
        del others[place]
        enemies = self.bank.enemies.get(new, frozenset())
        return new not in others and not (enemies and enemies.intersection(others))

    def _exchange_place(self, row: int, place: int, standing: dict[int, tuple[Indices, Indices]]) -> bool:
        """Exchange one piece with that of another row, if some at random allow it.

        ``standing``: where the pieces of each cell stood when it was first asked for, kept here between calls.
        """
        old = int(self.papers[row, place])
        cell = int(self.bank.cell[old])
        if cell not in standing:
            places = self.places_of[int(self.bank.section[old])]
            rows, columns = np.nonzero(self.bank.cell[self.papers[:, places]] == cell)
            standing[cell] = rows, places[columns]
        holders, there = standing[cell]
        for n in self.stream.below(len(holders), TRIED if len(holders) else 0).tolist():
            other, at = int(holders[n]), int(there[n])
            new = int(self.papers[other, at])
            if other == row or int(self.bank.cell[new]) != cell:
                continue
            if self._allowed(row, place, new) and self._allowed(other, at, old):
                self._put(row, place, new)
                self._put(other, at, old)
                return True
        return False

    def _replace_place(self, row: int, place: int, *, again: bool = False) -> bool:
        """Put another piece of the cell in, the least used first, if any is allowed; else one of another chapter that leaves
        the chapters' marks within the tolerance. ``again``: also one that was met. Whether it was done."""
        old = int(self.papers[row, place])
        bank = self.bank
        cell = bank.cells[int(bank.cell[old])]
        seen = () if again else self.met.get(row, ())
        like = np.flatnonzero((bank.section == bank.section[old]) & (bank.marks == bank.marks[old]))
        for pool in (cell, like):
            order = pool[self.stream.order(len(pool))]
            for new in order[np.argsort(self.used[order], kind="stable")].tolist():
                if new == old or new in seen or not self._allowed(row, place, new, again=again):
                    continue
                if pool is cell or self._chapters_hold(row, place, new):
                    self._put(row, place, new)
                    return True
        return False

    def _chapters_hold(self, row: int, place: int, new: int) -> bool:
        """Whether a row's chapters keep to their weights with another piece in one place."""
        bank, pieces = self.bank, self.papers[row].copy()
        pieces[place] = new
        marks = np.zeros(len(bank.chapters), dtype=np.int64)
        np.add.at(marks, bank.chapter[pieces], bank.marks[pieces])
        off = np.abs(marks * 10**6 - bank.weights * bank.total)
        return bool((off <= int(bank.targets.chapter_tolerance * 100 * 10**6)).all())

    def _put(self, row: int, place: int, new: int) -> None:
        old = int(self.papers[row, place])
        self.papers[row, place] = new
        self.sums[row] += self.wanted.of[new] - self.wanted.of[old]
        self.used[old] -= 1
        self.used[new] += 1

    # Expected score and the other features: many rows at once.

    def _balance(self) -> None:
        for turn in range(ROUNDS):
            lacking = self.wanted.excess(self.sums)
            bad = np.flatnonzero(lacking > 0)
            if not len(bad):
                return
            if turn >= PAIR_ROUNDS or len(self.papers) < 32:
                self._replace_round(bad)
            if len(self.papers) > 1:
                self._exchange_round(bad)

    def _exchange_round(self, bad: Indices) -> None:
        """Pair rows, find each pair's best exchange, make those that lessen what both lack together."""
        rows = len(self.papers)
        if 4 * len(bad) > rows:
            # the easiest with the hardest, a little shaken so that the same two do not always meet
            shaken = self.sums[:, 0] + self.stream.below(UNIT, rows)
            order = np.argsort(shaken, kind="stable")
            half = rows // 2
            ones, others = order[:half], order[::-1][:half]
        else:
            rest = np.setdiff1d(np.arange(rows), bad, assume_unique=True)
            rest = rest[self.stream.order(len(rest))]
            ones = bad[: len(rest)]
            others = rest[: len(ones)]
        shift = int(self.stream.below(5, 1)[0]) - 2
        self._exchange_pairs(ones, others, shift)

    def _exchange_pairs(self, ones: Indices, others: Indices, shift: int) -> None:
        across = np.concatenate([np.roll(places, shift) for places in self.places_of])
        mine, theirs = self.papers[ones], self.papers[others][:, across]
        change = self.wanted.of[theirs] - self.wanted.of[mine]
        before = self.wanted.excess(self.sums[ones]) + self.wanted.excess(self.sums[others])
        after = self.wanted.excess(self.sums[ones][:, None, :] + change) + self.wanted.excess(
            self.sums[others][:, None, :] - change
        )
        gain = before[:, None] - after
        gain[(self.bank.cell[mine] != self.bank.cell[theirs]) | (self.stream.words(*mine.shape) & 1 == 1)] = 0
        best = np.argmax(gain, axis=1)
        pairs = np.flatnonzero(gain[np.arange(len(ones)), best] > 0)
        row, other, place = ones[pairs], others[pairs], best[pairs]
        at = across[place]
        new, old = theirs[pairs, place], mine[pairs, place]
        fine = ~(self.papers[row] == new[:, None]).any(axis=1) & ~(self.papers[other] == old[:, None]).any(
            axis=1
        )
        fine &= self._friendly(row, place, new) & self._friendly(other, at, old)
        row, other, place, at = row[fine], other[fine], place[fine], at[fine]
        new, old = new[fine], old[fine]
        self.papers[row, place], self.papers[other, at] = new, old
        change = self.wanted.of[new] - self.wanted.of[old]
        self.sums[row] += change
        self.sums[other] -= change

    def _friendly(self, rows: Indices, places: Indices, new: Indices) -> Indices:
        """Whether each new piece may stand in its row, for the few rows and pieces where it is a question."""
        fine = np.ones(len(rows), dtype=bool)
        for n, (row, piece) in enumerate(zip(rows.tolist(), new.tolist(), strict=True)):
            if row in self.met or piece in self.bank.enemies:
                fine[n] = self._allowed(row, int(places[n]), piece)
        return fine  # type: ignore[return-value]

    def _replace_round(self, bad: Indices) -> None:
        """For each bad row the best of one random replacement a place, as far as exposure allows."""
        mine = self.papers[bad]
        cells = self.bank.cell[mine]
        sizes = np.array([len(pieces) for pieces in self.bank.cells], dtype=np.int64)
        starts = np.cumsum(sizes) - sizes
        flat = np.concatenate(self.bank.cells)
        pick = (self.stream.words(*mine.shape).astype(np.int64) * sizes[cells]) >> 32
        new = flat[starts[cells] + pick]
        change = self.wanted.of[new] - self.wanted.of[mine]
        gain = self.wanted.excess(self.sums[bad])[:, None] - self.wanted.excess(
            self.sums[bad][:, None, :] + change
        )
        gain[self.used[new] >= self.cap[new]] = 0
        best = np.argmax(gain, axis=1)
        for n in np.flatnonzero(gain[np.arange(len(bad)), best] > 0).tolist():
            row, place, piece = int(bad[n]), int(best[n]), int(new[n, best[n]])
            if self.used[piece] < self.cap[piece] and self._allowed(row, place, piece):
                self._put(row, place, piece)

    # Neighbours.

    def _part_neighbours(self) -> bool:
        """Exchange common pieces of neighbours who share too much; True if papers lack something again after it."""
        shared = overlaps(self.bank, self.papers, self.neighbours)
        close = np.flatnonzero((shared > self.most_shared).any(axis=1))
        if not len(close):
            return False
        has = np.zeros((len(self.papers), len(self.bank.pieces)), dtype=bool)
        np.put_along_axis(has, self.papers, True, axis=1)
        for row in np.tile(close, PART_TURNS).tolist():
            for k in np.flatnonzero(shared[row] > self.most_shared).tolist():
                common = np.flatnonzero(has[self.neighbours[row, k]][self.papers[row]])
                for place in common[self.stream.order(len(common))].tolist():
                    if shared[row, k] <= self.most_shared:
                        break
                    self._part_place(row, place, has, shared)
        return bool((self.wanted.excess(self.sums) > 0).any())

    def _part_place(self, row: int, place: int, has: Indices, shared: Indices) -> None:
        """Exchange one piece with the row, of some at random, that leaves least too much in common; none may lack more."""
        old = int(self.papers[row, place])
        places = self.places_of[int(self.bank.section[old])]
        rows, columns = np.nonzero(self.bank.cell[self.papers[:, places]] == self.bank.cell[old])
        pick = self.stream.below(len(rows), TRIED)
        others, at = rows[pick], places[columns[pick]]
        new = self.papers[others, at]
        fine = (others != row) & ~has[row, new] & ~has[others, old]
        others, at, new = others[fine], at[fine], new[fine]
        if not len(others):
            return
        marks = int(self.bank.marks[old])
        mine, theirs = self.neighbours[row], self.neighbours[others]
        # what the row shares with each neighbour after each exchange; with the other row itself nothing changes
        gain = has[mine][:, new].astype(np.int64) - has[mine, old][:, None]
        gain[(mine[:, None] == others[None, :]) | (mine < 0)[:, None]] = 0
        row_after = self._too_much(shared[row][:, None] + marks * gain).sum(axis=0)
        change = has[theirs, old].astype(np.int64) - has[theirs, new[:, None]]
        change[(theirs == row) | (theirs < 0)] = 0
        other_after = self._too_much(shared[others] + marks * change).sum(axis=1)
        before = self._too_much(shared[row]).sum() + self._too_much(shared[others]).sum(axis=1)
        better = row_after + other_after - before
        moved = self.wanted.of[new] - self.wanted.of[old]
        lacking = self.wanted.excess(self.sums[row]) + self.wanted.excess(self.sums[others])
        after = self.wanted.excess(self.sums[row] + moved) + self.wanted.excess(self.sums[others] - moved)
        better[after > lacking] = 0
        for n in np.argsort(better, kind="stable").tolist():
            if better[n] >= 0:
                return
            other, there, piece = int(others[n]), int(at[n]), int(new[n])
            if self._allowed(row, place, piece) and self._allowed(other, there, old):
                self._put(row, place, piece)
                self._put(other, there, old)
                for changed, gone, come in ((row, old, piece), (other, piece, old)):
                    has[changed, gone], has[changed, come] = False, True
                self._count_shared({row, other}, shared)
                return

    def _too_much(self, shared: Indices) -> Indices:
        result: Indices = np.maximum(shared - self.most_shared, 0)
        return result

    def _count_shared(self, changed: set[int], shared: Indices) -> None:
        """What changed rows share with their neighbours, and these with them, counted anew."""
        touched = sorted(changed | {n for row in changed for n in self.neighbours[row].tolist() if n >= 0})
        shared[touched] = overlaps(self.bank, self.papers, self.neighbours, np.array(touched))


def overlaps(bank: Bank, papers: Indices, neighbours: Indices, some: Indices | None = None) -> Indices:
    """Marks, in hundredths, that each row (or each of ``some``) has in common with each of its neighbours; 0 where there is
    none."""
    wanted = np.arange(len(papers)) if some is None else some
    result = np.zeros((len(wanted), neighbours.shape[1]), dtype=np.int64)
    step = max(1, 4_000_000 // max(papers.shape[1] ** 2, 1))
    for k in range(neighbours.shape[1]):
        there = np.flatnonzero(neighbours[wanted, k] >= 0)
        for start in range(0, len(there), step):
            at = there[start : start + step]
            mine, theirs = papers[wanted[at]], papers[neighbours[wanted[at], k]]
            common = (mine[:, :, None] == theirs[:, None, :]).any(axis=2)
            result[at, k] = np.where(common, bank.marks[mine], 0).sum(axis=1)
    return result
