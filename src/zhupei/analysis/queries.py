"""Reads of item analysis that hold a rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from zhupei.exams.api import Batch, BatchState, Candidate, analysable, results_digest_of
from zhupei.institutions.api import InstitutionType
from zhupei.itembank.api import Item, ItemState, ItemVersion
from zhupei.kernel.digests import digest
from zhupei.people.api import Sex
from zhupei.rulebook.api import Post, parameter

from . import drift
from .choices import OPEN, Flag, RunKind, RunState
from .judging import EXPOSURE_LEAST
from .models import AnalysisRun, Calibration, ItemStatistics, Report, Settlement


def batches_of(run: AnalysisRun) -> list[Batch]:
    """The batches that a run looks at: its own, or every confirmed one in which its post was tested."""
    if run.batch is not None:
        return [run.batch]
    sat = Candidate.objects.filter(batch=OuterRef("pk"), post=run.post, result__isnull=False)
    return list(Batch.objects.filter(Exists(sat), state=BatchState.CONFIRMED).order_by("pk"))


def input_digest(batches: Sequence[Batch]) -> str:
    """The digest of what a run over these batches would rest on."""
    rows = results_digest_of([batch.pk for batch in batches])
    return digest([list(row) for row in rows])


def not_analysed() -> QuerySet[Batch]:
    """Confirmed batches that no run has looked at since they were confirmed."""
    since = AnalysisRun.objects.filter(batch=OuterRef("pk"), created_at__gte=OuterRef("confirmed_at"))
    return Batch.objects.filter(~Exists(since), state=BatchState.CONFIRMED).order_by("pk")


def offered() -> QuerySet[Batch]:
    """Batches whose answers are in and that have no finished analysis: somebody may ask for one."""
    done = AnalysisRun.objects.filter(batch=OuterRef("pk"), state__in=[*OPEN, RunState.FINISHED])
    return analysable().filter(~Exists(done)).select_related("institution").order_by("-pk")


def scopes() -> list[tuple[Post, str]]:
    """Every post and subject of which confirmed answers exist."""
    sat = Candidate.objects.filter(
        post=OuterRef("pk"), batch__state=BatchState.CONFIRMED, result__isnull=False
    )
    posts = Post.objects.filter(Exists(sat)).order_by("position")
    return [(post, subject) for post in posts for subject in parameter("subjects")]


@dataclass(frozen=True)
class Exposure:
    """How often an item was drawn; ``ratio``: as a multiple of the mean of its cell, None where that is too small."""

    item: Item
    drawn: int
    mean: float
    ratio: float | None


def exposures(post: Post, subject: str) -> list[Exposure]:
    """The published items of a post and subject with how often they were drawn, within cells of kind and chapter."""
    items = list(
        Item.objects.filter(subject=subject, posts=post, state=ItemState.PUBLISHED)
        .only("uid", "kind", "chapter", "exposure_count")
        .order_by("uid")
    )
    cell_of = {item.uid: (item.kind, item.chapter) for item in items}
    drawn = {item.uid: item.exposure_count for item in items}
    ratios = drift.exposure_ratios(drawn, cell_of)
    sums: dict[tuple[str, str], list[int]] = {}
    for item in items:
        sums.setdefault(cell_of[item.uid], []).append(item.exposure_count)
    found = []
    for item in items:
        counts = sums[cell_of[item.uid]]
        mean = sum(counts) / len(counts)
        ratio = ratios[item.uid] if mean >= EXPOSURE_LEAST and len(counts) > 1 else None
        found.append(Exposure(item, item.exposure_count, mean, ratio))
    return found


def calibrations(uids: Iterable[str]) -> dict[str, Calibration]:
    """The newest calibration of each of these items that has one (cases have none: their children share a stem)."""
    found: dict[str, Calibration] = {}
    wanted = sorted(set(uids))
    for start in range(0, len(wanted), 500):
        rows = Calibration.objects.filter(item_uid__in=wanted[start : start + 500], key=F("item_uid"))
        found |= {row.item_uid: row for row in rows.order_by("pk")}
    return found


def latest_items() -> QuerySet[ItemStatistics]:
    """The questions of the newest calibration of every post and subject."""
    return ItemStatistics.objects.filter(run__latest=True, run__kind=RunKind.CALIBRATION)


def waiting_items() -> QuerySet[ItemStatistics]:
    """Questions with an alarm that nobody has settled, of the newest runs."""
    return ItemStatistics.objects.filter(waiting=True, run__latest=True)


def decimal(value: float) -> Decimal:
    """A figure for the item bank: three places, kept within ±99."""
    return Decimal(str(round(min(max(value, -99.0), 99.0), 3)))


def matching(rows: QuerySet[ItemStatistics], words: str) -> QuerySet[ItemStatistics]:
    """Those whose item number begins with ``words``."""
    return rows.filter(Q(item_uid__istartswith=words)) if words else rows


def calibrated_scopes() -> list[tuple[int, str, str]]:
    """Post, subject and name of the post of every finished calibration."""
    rows = AnalysisRun.objects.filter(kind=RunKind.CALIBRATION, latest=True).order_by(
        "post__position", "subject"
    )
    return [
        (int(pk), subject, name) for pk, subject, name in rows.values_list("post", "subject", "post__name")
    ]


@dataclass(frozen=True)
class Words:
    """What a question says: stem of the case (if it is one), its own stem, options by id."""

    case: str
    stem: str
    options: dict[str, str]


def bank_key_of(row: ItemStatistics) -> int | None:
    """The primary key of the item in the bank; None if it is no more there."""
    return Item.objects.filter(uid=row.item_uid).values_list("pk", flat=True).first()


def words_of(row: ItemStatistics) -> Words | None:
    """The text of a question, without its key; None if the version is no more in the bank."""
    version = ItemVersion.objects.filter(item__uid=row.item_uid, number=row.version).only("content").first()
    if version is None:
        return None
    _uid, _hash, child = row.key.partition("#")
    content = version.content
    own = next((one for one in content["children"] if str(one["no"]) == child), None) if child else content
    if own is None:
        return None
    options = {one["id"]: one["text"] for one in own["options"]}
    return Words(content["stem"] if child else "", own["stem"], options)


def calibration_of(row: ItemStatistics) -> Calibration | None:
    """The calibration that was made together with these figures."""
    return Calibration.objects.filter(run=row.run_id, key=row.key, version=row.version).first()


def neighbours_of(row: ItemStatistics) -> QuerySet[ItemStatistics]:
    """The other questions of the same case."""
    same = ItemStatistics.objects.filter(run=row.run_id, item_uid=row.item_uid, version=row.version)
    return same.exclude(pk=row.pk).order_by("key")


def settlements_of(row: ItemStatistics) -> QuerySet[Settlement]:
    return Settlement.objects.filter(key=row.key, version=row.version).order_by("-pk")


def worth_a_look(report: Report, most: int = 40) -> list[ItemStatistics]:
    """The questions of a report with an alarm, or hard or weak, the gravest first."""
    rows = ItemStatistics.objects.filter(run=report.run_id, post=report.post_id, subject=report.subject)
    noted = rows.exclude(flags="").exclude(flags=f",{Flag.FEW},").exclude(flags=f",{Flag.EASY},")
    return list(noted.order_by("-alarm", "discrimination", "key")[:most])


def counts_of(report: Report) -> tuple[int, int]:
    """How many questions a report has, and how many of them have too few answers."""
    rows = ItemStatistics.objects.filter(run=report.run_id, post=report.post_id, subject=report.subject)
    return rows.count(), rows.filter(flags__contains=f",{Flag.FEW},").count()


def different_for_groups(report: Report, most: int = 60) -> list[tuple[ItemStatistics, dict[str, Any]]]:
    """Questions that are harder or easier for a group of equal ability, class C first."""
    rows = ItemStatistics.objects.filter(run=report.run_id, post=report.post_id, subject=report.subject)
    found = [(row, one) for row in rows.exclude(dif=[]).order_by("key") for one in row.dif]
    return sorted(found, key=lambda pair: (pair[1]["kind"] != "C", -abs(pair[1]["delta"] or 0)))[:most]


def group_name(by: str, value: str, divisions: dict[str, str]) -> str:
    """A group in words: sex, kind of institution, or district of the institution."""
    if by == "sex":
        return str(Sex(value).label) if value in Sex.values else value
    if by == "institution_kind":
        return str(InstitutionType(value).label) if value in InstitutionType.values else value
    return divisions.get(value, value)


def exposures_of(post_id: int, subject: str) -> list[Exposure]:
    """The same by the post's primary key; nothing for one that does not exist."""
    post = Post.objects.filter(pk=post_id).first()
    return exposures(post, subject) if post is not None else []
