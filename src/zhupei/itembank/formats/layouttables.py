"""Tables of a document: answers, or part of a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from . import layoutwords as words
from .layoutwords import GUARD
from .wordpackage import Line


def joined(cell: Sequence[Line]) -> str:
    return " ".join(line.text.strip() for line in cell if line.text.strip())


def answers_in_table(cells: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """Numbers and answers of a table of answers: rows of numbers above rows of answers, or both side by side."""
    plain = [[words.folded(cell).strip() for cell in row] for row in cells]
    if not plain or not any(cell in ("题号", "序号") for cell in plain[0][:1]):
        return []
    pairs: list[tuple[int, str]] = []

    def add(number: str, answer: str) -> None:
        found = words.answer_of(answer)
        if number.isdigit() and len(number) < 5 and found and not found[1]:
            pairs.append((int(number), found[0]))

    for row, below in pairwise(plain):
        if row[0] in ("题号", "序号"):
            for number, answer in zip(row[1:], below[1:], strict=False):
                add(number, answer)
    if not pairs:  # 题号 | 答案 | 题号 | 答案, one question a row
        for row in plain[1:]:
            for number, answer in zip(row[::2], row[1::2], strict=False):
                add(number, answer)
    return pairs


def pipes(cells: Sequence[Sequence[str]]) -> str:
    """A table as the markup of the bank; its first row is its head."""
    width = max(len(row) for row in cells)
    rows = [
        [cell.replace("|", r"\|").replace(GUARD, "") for cell in row] + [""] * (width - len(row))
        for row in cells
    ]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])
