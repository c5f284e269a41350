"""Items of the bank that ask nearly the same: over the whole bank, and of one item or text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from zhupei.kernel import richtext

from .choices import ItemKind, ItemState
from .duplicates import Reason, Sketch, find_duplicates, similar_to
from .models import ItemVersion
from .rules import ItemText

SHOWN = 10
"""Of the items that resemble one, the nearest are named."""
CHOICES = (ItemKind.SINGLE, ItemKind.MULTIPLE)
"""Kinds that may ask the same; a true/false item or a case is compared with its own kind only."""
STEP = 2000
"""Items read between two notes of the progress."""
REASONS: dict[str, Promise] = {
    Reason.SAME_STEM: gettext_lazy("same stem"),
    Reason.SHUFFLED: gettext_lazy("same options in another order"),
    Reason.WORDING: gettext_lazy("nearly the same words"),
    Reason.NUMBERS: gettext_lazy("differs in its numbers"),
    Reason.OPPOSITE: gettext_lazy("asks the opposite"),
}


@dataclass(frozen=True)
class Pair:
    """Two alike items by primary key, ``first`` < ``second``, in the versions compared; likeness in per cent and its reason."""

    first: int
    second: int
    first_version: int
    second_version: int
    percent: int
    reason: str = ""


@dataclass(frozen=True)
class Alike:
    """An item that resembles the one asked about."""

    pk: int
    uid: str
    stem: str
    percent: int
    reason: str | Promise


def _newest() -> QuerySet[ItemVersion]:
    """The newest version of every item that is not retired."""
    newer = ItemVersion.objects.filter(item=OuterRef("item"), number__gt=OuterRef("number"))
    return ItemVersion.objects.filter(~Exists(newer)).exclude(item__state=ItemState.RETIRED)


def _sketch(uid: str, kind: str, content: dict[str, Any]) -> Sketch:
    def texts(source: dict[str, Any]) -> tuple[str, ...]:
        return tuple(richtext.plain(option["text"]) for option in source["options"])

    children = tuple(
        "\n".join((richtext.plain(child["stem"]), *texts(child))) for child in content["children"]
    )
    return Sketch(uid, kind, richtext.plain(content["stem"]), texts(content), children)


def _alike(sketch: Sketch, subject: str, post_codes: Iterable[str]) -> list[Alike]:
    posts = Q(pk__in=[])
    for code in post_codes:
        posts |= Q(post_codes__contains=f",{code},")
    own = (sketch.kind,) if sketch.kind in (ItemKind.CASE, ItemKind.TRUE_FALSE) else CHOICES
    rows = _newest().filter(posts, subject=subject, item__kind__in=own)
    pks: dict[str, tuple[int, str]] = {}

    def sketches() -> Iterator[Sketch]:
        fields = ("item__uid", "item__kind", "content", "item_id")
        for uid, kind, content, pk in rows.values_list(*fields).iterator():
            pks[uid] = (pk, content["stem"])
            yield _sketch(uid, kind, content)

    return [
        Alike(
            pks[p.uid_b][0],
            p.uid_b,
            richtext.plain(pks[p.uid_b][1]),
            _percent(p.similarity),
            REASONS[p.reason],
        )
        for p in similar_to(sketch, sketches(), limit=SHOWN)
    ]


def _percent(similarity: float) -> int:
    return min(100, int(similarity * 100))


def alike_to_text(text: ItemText, subject: str, post_codes: Iterable[str]) -> list[Alike]:
    """The items of the same subject and a common post that resemble a text, the nearest first."""
    return _alike(_sketch("", text.kind, text.content()), subject, post_codes)


def alike_to_version(version: ItemVersion) -> list[Alike]:
    """The same for a version of the bank, its own item left out."""
    codes = [code for code in version.post_codes.split(",") if code]
    item = version.item
    return _alike(_sketch(item.uid, item.kind, version.content), version.subject, codes)


def pairs_in_bank(progress: Callable[[int, int], object]) -> list[Pair]:
    """All alike pairs. ``progress`` is told how many items of how many are read; comparing them comes after the last."""
    rows = _newest()
    total = rows.count()
    progress(0, total)
    known: dict[str, tuple[int, int]] = {}
    sketches: list[Sketch] = []
    fields = ("item__uid", "item__kind", "content", "item_id", "number")
    for uid, kind, content, pk, number in rows.values_list(*fields).iterator():
        known[uid] = (pk, number)
        sketches.append(_sketch(uid, kind, content))
        if len(sketches) % STEP == 0:
            progress(len(sketches), total)
    progress(len(sketches), len(sketches))
    found = []
    for one in find_duplicates(sketches):
        (first, n), (second, m) = sorted((known[one.uid_a], known[one.uid_b]))
        found.append(Pair(first, second, n, m, _percent(one.similarity), one.reason.value))
    return found
