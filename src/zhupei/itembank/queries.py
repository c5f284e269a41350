"""Reads of the item bank that hold a rule."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet

from zhupei.rulebook.api import Post, Subject, SyllabusEntry, active_posts, syllabus_of

from .choices import ItemState
from .models import BankRelease, Item, ItemVersion
from .rules import ItemText, text_of


def latest_release() -> BankRelease | None:
    """The newest release of the bank, or None."""
    return BankRelease.objects.order_by("-number").first()


def versions_in(release: BankRelease, *, post: Post, subject: str) -> list[ItemVersion]:
    """The versions of a release that may stand in a paper of this post and subject, by item number."""
    return list(
        release.versions.filter(item__subject=subject, item__posts=post)
        .select_related("item")
        .order_by("item__uid")
    )


def publishable() -> QuerySet[ItemVersion]:
    """What a release made now would hold: the newest published version of every item that is not retired.

    An item whose next version is still being written stays in with the version published before.
    """
    newer = ItemVersion.objects.filter(
        item=OuterRef("item"), published_at__isnull=False, number__gt=OuterRef("number")
    )
    return (
        ItemVersion.objects.filter(~Exists(newer), published_at__isnull=False)
        .exclude(item__state=ItemState.RETIRED)
        .select_related("item")
    )


def newest_version(item: Item) -> ItemVersion:
    """The version that the item's state speaks of."""
    version = item.versions.order_by("-number").first()
    assert version is not None  # an item is written with its first version
    return version


def text_of_version(version: ItemVersion) -> ItemText:
    """A version as the rules see it, its key included: the caller records the reading where a person gets it."""
    return text_of(version.item.kind, version.item.level, version.content, version.key)


def counts(versions: QuerySet[ItemVersion]) -> list[dict[str, Any]]:
    """How many versions by subject, kind and chapter."""
    rows = (
        versions.order_by()
        .values("item__subject", "item__kind", "item__chapter")
        .annotate(n=Count("pk"))
        .order_by("item__subject", "item__kind", "item__chapter")
    )
    return [
        {"subject": r["item__subject"], "kind": r["item__kind"], "chapter": r["item__chapter"], "n": r["n"]}
        for r in rows
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
