"""Classical statistics of items and papers, for forms that differ by person. Pure: numpy, no Django.

Sources: Lord & Novick, *Statistical Theories of Mental Test Scores* (1968); Cronbach (1951) for alpha, Kuder & Richardson
(1937) for KR-20; Rajaratnam, Cronbach & Gleser (1965) for parallel tests drawn from strata; Brennan, *Generalizability
Theory* (2001) for items that differ by person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .matrix import Answers, Floats, Ints, five_groups, share, total

GROUPS = 5
BLANK = ""
"""The "option" of those who chose nothing."""


@dataclass(frozen=True)
class ItemFigures:
    """Each array has one entry an item; NaN where it cannot be told.

    ``facility``: mean share of the marks, 1 the easiest. ``discrimination``: item–rest correlation, −1 to 1.
    """

    n: Ints
    facility: Floats
    discrimination: Floats


def rest_shares(answers: Answers) -> Floats:
    """For each answer the share of marks its giver earned in the other units of his form; NaN where there are none."""
    units = int(answers.unit.max()) + 1 if len(answers.unit) else 1
    _places, where = np.unique(answers.person * units + answers.unit[answers.item], return_inverse=True)
    size = len(_places)
    own, own_full = total(where, size, answers.marks)[where], total(where, size, answers.full)[where]
    rest_full = answers.possible[answers.person] - own_full
    return share(answers.earned[answers.person] - own, np.where(rest_full > 1e-9, rest_full, 0.0))


def _correlation(index: Ints, size: int, x: Floats, y: Floats) -> Floats:
    """Pearson's correlation of ``x`` and ``y`` within each index; NaN where either does not vary."""
    n = np.maximum(total(index, size), 1)
    dx = x - (total(index, size, x) / n)[index]
    dy = y - (total(index, size, y) / n)[index]
    xx, yy = total(index, size, dx * dx), total(index, size, dy * dy)
    flat = (xx <= 1e-12 * n) | (yy <= 1e-12 * n)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = total(index, size, dx * dy) / np.sqrt(xx * yy)
    return np.where(flat, np.nan, r)


def item_figures(answers: Answers) -> ItemFigures:
    """Facility and corrected item–total (item–rest) correlation of every item: the point-biserial for right and wrong.

    The rest is the share of marks over the *other units* that the person had, so that neither the item itself nor the
    children beside it in its case raise the figure.
    """
    n = total(answers.item, answers.items)
    facility = share(total(answers.item, answers.items, answers.share), n)
    rest = rest_shares(answers)
    known = ~np.isnan(rest)
    r = _correlation(answers.item[known], answers.items, answers.share[known], rest[known])
    return ItemFigures(n.astype(np.int64), facility, r)


@dataclass(frozen=True)
class OptionFigures:
    """One option of one item: how many chose it; their share in each ability group (weakest first; NaN for an empty
    group); its correlation with the rest of the form (positive: the able choose it)."""

    option: str
    n: int
    share: float
    by_group: tuple[float, ...]
    discrimination: float


def option_figures(
    answers: Answers, options: Mapping[int, tuple[str, ...]] | None = None
) -> dict[int, list[OptionFigures]]:
    """Distractor tables: for every item its options (those of ``options`` and all that were chosen), blank last.

    The ability groups are fifths of all persons by their share of marks.
    """
    group_of = five_groups(answers.scores, GROUPS)
    rest = rest_shares(answers)
    order = np.argsort(answers.item, kind="stable")
    ends = np.cumsum(total(answers.item, answers.items)).astype(np.int64)
    found: dict[int, list[OptionFigures]] = {}
    for item in range(answers.items):
        rows = order[(ends[item - 1] if item else 0) : ends[item]]
        if not len(rows):
            continue
        given = [answers.chosen[k] or (BLANK,) for k in rows]
        names = sorted(
            {*(options or {}).get(item, ()), *(one for chosen in given for one in chosen)} - {BLANK}
        )
        column = {name: k for k, name in enumerate([*names, BLANK])}
        picked = np.zeros((len(rows), len(column)))
        for row, chosen in enumerate(given):
            for one in chosen:
                picked[row, column[one]] = 1.0
        groups = group_of[answers.person[rows]]
        sizes = total(groups, GROUPS)
        here = rest[rows]
        known = ~np.isnan(here)
        nowhere = np.zeros(int(known.sum()), dtype=np.int64)
        found[item] = [
            OptionFigures(
                name,
                int(picked[:, k].sum()),
                float(picked[:, k].mean()),
                tuple(share(total(groups, GROUPS, picked[:, k]), sizes).tolist()),
                float(_correlation(nowhere, 1, picked[known, k], here[known])[0]),
            )
            for name, k in column.items()
        ]
    return found


@dataclass(frozen=True)
class Reliability:
    """How far scores can be relied upon. ``alpha``: share of the variance of scores that is not error, NaN when it cannot
    be told. ``sem`` (standard error of measurement), ``sd`` and ``mean`` in marks."""

    n: int
    mean: float
    sd: float
    alpha: float
    sem: float


def alpha(scores: Floats) -> float:
    """Cronbach's alpha of a complete persons × parts table; KR-20 when the parts are 0 or 1. NaN without variance."""
    k = scores.shape[1]
    whole = scores.sum(axis=1).var(ddof=1)
    if k < 2 or whole <= 0:
        return float("nan")
    return float(k / (k - 1) * (1 - scores.var(axis=0, ddof=1).sum() / whole))


def _strata(units: Answers) -> Ints:
    """The stratum of each unit, 0 … H − 1; strata of which a form holds less than two units are put together."""
    names, where = np.unique(units.stratum, return_inverse=True)
    forms = max(int((units.possible > 0).sum()), 1)
    thin = total(where[units.item], len(names)) / forms < 1.5
    if thin.any():
        rest = int(np.flatnonzero(thin)[0])
        where = np.where(thin[where], rest, where)
        if total(where[units.item], len(names))[rest] / forms < 1.5 and not thin.all():
            where = np.where(where == rest, int(np.argmax(total(where[units.item], len(names)))), where)
    return np.unique(where, return_inverse=True)[1].astype(np.int64)


def _expected_products(units: Answers, count: Floats, scale: Floats, stratum: Ints) -> Floats:
    """Strata × strata: by how much the products of two residuals of one form add up, as a multiple of their covariance.

    Less than their number, since the means that the residuals are taken from were estimated from the same answers. Some
    hundred items at a time, so that a large bank fits into memory.
    """
    strata = int(stratum.max()) + 1
    present = units.table(np.ones(len(units.item)))
    columns = sparse.csc_array(present)
    expected = np.zeros((strata, strata))
    for start in range(0, units.items, 200):
        together = sparse.coo_array(present.T @ columns[:, start : start + 200])
        i, j, both = together.row, together.col + start, together.data
        apart = (i != j) & (count[i] > 1) & (count[j] > 1)
        i, j, both = i[apart], j[apart], both[apart]
        weight = both * scale[i] * scale[j] * (1 - 1 / count[i] - 1 / count[j] + both / (count[i] * count[j]))
        np.add.at(expected, (stratum[i], stratum[j]), weight)
    return expected


def reliability(answers: Answers) -> Reliability:
    """Reliability of the marks, whether or not everybody had the same items.

    Alpha says: the variance of true scores is what the *average covariance of two different units* would make if it held
    for every pair. That average can be had from differing forms as well: from the residuals of answers about their item's
    mean, over the pairs that stand together in somebody's form, each corrected for the means being estimated from
    the same answers. Units are whole cases, and covariances are averaged within and between the sections of the paper,
    as alpha for papers drawn from strata (Rajaratnam, Cronbach & Gleser 1965). What is left of the variance of marks is error:
    the specific error and the luck of the form. On complete data with one section it is alpha exactly.

    Persons are taken as drawing their form by lot. Items that only one person had say nothing and are left out of pairs.
    """
    units = answers.as_units()
    sat = units.possible > 0
    marks = units.earned[sat]
    n = len(marks)
    if n < 2:
        nan = float("nan")
        return Reliability(n, float(marks.mean()) if n else nan, nan, nan, nan)
    variance = float(marks.var(ddof=1))
    count = total(units.item, units.items)
    mean = share(total(units.item, units.items, units.marks), count)
    often = count > 1
    scale = np.where(often, np.sqrt(count / np.maximum(count - 1, 1)), 0.0)  # makes squares unbiased
    residual = (units.marks - mean[units.item]) * scale[units.item]
    stratum = _strata(units)
    strata = int(stratum.max()) + 1
    expected = _expected_products(units, count, scale, stratum)
    sums = np.zeros((units.persons, strata))
    np.add.at(sums, (units.person, stratum[units.item]), residual)
    products = sums.T @ sums
    products[np.diag_indices(strata)] -= total(stratum[units.item], strata, residual**2)
    size = total(stratum[units.item], strata) / n
    pairs = np.outer(size, size)
    known = expected > 1e-9
    if not known[np.diag_indices(strata)].all():
        true = float("nan")
    else:
        true = float((pairs * np.where(known, products / np.where(known, expected, 1), 0)).sum())
    rely = true / variance if variance > 0 else float("nan")
    sem = float(np.sqrt(max(variance - true, 0.0))) if not np.isnan(true) else float("nan")
    return Reliability(n, float(marks.mean()), float(np.sqrt(variance)), rely, sem)
