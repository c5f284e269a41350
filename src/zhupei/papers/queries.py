"""Reads of papers that hold a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from zhupei.delivery.api import Paper, paper_digest
from zhupei.itembank.api import BankRelease, ItemKind, chapters_of, versions_in
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import Post, Subject

from .assembly import Bank, CannotFill
from .drawing import pieces_of, plan_of, targets_of
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


def weights_of(post: Post, subject: str) -> dict[str, Fraction]:
    """The weights of the syllabus's chapters; empty where it has none."""
    return {entry.number: Fraction(entry.weight) for entry in chapters_of(post, subject)}


def bank_for(
    sections: Iterable[Mapping[str, Any]],
    targets: Mapping[str, Any],
    post: Post,
    subject: str,
    release: BankRelease,
    *,
    on: date | None = None,
    weights: Mapping[str, Fraction] | None = None,
) -> Bank:
    """The released items of a post and subject in the cells of a blueprint. Raises ``Refusal`` naming the short cell (R037).

    ``weights``: of the chapters, those of the syllabus in force when None.
    """
    rows = versions_in(release, post=post, subject=subject, on=on or clock.today())
    try:
        return Bank(
            plan_of(sections),
            pieces_of(rows),
            targets_of(targets, weights_of(post, subject) if weights is None else weights),
            release.enemies,
        )
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
        if short.section.kind == ItemKind.CASE and short.needed == short.section.slots:
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
    blueprint = blueprint_for(post, subject)
    bank_for(blueprint.sections, blueprint.targets, post, subject, release)


def posts_with_items(release: BankRelease, subject: str) -> QuerySet[Post]:
    """The posts for which a release holds any item of a subject."""
    rows = release.versions.filter(subject=subject).values_list("post_codes", flat=True).distinct()
    codes = {code for joined in rows for code in joined.split(",") if code}
    return Post.objects.filter(code__in=codes).order_by("position")


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
