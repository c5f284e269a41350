"""The text index of the bank: stems, options and clauses; never a key or an explanation, which lie encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from zhupei.kernel import richtext
from zhupei.web.search import TextIndex

from .models import Item, ItemVersion

INDEX = TextIndex("itembank_item_text")
_NUMBER = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]*)+")


def _texts(content: dict[str, Any]) -> Iterator[str]:
    yield content["stem"]
    for option in content["options"]:
        yield option["text"]
    for child in content["children"]:
        yield from _texts({**child, "children": []})


def searchable(uid: str, content: dict[str, Any], basis: str) -> str:
    """What a search finds an item by."""
    return "\n".join([uid, *(richtext.plain(text) for text in _texts(content)), basis])


def find_items(items: QuerySet[Item], query: str) -> QuerySet[Item]:
    """Those of ``items`` that hold every word of ``query``, or whose number begins with it."""
    found = INDEX.filter(items, query)
    if not _NUMBER.fullmatch(query):
        return found
    return items.filter(Q(uid__startswith=query.upper()) | Q(pk__in=found.order_by().values("pk")))


def index_items(item_pks: Sequence[int]) -> None:
    """Put the newest versions of these items into the index."""
    for start in range(0, len(item_pks), 500):
        rows = (
            ItemVersion.objects.filter(item__in=item_pks[start : start + 500])
            .order_by("item_id", "number")
            .values_list("item_id", "item__uid", "content", "basis")
        )
        newest = {item: (uid, content, basis) for item, uid, content, basis in rows}
        INDEX.put((item, searchable(*facts)) for item, facts in newest.items())


def index_missing() -> None:
    """Index the items that were never indexed: those of an installation from before the index, or of a restored database."""
    index_items(list(INDEX.missing(Item.objects.all()).values_list("pk", flat=True)))
