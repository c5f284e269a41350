"""The draw: a seed committed first, then every candidate's papers, then the keys for sealing."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery.api import Key, Paper, check_paper
from zhupei.itembank.api import BankRelease, Item, latest_release, released_versions
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.papers import events
from zhupei.papers.assembly import ALGORITHM
from zhupei.papers.drawing import Form, Order, Printer, Seat, keys_for, select
from zhupei.papers.models import Blueprint, Draw, PaperForm
from zhupei.papers.queries import bank_for, blueprint_for, weights_of
from zhupei.rulebook.api import Post, Subject, parameter

SEED_BYTES = 32


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
    seats: Mapping[str, Seat] | None = None,
    without: Mapping[str, str] | None = None,
) -> Draw:
    """Draw a paper in every subject for each ``(candidate_key, post_code)`` of a batch (R033, R034, R037).

    Papers come from the latest release. ``seed`` (32 bytes, from ``secrets`` when None) is committed and audited before the draw,
    in a transaction of its own unless the caller holds one. ``avoid`` gives by candidate the items met in earlier papers, drawn
    again only when nothing else is left; ``seats`` where each sits, so that neighbours share little; ``without`` the subject
    of which a candidate gets no paper, having passed it before (J03). Raises ``Refusal`` when there is no release, no
    blueprint, a cell is too small (nothing is kept then), and ``Conflict`` for a batch drawn already.
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
    today = clock.today()
    without = dict(without or {})
    groups = _groups(dict(candidates), without, release, today)
    draw = _commit_seed(batch_key, release, seed, by=by)
    if draw.release_id != release.pk:  # somebody else began the draw meanwhile, from another release
        groups = _groups(dict(candidates), without, draw.release, today)
    order = Order(
        batch_key,
        tuple(sorted(keys)),
        dict(seats or {}),
        int(parameter("seats_in_row")),
        {key: sorted(uids) for key, uids in (avoid or {}).items() if uids},
        _rested(groups),
    )
    return _draw(draw, dict(candidates), without, order, groups, today, by=by)


@dataclass(frozen=True)
class Group:
    """Candidates drawn together in one subject: their posts have the same blueprint and the same items."""

    form: Form
    blueprint: Blueprint
    posts: tuple[str, ...]
    candidates: tuple[str, ...]
    weights: dict[str, str]

    @property
    def name(self) -> str:
        return ",".join(self.posts)


def _groups(
    post_of: Mapping[str, str],
    without: Mapping[str, str],
    release: BankRelease,
    on: date,
    blueprints: Mapping[tuple[str, str], Blueprint] | None = None,
    weights: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
) -> list[Group]:
    """Candidates by subject and bank. Raises ``Refusal`` when something is missing or too small.

    ``blueprints`` and ``weights``, by (post, subject), are those of an earlier draw that is drawn again: nothing of today's
    syllabus or rules counts then.
    """
    codes = set(post_of.values())
    posts = {post.code: post for post in Post.objects.filter(code__in=codes)}
    missing = sorted(codes - set(posts))
    if missing:
        raise Refusal("post_unknown", _("The catalogue has no post %(code)s.") % {"code": missing[0]})
    found: dict[Any, tuple[Form, Blueprint, list[str], dict[str, str]]] = {}
    for subject in dict.fromkeys(one for _code, one in blueprints) if blueprints else parameter("subjects"):
        for code in sorted(posts):
            at = (code, subject)
            if blueprints and at not in blueprints:  # nobody of this post sat the subject
                continue
            blueprint = blueprints[at] if blueprints else blueprint_for(posts[code], subject)
            chapters = (
                dict(weights[at])
                if weights
                else {c: str(w) for c, w in weights_of(posts[code], subject).items()}
            )
            bank = bank_for(
                blueprint.sections,
                blueprint.targets,
                posts[code],
                subject,
                release,
                on=on,
                weights={c: Fraction(w) for c, w in chapters.items()},
            )
            same = (
                subject,
                blueprint.pk,
                tuple(sorted(chapters.items())),
                tuple((piece.uid, piece.version) for piece in bank.pieces),
            )
            form = Form(subject, bank, blueprint.full_mark, f"{release.number}-{release.digest[:16]}")
            found.setdefault(same, (form, blueprint, [], chapters))[2].append(code)
    groups = []
    for form, blueprint, together, chapters in found.values():
        sitting = tuple(
            sorted(
                key for key, code in post_of.items() if code in together and without.get(key) != form.subject
            )
        )
        if sitting:
            groups.append(Group(form, blueprint, tuple(together), sitting, chapters))
    return groups


def _rested(groups: Iterable[Group]) -> tuple[str, ...]:
    """Items that earlier draws used far more than the others of their cell: left out wherever a cell can do without them."""
    rested: set[str] = set()
    for group in groups:
        bank = group.form.bank
        uids = [piece.uid for piece in bank.pieces]
        counts: dict[str, int] = {}
        for start in range(0, len(uids), 500):
            rows = Item.objects.filter(uid__in=uids[start : start + 500])
            counts.update(rows.values_list("uid", "exposure_count"))
        for pieces in bank.cells:
            drawn = [counts.get(bank.pieces[n].uid, 0) for n in pieces.tolist()]
            most = bank.targets.exposure * sum(drawn) / len(drawn)
            rested |= {
                bank.pieces[n].uid
                for n, count in zip(pieces.tolist(), drawn, strict=True)
                if count > most + 1
            }
    return tuple(sorted(rested))


@dataclass(frozen=True)
class Drawn:
    """The outcome of a draw that is not kept yet."""

    papers: list[tuple[str, Group, Paper]]
    figures: list[dict[str, Any]]
    keys: dict[str, Key]


def _papers(
    seed: bytes, release: BankRelease, order: Order, groups: Sequence[Group], titles: Mapping[str, str]
) -> Drawn:
    """Every candidate's papers, each checked that it can be sat and scored (R035, R036, R041)."""
    chosen = []
    for group in groups:
        part = Order(
            order.batch_key, group.candidates, order.seats, order.row_length, order.met, order.rested
        )
        selection = select(seed, part, group.form, group.name)
        together = selection.figures["violations"].get("enemies", 0)
        if together:
            raise Refusal(
                "enemies_together",
                _(
                    "%(subject)s: in %(n)d papers enemies could not be kept apart, the bank has too few other items. "
                    "Add items or lift a pair of enemies."
                )
                % {"subject": Subject(group.form.subject).label, "n": together},
                clause="R037",
                status=409,
            )
        chosen.append((group, selection))
    rules = _rules(
        (
            group.blueprint,
            {(p.uid, p.kind) for n in set(s.papers.ravel().tolist()) for p in (group.form.bank.pieces[n],)},
        )
        for group, s in chosen
    )
    keys = keys_for(released_versions(release, rules), rules)
    right = {slot: key.right for slot, key in keys.items()}
    papers, figures = [], []
    for group, selection in chosen:
        printer = Printer(seed, order.batch_key, group.form, right)
        for key, paper in printer.papers(selection, titles):
            check_paper(paper, keys, full_mark=group.blueprint.full_mark)
            papers.append((key, group, paper))
        figures.append({**selection.figures, "posts": list(group.posts), "blueprint": group.blueprint.pk})
    return Drawn(papers, figures, keys)


def _names(post_of: Mapping[str, str]) -> dict[str, str]:
    """The names of the posts as they are today: they stand in the papers' titles."""
    rows = Post.objects.filter(code__in=set(post_of.values())).order_by("code")
    return dict(rows.values_list("code", "name"))


@transaction.atomic
def _draw(
    draw: Draw,
    post_of: Mapping[str, str],
    without: Mapping[str, str],
    order: Order,
    groups: Sequence[Group],
    on: date,
    *,
    by: Actor,
) -> Draw:
    draw = Draw.objects.select_for_update(of=("self",)).select_related("release").get(pk=draw.pk)
    if draw.drawn_at is not None:
        raise Conflict("drawn_already", _("The papers of this batch were drawn already."), clause="R037")
    names = _names(post_of)
    titles = {key: names[code] for key, code in post_of.items()}
    drawn = _papers(bytes.fromhex(draw.seed), draw.release, order, groups, titles)
    PaperForm.objects.bulk_create(
        [
            PaperForm(
                draw=draw,
                candidate_key=key,
                subject=group.form.subject,
                blueprint=group.blueprint,
                content=msgspec.to_builtins(paper),
                digest=paper.digest,
            )
            for key, group, paper in sorted(drawn.papers, key=lambda row: (row[0], row[1].form.subject))
        ],
        batch_size=200,
    )
    draw.drawn_at, draw.drawn_by, draw.figures = clock.now(), by.name[:100], drawn.figures
    draw.inputs = _inputs(post_of, without, names, order, groups, on)
    draw.algorithm = (
        ALGORITHM  # another one, where the program was renewed between the commitment and the draw
    )
    draw.save(update_fields=["drawn_at", "drawn_by", "figures", "inputs", "algorithm"])
    _count_exposure(Counter(unit.item_uid for _key, _group, paper in drawn.papers for unit in paper.units))
    record(
        events.PAPERS_DRAWN,
        by=by,
        on=draw,
        after={
            "papers": len(drawn.papers),
            "candidates": len(post_of),
            "release": draw.release.number,
            "commitment": draw.seed_commitment,
        },
    )
    return draw


def _inputs(
    post_of: Mapping[str, str],
    without: Mapping[str, str],
    names: Mapping[str, str],
    order: Order,
    groups: Sequence[Group],
    on: date,
) -> dict[str, Any]:
    """All that the papers follow from besides seed and release, as ``Draw.inputs`` keeps it."""
    return {
        "on": on.isoformat(),
        "posts": dict(sorted(post_of.items())),
        "without": dict(sorted(without.items())),
        "names": dict(names),
        "seats": {key: [seat.room, seat.number] for key, seat in sorted(order.seats.items())},
        "row_length": order.row_length,
        "met": {key: list(uids) for key, uids in sorted(order.met.items())},
        "rested": list(order.rested),
        "blueprints": [
            [code, group.form.subject, group.blueprint.pk, group.weights]
            for group in groups
            for code in group.posts
        ],
    }


def recheck_draw(draw: Draw, *, by: Actor) -> list[str]:
    """Draw the batch again from its seed, release and inputs, and compare digests: the papers that differ, by candidate and
    subject; empty when all are what the seed says (R037). Raises ``Conflict`` for papers of another algorithm."""
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER, *CENTRE)
    if draw.drawn_at is None or not draw.inputs:
        raise Conflict("not_drawn", _("The papers of this batch are not drawn yet."))
    if draw.algorithm != ALGORITHM:
        raise Conflict(
            "algorithm_other",
            _("These papers were drawn by %(old)s; this program has %(new)s and cannot draw them again.")
            % {"old": draw.algorithm, "new": ALGORITHM},
        )
    seed, inputs = bytes.fromhex(draw.seed), draw.inputs
    differing = [] if sm3(seed) == draw.seed_commitment else ["seed"]
    used = Blueprint.objects.in_bulk([pk for _code, _subject, pk, _weights in inputs["blueprints"]])
    groups = _groups(
        inputs["posts"],
        inputs.get("without", {}),  # not there in draws made before it was known
        draw.release,
        date.fromisoformat(inputs["on"]),
        {(code, subject): used[pk] for code, subject, pk, _weights in inputs["blueprints"]},
        {(code, subject): weights for code, subject, _pk, weights in inputs["blueprints"]},
    )
    order = Order(
        draw.batch_key,
        tuple(sorted(inputs["posts"])),
        {key: Seat(room, number) for key, (room, number) in inputs["seats"].items()},
        inputs["row_length"],
        inputs["met"],
        tuple(inputs["rested"]),
    )
    titles = {key: inputs["names"][code] for key, code in inputs["posts"].items()}
    drawn = _papers(seed, draw.release, order, groups, titles)
    again = {(key, group.form.subject): paper.digest for key, group, paper in drawn.papers}
    kept = {(row.candidate_key, row.subject): row.digest for row in draw.papers.all()}
    differing += [
        f"{key} {subject}"
        for key, subject in sorted(again.keys() | kept.keys())
        if again.get((key, subject)) != kept.get((key, subject))
    ]
    record(events.DRAW_RECHECKED, by=by, on=draw, after={"papers": len(kept), "differing": len(differing)})
    return differing


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
    versions = released_versions(draw.release, rules)
    record(events.KEYS_TAKEN, by=by, on=draw, after={"items": len(versions)})
    return keys_for(versions, rules)
