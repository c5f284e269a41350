"""Has an item become easier, and is it shown too often? Pure: numpy and scipy, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from .matrix import Floats

EXPOSURE_LIMIT = 1.4
"""An item may be drawn at most so many times as often as the mean of its cell."""


@dataclass(frozen=True)
class Drift:
    """By item: ``change`` (later less earlier), ``z``, two-sided ``p``, and ``p_holm``, which allows for so many items tested."""

    change: Floats
    z: Floats
    p: Floats
    p_holm: Floats


def _two_sided(z: Floats) -> Floats:
    return np.asarray(2 * special.ndtr(-np.abs(z)))


def holm(p: npt.ArrayLike) -> Floats:
    """p values adjusted for their number by Holm (1979); NaN ones are not counted."""
    values = np.asarray(p, dtype=np.float64)
    found = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(order) else []
    return found


def facility_change(
    right_1: npt.ArrayLike,
    n_1: npt.ArrayLike,
    right_2: npt.ArrayLike,
    n_2: npt.ArrayLike,
    *,
    common: bool = True,
) -> Drift:
    """Whether the share of right answers changed between two periods, by the z test of two proportions on their logits.

    ``common=True`` takes out the change that all items share (people, not items, became better or worse): each item's change
    in logit is compared with the weighted mean of all. Half a right and half a wrong answer are added to each count, so that
    0 and all are finite. ``change`` is in shares when ``common`` is False, otherwise in logits beyond the common change.
    """
    k1, m1, k2, m2 = (np.asarray(v, dtype=np.float64) for v in (right_1, n_1, right_2, n_2))
    known = (m1 > 0) & (m2 > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        if not common:
            pooled = (k1 + k2) / (m1 + m2)
            change = k2 / m2 - k1 / m1
            z = change / np.sqrt(pooled * (1 - pooled) * (1 / m1 + 1 / m2))
        else:
            logit = np.log((k2 + 0.5) / (m2 - k2 + 0.5)) - np.log((k1 + 0.5) / (m1 - k1 + 0.5))
            variance = sum(1 / (v + 0.5) for v in (k1, m1 - k1, k2, m2 - k2))
            weight = np.where(known, 1 / variance, 0.0)
            change = logit - (weight * np.where(known, logit, 0)).sum() / max(weight.sum(), 1e-12)
            z = change / np.sqrt(variance)
    z = np.where(known & np.isfinite(z), z, np.nan)
    p = np.where(np.isnan(z), np.nan, _two_sided(z))
    return Drift(np.where(known, change, np.nan), z, p, holm(p))


def exposure_ratios(drawn: Mapping[str, int], cell_of: Mapping[str, object]) -> dict[str, float]:
    """How often each item was drawn, as a multiple of the mean of its cell (items never drawn count); 0 in a cell never
    drawn from. Above ``EXPOSURE_LIMIT`` it is worn out faster than its neighbours."""
    sums: dict[object, int] = {}
    sizes: dict[object, int] = {}
    for uid, cell in cell_of.items():
        sums[cell] = sums.get(cell, 0) + drawn.get(uid, 0)
        sizes[cell] = sizes.get(cell, 0) + 1
    return {
        uid: drawn.get(uid, 0) * sizes[cell] / sums[cell] if sums[cell] else 0.0
        for uid, cell in cell_of.items()
    }
