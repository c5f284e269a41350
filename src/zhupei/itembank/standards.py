"""Which laws and standards an item cites: found in the words of its clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .models import Item, ItemVersion, Standard

DATA = Path(__file__).parent / "data" / "standards.yaml"
_SPACES = re.compile(r"\s+")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)\s+(?=\d)")


def _folded(text: str) -> str:
    """Without spaces, in capitals, dashes alike: ``gb/t 50502—2009`` is ``GB/T50502-2009``.

    Numbers that stand apart stay apart (by ``·``): in ``GB 50204-2015 7.4.1`` the code ends before the clause.
    """
    text = _SPACES.sub("", _BETWEEN_NUMBERS.sub("·", text))
    return re.sub("[－—–‐]+", "-", text).upper()


def cited_in(basis: str, codes: Sequence[tuple[str, int]]) -> set[int]:
    """The primary keys of the standards whose code stands in ``basis``. ``codes``: (folded code, primary key).

    A code must end where the text's does: ``GB 50204-2015`` is not cited by ``GB 50204-20150``.
    """
    text = _folded(basis)
    found = set()
    for code, pk in codes:
        at = text.find(code)
        while at >= 0:
            if not (code[-1].isdigit() and text[at + len(code) : at + len(code) + 1].isdigit()):
                found.add(pk)
                break
            at = text.find(code, at + 1)
    return found


def link_standards(item_pks: Sequence[int] | None = None) -> None:
    """Link items (all when None) to the standards that the newest version's clause cites."""
    codes = [(_folded(row.code), row.pk) for row in Standard.objects.all()]
    through = Item.standards.through
    rows = ItemVersion.objects.order_by("item_id", "number").values_list("item_id", "basis")
    links = through.objects.all()
    if item_pks is not None:
        for start in range(0, len(item_pks), 500):
            some = item_pks[start : start + 500]
            _relink(rows.filter(item__in=some), links.filter(item_id__in=some), codes)
        return
    _relink(rows, links, codes)


def _relink(rows: Any, links: Any, codes: Sequence[tuple[str, int]]) -> None:
    newest = dict(rows)  # the highest version of each item comes last and stays
    wanted = {(item, pk) for item, basis in newest.items() if basis for pk in cited_in(basis, codes)}
    there = set(links.values_list("item_id", "standard_id"))
    for item, pk in there - wanted:
        links.filter(item_id=item, standard_id=pk).delete()
    through = Item.standards.through
    through.objects.bulk_create(
        [through(item_id=item, standard_id=pk) for item, pk in sorted(wanted - there)], batch_size=1000
    )


def load_standards() -> int:
    """Add the standards that come with the program; those in the register stay as they are. Returns how many are new."""
    if not DATA.exists():
        return 0
    known = set(Standard.objects.values_list("code", flat=True))
    new = [
        Standard(
            code=row["code"],
            title=row["title"],
            in_force_from=row.get("from"),
            in_force_to=row.get("to"),
            replaced_by=row.get("replaced_by") or "",
        )
        for row in yaml.safe_load(DATA.read_text(encoding="utf-8"))
        if row["code"] not in known
    ]
    Standard.objects.bulk_create(new)
    return len(new)
