"""Items of the bank that ask nearly the same: over the whole bank, and of one item or text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from .choices import ItemState
from .models import ItemVersion
from .rules import ItemText

SHOWN = 10
"""Of the items that resemble one, the nearest are named."""


@dataclass(frozen=True)
class Pair:
    """Two alike items by primary key, ``first`` < ``second``, in the versions compared; likeness in per cent."""

    first: int
    second: int
    first_version: int
    second_version: int
    percent: int


@dataclass(frozen=True)
class Alike:
    """An item that resembles the one asked about."""

    pk: int
    uid: str
    stem: str
    percent: int


def _newest() -> QuerySet[ItemVersion]:
    """The newest version of every item that is not retired."""
    newer = ItemVersion.objects.filter(item=OuterRef("item"), number__gt=OuterRef("number"))
    return ItemVersion.objects.filter(~Exists(newer)).exclude(item__state=ItemState.RETIRED)


def alike_to_text(text: ItemText, subject: str, post_codes: Iterable[str]) -> list[Alike]:
    """The items of the same subject and a common post that resemble a text, the nearest first."""
    return []


def alike_to_version(version: ItemVersion) -> list[Alike]:
    """The same for a version of the bank, itself left out."""
    return []


def pairs_in_bank(progress: Callable[[int, int], object]) -> list[Pair]:
    """All alike pairs. ``progress`` is told how many items of how many are done."""
    return []
