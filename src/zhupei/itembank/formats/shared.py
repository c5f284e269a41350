"""What the exchange formats share: texts from unknown encodings, the fields that only we have, and the making of a draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from zhupei.itembank.choices import ItemKind, Level
from zhupei.itembank.rules import OPTION_LETTERS, TRUE_FALSE_OPTIONS, ItemText, Question, faults_of

from .common import MAX_ITEMS, Draft, FileRefused, ItemRefused, Outgoing, Reading, Refused

MAX_PLAIN = 20 * 1024 * 1024
"""Bytes of a file of plain text (GIFT, Aiken)."""
MAX_LINES = 1_000_000
TAG_LENGTH = 50
"""Characters of a tag in Moodle; longer values are written as several."""
TRUE_WORDS = frozenset({"正确", "对", "√", "true", "t", "correct"})
FALSE_WORDS = frozenset({"错误", "错", "×", "false", "f", "incorrect"})


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALL_FIELDS = words("uid subject chapter posts level basis difficulty valid_to explanation anchored pictures")

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """``text`` with ``\\n`` alone for a new line, without the characters that neither XML nor a database takes, and without
    words that would be taken for one of our own pictures."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.replace("](media:", "] (media:")


def decoded(data: bytes) -> str:
    """A file of plain text: UTF-8, UTF-16 with its mark, or GB 18030. Raises ``FileRefused``."""
    if len(data) > MAX_PLAIN:
        raise FileRefused("file_large", _("The file is larger than 20 MB. Split it."), 413)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            text = clean(text)
            if text.count("\n") > MAX_LINES:
                raise FileRefused("file_large", _("The file has more than a million lines. Split it."), 413)
            return text
    raise FileRefused(
        "file_encoding", _("The file is not text in UTF-8, UTF-16 or GB 18030. Save it as UTF-8.")
    )


def looks_decoded(data: bytes) -> str:
    """The start of a file as text, to tell formats apart; "" if it is none."""
    head = data[: 64 * 1024]
    for encoding in ("utf-16",) if head.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030"):
        for cut in range(4):  # the end of the head may fall into a character
            try:
                text = head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return "" if "\0" in text else clean(text)
    return ""


def is_marked_up(text: str) -> bool:
    """True if a file begins as XML does, comments apart."""
    start = r"\s*(?:<!--.*?-->\s*)*<(?:\?xml|!doctype|quiz\b|(?:\w+:)?(?:qti-)?assessment)"
    return bool(re.match(start, text, re.IGNORECASE | re.DOTALL))


@dataclass(frozen=True)
class Fields:
    """What our own files say of an item beyond its text. ``kind`` is empty in a file of another program."""

    uid: str = ""
    kind: str = ""
    level: str = ""
    subject: str = ""
    chapter: str = ""
    posts: tuple[str, ...] = ()
    basis: str = ""
    difficulty: Decimal | None = None
    valid_to: date | None = None
    anchored: tuple[int, ...] = ()
    """Options that keep their place, counted from 0."""


def _places(question: ItemText | Question) -> list[int]:
    return [n for n, (id_, _text) in enumerate(question.options) if id_ in question.anchored]


def tags_of(item: Outgoing) -> list[str]:
    """The fields of ``item`` as tags ``name=value``; a value longer than a tag goes on in further tags ``name.2=…``."""
    text = item.text
    values: list[tuple[str, str]] = [
        ("kind", text.kind),
        ("level", text.level),
        ("subject", item.subject),
        ("chapter", item.chapter),
        *(("post", code) for code in item.post_codes),
        ("basis", text.basis),
        ("difficulty", "" if text.difficulty is None else str(text.difficulty)),
        ("valid_to", text.valid_to.isoformat() if text.valid_to else ""),
        ("anchored", "".join(OPTION_LETTERS[n] for n in _places(text) if n < len(OPTION_LETTERS))),
    ]
    tags: list[str] = []
    for name, value in values:
        room = TAG_LENGTH - len(name) - 6
        parts = _parts(value.strip(), room)
        tags += [f"{name}{f'.{n}' if n > 1 else ''}={part}" for n, part in enumerate(parts, 1)]
    return tags


def _parts(text: str, room: int) -> list[str]:
    """``text`` in parts of at most ``room`` characters, none with a space at its ends, which others would strip."""
    parts = []
    while text:
        cut = min(room, len(text))
        while 1 < cut < len(text) and (text[cut - 1].isspace() or text[cut].isspace()):
            cut -= 1
        parts.append(text[:cut])
        text = text[cut:]
    return parts


_TAG = re.compile(
    r"(kind|level|subject|chapter|post|basis|difficulty|valid_to|anchored)(?:\.([1-9][0-9]?))?=(.*)"
)


def fields_of(tags: Iterable[str], uid: str = "") -> Fields:
    """The fields again from tags; other tags, and values that make no sense, are passed over."""
    parts: dict[str, dict[int, str]] = {}
    posts: list[str] = []
    for tag in tags:
        if not (found := _TAG.fullmatch(tag)):
            continue
        if found[1] == "post":
            posts.append(found[3].strip()[:20])
        else:
            parts.setdefault(found[1], {})[int(found[2] or 1)] = found[3]
    values = {name: "".join(part[n] for n in sorted(part)) for name, part in parts.items()}
    kind, level = values.get("kind", ""), values.get("level", "")
    return Fields(
        uid=uid.strip()[:60],
        kind=kind if kind in ItemKind.values else "",
        level=level if level in Level.values else "",
        subject=values.get("subject", "").strip()[:60],
        chapter=values.get("chapter", "").strip()[:60],
        posts=tuple(dict.fromkeys(posts))[:50],
        basis=values.get("basis", ""),
        difficulty=_number(values.get("difficulty", "")),
        valid_to=_day(values.get("valid_to", "")),
        anchored=tuple(OPTION_LETTERS.index(c) for c in values.get("anchored", "") if c in OPTION_LETTERS),
    )


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text) if len(text) <= 12 else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@dataclass
class Asked:
    """One question as a file asks it: options in their order, and the numbers of the right ones."""

    kind: str
    stem: str
    options: Sequence[str] = ()
    right: Sequence[int] = ()
    explanation: str = ""
    anchored: Sequence[int] = ()
    ids: Sequence[str] = ()
    """The options' names in the file, kept where they are ours."""


def question_of(asked: Asked, *, kind_told: bool = False) -> Question:
    """The question; two options that say true and false make a true/false one unless the file told the kind."""
    texts = [text.strip() for text in asked.options]
    if not kind_told and asked.kind == ItemKind.SINGLE and (truth := _truth(texts)):
        right = tuple(truth[n] for n in asked.right)
        return Question(
            ItemKind.TRUE_FALSE, asked.stem.strip(), TRUE_FALSE_OPTIONS, right, (), asked.explanation.strip()
        )
    if asked.kind == ItemKind.TRUE_FALSE:
        ids = [id_ for id_, _text in TRUE_FALSE_OPTIONS]
    else:
        ids = [OPTION_LETTERS[n].lower() if n < len(OPTION_LETTERS) else f"x{n}" for n in range(len(texts))]
        if asked.ids and set(asked.ids) <= set(ids) and len(set(asked.ids)) == len(texts):
            ids = list(asked.ids)
    return Question(
        asked.kind,
        asked.stem.strip(),
        tuple(zip(ids, texts, strict=False)),
        tuple(ids[n] for n in asked.right if n < len(ids)),
        tuple(ids[n] for n in asked.anchored if n < len(ids)),
        asked.explanation.strip(),
    )


def _truth(texts: Sequence[str]) -> tuple[str, str] | None:
    first, *others = [text.rstrip("。.").strip().lower() for text in texts] or [""]
    if len(others) != 1:
        return None
    if first in TRUE_WORDS and others[0] in FALSE_WORDS:
        return ("t", "f")
    return ("f", "t") if first in FALSE_WORDS and others[0] in TRUE_WORDS else None


def item_of(question: Question, fields: Fields) -> ItemText:
    """An item of one question."""
    return ItemText(
        kind=question.kind,
        stem=question.stem,
        level=fields.level,
        options=question.options,
        answer=question.answer,
        anchored=question.anchored,
        explanation=question.explanation,
        basis=fields.basis,
        difficulty=fields.difficulty,
        valid_to=fields.valid_to,
    )


def add_draft(reading: Reading, where: str, text: ItemText, fields: Fields) -> None:
    """Add an item to what was read. Raises ``ItemRefused`` if it is no proper one; the level may still be missing."""
    checked = text if text.level else replace(text, level=Level.MASTER)
    if faults := faults_of(checked):
        raise ItemRefused(" ".join(dict.fromkeys(message for _code, _name, message in faults)))
    reading.drafts.append(Draft(where, text, fields.uid, fields.subject, fields.chapter, fields.posts))


def note(reading: Reading, where: str, reason: str) -> None:
    """Tell what came in changed, once an item."""
    told = Refused(where, reason)
    if told not in reading.notes[-8:]:
        reading.notes.append(told)


def count_item(number: int) -> None:
    """Raise ``FileRefused`` past the most items of one file."""
    if number > MAX_ITEMS:
        raise FileRefused(
            "file_items", _("The file holds more than %(n)d items. Split it.") % {"n": MAX_ITEMS}
        )


def shares_note(reading: Reading, where: str) -> None:
    note(
        reading,
        where,
        _("Partial marks of single options are not taken over; options with a positive share are right."),
    )


def feedback_note(reading: Reading, where: str) -> None:
    note(reading, where, _("Feedback of single options is not taken over."))


def no_case() -> str:
    return _("This format has no cases.")
