"""What a release of the bank changes, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Count, Exists, OuterRef

from zhupei.kernel import clock

from .choices import ItemState
from .models import BankRelease, EnemyPair, Item, ItemVersion
from .queries import outdated, publishable

SHOWN = 20
"""Item numbers named in a list; the rest is counted."""


@dataclass(frozen=True)
class Some:
    """Items, counted, the first few with their (primary key, number)."""

    count: int
    first: list[tuple[int, str]]

    @property
    def more(self) -> int:
        return self.count - len(self.first)


def _some(rows: dict[str, int]) -> Some:
    return Some(len(rows), [(rows[uid], uid) for uid in sorted(rows)[:SHOWN]])


@dataclass(frozen=True)
class Step:
    """What lies between two states of the bank: items that are new, say something else, or are gone."""

    new: Some
    changed: Some
    gone: Some

    @property
    def same(self) -> bool:
        return not (self.new.count or self.changed.count or self.gone.count)


@dataclass(frozen=True)
class Upcoming:
    """What a release made now would be. ``left_out``: items by the reason why they are not in it."""

    total: int
    demo: int
    step: Step
    expired: Some
    unpublished: dict[str, int] = field(default_factory=dict)
    retired: int = 0
    older_version: int = 0
    """Items in it with the version published before, while the next is being written or reviewed."""
    out_of_force: Some = field(default_factory=lambda: Some(0, []))
    new_measures: int = 0
    """Items whose newest calibration is younger than the latest release."""
    new_enemies: int = 0


Held = dict[str, tuple[int, int]]  # item number → (primary key of the item, of its version)


def _held(rows: object) -> Held:
    return {uid: (item, version) for uid, item, version in rows}  # type: ignore[attr-defined]


def in_release(release: BankRelease | None) -> Held:
    """The items of a release with their versions; nothing of None."""
    if release is None:
        return {}
    return _held(
        release.rows.order_by().values_list("version__item__uid", "version__item_id", "version_id").iterator()
    )


def step_between(before: Held, after: Held) -> Step:
    """What became of the items of ``before``."""
    return Step(
        new=_some({uid: row[0] for uid, row in after.items() if uid not in before}),
        changed=_some({uid: row[0] for uid, row in after.items() if uid in before and before[uid] != row}),
        gone=_some({uid: row[0] for uid, row in before.items() if uid not in after}),
    )


def upcoming(latest: BankRelease | None) -> Upcoming:
    """What a release made now would hold, what it changes since ``latest``, and what it leaves out and why."""
    ready = publishable()
    now = _held(ready.order_by().values_list("item__uid", "item_id", "pk").iterator())
    published = ItemVersion.objects.filter(item=OuterRef("pk"), published_at__isnull=False)
    items = Item.objects.order_by()
    by_state = dict(
        items.exclude(state=ItemState.RETIRED)
        .exclude(Exists(published))
        .values_list("state")
        .annotate(n=Count("pk"))
    )
    newer = ItemVersion.objects.filter(
        item=OuterRef("item"), published_at__isnull=False, number__gt=OuterRef("number")
    )
    expired = (
        ItemVersion.objects.filter(~Exists(newer), published_at__isnull=False, valid_to__lt=clock.today())
        .exclude(item__state=ItemState.RETIRED)
        .values_list("item__uid", "item_id")
    )
    in_it = {pk for pk, _version in now.values()}
    flagged = {uid: pk for uid, pk in outdated(items).values_list("uid", "pk") if pk in in_it}
    measured = enemies = 0
    if latest is not None:
        since = latest.released_at
        measured = (
            ready.filter(calibrations__recorded_at__gt=since).order_by().values("pk").distinct().count()
        )
        enemies = EnemyPair.objects.filter(created_at__gt=since).count()
    return Upcoming(
        total=len(now),
        demo=ready.filter(item__is_demo=True).count(),
        step=step_between(in_release(latest), now),
        expired=_some(dict(expired)),
        unpublished=by_state,
        retired=items.filter(state=ItemState.RETIRED).count(),
        older_version=ready.filter(item__state__in=(ItemState.DRAFT, ItemState.REVIEWED)).count(),
        out_of_force=_some(flagged),
        new_measures=measured,
        new_enemies=enemies,
    )
