"""Findings: one measured point each, as codes and figures; the words come when they are shown, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from zhupei.hall.models.machines import Verdict

ORDER = [Verdict.OK, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL]
TONES = {Verdict.OK: "done", Verdict.UNKNOWN: "neutral", Verdict.WARN: "waiting", Verdict.FAIL: "problem"}
LANGUAGES = {"zh": "zh-hans", "en": "en"}


class Point(NamedTuple):
    """What can be said of one point: its name, what is wanted, the clause, and what to do by reason or verdict."""

    label: Any
    wanted: Any
    clause: str
    do: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One point measured. ``value`` holds figures and proper names only, no words; ``reason`` picks the advice when the verdict
    alone does not."""

    code: str
    verdict: str
    value: str = ""
    reason: str = ""


GENERAL = {
    Verdict.OK: "",
    Verdict.UNKNOWN: _("This could not be measured here. Look at it by hand."),
    Verdict.WARN: _("Look at it before the next test."),
    Verdict.FAIL: _("Put it right before the next test."),
}


def worst(findings: Iterable[Finding]) -> str:
    """The worst verdict of all. A point that cannot be told counts as in order only in the company of nothing worse."""
    return max((Verdict(one.verdict) for one in findings), key=ORDER.index, default=Verdict.UNKNOWN)


def told(finding: Finding, points: Mapping[str, Point]) -> dict[str, Any]:
    """A finding in the words of the present language, for a page or a terminal."""
    point = points.get(finding.code)
    verdict = Verdict(finding.verdict)
    advice: Any = GENERAL[verdict]
    if point is not None:
        advice = point.do.get(finding.reason) or point.do.get(verdict.value) or advice
    return {
        "code": finding.code,
        "label": str(point.label) if point else finding.code,
        "value": finding.value,
        "wanted": str(point.wanted) if point else "",
        "clause": point.clause if point else "",
        "verdict": verdict.value,
        "verdict_label": str(verdict.label),
        "tone": TONES[verdict],
        "advice": str(advice),
    }


def stored(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """As a row keeps them."""
    return [asdict(one) for one in findings]


def read(rows: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """As ``stored`` wrote them; what this version does not understand is left out."""
    found = []
    for row in rows:
        if row.get("verdict") in Verdict.values and isinstance(row.get("code"), str):
            found.append(
                Finding(row["code"], row["verdict"], str(row.get("value", "")), str(row.get("reason", "")))
            )
    return found


def in_both(finding: Finding, points: Mapping[str, Point]) -> dict[str, Any]:
    """A finding for machines: codes and figures, and its words in both languages."""
    words = {}
    for name, language in LANGUAGES.items():
        with override(language):
            whole = told(finding, points)
            words[name] = {key: whole[key] for key in ("label", "wanted", "advice")}
    point = points.get(finding.code)
    return {**asdict(finding), "clause": point.clause if point else "", "words": words}
