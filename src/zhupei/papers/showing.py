"""Blueprints and draws in words and bars: what their pages show. Every bar stands beside the numbers that it draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from zhupei.itembank.api import ItemKind, Level
from zhupei.rulebook.api import Subject

from .assembly import SectionPlan, Targets
from .drawing import plan_of, targets_of
from .models import Blueprint, Draw

RULES = [
    ("all_or_nothing", gettext_lazy("All right options and no others, or nothing")),
    ("half_per_right", gettext_lazy("0.5 for each right option when some are missing")),
    ("proportional", gettext_lazy("In proportion when some are missing")),
]
BAR = 1000
"""Width of a bar's drawing."""
FEW = 100
"""Below so many papers, an item drawn once already stands far above the mean of its cell."""

_CONSTRAINTS: dict[str, Any] = {
    "repeats": gettext_lazy("no item twice"),
    "sections": gettext_lazy("sections"),
    "marks": gettext_lazy("sum of the marks"),
    "chapters": gettext_lazy("weights of the chapters"),
    "enemies": gettext_lazy("enemies apart"),
    "score": gettext_lazy("mean difficulty"),
    "spread": gettext_lazy("spread of difficulty"),
    "information": gettext_lazy("test information at the pass mark"),
    "neighbours": gettext_lazy("neighbours share little"),
}


def constraint_words(name: str) -> str:
    """What a paper must keep to, by its name in ``violations``."""
    if name.startswith("level "):
        return _("level %(level)s") % {"level": name.removeprefix("level ")}
    return str(_CONSTRAINTS.get(name, name))


def number(value: Any) -> str:
    """``Decimal("4.00")`` → "4"; fractions with three decimals at most."""
    text = f"{float(value):.3f}" if isinstance(value, Fraction | float) else format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: Any) -> str:
    """A share as per cent without the sign: "0.25" → "25"."""
    return number(Fraction(share) * 100)


# ── blueprints ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bar:
    """A stretch of a scale, in thousandths of it; ``mark``: a place on it that stands out, or None."""

    x: int
    width: int
    mark: int | None = None


def bar(low: Any, high: Any, least: Any, greatest: Any, mark: Any = None) -> Bar:
    """From ``low`` to ``high`` on a scale from ``least`` to ``greatest``; never too thin to be seen."""

    def at(value: Any) -> int:
        share = (Fraction(value) - Fraction(least)) / (Fraction(greatest) - Fraction(least))
        return round(min(max(share, Fraction(0)), Fraction(1)) * BAR)

    start, width = at(low), max(at(high) - at(low), BAR // 125)
    return Bar(min(start, BAR - width), width, None if mark is None else min(at(mark), BAR - 4))


def section_rows(sections: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sections of a blueprint for a table."""
    words = dict(RULES)
    return [
        {
            "kind": ItemKind(s.kind).label,
            "count": s.count,
            "children": s.slots if s.kind == ItemKind.CASE else 0,
            "pattern": [
                {"kind": ItemKind(kind).label, "number": count, "marks": number(marks)}
                for kind, count, marks in s.pattern
            ],
            "marks": number(s.marks),
            "total": number(s.total),
            "rule": words[s.rule] if s.kind in (ItemKind.MULTIPLE, ItemKind.CASE) else "",
        }
        for s in plan_of(sections)
    ]


def section_words(section: SectionPlan) -> str:
    """A section in one line."""
    if section.pattern:
        parts = _(", ").join(
            _("%(kind)s %(n)d × %(marks)s")
            % {"kind": ItemKind(kind).label, "n": count, "marks": number(marks)}
            for kind, count, marks in section.pattern
        )
        return _("%(count)d cases, each with %(parts)s") % {"count": section.count, "parts": parts}
    if section.kind == ItemKind.CASE:
        words = _("%(count)d cases with %(children)d sub-questions of %(marks)s marks")
    else:
        words = _("%(count)d items of %(marks)s marks")
    return words % {"count": section.count, "children": section.children, "marks": number(section.marks)}


def target_facts(targets: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a blueprint's papers keep to, as facts in words; ``note`` says what is at its default."""
    aims = targets_of(targets, {})
    default = _("default")

    def fact(name: str, label: str, value: str) -> dict[str, Any]:
        return {"label": label, "value": value, "note": "" if targets.get(name) else default}

    spread = _("not bounded")
    if aims.spread is not None:
        least, greatest = aims.spread
        spread = _("%(least)s to %(greatest)s points") % {
            "least": percent(least),
            "greatest": percent(greatest),
        }
    mean = _("the mean of the bank") if aims.mean is None else f"{percent(aims.mean)} %"
    return [
        fact("mean", _("Expected share of the marks"), mean),
        fact(
            "tolerance",
            _("Expected scores lie off it by"),
            _("at most %(n)s marks") % {"n": number(aims.tolerance)},
        ),
        fact("spread", _("Spread of difficulty in a paper"), spread),
        fact(
            "chapter_tolerance",
            _("A chapter lies off its weight by"),
            _("at most %(n)s marks") % {"n": number(aims.chapter_tolerance)},
        ),
        fact(
            "overlap",
            _("Neighbours have in common"),
            _("at most %(n)s %% of the marks") % {"n": percent(aims.overlap)},
        ),
        fact(
            "exposure",
            _("An item is drawn"),
            _("at most %(n)s times as often as the mean of its cell") % {"n": number(aims.exposure)},
        ),
    ]


def level_rows(targets: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bounds of the levels, each with a bar over the whole paper."""
    bounds = targets_of(targets, {}).levels
    return [
        {
            "name": level.label,
            "low": percent(bounds[level][0]),
            "high": percent(bounds[level][1]),
            "bar": bar(*bounds[level], 0, 1),
        }
        for level in Level
        if level in bounds
    ]


def chapter_rows(
    blueprint: Blueprint, weights: Mapping[str, Fraction], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The chapters with their weights and the marks that a paper may give them; ``weights``: the syllabus's."""
    aims = targets_of(blueprint.targets, weights)
    whole = sum(aims.weights.values(), Fraction(0))
    full = Fraction(blueprint.full_mark)
    found = []
    for chapter in sorted(aims.weights, key=lambda c: (len(c), c)):
        marks = aims.weights[chapter] / whole * full
        low, high = max(marks - aims.chapter_tolerance, Fraction(0)), marks + aims.chapter_tolerance
        found.append((chapter, marks, low, min(high, full)))
    top = max([high for _chapter, _marks, _low, high in found], default=full)
    return [
        {
            "number": chapter,
            "title": titles.get(chapter, ""),
            "weight": number(round(marks / full * 100, 2)),
            "marks": number(round(marks, 1)),
            "low": number(round(low, 1)),
            "high": number(round(high, 1)),
            "bar": bar(low, high, 0, top, marks),
        }
        for chapter, marks, low, high in found
    ]


def _facts_of(blueprint: Blueprint) -> dict[str, str]:
    """All that a version says, by what it is about."""
    found = {_("Name"): blueprint.name, _("full mark"): number(blueprint.full_mark)}
    words = dict(RULES)
    for section in plan_of(blueprint.sections):
        kind = str(ItemKind(section.kind).label)
        found[kind] = section_words(section)
        if section.kind in (ItemKind.MULTIPLE, ItemKind.CASE):
            found[_("%(kind)s, marks of multiple choice") % {"kind": kind}] = str(words[section.rule])
    for fact in target_facts(blueprint.targets):
        found[str(fact["label"])] = str(fact["value"])
    for row in level_rows(blueprint.targets):
        found[str(row["name"])] = f"{row['low']}–{row['high']} %"
    for chapter, weight in blueprint.targets.get("chapters", {}).items():
        found[_("Chapter %(n)s, own weight") % {"n": chapter}] = f"{percent(weight)} %"
    return found


def changes(before: Blueprint, after: Blueprint) -> list[str]:
    """What a version says otherwise than the one before it, a line each."""
    old, new = _facts_of(before), _facts_of(after)
    lines = []
    for label in dict.fromkeys([*old, *new]):
        if label not in old:
            lines.append(_("%(what)s: new, %(now)s") % {"what": label, "now": new[label]})
        elif label not in new:
            lines.append(_("%(what)s: left out") % {"what": label})
        elif old[label] != new[label]:
            lines.append(
                _("%(what)s: %(now)s instead of %(was)s")
                % {"what": label, "now": new[label], "was": old[label]}
            )
    return lines


# ── draws and trials ────────────────────────────────────────────────────────────────────────────────────


def _score_rows(score: Mapping[str, float], plain: Mapping[str, float], name: str) -> dict[str, Any]:
    """Two ranges of expected scores on one scale of whole marks."""
    least = floor(min(score["min"], plain["min"]))
    greatest = max(ceil(max(score["max"], plain["max"])), least + 1)
    rows = []
    for label, one, tone in (
        (name, score, "this"),
        (_("A plain draw for the same people"), plain, "plain"),
    ):
        low, high = round(one["min"], 2), round(one["max"], 2)
        rows.append(
            {
                "name": label,
                "tone": tone,
                "min": f"{low:.2f}",
                "max": f"{high:.2f}",
                "range": f"{high - low:.2f}",
                "sd": f"{one['sd']:.2f}",
                "bar": bar(one["min"], one["max"], least, greatest),
            }
        )
    return {"least": least, "greatest": greatest, "rows": rows}


def missed(violations: Mapping[str, int]) -> list[str]:
    """The targets that papers miss, in words, with how many papers miss each."""
    return [
        ngettext("%(what)s: missed in %(n)d paper", "%(what)s: missed in %(n)d papers", count)
        % {"what": constraint_words(name), "n": count}
        for name, count in violations.items()
        if count
    ]


def report(figures: Mapping[str, Any], aims: Targets, name: str) -> dict[str, Any]:
    """How even papers came out, as ``papers/_figures.html`` shows it. ``figures``: as in ``Draw.figures``; ``aims``: the
    targets of their blueprint; ``name``: what these papers are called beside a plain draw's."""
    overlap, plain = figures["overlap"], figures["plain_overlap"]
    return {
        "papers": figures["papers"],
        "distinct": figures["distinct"],
        "scores": _score_rows(figures["score"], figures["plain"], name),
        "exposure": number(round(figures["exposure"], 2)),
        "exposure_limit": number(aims.exposure),
        "exposure_high": figures["papers"] >= FEW and figures["exposure"] > aims.exposure,
        "few": figures["papers"] < FEW,
        "overlap_max": percent(overlap["max"]),
        "overlap_mean": percent(overlap["mean"]),
        "overlap_limit": percent(aims.overlap),
        "overlap_high": overlap["max"] > aims.overlap,
        "plain_overlap": percent(plain["max"]),
        "met": figures.get("met", 0),
        "missed": missed(figures["violations"]),
    }


def of_rehearsal(result: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome of ``rehearse`` as figures of a draw."""
    return {
        "papers": result["papers"],
        "distinct": result["distinct"] == result["papers"],
        "score": result["expected_score"],
        "plain": result["plain"],
        "exposure": result["exposure"]["max_over_mean"],
        "overlap": result["neighbour_overlap"],
        "plain_overlap": result["plain_overlap"],
        "violations": result["violations_by"],
    }


def draw_reports(
    draw: Draw, blueprints: Mapping[int, Blueprint], posts: Mapping[str, str]
) -> list[dict[str, Any]]:
    """A report for each group of posts drawn together. ``posts``: names by code."""
    found = []
    for figures in draw.figures:
        blueprint = blueprints[figures["blueprint"]]
        found.append(
            {
                **report(figures, targets_of(blueprint.targets, {}), _("This draw")),
                "subject": Subject(figures["subject"]).label,
                "posts": [posts.get(code, code) for code in figures["posts"]],
                "blueprint": blueprint,
            }
        )
    return found


def draw_row(draw: Draw) -> dict[str, Any]:
    """A draw in a list: papers, the widest range of expected scores, and what is to be looked at."""
    ranges = [one["score"]["max"] - one["score"]["min"] for one in draw.figures]
    plain = [one["plain"]["max"] - one["plain"]["min"] for one in draw.figures]
    violations: dict[str, int] = {}
    for one in draw.figures:
        for name, count in one["violations"].items():
            violations[name] = violations.get(name, 0) + count
    flags = missed(violations)
    if not all(one["distinct"] for one in draw.figures):
        flags.append(_("not all different"))
    return {
        "draw": draw,
        "papers": sum(one["papers"] for one in draw.figures),
        "range": f"{max(ranges):.2f}" if ranges else "",
        "plain": f"{max(plain):.2f}" if plain else "",
        "flags": flags,
    }


def differing_words(differing: Sequence[str]) -> list[str]:
    """What ``recheck_draw`` found to differ, in words."""
    found = []
    for one in differing:
        key, _space, subject = one.rpartition(" ")
        if not key:
            found.append(_("The seed is not the one that was committed."))
            continue
        found.append(
            _("Candidate %(key)s, %(subject)s")
            % {"key": key, "subject": Subject(subject).label if subject in Subject.values else subject}
        )
    return found


def inputs_facts(draw: Draw) -> list[tuple[str, Any]]:
    """How much a draw started from, in numbers: never who or what."""
    inputs = draw.inputs
    if not inputs:
        return []
    return [
        (_("Candidates"), len(inputs["posts"])),
        (_("With a known seat"), len(inputs["seats"])),
        (_("Who had sat before"), len(inputs["met"])),
        (_("Items left out because they were drawn often"), len(inputs["rested"])),
    ]
