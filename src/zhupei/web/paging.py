"""Lists paged by key: the next page starts after the last row shown, however many rows lie before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest


@dataclass
class Page:
    """One page of a list: its rows and the addresses of its neighbours (empty where there is none)."""

    items: list[Any]
    next_url: str = ""
    previous_url: str = ""

    def __bool__(self) -> bool:
        return bool(self.items)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _after(keys: Sequence[str], values: Sequence[Any], *, backwards: bool) -> Q:
    """Rows that come after (or before) the row with ``values`` in the order of ``keys``."""
    condition, equal = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        name = key.lstrip("-")
        operator = "lt" if key.startswith("-") != backwards else "gt"
        condition |= equal & Q(**{f"{name}__{operator}": value})
        equal &= Q(**{name: value})
    return condition


def page_by_key(
    queryset: QuerySet[Any], request: HttpRequest, *, order: Sequence[str] = ("-pk",), size: int = 30
) -> Page:
    """The page of ``queryset`` that the request's ``after`` or ``before`` names.

    ``order`` lists non-null fields, the last unique (so that no row is shown twice or missed). A cursor that was not
    made here is ignored and the first page is shown.
    """
    keys = [k.replace("pk", "id") if k.lstrip("-") == "pk" else k for k in order]
    salt = (
        f"paging:{queryset.model._meta.label_lower}:{','.join(keys)}"  # another list's cursor is none of ours
    )
    backwards = "before" in request.GET
    cursor = request.GET.get("before") or request.GET.get("after")
    values: list[Any] | None = None
    if cursor:
        try:
            values = signing.loads(cursor, salt=salt)
        except signing.BadSignature:
            values = None
    if values is None:
        backwards = False
    else:
        queryset = queryset.filter(_after(keys, values, backwards=backwards))
    flipped = [k[1:] if k.startswith("-") else f"-{k}" for k in keys]
    rows: list[Model] = list(queryset.order_by(*(flipped if backwards else keys))[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()

    def url(name: str, row: Model) -> str:
        query = request.GET.copy()
        for old in ("after", "before"):
            query.pop(old, None)
        row_values = []
        for key in keys:
            value: Any = row
            for part in key.lstrip("-").split("__"):
                value = getattr(value, part)
            row_values.append(_plain(value))
        query[name] = signing.dumps(row_values, salt=salt)
        return f"?{query.urlencode()}"

    page = Page(rows)
    if rows:
        if more or backwards:
            page.next_url = url("after", rows[-1])
        if (more and backwards) or (values is not None and not backwards):
            page.previous_url = url("before", rows[0])
    return page
