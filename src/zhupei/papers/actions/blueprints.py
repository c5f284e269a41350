"""Every write of blueprints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank.api import ItemKind, Level, latest_release
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.papers import events
from zhupei.papers.assembly import Bank
from zhupei.papers.choices import DEFAULT_NAMES, DEFAULT_SECTIONS, DEFAULT_TARGETS, RULES
from zhupei.papers.drawing import Form, Order, Seat, plan_of, select
from zhupei.papers.models import Blueprint
from zhupei.papers.queries import bank_for, posts_with_items
from zhupei.papers.showing import constraint_words
from zhupei.rulebook.api import Post, Subject, decimal_parameter, parameter

MAX_UNITS = 200
TRIAL_PAPERS = 60
TRIAL_SEED = bytes(32)
FATAL = ("repeats", "sections", "marks", "chapters", "enemies", "score", "spread", "information")
"""Constraints that a trial must keep in every paper, besides those on levels; neighbours are only reported."""


def clean_sections(sections: Sequence[Mapping[str, Any]], full_mark: Decimal) -> list[dict[str, Any]]:
    """Sections as a blueprint keeps them. Raises ``Refusal`` unless they are sound and add up to ``full_mark`` exactly (R041)."""
    cleaned: list[dict[str, Any]] = []
    for number, section in enumerate(sections, 1):
        try:
            kind, count = str(section["kind"]), int(section["count"])
            marks, children = Decimal(str(section["marks"])), int(section.get("children") or 0)
        except (KeyError, ValueError, InvalidOperation, TypeError):
            raise Refusal(
                "section_values",
                _("Section %(n)d: kind, number and marks must be filled in.") % {"n": number},
            ) from None
        rule = str(section.get("rule") or parameter("multiple_choice_rule"))
        if kind not in ItemKind.values or rule not in RULES:
            raise Refusal(
                "section_kind",
                _("Section %(n)d: this kind or rule does not exist.") % {"n": number},
                clause="R036",
            )
        if (
            not 1 <= count <= MAX_UNITS
            or not marks.is_finite()
            or not 0 < marks <= full_mark
            or marks != round(marks, 2)
        ):
            raise Refusal(
                "section_values",
                _(
                    "Section %(n)d: the number lies between 1 and %(max)d, the marks above 0 with at most two decimals."
                )
                % {"n": number, "max": MAX_UNITS},
                field=f"{kind}_marks" if 1 <= count <= MAX_UNITS else f"{kind}_count",
            )
        row: dict[str, Any] = {
            "kind": kind,
            "count": count,
            "marks": format(marks.normalize(), "f"),
            "rule": rule,
        }
        if kind == ItemKind.CASE:
            pattern = _clean_pattern(number, section["pattern"]) if section.get("pattern") else []
            if pattern:
                children = count * sum(part["number"] for part in pattern)
            if children < 2 * count or children > 6 * count:
                raise Refusal(
                    "section_children",
                    _(
                        "Section %(n)d: a case has two to six sub-questions; %(count)d cases cannot have %(children)d in all."
                    )
                    % {"n": number, "count": count, "children": children},
                    clause="R036",
                    field="pattern_single_number" if pattern else "case_children",
                )
            row["children"] = children
            if pattern:
                row["pattern"] = pattern
        elif children:
            raise Refusal(
                "section_children",
                _("Section %(n)d: only cases have sub-questions.") % {"n": number},
                clause="R036",
            )
        cleaned.append(row)
    kinds = [row["kind"] for row in cleaned]
    if not cleaned:
        raise Refusal("no_section", _("A paper needs at least one section."))
    if len(set(kinds)) != len(kinds):
        raise Refusal("section_repeats", _("Each kind may stand in one section only."))
    total = sum((section.total for section in plan_of(cleaned)), Decimal(0))
    if total != full_mark:
        raise Refusal(
            "blueprint_sum",
            _(
                "The sections add up to %(total)s marks; a paper has exactly %(full)s. Change numbers or marks."
            )
            % {"total": format(total.normalize(), "f"), "full": format(full_mark.normalize(), "f")},
            clause="三（四）",
        )
    return cleaned


def _clean_pattern(number: int, pattern: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The kinds of a case's children, as a blueprint keeps them: each kind once, with marks of its own."""
    parts: list[dict[str, Any]] = []
    for part in pattern:
        kind = str(part.get("kind"))
        if kind not in ItemKind.values or kind == ItemKind.CASE or kind in {one["kind"] for one in parts}:
            raise Refusal(
                "section_pattern",
                _(
                    "Section %(n)d: the sub-questions of a case are single choice, multiple choice or true/false, "
                    "each kind once."
                )
                % {"n": number},
                clause="R036",
            )
        try:
            count = int(part["number"])
        except (KeyError, ValueError, TypeError):
            count = 0
        try:
            marks = Decimal(str(part["marks"]))
        except (KeyError, InvalidOperation):
            marks = Decimal(0)
        if not 1 <= count <= 6 or not marks.is_finite() or not 0 < marks <= 100 or marks != round(marks, 2):
            raise Refusal(
                "section_pattern",
                _(
                    "Section %(n)d: each kind of sub-question stands one to six times in a case, its marks above 0 with "
                    "at most two decimals."
                )
                % {"n": number},
                field=f"pattern_{kind}_number" if not 1 <= count <= 6 else f"pattern_{kind}_marks",
            )
        parts.append({"kind": kind, "number": count, "marks": format(marks.normalize(), "f")})
    return parts


def clean_targets(targets: Mapping[str, Any]) -> dict[str, Any]:
    """Targets as a blueprint keeps them: shares and marks as decimal text. Raises ``Refusal`` for what makes no sense."""
    cleaned: dict[str, Any] = {}

    def number(value: Any, least: Decimal, greatest: Decimal, name: str) -> str:
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or not least <= found <= greatest:
            raise Refusal(
                "target_value",
                _("%(value)s is no possible value here: it lies between %(least)s and %(greatest)s.")
                % {"value": value, "least": least, "greatest": greatest},
                field=name,
            )
        return format(found.normalize(), "f")

    def bounds(pair: Sequence[Any], name: str) -> list[str]:
        low, high = (number(value, Decimal(0), Decimal(1), name) for value in (pair[0], pair[-1]))
        if Decimal(low) > Decimal(high):
            raise Refusal("target_order", _("The least share is greater than the greatest."), field=name)
        return [low, high]

    for name, least, greatest in (
        ("mean", "0.05", "0.95"),
        ("tolerance", "0.05", "5"),
        ("chapter_tolerance", "1", "100"),
        ("overlap", "0", "1"),
        ("exposure", "1", "10"),
    ):
        if targets.get(name) not in (None, ""):
            cleaned[name] = number(targets[name], Decimal(least), Decimal(greatest), name)
    if targets.get("spread"):
        cleaned["spread"] = bounds(targets["spread"], "spread")
    levels = {
        level: bounds(targets["levels"][level], "levels")
        for level in Level.values
        if targets.get("levels", {}).get(level)
    }
    if levels:
        if sum(Decimal(low) for low, _high in levels.values()) > 1:
            raise Refusal(
                "target_levels", _("The least shares of the levels add up to more than all."), field="levels"
            )
        if len(levels) == len(Level.values) and sum(Decimal(high) for _low, high in levels.values()) < 1:
            raise Refusal(
                "target_levels",
                _("The greatest shares of the levels add up to less than all."),
                field="levels",
            )
        cleaned["levels"] = levels
    chapters = {
        str(chapter): number(weight, Decimal(0), Decimal(1), "chapters")
        for chapter, weight in targets.get("chapters", {}).items()
        if str(weight or 0).strip("0.")
    }
    if chapters:
        cleaned["chapters"] = chapters
    return cleaned


def _save(
    post: Post | None,
    subject: str,
    name: str,
    sections: list[dict[str, Any]],
    targets: dict[str, Any],
    full_mark: Decimal,
    *,
    by: Actor,
) -> Blueprint:
    rows = Blueprint.objects.filter(post=post, subject=subject)
    before = rows.filter(is_current=True).first()
    rows.filter(is_current=True).update(is_current=False)
    number = (rows.aggregate(top=Max("version"))["top"] or 0) + 1
    try:
        with transaction.atomic():
            row = Blueprint.objects.create(
                post=post,
                subject=subject,
                version=number,
                name=name[:100],
                sections=sections,
                targets=targets,
                full_mark=full_mark,
                created_by=by.name[:100],
                created_at=clock.now(),
            )
    except IntegrityError:
        raise Conflict(
            "blueprint_raced", _("Somebody saved another version just now. Look at it and save again.")
        ) from None
    record(
        events.BLUEPRINT_SAVED,
        by=by,
        on=row,
        before={"version": before.version, "sections": before.sections} if before else None,
        after={"version": number, "sections": sections, "targets": targets},
    )
    return row


@transaction.atomic
def load_default_blueprints(*, by: Actor) -> list[Blueprint]:
    """The default form of both subjects for all posts (R034, R036); a subject that has a default keeps it."""
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER)
    full_mark = decimal_parameter("subject_full_mark")
    found = []
    for subject, sections in DEFAULT_SECTIONS.items():
        row = Blueprint.objects.filter(post=None, subject=subject, is_current=True).first()
        if row is None:
            cleaned = clean_sections(sections, full_mark)
            row = _save(None, subject, DEFAULT_NAMES[subject], cleaned, DEFAULT_TARGETS, full_mark, by=by)  # type: ignore[index]
        found.append(row)
    return found


@transaction.atomic
def save_blueprint(
    *,
    post: Post | None,
    subject: str,
    name: str,
    sections: Sequence[Mapping[str, Any]],
    targets: Mapping[str, Any] | None = None,
    by: Actor,
) -> Blueprint:
    """Save a new version, in force from now on for every draw to come; papers drawn before keep theirs.

    ``post`` None is the default of all posts without one of their own. Raises ``Refusal`` unless the sections add up to the full
    mark, and when the latest release cannot fill it, naming the short cell, or cannot keep to its targets in ``TRIAL_PAPERS``
    papers, naming what fails (for a default: for every post with released items). ``targets`` None is the default.
    """
    by.require(Role.BANK_KEEPER)
    if subject not in Subject.values:
        raise Refusal(
            "subject_unknown", _("The subject is general or professional knowledge."), field="subject"
        )
    if not name.strip():
        raise Refusal("name_missing", _("Give the blueprint a name."), field="name")
    full_mark = decimal_parameter("subject_full_mark")
    cleaned = clean_sections(sections, full_mark)
    aims = clean_targets(DEFAULT_TARGETS if targets is None else targets)
    release = latest_release()
    if release is None:
        raise Refusal(
            "no_release",
            _("The bank has no release yet. Make one first, so that the blueprint can be tried."),
            status=409,
        )
    if post is not None:
        posts = [post]
    else:
        own = Blueprint.objects.filter(subject=subject, is_current=True, post__isnull=False).values("post")
        posts = list(posts_with_items(release, subject).exclude(pk__in=own))
        if not posts:
            raise Refusal(
                "bank_too_small",
                _("The latest release has no item of this subject."),
                status=409,
                clause="R037",
            )
    for one in posts:
        try_out(bank_for(cleaned, aims, one, subject, release), one, subject, full_mark)
    return _save(post, subject, name.strip(), cleaned, aims, full_mark, by=by)


def try_out(bank: Bank, post: Post, subject: str, full_mark: Decimal) -> dict[str, Any]:
    """The figures of ``TRIAL_PAPERS`` papers under a fixed seed. Raises ``Refusal`` naming the target that the bank misses."""
    keys = tuple(f"{n:03d}" for n in range(TRIAL_PAPERS))
    order = Order("trial", keys, {key: Seat("trial", n) for n, key in enumerate(keys, 1)})
    found = select(TRIAL_SEED, order, Form(subject, bank, full_mark, ""), post.code).figures
    for name, count in found["violations"].items():
        if not name.startswith("level ") and name not in FATAL:
            continue
        raise Refusal(
            "target_missed",
            _(
                "%(post)s, %(subject)s: in a trial of %(all)d papers the bank could not keep to “%(what)s” in %(n)d of them. "
                "Widen this target or add items."
            )
            % {
                "post": post.name,
                "subject": Subject(subject).label,
                "all": TRIAL_PAPERS,
                "what": constraint_words(name),
                "n": count,
            },
            clause="R037",
            status=409,
        )
    return found
