"""Reads of the item bank that hold a rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from zhupei.kernel import clock
from zhupei.rulebook.api import Post, Subject, SyllabusEntry, active_posts, syllabus_of

from .choices import ItemState, Verdict
from .models import (
    BankRelease,
    DuplicatePair,
    EnemyPair,
    Item,
    ItemCalibration,
    ItemVersion,
    ReleasedVersion,
    Standard,
)
from .rules import ItemText, text_of


def latest_release() -> BankRelease | None:
    """The newest release of the bank, or None."""
    return BankRelease.objects.order_by("-number").first()


def versions_in(release: BankRelease, *, post: Post, subject: str, on: date) -> list[ReleasedVersion]:
    """What of a release may stand in a paper of this post and subject on a day, by item number.

    A version that expires after its release is left out from then on.
    """
    return list(
        release.rows.filter(version__subject=subject, version__post_codes__contains=f",{post.code},")
        .exclude(version__valid_to__lt=on)
        .select_related("version__item")
        .defer("version__key", "version__explanation", "version__item__stem")
        .order_by("version__item__uid")
    )


def released_versions(release: BankRelease, uids: Collection[str]) -> list[ItemVersion]:
    """The release's versions of these items, with their keys."""
    found: list[ItemVersion] = []
    wanted = sorted(uids)
    for start in range(0, len(wanted), 500):
        found += release.versions.filter(item__uid__in=wanted[start : start + 500]).select_related("item")
    return found


def calibrations_of(versions: Iterable[ItemVersion]) -> dict[int, ItemCalibration]:
    """The newest calibration of each version that has one, by the version's primary key."""
    pks = {version.pk for version in versions}
    rows = ItemCalibration.objects.order_by("pk")  # the newest comes last and stays
    return {row.version_id: row for row in rows.iterator() if row.version_id in pks}


def publishable() -> QuerySet[ItemVersion]:
    """What a release made now would hold: the newest published version of every item that is not retired.

    An item whose next version is still being written stays in with the version published before. A version past its last day
    is left out.
    """
    newer = ItemVersion.objects.filter(
        item=OuterRef("item"), published_at__isnull=False, number__gt=OuterRef("number")
    )
    return (
        ItemVersion.objects.filter(~Exists(newer), published_at__isnull=False)
        .exclude(item__state=ItemState.RETIRED)
        .exclude(valid_to__lt=clock.today())
        .select_related("item")
    )


def outdated(items: QuerySet[Item]) -> QuerySet[Item]:
    """Those of ``items`` that cite a law or standard out of force today: their authors look at them."""
    gone = Standard.objects.filter(in_force_to__lt=clock.today())
    citing = Item.standards.through.objects.filter(standard__in=gone)
    return items.filter(pk__in=citing.values("item_id")).exclude(state=ItemState.RETIRED)


def open_pairs(pairs: QuerySet[DuplicatePair]) -> QuerySet[DuplicatePair]:
    """Those of ``pairs`` that somebody must still decide on; retiring one of the two has settled it."""
    rows = pairs.filter(verdict=Verdict.OPEN).exclude(first__state=ItemState.RETIRED)
    return rows.exclude(second__state=ItemState.RETIRED)


EXPIRING = 90
"""Days before an item's last day from which its authors are told."""


def expiring(items: QuerySet[Item]) -> QuerySet[Item]:
    """Those of ``items`` whose newest version has its last day within ``EXPIRING`` days, or behind it."""
    newer = ItemVersion.objects.filter(item=OuterRef("item"), number__gt=OuterRef("number"))
    last_day = clock.today() + timedelta(days=EXPIRING)
    versions = ItemVersion.objects.filter(~Exists(newer), valid_to__lte=last_day)
    return items.filter(pk__in=versions.values("item_id")).exclude(state=ItemState.RETIRED)


def with_pictures(items: QuerySet[Item]) -> QuerySet[Item]:
    """Those of ``items`` whose newest version shows a picture, in a stem or an option."""
    newer = ItemVersion.objects.filter(item=OuterRef("item"), number__gt=OuterRef("number"))
    versions = ItemVersion.objects.annotate(said=Cast("content", TextField()))
    versions = versions.filter(~Exists(newer), said__contains="](media:")
    return items.filter(pk__in=versions.values("item_id"))


def enemies_of(item: Item) -> list[EnemyPair]:
    """The pairs that keep an item apart from others; ``pair.other`` is the other item."""
    pairs = EnemyPair.objects.filter(Q(first=item) | Q(second=item)).select_related("first", "second")
    found = list(pairs)
    for pair in found:
        pair.other = pair.second if pair.first_id == item.pk else pair.first  # type: ignore[attr-defined]
    return sorted(found, key=lambda pair: pair.other.uid)  # type: ignore[attr-defined]


def newest_version(item: Item) -> ItemVersion:
    """The version that the item's state speaks of."""
    version = item.versions.order_by("-number").first()
    assert version is not None  # an item is written with its first version
    return version


def text_of_version(version: ItemVersion) -> ItemText:
    """A version as the rules see it, its key included: the caller records the reading where a person gets it."""
    return text_of(
        version.item.kind,
        version.level,
        version.content,
        version.key,
        explanation=version.explanation,
        basis=version.basis,
        difficulty=version.difficulty,
        valid_to=version.valid_to,
    )


def counts(versions: QuerySet[ItemVersion]) -> list[dict[str, Any]]:
    """How many versions by subject, kind and chapter."""
    rows = (
        versions.order_by()
        .values("subject", "item__kind", "chapter")
        .annotate(n=Count("pk"))
        .order_by("subject", "item__kind", "chapter")
    )
    return [
        {"subject": r["subject"], "kind": r["item__kind"], "chapter": r["chapter"], "n": r["n"]} for r in rows
    ]


def chapters_of(post: Post, subject: str) -> list[SyllabusEntry]:
    """The chapters of a post's syllabus in force, with their weights; empty where the syllabus has none."""
    syllabus = syllabus_of(post)
    if syllabus is None:
        return []
    rows = list(syllabus.entries.filter(subject=subject))
    return sorted(rows, key=lambda e: (len(e.number), e.number))


def all_chapters() -> dict[str, dict[str, str]]:
    """Subject → chapter number → title, over the syllabi of all posts (the first title met)."""
    found: dict[str, dict[str, str]] = {subject: {} for subject in Subject.values}
    syllabi = [s.pk for s in (syllabus_of(post) for post in active_posts()) if s is not None]
    for entry in SyllabusEntry.objects.filter(syllabus__in=syllabi).order_by("syllabus_id", "pk"):
        found.setdefault(entry.subject, {}).setdefault(entry.number, entry.title)
    return {
        subject: dict(sorted(chapters.items(), key=lambda c: (len(c[0]), c[0])))
        for subject, chapters in found.items()
    }
