"""Aiken (docs.moodle.org, “Aiken format”): a stem, options ``A.`` or ``A)``, a line ``ANSWER: B``; single choice only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from zhupei.itembank.choices import ItemKind
from zhupei.itembank.rules import OPTION_LETTERS

from .common import ItemRefused, Outgoing, Reading, Refused
from .html import has_markup
from .shared import (
    ALL_FIELDS,
    Asked,
    Fields,
    add_draft,
    count_item,
    decoded,
    is_marked_up,
    item_of,
    looks_decoded,
    question_of,
)

NAME, TITLE = "aiken", "Aiken"
EXTENSIONS = (".txt", ".aiken")
CONTENT_TYPE = "text/plain"
LOST = ALL_FIELDS
"""Fields that this format has no room for."""

_OPTION = re.compile(r"([A-Z])[).．）][ \t]*(.*)")
_ANSWER = re.compile(r"ANSWER[ \t]*[:：][ \t]*(.*)", re.IGNORECASE)


@dataclass
class _Open:
    """A question whose answer has not come yet."""

    line: int
    stem: list[str] = field(default_factory=list)
    options: list[list[str]] = field(default_factory=list)
    """The lines of each."""
    letters: list[str] = field(default_factory=list)


def sniff(data: bytes, name: str) -> bool:
    text = looks_decoded(data)
    if is_marked_up(text):
        return False
    return bool(
        re.search(r"^[ \t]*ANSWER[ \t]*[:：][ \t]*[A-Z]", text, re.MULTILINE | re.IGNORECASE)
        and re.search(r"^[ \t]*[A-Z][).．）]", text, re.MULTILINE)
    )


def read(data: bytes, *, name: str = "") -> Reading:
    """Everything in the file. Raises ``FileRefused``."""
    reading = Reading()
    question: _Open | None = None
    has_gap, count = False, 0
    for number, raw in enumerate(decoded(data).split("\n"), 1):
        line = raw.strip()
        if not line:
            has_gap = True
            continue
        option, answer = _OPTION.fullmatch(line), _ANSWER.fullmatch(line)
        if question is None or (has_gap and question.options and not option and not answer):
            if question:
                _refuse(reading, question, _("The line ANSWER: is missing."))
            question = _Open(number)
            count_item(count := count + 1)
        has_gap = False
        if answer:
            _finish(reading, question, answer[1])
            question = None
        elif option:
            question.letters.append(option[1])
            question.options.append([option[2]])
        elif question.options:  # an option that goes on
            question.options[-1].append(line)
        else:
            question.stem.append(line)
    if question:
        _refuse(reading, question, _("The line ANSWER: is missing."))
    return reading


def _refuse(reading: Reading, question: _Open, reason: str) -> None:
    reading.refused.append(Refused(_where(question), reason))


def _where(question: _Open) -> str:
    return _("Line %(no)d") % {"no": question.line}


def _finish(reading: Reading, question: _Open, answer: str) -> None:
    letters = re.sub(r"[\s,，、;；.。]", "", answer).upper()
    expected = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(question.letters)]
    options = ["\n".join(lines) for lines in question.options]
    if len(letters) != 1:
        _refuse(reading, question, _("Aiken holds one right option; the line ANSWER: names none or several."))
    elif question.letters != list(expected) or letters not in expected:
        _refuse(
            reading, question, _("The options are not A, B, C … in order, or the answer is none of them.")
        )
    else:
        asked = Asked(ItemKind.SINGLE, "\n".join(question.stem), options, (expected.index(letters),))
        try:
            add_draft(reading, _where(question), item_of(question_of(asked), Fields()), Fields())
        except ItemRefused as error:
            _refuse(reading, question, str(error))


def unwritable(item: Outgoing) -> str:
    """Why ``item`` cannot be written in this format; "" if it can."""
    text = item.text
    said = (text.stem, *(option for _id, option in text.options))
    if text.kind not in (ItemKind.SINGLE, ItemKind.TRUE_FALSE):
        return _("Aiken holds single choice and true/false only.")
    if any("\n" in one or (has_markup(one) and "](media:" in one) for one in said):
        return _("Aiken holds neither line breaks nor pictures.")
    if _OPTION.fullmatch(text.stem) or _ANSWER.fullmatch(text.stem):
        return _("The stem would be taken for an option or an answer.")
    return ""


def write(items: Iterable[Outgoing]) -> bytes:
    """The items in one file; those that ``unwritable`` names are left out."""
    return "\n".join(_written(item) for item in items if not unwritable(item)).encode()


def _written(item: Outgoing) -> str:
    lines = [item.text.stem]
    for letter, (id_, option) in zip(OPTION_LETTERS, item.text.options, strict=False):
        lines.append(f"{letter}. {option}")
        if id_ in item.text.answer:
            answer = letter
    return "\n".join([*lines, f"ANSWER: {answer}", ""])
