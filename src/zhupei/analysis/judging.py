"""From figures to words: which items deserve a look, by stated limits. Pure but for the names of the flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, sqrt
from typing import Any

import numpy as np

from . import classical, dif, drift, irt
from .choices import ALARMS, Flag
from .classical import BLANK, OptionFigures
from .gathering import Question, Table
from .matrix import total

LEAST = 30
"""Fewer answers than this are not judged: the standard error of a share is then about 0.09 or more."""
LEAST_PEOPLE = 100
"""Fewer people than this are not put on an ability scale."""
LEAST_FOR_SLOPES = 200
"""Answers to the middle item from which each item may have a slope of its own."""
EASY, HARD = 0.95, 0.20
WEAK = 0.15
IDLE = 0.02
FIT = (0.7, 1.3)
"""Mean squares beyond are misfit (Wright & Linacre 1994: 0.7–1.3 for multiple choice)."""
DIF_P = 0.05
"""A large difference (class C) is an alarm when it is sure after Holm's correction for all items and groups compared."""
DRIFT_P, DRIFT_SIZE = 0.01, 0.5
"""A change counts as drift when it is sure after Holm's correction, and at least half a logit."""
DRIFT_DAYS = 180
"""The later period: so many days before the newest test."""
EXPOSURE_LEAST = 10.0
"""Mean times drawn in a cell, below which nobody can say that an item is drawn too often."""


@dataclass
class Finding:
    """Everything found about one question."""

    question: Question
    n: int
    facility: float
    discrimination: float | None
    options: list[dict[str, Any]]
    dif: list[dict[str, Any]] = field(default_factory=list)
    months: list[tuple[str, int, float]] = field(default_factory=list)
    drift: float | None = None
    drift_p: float | None = None
    exposure: float | None = None
    infit: float | None = None
    outfit: float | None = None
    flags: list[Flag] = field(default_factory=list)

    @property
    def alarm(self) -> bool:
        return not ALARMS.isdisjoint(self.flags)


def told(value: float) -> float | None:
    """A figure as it is kept: five places, None for one that cannot be told."""
    return None if isnan(value) else round(float(value), 5)


def _option(question: Question, one: OptionFigures) -> dict[str, Any]:
    return {
        "id": one.option,
        "right": one.option in question.right,
        "n": one.n,
        "share": told(one.share),
        "groups": [told(value) for value in one.by_group],
        "r": told(one.discrimination),
    }


def key_is_doubtful(kind: str, n: int, options: Sequence[Mapping[str, Any]]) -> bool:
    """True if the answers speak against the key.

    One right option: a wrong one is chosen more often by the strongest fifth, and goes with ability better than the right one.
    Several: a right option goes against ability, or a wrong one with it, beyond chance (2 ÷ √n).
    """
    sure = 2 / sqrt(max(n, 1))
    listed = [one for one in options if one["id"] != BLANK]
    right = [one for one in listed if one["right"]]
    wrong = [one for one in listed if not one["right"]]
    if not right or not wrong:
        return False
    if kind == "multiple":
        return any((one["r"] or 0) < -sure for one in right) or any((one["r"] or 0) > sure for one in wrong)
    best = max(wrong, key=lambda one: one["groups"][-1] or 0)
    return (best["groups"][-1] or 0) > (right[0]["groups"][-1] or 0) and (best["r"] or 0) > max(
        right[0]["r"] or 0, 0
    )


def flags_of(found: Finding) -> list[Flag]:
    """What is noteworthy, the gravest first."""
    r = found.discrimination
    exposed = found.exposure is not None and found.exposure > drift.EXPOSURE_LIMIT
    if found.n < LEAST:
        return [Flag.FEW, *([Flag.EXPOSED] if exposed else [])]
    wrong = [one for one in found.options if not one["right"] and one["id"] != BLANK]
    fits = all(v is None or FIT[0] <= v <= FIT[1] for v in (found.infit, found.outfit))
    checks: tuple[tuple[Flag, bool], ...] = (
        (Flag.KEY, key_is_doubtful(found.question.kind, found.n, found.options)),
        (Flag.NEGATIVE, r is not None and r < -1 / sqrt(found.n)),
        (Flag.DIF, any(one["kind"] == "C" and one["p_holm"] < DIF_P for one in found.dif)),
        (
            Flag.DRIFT,
            found.drift is not None
            and abs(found.drift) >= DRIFT_SIZE
            and found.drift_p is not None
            and found.drift_p < DRIFT_P,
        ),
        (Flag.EXPOSED, exposed),
        (Flag.MISFIT, not fits),
        (Flag.WEAK, r is not None and -1 / sqrt(found.n) <= r < WEAK and HARD <= found.facility <= EASY),
        (Flag.HARD, found.facility < HARD),
        (Flag.EASY, found.facility > EASY),
        (Flag.IDLE, found.n >= 100 and len(wrong) > 1 and any((one["share"] or 0) < IDLE for one in wrong)),
    )
    return [flag for flag, yes in checks if yes]


def _groups(table: Table) -> list[tuple[str, str, Any, Any]]:
    """Comparisons for DIF: by what, focal value, who is focal, who counts. Only groups large enough for any item."""
    found = []
    for by in ("sex", "institution_kind", "division"):
        values = np.array([getattr(one, by) for one in table.people])
        known = values != ""
        counts = Counter(values[known].tolist())
        names = sorted(value for value, count in counts.items() if count >= LEAST)
        if len(counts) == 2 and names:  # two groups say the same of each other: the smaller is the focal one
            names = [min(sorted(counts), key=lambda value: counts[value])]
        found += [
            (by, str(value), (values == value) & known, known)
            for value in names
            if counts[value] >= LEAST and known.sum() - counts[value] >= LEAST
        ]
    return found


def _dif(table: Table) -> dict[int, list[dict[str, Any]]]:
    """Differences of class B and C by item. ``p_holm`` allows for all items and groups that were compared."""
    compared = [
        (item, by, value, one)
        for by, value, focal, known in _groups(table)
        for item, one in enumerate(dif.item_dif(table.answers, focal, known, least=LEAST))
        if one.kind
    ]
    adjusted = drift.holm([one.p for _item, _by, _value, one in compared])
    found: dict[int, list[dict[str, Any]]] = {}
    for (item, by, value, one), p_holm in zip(compared, adjusted, strict=True):
        if one.kind != "A":
            found.setdefault(item, []).append(
                {
                    "by": by,
                    "value": value,
                    "delta": told(one.delta),
                    "kind": one.kind,
                    "p": told(one.p),
                    "p_holm": told(p_holm),
                    "focal": one.focal,
                    "reference": one.reference,
                }
            )
    return found


def _months(table: Table) -> dict[int, list[tuple[str, int, float]]]:
    """By item: month, answers, share of right ones."""
    names = sorted({one.month for one in table.people})
    number = {name: k for k, name in enumerate(names)}
    month = np.array([number[one.month] for one in table.people], dtype=np.int64)
    place = table.answers.item * len(names) + month[table.answers.person]
    size = table.answers.items * len(names)
    n, earned = total(place, size), total(place, size, table.answers.share)
    found: dict[int, list[tuple[str, int, float]]] = {}
    for k in np.flatnonzero(n):
        item, at = divmod(int(k), len(names))
        found.setdefault(item, []).append((names[at], int(n[k]), round(float(earned[k] / n[k]), 4)))
    return found


def _drift(table: Table) -> drift.Drift:
    answers = table.answers
    later = (table.days > table.days.max() - DRIFT_DAYS)[answers.person]
    counts = []
    for rows in (~later, later):
        n = total(answers.item[rows], answers.items)
        right = total(answers.item[rows], answers.items, answers.right[rows])
        counts += [np.where(n >= LEAST, right, 0), np.where(n >= LEAST, n, 0)]
    return drift.facility_change(*counts)


def scale(table: Table) -> irt.Fit | None:
    """The better of the two models by AIC, or None with too few people. Items with too few answers are left out.

    Each item gets a slope of its own only where the middle item has ``LEAST_FOR_SLOPES`` answers. BIC would charge each slope
    by the number of all people, though only those who had the item tell of it, and so hold on to one slope for all.
    """
    n = total(table.answers.item, table.answers.items)
    enough = table.answers.pick(n[table.answers.item] >= LEAST)
    if len(np.unique(enough.person)) < LEAST_PEOPLE:
        return None
    best = irt.fit(enough, "rasch", prior=True)
    if np.median(n[n >= LEAST]) >= LEAST_FOR_SLOPES:
        two = irt.fit(enough, "2pl", prior=True)
        best = min((best, two), key=lambda fit: fit.aic)
    return best


def judge(
    table: Table,
    *,
    fit: irt.Fit | None = None,
    exposure: Mapping[str, float] | None = None,
    over_time: bool = False,
    step: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every question of a table with its figures and flags. ``step`` is called after each part of the work."""
    figures = classical.item_figures(table.answers)
    options = classical.option_figures(
        table.answers, {k: question.options for k, question in enumerate(table.questions)}
    )
    step()
    by_group = _dif(table)
    step()
    months = _months(table) if over_time else {}
    moved = _drift(table) if over_time else None
    found = []
    for k, question in enumerate(table.questions):
        one = Finding(
            question,
            int(figures.n[k]),
            round(float(figures.facility[k]), 5),
            told(figures.discrimination[k]),
            [_option(question, option) for option in options[k]],
            by_group.get(k, []),
            months.get(k, []),
            None if moved is None else told(moved.change[k]),
            None if moved is None else told(moved.p_holm[k]),
            (exposure or {}).get(question.item_uid),
            None if fit is None else told(fit.infit[k]),
            None if fit is None else told(fit.outfit[k]),
        )
        one.flags = flags_of(one)
        found.append(one)
    return found


def distribution(scores: Any) -> list[int]:
    """How many people in each band of five in a hundred: 0–4, 5–9, … 95–100."""
    bands = np.minimum((np.asarray(scores) * 20 + 1e-9).astype(np.int64), 19)
    return [int(count) for count in np.bincount(bands, minlength=20)]
