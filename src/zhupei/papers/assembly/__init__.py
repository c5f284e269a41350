"""One paper for each candidate, none luckier than another: the algorithm ``deal-and-exchange-1``.

Pieces are dealt evenly over the batch (``dealing``), then exchanged between papers until every paper keeps to the
blueprint (``balancing``), then all of it is checked from scratch (``checking``). Pure: the same key, bank and people give the
same papers on any machine. How it was chosen: ``docs/decisions/0007-assembly.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

import numpy as np

from zhupei.papers.chance import Indices, Stream

from .balancing import Balancer, features, natural_mean, overlaps
from .bank import Bank, cut_ability, size_choices
from .checking import Figures, figures, violations
from .dealing import deal
from .plan import NO_SHARE, PERMILLE, CannotFill, Piece, SectionPlan, Shortage, Targets

ALGORITHM = "deal-and-exchange-1"


def assemble(
    bank: Bank,
    rows: int,
    stream: Stream,
    *,
    met: Mapping[int, Collection[str]] | None = None,
    neighbours: Sequence[Collection[int]] | None = None,
    rested: Collection[str] = (),
    mean: Fraction | None = None,
) -> Indices:
    """The papers of ``rows`` candidates: rows × places of piece numbers, in the order of sections and shuffled within them.

    Rows stand in the order in which people sit. ``met``: by row, the item numbers that the candidate met before; ``neighbours``:
    for each row, the rows that sit beside, before and behind it; ``rested``: item numbers to leave out wherever the bank can do
    without them; ``mean``: the expected share to aim at, computed when None.
    """
    at = {piece.uid: n for n, piece in enumerate(bank.pieces)}
    beside = neighbour_array(neighbours, rows)
    seen = {row: frozenset(at[uid] for uid in uids if uid in at) for row, uids in (met or {}).items() if uids}
    resting = np.array(sorted(at[uid] for uid in rested if uid in at), dtype=np.int64)
    papers = deal(bank, rows, stream, resting, seen)
    if mean is None:
        mean = bank.targets.mean if bank.targets.mean is not None else natural_mean(bank)
    Balancer(bank, papers, features(bank, mean), stream, met=seen, neighbours=beside).run()
    first = 0
    for section in bank.plan:
        part = papers[:, first : first + section.count]
        order = stream.orders(rows, section.count)
        papers[:, first : first + section.count] = np.take_along_axis(part, order, axis=1)
        first += section.count
    return papers


def neighbour_array(neighbours: Sequence[Collection[int]] | None, rows: int) -> Indices:
    """Neighbours as an array rows × 8, -1 where there is none."""
    beside = np.full((rows, 8), -1, dtype=np.int64)
    for row, others in enumerate(neighbours or ()):
        for k, other in enumerate(sorted(others)[:8]):
            beside[row, k] = other
    return beside


def plain_deal(bank: Bank, rows: int, stream: Stream) -> Indices:
    """A plain stratified draw, as quiz systems do it: places by chapter, each piece of the cell as likely as another."""
    papers = deal(bank, rows, stream)
    cells = bank.cell[papers]
    result = papers.copy()
    for n, pieces in enumerate(bank.cells):
        rows_with, counts = np.unique(np.nonzero(cells == n)[0], return_counts=True)
        if not len(rows_with):
            continue
        drawn = pieces[_distinct(stream, len(rows_with), int(counts.max()), len(pieces))]
        row, place = np.nonzero(cells == n)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        result[row, place] = drawn[np.repeat(np.arange(len(rows_with)), counts), nth]
    return result


def _distinct(stream: Stream, rows: int, count: int, size: int) -> Indices:
    """``count`` different numbers below ``size`` for each row, each set equally likely."""
    if size < 4 * count * count:
        return stream.orders(rows, size)[:, :count]
    drawn = stream.below(size, rows, count)
    while True:  # rows with a repeat are drawn anew: fewer than one in eight
        ranked = np.sort(drawn, axis=1)
        repeats = np.flatnonzero((ranked[:, 1:] == ranked[:, :-1]).any(axis=1))
        if not len(repeats):
            return drawn
        drawn[repeats] = stream.below(size, len(repeats), count)


__all__ = [
    "ALGORITHM",
    "NO_SHARE",
    "PERMILLE",
    "Bank",
    "CannotFill",
    "Figures",
    "Piece",
    "SectionPlan",
    "Shortage",
    "Targets",
    "assemble",
    "cut_ability",
    "figures",
    "natural_mean",
    "neighbour_array",
    "overlaps",
    "plain_deal",
    "size_choices",
    "violations",
]
