"""Every write of papers: blueprints, and the draw."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery.api import Key, Paper, check_paper
from zhupei.itembank.api import BankRelease, Item, ItemKind, ItemVersion, latest_release
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.rulebook.api import Post, Subject, decimal_parameter, parameter

from . import events
from .assembly import ALGORITHM
from .choices import DEFAULT_NAMES, DEFAULT_SECTIONS, RULES
from .drawing import Drawer, Form, keys_for, plan_of
from .models import Blueprint, Draw, PaperForm
from .queries import bank_for, blueprint_for, posts_with_items

SEED_BYTES = 32
MAX_UNITS = 200


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
            )
        row: dict[str, Any] = {
            "kind": kind,
            "count": count,
            "marks": format(marks.normalize(), "f"),
            "rule": rule,
        }
        if kind == ItemKind.CASE:
            if children < 2 * count or children > 6 * count:
                raise Refusal(
                    "section_children",
                    _(
                        "Section %(n)d: a case has two to six sub-questions; %(count)d cases cannot have %(children)d in all."
                    )
                    % {"n": number, "count": count, "children": children},
                    clause="R036",
                )
            row["children"] = children
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


def _save(
    post: Post | None,
    subject: str,
    name: str,
    sections: list[dict[str, Any]],
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
        after={"version": number, "sections": sections},
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
            row = _save(None, subject, DEFAULT_NAMES[subject], cleaned, full_mark, by=by)  # type: ignore[index]
        found.append(row)
    return found


@transaction.atomic
def save_blueprint(
    *, post: Post | None, subject: str, name: str, sections: Sequence[Mapping[str, Any]], by: Actor
) -> Blueprint:
    """Save a new version, in force from now on for every draw to come; papers drawn before keep theirs.

    ``post`` None is the default of all posts without one of their own. Raises ``Refusal`` unless the sections add up to the full
    mark, and when the latest release cannot fill it, naming the short cell (for a default: for every post with released items).
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
        bank_for(cleaned, one, subject, release)
    return _save(post, subject, name.strip(), cleaned, full_mark, by=by)


def _commit_seed(batch_key: str, release: BankRelease, seed: bytes | None, *, by: Actor) -> Draw:
    """Keep the seed's digest, and the seed, before anything is drawn. A draw that was begun keeps its first seed."""
    with transaction.atomic():
        draw = Draw.objects.select_for_update().filter(batch_key=batch_key).first()
        if draw is not None:
            if draw.drawn_at is not None:
                raise Conflict(
                    "drawn_already", _("The papers of this batch were drawn already."), clause="R037"
                )
            if seed is not None and seed.hex() != draw.seed:
                raise Conflict(
                    "seed_committed",
                    _("The seed of this batch is committed and cannot be changed."),
                    clause="R037",
                )
            return draw
        seed = seed or secrets.token_bytes(SEED_BYTES)
        try:
            with transaction.atomic():
                draw = Draw.objects.create(
                    batch_key=batch_key,
                    release=release,
                    algorithm=ALGORITHM,
                    seed=seed.hex(),
                    seed_commitment=sm3(seed),
                    committed_at=clock.now(),
                    drawn_by=by.name[:100],
                )
        except IntegrityError:
            raise Conflict(
                "drawn_already", _("The papers of this batch were drawn already."), clause="R037"
            ) from None
        record(
            events.SEED_COMMITTED,
            by=by,
            on=draw,
            after={"commitment": draw.seed_commitment, "release": release.number, "algorithm": ALGORITHM},
        )
        return draw


def draw_papers(
    batch_key: str,
    candidates: Sequence[tuple[str, str]],
    *,
    by: Actor,
    seed: bytes | None = None,
    avoid: Mapping[str, Collection[str]] | None = None,
) -> Draw:
    """Draw a paper in every subject for each ``(candidate_key, post_code)`` of a batch (R033, R034, R037).

    Papers come from the latest release.

    ``seed`` (32 bytes, from ``secrets`` when None) is committed and audited before the draw, in a transaction of its own unless
    the caller holds one. ``avoid`` gives by candidate the items met in earlier papers; they are drawn only when nothing else is
    left. Raises ``Refusal`` when there is no release, no blueprint, a cell is too small (nothing is kept then), and ``Conflict``
    for a batch drawn already.
    """
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER, *CENTRE)
    if not candidates:
        raise Refusal("no_candidates", _("There is nobody to draw papers for."))
    keys = [key for key, _post in candidates]
    if len(set(keys)) != len(keys):
        raise Refusal("candidate_repeats", _("A candidate stands twice on the list."))
    if seed is not None and len(seed) != SEED_BYTES:
        raise Refusal("seed_length", _("A seed has 32 bytes."))
    begun = Draw.objects.filter(batch_key=batch_key).select_related("release").first()
    release = (
        begun.release if begun else latest_release()
    )  # a draw that was begun keeps its release as it keeps its seed
    if release is None:
        raise Refusal(
            "no_release",
            _("The bank has no release yet. The bank keeper makes one."),
            clause="三（二）",
            status=409,
        )
    forms = _forms({code for _key, code in candidates}, release)
    draw = _commit_seed(batch_key, release, seed, by=by)
    return _draw(draw, sorted(candidates), forms, avoid or {}, by=by)


Forms = dict[str, list[tuple[Blueprint, Form]]]


def _forms(post_codes: Collection[str], release: BankRelease) -> Forms:
    """For each post, blueprint and bank of every subject. Raises ``Refusal`` when something is missing or too small."""
    posts = {post.code: post for post in Post.objects.filter(code__in=post_codes)}
    missing = sorted(set(post_codes) - set(posts))
    if missing:
        raise Refusal("post_unknown", _("The catalogue has no post %(code)s.") % {"code": missing[0]})
    forms: Forms = {}
    for code in sorted(posts):
        forms[code] = []
        for subject in parameter("subjects"):
            blueprint = blueprint_for(posts[code], subject)
            bank = bank_for(blueprint.sections, posts[code], subject, release)
            form = Form(
                subject,
                posts[code].name,
                bank,
                blueprint.full_mark,
                f"{release.number}-{release.digest[:16]}",
            )
            forms[code].append((blueprint, form))
    return forms


@transaction.atomic
def _draw(
    draw: Draw,
    candidates: Sequence[tuple[str, str]],
    forms: Forms,
    avoid: Mapping[str, Collection[str]],
    *,
    by: Actor,
) -> Draw:
    draw = Draw.objects.select_for_update(of=("self",)).select_related("release").get(pk=draw.pk)
    if draw.drawn_at is not None:
        raise Conflict("drawn_already", _("The papers of this batch were drawn already."), clause="R037")
    drawer = Drawer(bytes.fromhex(draw.seed), draw.batch_key)
    rows: list[PaperForm] = []
    papers: list[tuple[Paper, Blueprint]] = []
    for candidate_key, code in candidates:
        for blueprint, form in forms[code]:
            paper = drawer.paper(candidate_key, form, frozenset(avoid.get(candidate_key, ())))
            papers.append((paper, blueprint))
            rows.append(
                PaperForm(
                    draw=draw,
                    candidate_key=candidate_key,
                    subject=form.subject,
                    blueprint=blueprint,
                    content=msgspec.to_builtins(paper),
                    digest=paper.digest,
                )
            )
    # R035, R036, R041: a paper that could not be sat and scored is not kept
    rules = _rules((blueprint, [(u.item_uid, u.kind) for u in paper.units]) for paper, blueprint in papers)
    keys = keys_for(_versions(draw, rules), rules)
    for paper, blueprint in papers:
        check_paper(paper, keys, full_mark=blueprint.full_mark)
    PaperForm.objects.bulk_create(rows, batch_size=200)
    draw.drawn_at, draw.drawn_by = clock.now(), by.name[:100]
    draw.save(update_fields=["drawn_at", "drawn_by"])
    _count_exposure(drawer.drawn)
    record(
        events.PAPERS_DRAWN,
        by=by,
        on=draw,
        after={
            "papers": len(rows),
            "candidates": len(candidates),
            "release": draw.release.number,
            "commitment": draw.seed_commitment,
        },
    )
    return draw


def _rules(papers: Iterable[tuple[Blueprint, Iterable[tuple[str, str]]]]) -> dict[str, str]:
    """Item number → scoring rule of the section it stood in. Raises ``Refusal`` if two blueprints of a draw disagree."""
    rules: dict[str, str] = {}
    by_blueprint: dict[int, dict[str, str]] = {}
    for blueprint, units in papers:
        of_kind = by_blueprint.setdefault(blueprint.pk, {s["kind"]: s["rule"] for s in blueprint.sections})
        for uid, kind in units:
            if rules.setdefault(uid, of_kind[kind]) != of_kind[kind]:
                raise Refusal(
                    "rules_differ",
                    _(
                        "Item %(uid)s would be scored by two rules in one batch. "
                        "Give the blueprints of these posts the same rule."
                    )
                    % {"uid": uid},
                    status=409,
                )
    return rules


def _versions(draw: Draw, uids: Collection[str]) -> list[ItemVersion]:
    """The release's versions of these items."""
    return [v for v in draw.release.versions.select_related("item") if v.item.uid in uids]


def _count_exposure(drawn: Counter[str]) -> None:
    """Note on each item how many papers it went into."""
    by_count: dict[int, list[str]] = {}
    for uid, count in drawn.items():
        by_count.setdefault(count, []).append(uid)
    now = clock.now()
    for count, uids in sorted(by_count.items()):
        for start in range(0, len(uids), 500):
            rows = Item.objects.filter(uid__in=uids[start : start + 500])
            rows.update(exposure_count=F("exposure_count") + count, last_used_at=now)


@transaction.atomic
def keys_of(draw: Draw, *, by: Actor = SYSTEM) -> dict[str, Key]:
    """The key of every slot that stands in the papers of a draw, by slot key; the taking is recorded (I08).

    For sealing a bundle and for scoring a return; never for a page.
    """
    units = (
        (row.blueprint, [(unit["item_uid"], unit["kind"]) for unit in row.content["units"]])
        for row in draw.papers.select_related("blueprint")
    )
    rules = _rules(units)
    record(events.KEYS_TAKEN, by=by, on=draw, after={"items": len(rows := _versions(draw, rules))})
    return keys_for(rows, rules)
