"""Differential item functioning by Mantel and Haenszel: is an item harder for one group than for another of equal score?

Holland & Thayer (1988); the A/B/C classes of ETS by Dorans & Holland (1993) and Zieky (1993); the variance of the log odds
ratio by Robins, Breslow & Greenland (1986). Pure: numpy and scipy, no Django.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from .matrix import Answers, Floats, Ints

ETS_DELTA = -2.35
"""ETS delta = −2.35 × ln(odds ratio): negative when the item is harder for the focal group."""


@dataclass(frozen=True)
class MantelHaenszel:
    """``odds_ratio`` above 1 (``delta`` below 0): the reference group does better than equally able people of the focal group.

    ``kind``: ``A`` negligible, ``B`` moderate, ``C`` large; empty when it cannot be told.
    """

    odds_ratio: float
    chi2: float
    p: float
    delta: float
    se_delta: float
    kind: str
    reference: int
    focal: int


def _untold(reference: float, focal: float) -> MantelHaenszel:
    nan = float("nan")
    return MantelHaenszel(nan, nan, nan, nan, nan, "", int(reference), int(focal))


def mantel_haenszel(tables: npt.ArrayLike) -> MantelHaenszel:
    """From K × 2 × 2 counts, rows reference and focal, columns right and wrong. χ² with the continuity correction of ½."""
    t = np.asarray(tables, dtype=np.float64).reshape(-1, 2, 2)
    t = t[t.sum(axis=(1, 2)) > 1]
    a, b, c, d = t[:, 0, 0], t[:, 0, 1], t[:, 1, 0], t[:, 1, 1]
    n = a + b + c + d
    reference, focal = int((a + b).sum()), int((c + d).sum())
    row, col = (a + b) * (c + d), (a + c) * (b + d)
    variance = (row * col / (n**2 * (n - 1))).sum()
    up, down = (a * d / n).sum(), (b * c / n).sum()
    if variance <= 0 or up <= 0 or down <= 0:
        return _untold(reference, focal)
    gap = abs((a - (a + b) * (a + c) / n).sum())
    chi2 = float(max(gap - 0.5, 0) ** 2 / variance)
    r, s = a * d / n, b * c / n
    p, q = (a + d) / n, (b + c) / n
    var_log = (
        (p * r).sum() / (2 * up**2) + (p * s + q * r).sum() / (2 * up * down) + (q * s).sum() / (2 * down**2)
    )
    ratio = float(up / down)
    delta, se = float(ETS_DELTA * np.log(ratio)), float(-ETS_DELTA * np.sqrt(var_log))
    return MantelHaenszel(
        ratio, chi2, float(special.chdtrc(1, chi2)), delta, se, ets_class(delta, se, chi2), reference, focal
    )


def ets_class(delta: float, se: float, chi2: float) -> str:
    """``A`` if |delta| < 1 or not significantly different from 0 (5%); ``C`` if |delta| ≥ 1.5 and significantly above 1 (5%,
    one-sided); otherwise ``B``."""
    size = abs(delta)
    if size < 1 or chi2 < 3.841458820694124:
        return "A"
    return "C" if size >= 1.5 and (size - 1) / se > 1.6448536269514722 else "B"


def strata_of(scores: Floats, focal: npt.NDArray[np.bool_], *, least: int = 5, most: int = 20) -> Ints:
    """A stratum for each person by score, from the weakest up; each holds at least ``least`` of either group, at most ``most``
    strata. Thin ones are merged upwards, the last into the one below. −1 for people without a score."""
    found = np.full(len(scores), -1, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(scores))
    if not len(known):
        return found
    values, where = np.unique(scores[known], return_inverse=True)
    there = np.bincount(where, focal[known], len(values))
    here = np.bincount(where, minlength=len(values)) - there
    target = len(known) / most
    stratum = np.zeros(len(values), dtype=np.int64)
    number, in_here, in_there = 0, 0.0, 0.0
    for k in range(len(values)):
        stratum[k] = number
        in_here, in_there = in_here + here[k], in_there + there[k]
        if min(in_here, in_there) >= least and in_here + in_there >= target:
            number, in_here, in_there = number + 1, 0.0, 0.0
    if in_here + in_there and number and min(in_here, in_there) < least:
        stratum[stratum == number] = number - 1
    found[known] = stratum[where]
    return found


def item_dif(
    answers: Answers,
    focal: npt.NDArray[np.bool_],
    counted: npt.NDArray[np.bool_] | None = None,
    *,
    least: int = 30,
) -> list[MantelHaenszel]:
    """Mantel–Haenszel for every item: ``focal`` people against the others of ``counted`` (everybody if None).

    People are matched by their share of marks over the whole form, the item included (Holland & Thayer's advice). An item
    with fewer than ``least`` answers in either group comes back without figures. Right means full marks.
    """
    counted = np.ones(answers.persons, dtype=bool) if counted is None else counted
    stratum = strata_of(np.where(counted, answers.scores, np.nan), focal)
    rows = stratum[answers.person] >= 0
    strata = max(int(stratum.max()) + 1, 1)
    person, item = answers.person[rows], answers.item[rows]
    group, wrong = focal[person].astype(np.int64), 1 - answers.right[rows].astype(np.int64)
    place = ((item * strata + stratum[person]) * 2 + group) * 2 + wrong
    tables = np.bincount(place, minlength=answers.items * strata * 4).reshape(answers.items, strata, 2, 2)
    sizes = tables.sum(axis=(1, 3))
    return [
        mantel_haenszel(tables[k]) if sizes[k].min() >= least else _untold(sizes[k, 0], sizes[k, 1])
        for k in range(answers.items)
    ]
