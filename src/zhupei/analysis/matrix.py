"""Answers as the measures take them: a sparse persons × items table, in long form. Pure; no Django.

Forms differ by person, so a person has no answer to most items: what stands here is one row for each answer that could be
given (an item left blank on the paper is an answer worth nothing, not a missing one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def total(index: Ints, size: int, weights: Floats | None = None) -> Floats:
    """The sum of ``weights`` (or the count) at each of the indices 0 … ``size`` − 1."""
    return np.bincount(index, weights, size).astype(np.float64)


def share(part: Floats, whole: Floats) -> Floats:
    """``part`` ÷ ``whole``, NaN where there is no whole."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


@dataclass(frozen=True)
class Answers:
    """One row an answer: who, which item, marks earned, full marks.

    ``person`` and ``item`` count from 0. ``unit`` tells for each *item* which unit of the paper it belongs to: the children of
    a case share one, since they rest on one stem. ``stratum`` tells for each *item* which section of the paper it stands in.
    ``chosen`` holds for each row the ids of the options chosen (empty when left blank), or nothing when nobody asks for them.
    """

    person: Ints
    item: Ints
    marks: Floats
    full: Floats
    persons: int
    items: int
    unit: Ints
    stratum: Ints
    chosen: Sequence[tuple[str, ...]] = field(default=(), repr=False)

    @classmethod
    def of_matrix(cls, scores: Any, *, unit: Any = None, stratum: Any = None, full: Any = 1.0) -> Answers:
        """From persons × items of marks, NaN where a person did not have the item. ``full``: marks of each item."""
        table = np.asarray(scores, dtype=np.float64)
        person, item = np.nonzero(~np.isnan(table))
        persons, items = table.shape
        return cls(
            person.astype(np.int64),
            item.astype(np.int64),
            table[person, item],
            np.broadcast_to(np.asarray(full, dtype=np.float64), (items,))[item],
            persons,
            items,
            np.arange(items) if unit is None else np.asarray(unit, dtype=np.int64),
            np.zeros(items, dtype=np.int64) if stratum is None else np.asarray(stratum, dtype=np.int64),
        )

    @cached_property
    def share(self) -> Floats:
        """Share of the marks of each answer, from 0 to 1."""
        return self.marks / self.full

    @cached_property
    def right(self) -> Floats:
        """1 for an answer that earned full marks, else 0: how models of right and wrong see an answer."""
        return (self.marks >= self.full).astype(np.float64)

    @cached_property
    def earned(self) -> Floats:
        """Marks of each person."""
        return total(self.person, self.persons, self.marks)

    @cached_property
    def possible(self) -> Floats:
        """Full marks of each person's form."""
        return total(self.person, self.persons, self.full)

    @cached_property
    def scores(self) -> Floats:
        """Share of the marks of each person, NaN for somebody without an answer."""
        return share(self.earned, self.possible)

    def pick(self, rows: npt.NDArray[np.bool_]) -> Answers:
        """The rows that are True; persons and items keep their numbers."""
        chosen = [self.chosen[int(k)] for k in np.flatnonzero(rows)] if len(self.chosen) else ()
        return Answers(
            self.person[rows], self.item[rows], self.marks[rows], self.full[rows],
            self.persons, self.items, self.unit, self.stratum, chosen,
        )  # fmt: skip

    def as_units(self) -> Answers:
        """The same with each unit as one item: the children of a case added up."""
        units = int(self.unit.max()) + 1 if len(self.unit) else 0
        place = self.person * units + self.unit[self.item]
        kept, where = np.unique(place, return_inverse=True)
        stratum = np.zeros(units, dtype=np.int64)
        stratum[self.unit] = self.stratum
        return Answers(
            kept // units if units else kept,
            kept % units if units else kept,
            total(where, len(kept), self.marks),
            total(where, len(kept), self.full),
            self.persons, units, np.arange(units), stratum,
        )  # fmt: skip

    def table(self, values: Floats) -> sparse.csr_array:
        """``values``, one a row, as a sparse persons × items table."""
        return sparse.csr_array((values, (self.person, self.item)), shape=(self.persons, self.items))


def five_groups(scores: Floats, groups: int = 5) -> Ints:
    """Ability groups by score, 0 the weakest; equal scores stay together; −1 for somebody without a score."""
    found = np.full(len(scores), -1, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(scores))
    if len(known):
        _values, where, counts = np.unique(scores[known], return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - counts / 2  # the mid-rank of each value
        found[known] = np.minimum(groups * middle / len(known), groups - 1).astype(np.int64)[where]
    return found
