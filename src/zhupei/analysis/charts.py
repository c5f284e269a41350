"""Charts of item analysis as ``web/_chart.html`` takes them: the same figures draw the chart and fill its table."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from . import irt
from .choices import ALARMS
from .classical import BLANK
from .models import Calibration, ItemStatistics, Report

Chart = dict[str, Any]
GROUPS = 5
MONTH_LEAST = 10
"""A month with fewer answers shows no share: one answer would stand there as 0 or 100 %."""


def percent(value: float | None) -> float | str:
    """A share in per cent with one decimal; a dash for what cannot be told."""
    return "–" if value is None else round(value * 100, 1)


def group_names() -> list[str]:
    """The five ability groups, from the weakest."""
    return [_("weakest fifth"), _("second"), _("third"), _("fourth"), _("strongest fifth")]


def option_name(option: Mapping[str, Any], kind: str) -> str:
    """A, B, C …; right and wrong of a true/false item; no answer. The right ones say so."""
    if option["id"] == BLANK:
        return _("no answer")
    letter = {"t": _("true"), "f": _("false")}.get(option["id"], "") if kind == "true_false" else ""
    name = letter or str(option["id"]).upper()
    return _("%(option)s (right)") % {"option": name} if option["right"] else name


def option_curves(row: ItemStatistics) -> Chart:
    """Share that chose each option, by ability group."""
    return {
        "id": "options",
        "title": _("Who chooses which option"),
        "kind": "line",
        "unit": "%",
        "category_label": _("Ability group"),
        "categories": group_names(),
        "series": [
            {"name": option_name(one, row.kind), "data": [percent(share) for share in one["groups"]]}
            for one in row.options
            if one["id"] != BLANK or one["n"]
        ],
    }


def over_time(row: ItemStatistics) -> Chart:
    """Share of the marks by month."""
    return {
        "id": "months",
        "title": _("Facility over time"),
        "kind": "line",
        "unit": "%",
        "category_label": _("Month of the test"),
        "categories": [
            _("%(month)s (%(n)d answers)") % {"month": month, "n": n} for month, n, _share in row.months
        ],
        "series": [
            {
                "name": _("Facility"),
                "data": [percent(share if n >= MONTH_LEAST else None) for _month, n, share in row.months],
            }
        ],
    }


def curve(found: Calibration) -> Chart:
    """Probability of a right answer and information by ability."""
    theta = np.arange(-3, 3.01, 0.5)
    p = irt.probability(theta, found.a, found.b)
    return {
        "id": "curve",
        "title": _("Chance of a right answer by ability"),
        "kind": "line",
        "unit": "%",
        "category_label": _("Ability (standard deviations from the mean)"),
        "categories": [f"{value:+.1f}" for value in theta],
        "series": [{"name": _("Right answers by the model"), "data": [percent(float(one)) for one in p]}],
    }


def scores(report: Report) -> Chart:
    """How many people in each band of five marks."""
    bands = [f"{low}–{low + 4 if low < 95 else 100}" for low in range(0, 100, 5)]
    return {
        "id": f"scores-{report.pk}",
        "title": _("Distribution of scores"),
        "kind": "bar",
        "unit": _("people"),
        "category_label": _("Score"),
        "categories": bands,
        "series": [{"name": _("People"), "data": report.distribution}],
    }


def item_map(rows: Iterable[ItemStatistics]) -> Chart:
    """Every question as a point: how easy it is, how well it tells the strong from the weak."""
    points: dict[bool, list[list[Any]]] = {False: [], True: []}
    for row in rows:
        alarm = not ALARMS.isdisjoint(row.flag_list)
        points[alarm].append([percent(row.facility), round(row.discrimination or 0, 3), row.key])
    return {
        "id": "map",
        "title": _("Facility and discrimination"),
        "kind": "scatter",
        "x_label": _("Facility (%)"),
        "y_label": _("Discrimination"),
        "series": [
            {"name": _("Without alarm"), "data": points[False]},
            {"name": _("With alarm"), "data": points[True]},
        ],
    }


def exposure(ratios: Sequence[float]) -> Chart:
    """How many items were drawn how often, against the mean of their cell."""
    edges = [0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    names = [f"{low:.1f}–{high:.1f}" for low, high in itertools.pairwise(edges)]
    bands = np.minimum(np.searchsorted(edges, np.asarray(ratios), side="right") - 1, len(edges) - 1)
    return {
        "id": "exposure",
        "title": _("How often items are drawn, against the mean of their cell"),
        "kind": "bar",
        "unit": _("items"),
        "category_label": _("Times the mean"),
        "categories": [*names, _("over 1.4")],
        "series": [{"name": _("Items"), "data": [int(n) for n in np.bincount(bands, minlength=len(edges))]}],
    }
