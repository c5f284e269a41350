"""Dealing: which chapters a paper's places go to, and which pieces fall into them.

Places go to chapters so that cases come first and the other sections make up what the syllabus still wants; whole places by
systematic sampling, so that no chapter starves and none gets more than its part. Then each cell is dealt like a deck of cards,
shuffled anew when it runs out: over a batch no piece of a cell is used more than once oftener than another, and people
who sit side by side are dealt different cards.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from zhupei.papers.chance import Indices, Stream

from .bank import Bank


def deal(
    bank: Bank,
    rows: int,
    stream: Stream,
    rested: Indices | None = None,
    met: Mapping[int, Collection[int]] | None = None,
) -> Indices:
    """Papers as a matrix rows × places of pieces, in the order of sections; no piece twice in a row.

    ``rested``: pieces to leave in the box wherever a cell can do without them. ``met``: by row, pieces to avoid; here for cases
    only, whose chapters the rest of the paper follows.
    """
    first = np.concatenate(([0], np.cumsum([section.count for section in bank.plan])))
    papers = np.full((rows, bank.places), -1, dtype=np.int64)
    resting = np.zeros(len(bank.pieces), dtype=bool)
    if rested is not None:
        resting[rested] = True
    wanted = np.tile(bank.weights * bank.total // 10**6, (rows, 1))  # marks each chapter still wants
    for n in sorted(range(len(bank.plan)), key=lambda n: (bank.plan[n].kind != "case", -bank.plan[n].marks)):
        section, start = bank.plan[n], int(first[n])
        if section.kind == "case":
            papers[:, start : start + section.count] = _deal_cases(bank, n, rows, stream, resting, met or {})
            for place in range(start, start + section.count):
                piece = papers[:, place]
                np.subtract.at(wanted, (np.arange(rows), bank.chapter[piece]), bank.marks[piece])
            continue
        caps = _array_of([len(_pool(bank, n, c)) for c in range(len(bank.chapters))])
        counts = allocate(np.maximum(wanted, 0), section.count, caps, bank.weights, stream)
        wanted -= counts * int(section.marks * 100)
        ends = np.cumsum(counts, axis=1)
        for c in range(len(bank.chapters)):
            if counts[:, c].any():
                cards = _deck(_pool(bank, n, c), counts[:, c], stream, resting)
                row = np.repeat(np.arange(rows), counts[:, c])
                offset = np.arange(len(cards)) - np.repeat(
                    np.cumsum(counts[:, c]) - counts[:, c], counts[:, c]
                )
                papers[row, start + (ends[row, c] - counts[row, c]) + offset] = cards
    return papers


def _array_of(values: list[int]) -> Indices:
    return np.array(values, dtype=np.int64)


def _pool(bank: Bank, section: int, chapter: int) -> Indices:
    cell = bank.cell_at.get((section, chapter, 0))
    return np.empty(0, dtype=np.int64) if cell is None else bank.cells[cell]


def allocate(wanted: Indices, count: int, caps: Indices, fallback: Indices, stream: Stream) -> Indices:
    """``count`` places a row over the chapters in proportion to ``wanted`` (rows × chapters), none above its cap.

    Whole numbers by systematic sampling over the chapters in a random order: each gets the floor or ceiling of its quota, the
    quota on average. ``fallback``: proportions where a row wants nothing any more.
    """
    rows, chapters = wanted.shape
    part = np.where(caps > 0, wanted, 0)
    empty = part.sum(axis=1) == 0
    part[empty] = np.where(caps > 0, fallback, 0)
    # What a cap cuts off goes to the others: shares in units of 1/scale of a place, filled up to the caps and spread again.
    scale = 10**6
    quota = np.zeros_like(part)
    free = np.tile(caps > 0, (rows, 1))
    for _round in range(chapters):
        left = count * scale - quota.sum(axis=1)
        open_part = np.where(free, part, 0)
        sums = open_part.sum(axis=1)
        spread = sums == 0  # only chapters are left that the row wants nothing of
        open_part[spread] = np.where(free[spread], 1, 0)
        sums = np.maximum(open_part.sum(axis=1), 1)
        share = open_part * left[:, None] // sums[:, None]
        over = free & (quota + share >= caps * scale)
        if not over.any():
            quota += np.where(free, share, 0)
            break
        quota = np.where(over, caps * scale, quota)
        free &= ~over
    order = stream.orders(rows, chapters)
    start = stream.below(scale, rows)
    along = np.take_along_axis(quota, order, axis=1)
    along[:, -1] += count * scale - along.sum(
        axis=1
    )  # what rounding down left over: less than a thousandth of a place
    ends = (np.cumsum(along, axis=1) + start[:, None]) // scale
    whole = np.diff(ends, axis=1, prepend=(start // scale)[:, None])
    result = np.empty_like(whole)
    np.put_along_axis(result, order, whole, axis=1)
    return _within(result, caps)


def _within(counts: Indices, caps: Indices) -> Indices:
    """Move the odd place that rounding put above a cap to the chapter with most room."""
    for row in np.flatnonzero((counts > caps).any(axis=1)):
        for chapter in np.flatnonzero(counts[row] > caps):
            while counts[row, chapter] > caps[chapter]:
                counts[row, chapter] -= 1
                counts[row, int(np.argmax(caps - counts[row]))] += 1
    return counts


def _deck(pool: Indices, counts: Indices, stream: Stream, resting: object = None) -> Indices:
    """``counts.sum()`` cards dealt to the rows in turn, no card twice within a row."""
    if resting is not None:
        awake = pool[~resting[pool]]  # type: ignore[index]
        if len(awake) >= max(int(counts.max()), 1):
            pool = awake
    need, size = int(counts.sum()), len(pool)
    dealt = np.empty(0, dtype=np.int64)
    order = stream.order(size)
    decks = []
    for _deck_no in range(-(-need // size)):
        decks.append(order)
        # The next deck: cards that were dealt late come late, so that neighbours are not dealt the same ones.
        age = np.empty(size, dtype=np.int64)
        age[order] = np.arange(size)
        key = stream.words(size).astype(np.int64) + age * (2**32 // size)
        order = np.argsort(key, kind="stable").astype(np.int64)
    dealt = np.concatenate(decks) if decks else dealt
    _part_repeats(dealt, counts, size)
    return pool[dealt[:need]]


def _part_repeats(dealt: Indices, counts: Indices, size: int) -> None:
    """A row that reaches from one deck into the next may be dealt a card twice: change it for the next that it has not."""
    ends = np.cumsum(counts)
    for seam in range(size, len(dealt), size):
        row = int(np.searchsorted(ends, seam, side="right"))
        if row >= len(ends):
            break
        start, end = int(ends[row] - counts[row]), int(ends[row])
        if start == seam:
            continue
        held = set(dealt[start:seam].tolist())
        later = end
        for at in range(seam, min(end, seam + size)):
            if int(dealt[at]) in held:
                while later < seam + size and int(dealt[later]) in held:
                    later += 1
                if later < seam + size:
                    dealt[at], dealt[later] = int(dealt[later]), int(dealt[at])
                    later += 1
            held.add(int(dealt[at]))


def _deal_cases(
    bank: Bank,
    section: int,
    rows: int,
    stream: Stream,
    resting: object,
    met: Mapping[int, Collection[int]],
) -> Indices:
    """Cases whose answers add up: each way to make them up as often as items can be chosen so, then from the deck of a size.

    Rows whose cases give one chapter too many marks, or were met before, exchange one with the next row that can take it; where
    none can, another of its size is put in.
    """
    choices = bank.sizes_at[section]
    ways = sum(n for _sizes, n in choices)
    point = [int(w) * ways >> 32 for w in stream.words(rows)]
    bounds = np.cumsum([n for _sizes, n in choices]).tolist()
    sizes = [choices[next(k for k, bound in enumerate(bounds) if p < bound)][0] for p in point]
    turn = stream.orders(rows, bank.plan[section].count)
    papers = np.full((rows, bank.plan[section].count), -1, dtype=np.int64)
    for size in sorted({size for of_row in sizes for size in of_row}):
        pool = np.flatnonzero((bank.section == section) & (bank.slots == size))
        counts = _array_of([row.count(size) for row in sizes])
        cards = iter(_deck(pool, counts, stream, resting).tolist())
        for row, of_row in enumerate(sizes):
            for place, one in enumerate(of_row):
                if one == size:
                    papers[row, turn[row, place]] = next(cards)
    _spread_cases(bank, section, papers, met, stream)
    return papers


class _CaseFaults:
    """What is wrong with the cases of a row: marks, in hundredths, by which they give chapters more than these may have, and how
    many were met before though there are others of their size."""

    def __init__(self, bank: Bank, section: int, met: Mapping[int, Collection[int]]) -> None:
        self.met = met
        self.chapter: list[int] = bank.chapter.tolist()
        self.marks: list[int] = bank.marks.tolist()
        self.slots: list[int] = bank.slots.tolist()
        tolerance = int(bank.targets.chapter_tolerance * 100)
        self.most: list[int] = (bank.weights * bank.total // 10**6 + tolerance).tolist()
        self.pools: dict[int, list[int]] = {}
        for piece in np.flatnonzero(bank.section == section).tolist():
            self.pools.setdefault(self.slots[piece], []).append(piece)

    def __call__(self, row: int, pieces: Sequence[int]) -> int:
        found = 0
        given: dict[int, int] = {}
        for piece in pieces:
            chapter = self.chapter[piece]
            given[chapter] = given.get(chapter, 0) + self.marks[piece]
        found += sum(max(marks - self.most[chapter], 0) for chapter, marks in given.items())
        seen = self.met.get(row)
        if not seen:
            return found
        for size in {self.slots[piece] for piece in pieces}:
            here = [piece for piece in pieces if self.slots[piece] == size]
            fresh = sum(piece not in seen for piece in self.pools[size])
            found += max(sum(piece in seen for piece in here) - max(len(here) - fresh, 0), 0)
        return found

    def may_help(self, row: int, one: int, two: int) -> bool:
        """Whether ``two`` in the place of ``one`` could lessen what is wrong with a row."""
        if self.slots[one] != self.slots[two]:
            return False
        seen = self.met.get(row, ())
        return self.chapter[one] != self.chapter[two] or (one in seen and two not in seen)


def _spread_cases(
    bank: Bank, section: int, papers: Indices, met: Mapping[int, Collection[int]], stream: Stream
) -> None:
    """Exchange cases of one size between rows until no chapter has too many marks and nobody meets a case again, as far as the
    bank allows; where no other row can help, as where there are few, put another case of the size in."""
    wrong, rows = _CaseFaults(bank, section, met), len(papers)
    for row in range(rows):
        for step in range(1, min(rows, 200)):
            if not wrong(row, papers[row].tolist()):
                break
            _exchange_cases(papers, row, (row + step) % rows, wrong)
        while wrong(row, papers[row].tolist()) and _replace_case(papers, row, wrong, stream):
            pass


def _exchange_cases(papers: Indices, row: int, other: int, wrong: _CaseFaults) -> None:
    """Exchange one case of a row for one of the same size of another, if less is wrong with it then, and no more with
    the other."""
    mine, theirs = papers[row].tolist(), papers[other].tolist()
    before, others = wrong(row, mine), wrong(other, theirs)
    for here, one in enumerate(mine):
        for there, two in enumerate(theirs):
            if not wrong.may_help(row, one, two) or two in mine or one in theirs:
                continue
            after = wrong(row, [*mine[:here], two, *mine[here + 1 :]])
            if after < before and wrong(other, [*theirs[:there], one, *theirs[there + 1 :]]) <= others:
                papers[row, here], papers[other, there] = two, one
                return


def _replace_case(papers: Indices, row: int, wrong: _CaseFaults, stream: Stream) -> bool:
    """Put the case of its size that leaves least wrong in the place of one of a row, of several the least used and then any;
    False if none leaves less wrong."""
    mine = papers[row].tolist()
    used = np.bincount(papers.ravel(), minlength=len(wrong.slots)).tolist()
    found = []
    for here, one in enumerate(mine):
        pool = wrong.pools[wrong.slots[one]]
        for chance, two in zip(stream.words(len(pool)).tolist(), pool, strict=True):
            if two not in mine and wrong.may_help(row, one, two):
                left = wrong(row, [*mine[:here], two, *mine[here + 1 :]])
                found.append((left, used[two], chance, here, two))
    if not found or min(found)[0] >= wrong(row, mine):
        return False
    *_facts, here, two = min(found)
    papers[row, here] = two
    return True
