"""Reads of papers that hold a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from zhupei.delivery.api import Paper, paper_digest
from zhupei.itembank.api import BankRelease, ItemKind, chapters_of, versions_in
from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import Post, Subject

from .assembly import Bank, CannotFill, expected_score
from .drawing import pieces_of, plan_of
from .models import Blueprint, Draw, PaperForm


def blueprint_for(post: Post, subject: str) -> Blueprint:
    """The blueprint in force: the post's own, or the default of all posts. Raises ``Refusal`` when there is none."""
    rows = Blueprint.objects.filter(subject=subject, is_current=True)
    found = rows.filter(post=post).first() or rows.filter(post=None).first()
    if found is None:
        raise Refusal(
            "no_blueprint",
            _("There is no blueprint for %(subject)s yet. The bank keeper sets one up.")
            % {"subject": Subject(subject).label},
            status=409,
        )
    return found


def bank_for(sections: Iterable[Mapping[str, Any]], post: Post, subject: str, release: BankRelease) -> Bank:
    """The released items of a post and subject in the cells of a blueprint. Raises ``Refusal`` naming the short cell (R037)."""
    weights = {entry.number: Fraction(entry.weight) for entry in chapters_of(post, subject)}
    try:
        return Bank(plan_of(sections), pieces_of(versions_in(release, post=post, subject=subject)), weights)
    except CannotFill as error:
        short = error.shortage
        facts = {
            "post": post.name,
            "subject": Subject(subject).label,
            "kind": ItemKind(short.section.kind).label,
            "chapter": short.chapter or "",
            "needed": short.needed,
            "has": short.has,
            "release": release.number,
        }
        if short.section.kind == ItemKind.CASE and short.needed == short.section.children:
            text = _(
                "The bank (release %(release)d) cannot fill the paper: %(post)s, %(subject)s, %(kind)s: no choice of cases "
                "adds up to %(needed)d sub-questions. Add cases or change the blueprint."
            )
        elif short.chapter:
            text = _(
                "The bank (release %(release)d) cannot fill the paper: %(post)s, %(subject)s, %(kind)s, chapter %(chapter)s "
                "needs %(needed)d items and has %(has)d. Add items or change the blueprint."
            )
        else:
            text = _(
                "The bank (release %(release)d) cannot fill the paper: %(post)s, %(subject)s, %(kind)s needs %(needed)d "
                "items and has %(has)d. Add items or change the blueprint."
            )
        raise Refusal("bank_too_small", text % facts, clause="R037", status=409) from None


def check_fillable(post: Post, subject: str, release: BankRelease) -> None:
    """Raise ``Refusal`` naming the short cell unless the release can fill the blueprint in force for a post and subject."""
    bank_for(blueprint_for(post, subject).sections, post, subject, release)


def posts_with_items(release: BankRelease, subject: str) -> QuerySet[Post]:
    """The posts for which a release holds any item of a subject."""
    held = release.versions.filter(item__subject=subject).values("item__posts")
    return Post.objects.filter(pk__in=held).order_by("position")


def papers_of(draw: Draw) -> dict[str, dict[str, Paper]]:
    """The papers of a draw, by candidate and subject. Raises ``Refusal`` if one is not what was drawn."""
    found: dict[str, dict[str, Paper]] = {}
    for row in draw.papers.order_by("pk"):
        found.setdefault(row.candidate_key, {})[row.subject] = paper_of(row)
    return found


def paper_of(row: PaperForm) -> Paper:
    """One stored paper, checked against its digest."""
    paper = msgspec.convert(row.content, Paper)
    if paper.digest != row.digest or paper_digest(paper) != row.digest:
        raise Refusal(
            "paper_changed",
            _("The stored paper of %(candidate)s is not the one that was drawn. Call the security officer.")
            % {"candidate": row.candidate_key},
            status=409,
        )
    return paper


def items_met(candidate_keys: Iterable[str]) -> dict[str, set[str]]:
    """Item numbers that stood in all papers ever drawn under these candidate keys: what a later draw should avoid."""
    met: dict[str, set[str]] = {}
    rows = PaperForm.objects.filter(candidate_key__in=list(candidate_keys)).values_list(
        "candidate_key", "content"
    )
    for key, content in rows:
        met.setdefault(key, set()).update(unit["item_uid"] for unit in content["units"])
    return met


@dataclass(frozen=True)
class SubjectReport:
    """Figures of one blueprint's papers in a draw. Scores are expected marks by the authors' judgement of difficulty."""

    blueprint: Blueprint
    papers: int
    expected_min: Decimal
    expected_max: Decimal
    expected_mean: Decimal
    expected_sd: Decimal
    exposure_max: int
    exposure_mean: Decimal
    exposure_ratio: Decimal
    overlap_mean: Decimal
    """Share of the items that two papers have in common, averaged over all pairs (R037)."""
    distinct: bool

    @property
    def expected_range(self) -> Decimal:
        return self.expected_max - self.expected_min


def draw_report(draw: Draw) -> list[SubjectReport]:
    """How even a draw came out, one report for each blueprint it used.

    Exposure is within cells (kind, chapter and, for cases, size): the ratio is the largest, over the cells, of the most drawn
    item to the cell's mean, counting items that were not drawn.
    """
    rows: dict[int, list[PaperForm]] = {}
    for row in draw.papers.select_related("blueprint"):
        rows.setdefault(row.blueprint_id, []).append(row)
    reports = []
    for papers in rows.values():
        blueprint = papers[0].blueprint
        versions = draw.release.versions.filter(item__subject=blueprint.subject).select_related("item")
        reports.append(_report(blueprint, papers, {p.uid: p for p in pieces_of(list(versions))}))
    return reports


def _report(blueprint: Blueprint, rows: list[PaperForm], pieces: Mapping[str, Any]) -> SubjectReport:
    plan = plan_of(blueprint.sections)
    scores: list[Fraction] = []
    counts: Counter[str] = Counter()
    faces: set[str] = set()
    size = 0
    for row in rows:
        uids = [unit["item_uid"] for unit in row.content["units"]]
        size = len(uids)
        counts.update(uids)
        faces.add(
            str([(u["item_uid"], [o["id"] for o in u.get("options", ())]) for u in row.content["units"]])
        )
        sections, at = [], 0
        for section in plan:
            sections.append([pieces[uid] for uid in uids[at : at + section.count]])
            at += section.count
        scores.append(expected_score(plan, sections))
    n = len(scores)
    mean = sum(scores, Fraction(0)) / n
    variance = sum(((s - mean) ** 2 for s in scores), Fraction(0)) / n
    # every released item of the cells that the papers drew from, drawn or not
    cells: dict[tuple[str, str, int], list[int]] = {}
    for uid, piece in pieces.items():
        cells.setdefault((piece.kind, piece.chapter, piece.slots), []).append(counts[uid])
    cells = {cell: drawn for cell, drawn in cells.items() if any(drawn)}
    ratios = [Fraction(max(c) * len(c), sum(c)) for c in cells.values()]
    total = sum(counts.values())
    pairs = Fraction(sum(c * (c - 1) for c in counts.values()), n * (n - 1) * size) if n > 1 else Fraction(0)
    return SubjectReport(
        blueprint,
        n,
        _places(min(scores)),
        _places(max(scores)),
        _places(mean),
        Decimal(str(round(float(variance) ** 0.5, 3))),
        max(counts.values()),
        _places(Fraction(total, sum(len(c) for c in cells.values()))),
        _places(max(ratios)),
        _places(pairs),
        len(faces) == n,
    )


def _places(value: Fraction) -> Decimal:
    return round(Decimal(value.numerator) / Decimal(value.denominator), 3)
