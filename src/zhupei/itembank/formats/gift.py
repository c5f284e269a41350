"""GIFT, Moodle's format of plain text (docs.moodle.org, “GIFT format”): read as Moodle reads it, written as Moodle writes it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from zhupei.itembank.choices import ItemKind

from .common import ItemRefused, Outgoing, Reading, Refused
from .html import Conversion, has_markup, to_xhtml
from .shared import (
    Asked,
    Fields,
    add_draft,
    count_item,
    decoded,
    feedback_note,
    fields_of,
    is_marked_up,
    item_of,
    looks_decoded,
    no_case,
    question_of,
    shares_note,
    tags_of,
)

NAME, TITLE = "gift", "GIFT"
EXTENSIONS = (".gift", ".txt")
CONTENT_TYPE = "text/plain"
LOST: frozenset[str] = frozenset()
"""Fields that this format has no room for."""

MAX_OPTIONS = 100
MAX_QUESTION = 16 * 1024 * 1024
MAX_MARKDOWN = 20_000
MAX_COMMENT = 20_000

# Escaped signs become signs of a private plane, so that what is left of them has its meaning in GIFT.
_ESCAPED = {"\\": "\U000f0007", ":": "\U000f0000", "#": "\U000f0001", "=": "\U000f0002", "{": "\U000f0003"}
_ESCAPED |= {"}": "\U000f0004", "~": "\U000f0005", "n": "\U000f0006"}
_PLAIN = {ord(sign): ("\n" if char == "n" else char) for char, sign in _ESCAPED.items()}
_PRIVATE = dict.fromkeys(_PLAIN)
_RESERVED = str.maketrans({char: f"\\{char}" for char in "\\#=~{}:"} | {"\n": "\\n"})
_WEIGHT = re.compile(r"%(-?\d{1,3}(?:\.\d{0,10})?)%")
_FORMAT = re.compile(r"\[(html|plain|markdown|moodle)\]")
_ID = re.compile(r"\[id:((?:\\\]|[^\]]){1,200})\]")
_TAG = re.compile(r"\[tag:((?:\\\]|[^\]]){1,200})\]")
_HTML = re.compile(
    r"</?(?:p|br|div|span|b|i|u|s|em|strong|sub|sup|img|table|tr|td|ul|ol|li|a|pre|code|h[1-6]|font|hr|center|math)"
    r"(?:[\s/][^<>]*)?>|&(?:[a-z]{2,8}|#\d{1,6});",
    re.IGNORECASE,
)
_TRUE, _FALSE = ("t", "true"), ("f", "false")


@dataclass
class _Block:
    """The lines of one question and the comments before or within it."""

    line: int
    lines: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    is_closed: bool = False


def sniff(data: bytes, name: str) -> bool:
    text = looks_decoded(data)
    if not text or is_marked_up(text) or re.search(r"^ANSWER\s*[:：]", text, re.MULTILINE):
        return False
    if name.lower().endswith(".gift"):
        return True
    if re.search(r"^(?:::|\$CATEGORY:|// question:)", text, re.MULTILINE):
        return True
    return bool(re.search(r"\{(?:[ \t\n]*(?:[=~#]|(?:T|F|TRUE|FALSE)[ \t\n]*[}#])|\})", text))


def read(data: bytes, *, name: str = "") -> Reading:
    """Everything in the file. Raises ``FileRefused``."""
    reading = Reading()
    text = decoded(data).translate(_PRIVATE)
    for char, sign in _ESCAPED.items():  # the backslash first
        text = text.replace(f"\\{char}", sign)
    for number, block in enumerate(_blocks(text), 1):
        count_item(number)
        where = _("Line %(no)d") % {"no": block.line}
        try:
            _read(block, where, reading)
        except ItemRefused as error:
            reading.refused.append(Refused(where, str(error)))
    return reading


def _blocks(text: str) -> Iterator[_Block]:
    """Questions part at blank lines, but not within their braces, and where braces open once more after a line that closed
    them. Comments belong to the question that follows."""
    block, is_open, has_gap = _Block(1), False, False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        is_comment = line.startswith("//")
        is_next = line.startswith("::")
        if "{" in line.partition("}")[0]:
            is_next |= has_gap if is_open else bool(block.lines) and block.lines[-1].endswith("}")
        if block.lines and (is_next or (not is_open and (not line or (is_comment and block.is_closed)))):
            yield block
            block, is_open = _Block(number), False
        has_gap = not line
        if is_comment:
            block.comments.append(line)
        elif line:
            block.line = block.line if block.lines else number
            block.lines.append(line)
            if line.startswith("$CATEGORY:") and len(block.lines) == 1:
                block = _Block(number + 1)
                continue
            opens, closes = line.rfind("{"), line.rfind("}")
            if opens != closes:
                is_open = opens > closes
            block.is_closed |= closes >= 0
    if block.lines:
        yield block


def _read(block: _Block, where: str, reading: Reading) -> None:
    text = "\n".join(block.lines)
    if len(text) > MAX_QUESTION:
        raise ItemRefused(_("A text is too large."))
    if text.startswith("::") and (end := text.find("::", 2)) > 0:
        text = text[end + 2 :].strip()
    start, end = text.find("{"), text.find("}")
    if start < 0 and end < 0:
        reading.unsupported["description"] += 1
        return
    if not 0 <= start < end:
        raise ItemRefused(_("A brace { or } is missing."))
    before, answers, after = text[:start], text[start + 1 : end].strip(), text[end + 1 :]
    if "{" in answers or "{" in after or "}" in after:
        raise ItemRefused(
            _("There is more than one pair of braces. Braces in the text are written as \\{ and \\}.")
        )
    stem = f"{before}_____{after}" if after.strip() else before
    answers, separator, general = answers.rpartition("####") if "####" in answers else (answers, "", "")
    answers = answers.strip()
    if kind := _foreign_kind(answers):
        reading.unsupported[kind] += 1
        return
    comments = " ".join(block.comments[-100:])[-MAX_COMMENT:]
    uid = _ID.search(comments)
    fields = fields_of(
        (found[1].replace(r"\]", "]").translate(_PLAIN).strip() for found in _TAG.finditer(comments)),
        uid[1].replace(r"\]", "]").translate(_PLAIN) if uid else "",
    )
    _take(_Texts(reading, where, bool(fields.kind)), fields, stem, answers, general if separator else "")


def _foreign_kind(answers: str) -> str:
    """Moodle's name of a kind that the bank does not have; "" for multiple choice and true/false."""
    if not answers:
        return "essay"
    if answers.startswith("#"):
        return "numerical"
    if "~" in answers or answers.partition("#")[0].strip().lower() in (*_TRUE, *_FALSE):
        return ""
    return "matching" if "=" in answers and "->" in answers else "shortanswer"


@dataclass
class _Texts:
    """Texts of one question; the format of the stem holds for those that name none."""

    reading: Reading
    where: str
    is_own: bool
    default: str = "moodle"

    def __call__(self, text: str, *, is_stem: bool = False) -> str:
        text, form = text.strip(), self.default
        if found := _FORMAT.match(text):
            form, text = found[1], text[found.end() :]
        if is_stem:
            self.default = form
        text = text.translate(_PLAIN).strip()
        conversion = Conversion(self.reading, self.where, dollars=not self.is_own)
        if form == "markdown":
            if len(text) > MAX_MARKDOWN:
                raise ItemRefused(_("A text is too large."))
            return conversion.html(MarkdownIt("commonmark").enable("table").render(text))
        if form == "html":
            return conversion.html(text)
        if form == "moodle" and _HTML.search(text):
            return conversion.html(text.replace("\n", "<br>"))
        return text


def _take(texts: _Texts, fields: Fields, stem: str, answers: str, general: str) -> None:
    reading, where = texts.reading, texts.where
    stem = texts(stem, is_stem=True)
    feedback: list[str] = []
    if "~" not in answers:
        word, *told = answers.split("#", 2)
        right = 0 if word.strip().lower() in _TRUE else 1
        asked = Asked(ItemKind.TRUE_FALSE, stem, ("正确", "错误"), (right,))
        feedback = [texts(one) for one in told[1:] if one.strip()]
        if told and told[0].strip():
            feedback_note(reading, where)
    else:
        asked, feedback = _choice(texts, stem, answers)
    asked.explanation = texts(general) if general.strip() else "\n".join(feedback)
    asked.anchored = fields.anchored
    add_draft(reading, where, item_of(question_of(asked, kind_told=bool(fields.kind)), fields), fields)


def _choice(texts: _Texts, stem: str, answers: str) -> tuple[Asked, list[str]]:
    """The question and the feedback of its right options."""
    is_single = "=" in answers
    if answers.count("~") + answers.count("=") > MAX_OPTIONS:
        raise ItemRefused(_("It has too many options."))
    options: list[str] = []
    right: list[int] = []
    feedback: list[str] = []
    shares: set[float] = set()
    for part in re.split("(?=[=~])", answers):
        if not (part := part.strip()):
            continue
        if part[0] not in "=~":
            raise ItemRefused(_("An option starts with neither = nor ~."))
        share, body = 100.0 if part[0] == "=" else 0.0, part[1:].strip()
        if found := _WEIGHT.match(body):
            share, body = float(found[1]), body[found.end() :]
        body, _hash, told = body.partition("#")
        is_right = share >= 99.99 if is_single else share > 0
        if share > 0:
            shares.add(share)
        if is_right:
            right.append(len(options))
        if told.strip():
            if is_right:
                feedback.append(texts(told))
            else:
                feedback_note(texts.reading, texts.where)
        options.append(texts(body))
    if len(shares) > 1:
        shares_note(texts.reading, texts.where)
    kind = ItemKind.SINGLE if is_single else ItemKind.MULTIPLE
    return Asked(kind, stem, options, right), list(dict.fromkeys(feedback))


def unwritable(item: Outgoing) -> str:
    """Why ``item`` cannot be written in this format; "" if it can."""
    return no_case() if item.text.is_case else ""


def write(items: Iterable[Outgoing]) -> bytes:
    """The items in one file; those that ``unwritable`` names are left out."""
    return "\n".join(_written(item) for item in items if not unwritable(item)).encode()


def _written(item: Outgoing) -> str:
    text = item.text
    tags = " ".join(f"[tag:{_bracketed(tag)}]" for tag in tags_of(item))
    said = (text.stem, text.explanation, *(option for _id, option in text.options))
    is_html = any(has_markup(one) or re.search(r"[<>&]|^[\[%]", one) for one in said)

    def out(words: str) -> str:
        return _out(words, item) if is_html else words.translate(_RESERVED)

    lines = [f"// [id:{_bracketed(item.uid)}] {tags}" if item.uid else f"// {tags}"]
    name = " ".join(item.uid.split()) or "item"
    question = f"::{name.translate(_RESERVED)}::{'[html]' if is_html else ''}{out(text.stem)}{{"
    if text.kind == ItemKind.TRUE_FALSE:
        lines.append(question + ("TRUE" if text.answer == ("t",) else "FALSE"))
    else:
        lines.append(question)
        share = 100 / max(len(text.answer), 1)
        for id_, option in text.options:
            is_right = id_ in text.answer
            sign = "=" if is_right else "~"
            if text.kind == ItemKind.MULTIPLE:
                sign = f"~%{f'{share:.5f}'.rstrip('0').rstrip('.')}%" if is_right else "~%-100%"
            lines.append(f"\t{sign}{out(option)}")
    if text.explanation:
        lines.append(f"\t####{out(text.explanation)}")
    return "\n".join(lines) + "\n}\n"


def _bracketed(text: str) -> str:
    return " ".join(text.split()).replace("\\", "＼").replace("]", r"\]")


def _out(text: str, item: Outgoing) -> str:
    """A text as HTML with its signs escaped; its pictures stand within it."""

    def source(digest: str) -> str:
        content_type, data = item.media[digest]
        return f"data:{content_type};base64,{base64.b64encode(data).decode()}"

    html = to_xhtml(text, source, mathml=False, inline=True)
    if html[:1] in ("[", "%"):  # else a format or a share
        html = f"&#{ord(html[0])};{html[1:]}"
    return html.translate(_RESERVED)
