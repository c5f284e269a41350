"""Whether papers are what they should be, counted from scratch: nothing of how they were made is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np

from zhupei.papers.chance import Indices

from .balancing import features, overlaps
from .bank import UNIT, Bank


@dataclass(frozen=True)
class Figures:
    """How even a draw came out. Scores are expected marks; ``overlap_max`` and ``overlap_mean`` are shares of the marks that two
    neighbours have in common; ``exposure``: the largest, over the cells, of the most used piece to the cell's mean."""

    papers: int
    distinct: bool
    score_min: float
    score_max: float
    score_mean: float
    score_sd: float
    exposure: float
    overlap_max: float
    overlap_mean: float
    met: int

    @property
    def score_range(self) -> float:
        return self.score_max - self.score_min


def figures(
    bank: Bank, papers: Indices, neighbours: Indices, met: Mapping[int, Collection[str]] | None = None
) -> Figures:
    """The figures of a draw. ``met``: by row, item numbers met before; how many stand in the row's paper all the same."""
    scores = (bank.marks[papers] * bank.share[papers]).sum(axis=1) / UNIT
    used = np.bincount(papers.ravel(), minlength=len(bank.pieces))
    worst = 0.0
    for pieces in bank.cells:
        total = int(used[pieces].sum())
        if total:
            worst = max(worst, int(used[pieces].max()) * len(pieces) / total)
    shared = overlaps(bank, papers, neighbours)[neighbours >= 0] / bank.total
    again = sum(
        len({bank.pieces[n].uid for n in papers[row].tolist()} & set(uids))
        for row, uids in (met or {}).items()
    )
    return Figures(
        papers=len(papers),
        distinct=len({tuple(row) for row in np.sort(papers, axis=1).tolist()}) == len(papers),
        score_min=float(scores.min()),
        score_max=float(scores.max()),
        score_mean=float(scores.mean()),
        score_sd=sqrt(float(scores.var())),
        exposure=worst,
        overlap_max=float(shared.max()) if len(shared) else 0.0,
        overlap_mean=float(shared.mean()) if len(shared) else 0.0,
        met=again,
    )


def violations(bank: Bank, papers: Indices, mean: Fraction, neighbours: Indices) -> Counter[str]:
    """How many papers break each constraint, by its name; empty when all keep to the blueprint."""
    found: Counter[str] = Counter()
    found["repeats"] = sum(len(set(row)) != len(row) for row in papers.tolist())
    sections = bank.place_sections()
    found["sections"] = int((bank.section[papers] != sections).any(axis=1).sum())
    found["marks"] = int((bank.marks[papers].sum(axis=1) != bank.total).sum())
    if bank.targets.weights:
        marks = np.zeros((len(papers), len(bank.chapters)), dtype=np.int64)
        for place in range(papers.shape[1]):
            piece = papers[:, place]
            np.add.at(marks, (np.arange(len(papers)), bank.chapter[piece]), bank.marks[piece])
        off = np.abs(marks * 10**6 - bank.weights * bank.total) > int(
            bank.targets.chapter_tolerance * 100 * 10**6
        )
        found["chapters"] = int(off.any(axis=1).sum())
    if bank.enemies:
        found["enemies"] = sum(
            any(bank.enemies.get(piece, frozenset()) & set(row) for piece in row) for row in papers.tolist()
        )
    wanted = features(bank, mean)
    sums = wanted.of[papers].sum(axis=1)
    names = ["score"]
    names += ["spread"] if bank.targets.spread is not None else []
    names += [f"level {level}" for level in bank.targets.levels]
    names += ["information"] if bank.information.any() else []
    for k, name in enumerate(names):
        outside = (sums[:, k] < wanted.low[k]) | (sums[:, k] > wanted.high[k])
        found[name] = int(outside.sum())
    close = overlaps(bank, papers, neighbours) > int(bank.targets.overlap * bank.total)
    found["neighbours"] = int(close.any(axis=1).sum())
    return +found
