"""Reading the demonstration items that come with the program (``data/<post>/*.yaml``). Not the official bank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from .choices import ItemKind
from .rules import TRUE_FALSE_OPTIONS, ItemText, Question, ids_of, lettered, truth

DATA = Path(__file__).parent / "data"
AUTHOR, REVIEWER, KEEPER = "演示命题人 陈立新", "演示审题人 周敏", "演示题库管理员 何川"


@dataclass(frozen=True)
class DemoChapter:
    subject: str
    number: str
    title: str
    weight: Decimal
    items: tuple[tuple[str, ItemText], ...]


def chapters(post_code: str) -> Iterator[DemoChapter]:
    """The chapters of a post's demonstration bank, in the order of their files, each with its (uid, item)."""
    for path in sorted((DATA / post_code).glob("*.yaml")):
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader, in C where there is one
        head = data["chapter"]
        items = tuple((row["uid"], _item(row)) for row in data["items"])
        yield DemoChapter(
            data["subject"], str(head["no"]), head["title"], Decimal(str(head["weight"])), items
        )


def weights(post_code: str, subject: str) -> dict[str, Fraction]:
    """The weights of the chapters of a post's demonstration bank; empty where there is none."""
    return {
        chapter.number: Fraction(chapter.weight)
        for chapter in chapters(post_code)
        if chapter.subject == subject
    }


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["kind"] == ItemKind.TRUE_FALSE:
        return {"options": TRUE_FALSE_OPTIONS, "answer": truth(str(row["key"]))}
    return {
        "options": lettered(str(text) for _letter, text in sorted(row["options"].items())),
        "answer": ids_of(str(row["key"])),
        "anchored": ids_of(str(row.get("anchored", ""))),
    }


def _item(row: Mapping[str, Any]) -> ItemText:
    common = {
        "kind": row["kind"],
        "stem": row["stem"],
        "level": row["level"],
        "explanation": row.get("explanation", ""),
        "basis": row.get("basis", ""),
        "difficulty": Decimal(str(row["difficulty"])),
    }
    if row["kind"] != ItemKind.CASE:
        return ItemText(**common, **_question(row))
    children = tuple(
        Question(child["kind"], child["stem"], explanation=child.get("explanation", ""), **_question(child))
        for child in row["children"]
    )
    return ItemText(**common, children=children)
