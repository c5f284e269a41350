"""Texts of other programs, which are HTML, to and from the markup of items (``zhupei.kernel.richtext``).

Reading never runs, fetches or keeps anything: an element is turned into plain text, a line, a table, a picture or a formula, or
the item is refused with the element's name. Depth, size, cells and spans are bounded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext as _
from lxml import etree

from zhupei.kernel import richtext

from .common import ItemRefused, Reading
from .mathml import to_latex
from .shared import clean, note, words

MAX_HTML = 12 * 1024 * 1024
MAX_TAGS = 5000
MAX_DEPTH = 100
MAX_CELLS = 1000
MAX_CELL = 5000
MATHML = "http://www.w3.org/1998/Math/MathML"

_BLOCKS = words(
    "p div h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote section article aside header footer main nav address figure"
    " figcaption fieldset legend form center pre hr body html tr td th caption details summary prompt contentbody"
)
_DROPPED = words("script style noscript template")
_SILENT = words("head meta link title stylesheet colgroup col wbr rp rt")
_REFUSED = words(
    "iframe frame frameset object embed applet video audio svg canvas input select textarea button map include"
    " printedvariable"
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_DOLLARS = re.compile(r"\$\$([^$]{1,1000})\$\$")
_SUPER = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_SUB = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


@dataclass
class Conversion:
    """What a text needs to become markup: where it stands, and where its pictures are."""

    reading: Reading
    where: str
    dollars: bool = True
    """``$$ $$`` holds a formula, as in Moodle."""
    picture: Callable[[str], bytes | None] = lambda _source: None
    special: Callable[[Any, str], str | None] = lambda _element, _name: None
    """The lines that stand for an element of the format's own, by its plain name; None if it is an element like others."""

    def html(self, source: str) -> str:
        """The markup of a piece of HTML. Raises ``ItemRefused``."""
        source = clean(source)
        if "<" not in source and "&" not in source:
            lines = _Lines(self.dollars)
            lines.text(source)
            return lines.joined()
        if len(source) > MAX_HTML or source.count("<") > MAX_TAGS:
            raise ItemRefused(_("A text is too large."))
        parser = etree.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
        try:
            root = etree.fromstring(f"<html><body>{source}</body></html>", parser)
        except (etree.XMLSyntaxError, ValueError):
            raise ItemRefused(_("A text is not HTML that can be read.")) from None
        if any("depth" in error.message.lower() for error in parser.error_log):
            raise ItemRefused(_("Elements stand too deep within each other."))
        return self.element(root)

    def element(self, *elements: Any) -> str:
        """The markup of parsed elements, one after the other. Raises ``ItemRefused``."""
        lines = _Lines(self.dollars)
        for element in elements:
            lines.block()
            self._walk(element, lines, 0)
            lines.block()
        return lines.joined()

    def _walk(self, element: Any, lines: _Lines, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ItemRefused(_("Elements stand too deep within each other."))
        if not isinstance(element.tag, str):
            if isinstance(element, etree._Entity):
                raise ItemRefused(_("It uses an entity of its own (%(name)s).") % {"name": element.text})
            return
        name = plain_name(element)
        if name in _SILENT:
            return
        if name in _DROPPED or any(map(_is_handler, element.attrib)):
            note(self.reading, self.where, _("Scripts and styles were left out."))
            if name in _DROPPED:
                return
        if (special := self.special(element, name)) is not None:
            lines.lines(special)
        elif name == "br":
            lines.br()
        elif name == "img" or (name == "object" and (element.get("type") or "").startswith("image/")):
            lines.raw(self._picture(element))
        elif name == "math":
            lines.raw(to_latex(element))
        elif name in _REFUSED:
            raise ItemRefused(_("It holds <%(name)s>, which an item cannot hold.") % {"name": name})
        elif name == "a" and (target := (element.get("href") or "").strip()):
            if target.startswith("@@PLUGINFILE@@"):
                raise ItemRefused(
                    _("It links to a file (%(name)s), which an item cannot hold.") % {"name": target[15:80]}
                )
            note(
                self.reading, self.where, _("Of links, the words were taken over and the addresses left out.")
            )
            self._plain(element, lines, name, depth)
        elif name == "table":
            self._table(element, lines, depth)
        elif name in ("sub", "sup"):
            lines.raw(self._script(element, name, depth))
        elif name in ("u", "ins") and not "".join(element.itertext()).strip(" \t\r\n\xa0\u3000_"):
            lines.raw("____")  # a blank to fill in
        else:
            self._plain(element, lines, name, depth)

    def _plain(self, element: Any, lines: _Lines, name: str, depth: int) -> None:
        is_block = name in _BLOCKS
        write = lines.preserved if name == "pre" else lines.text
        if is_block:
            lines.block()
        if name == "li":
            lines.text(lines.number)
            lines.number = ""
        if element.text:
            write(clean(element.text))
        items = 0
        for child in element:
            if name == "ol" and plain_name(child) == "li":
                items += 1
                lines.number = f"{items}. "
            self._walk(child, lines, depth + 1)
            if child.tail:
                write(clean(child.tail))
        if is_block:
            lines.block()

    def _inline(self, element: Any, depth: int) -> str:
        """The contents of an element on one line."""
        lines = _Lines(self.dollars)
        self._plain(element, lines, "td", depth + 1)
        return " ".join(line.strip() for line in lines.joined().split("\n") if line.strip())

    def _script(self, element: Any, name: str, depth: int) -> str:
        inner = self._inline(element, depth)
        table = _SUB if name == "sub" else _SUPER
        if all(ord(sign) in table for sign in inner):
            return inner.translate(table)
        if "\\" in inner or "![" in inner:
            return inner
        sign = "_" if name == "sub" else "^"
        letters = re.sub(r"([#$%&_{}])", r"\\\1", inner)
        return rf"\({{}}{sign}{{\text{{{letters}}}}}\)"

    def _picture(self, element: Any) -> str:
        latex = element.get("data-equation-content")
        if latex:
            return rf"\({clean(latex).strip()}\)"
        source = (element.get("src") or element.get("data") or "").strip()
        raw = _data(source) if source[:5].lower() == "data:" else self.picture(unquote(source))
        if raw is None:
            raise ItemRefused(_("The picture %(name)s is not in the file.") % {"name": source[:80]})
        return self.reading.picture(self.where, raw, clean(element.get("alt") or ""))

    def _table(self, table: Any, lines: _Lines, depth: int) -> None:
        if (frame := _frame(table)) is not None:
            self._plain(frame, lines, "td", depth + 1)
            return
        if any(plain_name(one) == "table" for one in table.iterdescendants()):
            raise ItemRefused(_("A table stands within another."))
        rows: list[list[str]] = []
        spans: dict[int, tuple[int, str]] = {}  # column: rows still covered from above, and by what
        cells = 0
        for row in _rows(table):
            texts: list[str] = []

            def from_above(texts: list[str] = texts) -> None:
                while len(texts) in spans:
                    left, text = spans.pop(len(texts))
                    if left > 1:
                        spans[len(texts)] = (left - 1, text)
                    texts.append(text)

            for cell in row:
                if plain_name(cell) not in ("td", "th"):
                    continue
                from_above()
                text = cell_text(self._inline(cell, depth))
                across, down = _span(cell.get("colspan")), _span(cell.get("rowspan"))
                for _n in range(across):
                    if down > 1:
                        spans[len(texts)] = (down - 1, text)
                    texts.append(text)
                cells += across
                if cells > MAX_CELLS:
                    raise ItemRefused(_("A table is too large."))
            from_above()
            if texts:
                rows.append(texts)
        width = max(map(len, rows), default=0)
        lines.block()
        if rows:
            padded = [row + [""] * (width - len(row)) for row in rows]
            lines.table([f"| {' | '.join(row)} |" for row in (padded[0], ["---"] * width, *padded[1:])])


class _Lines:
    """Lines in the making: spaces collapse as browsers do, no-break spaces stay and end as spaces."""

    def __init__(self, dollars: bool) -> None:
        self._dollars = dollars
        self._lines: list[str] = []
        self._current: list[str] = []
        self._in_table = False
        self.number = ""
        """What the next element of a numbered list starts with."""

    def text(self, text: str) -> None:
        if text:
            self._current.append(_DOLLARS.sub(r"\\(\1\\)", text) if self._dollars else text)

    def raw(self, text: str) -> None:
        for n, line in enumerate(text.split("\n")):
            if n:
                self.br()
            self._current.append(line)

    def preserved(self, text: str) -> None:
        for n, line in enumerate(text.expandtabs(4).split("\n")):
            if n:
                self.br()
            self._current.append(line.replace(" ", "\xa0"))

    def lines(self, text: str) -> None:
        """Whole lines, ready as they are."""
        if text:
            self.block()
            for line in text.split("\n"):
                self._push(line)

    def br(self) -> None:
        self._push(self._flushed())

    def block(self) -> None:
        if line := self._flushed():
            self._push(line)

    def table(self, lines: list[str]) -> None:
        if self._in_table:
            self._lines.append("")
        self._lines += lines
        self._in_table = True

    def joined(self) -> str:
        self.block()
        return "\n".join(line.replace("\xa0", " ").rstrip() for line in self._lines).strip()

    def _flushed(self) -> str:
        line = _SPACES.sub(" ", "".join(self._current)).strip(" ")
        self._current = []
        return line

    def _push(self, line: str) -> None:
        if self._in_table and line.startswith("|"):
            self._lines.append("")
        self._in_table = False
        self._lines.append(line)


def plain_name(element: Any) -> str:
    """The name of an element alike for HTML, QTI 2 and QTI 3: ``qti-item-body`` and ``itemBody`` are ``itembody``."""
    tag = element.tag
    return _plain_tag(tag) if isinstance(tag, str) else ""


@lru_cache(maxsize=4096)
def _plain_tag(tag: str) -> str:
    return _plain_key(tag).removeprefix("qti-").replace("-", "")


def _plain_key(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2].lower()


@lru_cache(maxsize=4096)
def _is_handler(attribute: str) -> bool:
    return _plain_key(attribute).startswith("on")


def _rows(table: Any) -> Iterator[Any]:
    for part in table:
        name = plain_name(part)
        if name == "tr":
            yield part
        elif name in ("thead", "tbody", "tfoot"):
            yield from (row for row in part if plain_name(row) == "tr")


def _frame(table: Any) -> Any | None:
    """The cell of a table that has no other: a frame about a text."""
    cells = [cell for row in _rows(table) for cell in row if plain_name(cell) in ("td", "th")]
    return cells[0] if len(cells) == 1 else None


def _span(text: str | None) -> int:
    return min(int(text), 20) or 1 if text and text.isascii() and text.isdigit() and len(text) < 4 else 1


def _data(source: str) -> bytes | None:
    head, _comma, body = source.partition(",")
    if not head.lower().endswith(";base64"):
        return None
    return base64_bytes(unquote(body))


def base64_bytes(text: str) -> bytes | None:
    """The bytes, None if ``text`` is not base 64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


# ── markup to HTML ──────────────────────────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(
    r"\\\((?P<inner>.*?)\\\)|\\\[(?P<own>.*?)\\\]|!\[(?P<alt>[^\[\]\n]*)\]\(media:(?P<digest>[0-9a-f]{64})\)",
    re.DOTALL,
)
_RULE = re.compile(r"\s*\|(\s*:?-+:?\s*\|)+\s*")
_TEXT_BAR = re.compile(r"(?<!\\)\|")


def cell_text(text: str) -> str:
    """``text`` as it stands in a cell: bars outside formulas are escaped."""
    if len(text) > MAX_CELL:
        raise ItemRefused(_("A table is too large."))
    parts, done = [], 0
    for found in _TOKEN.finditer(text):
        parts += [text[done : found.start()].replace("|", r"\|"), found[0]]
        done = found.end()
    return "".join([*parts, text[done:].replace("|", r"\|")])


def to_xhtml(text: str, source: Callable[[str], str], *, mathml: bool, inline: bool = False) -> str:
    """``text`` as XHTML: a paragraph a line; with ``inline`` one line stands without. ``source``: a picture's address."""
    text = _TOKEN.sub(lambda found: found[0].replace("\n", " "), text)
    lines = text.split("\n")
    if inline and len(lines) == 1:
        return _line(text, source, mathml)
    html, at = [], 0
    while at < len(lines):
        if at + 1 < len(lines) and lines[at].lstrip().startswith("|") and _RULE.fullmatch(lines[at + 1]):
            head, width = _cells(lines[at]), len(_cells(lines[at + 1]))
            if len(head) == width:
                rows = [("th", head)]
                at += 2
                while at < len(lines) and lines[at].lstrip().startswith("|"):
                    rows.append(("td", _cells(lines[at])))
                    at += 1
                html.append(_table_html(rows, source, mathml))
                continue
        html.append(f"<p>{_line(lines[at], source, mathml) or '&#160;'}</p>")
        at += 1
    return "".join(html)


def has_markup(text: str) -> bool:
    """True if ``text`` is more than one line of words."""
    return "\n" in text or "|" in text or bool(_TOKEN.search(text))


def _cells(line: str) -> list[str]:
    kept: list[str] = []
    masked = _TOKEN.sub(lambda found: f"\0{kept.append(found[0]) or len(kept) - 1}\0", line)  # type: ignore[func-returns-value]
    cells = _TEXT_BAR.split(masked.strip())[1:]
    if cells and not cells[-1].strip():
        del cells[-1]
    return [
        re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], cell.replace(r"\|", "|")).strip()
        for cell in cells
    ]


def _table_html(rows: list[tuple[str, list[str]]], source: Callable[[str], str], mathml: bool) -> str:
    html = "".join(
        "<tr>" + "".join(f"<{name}>{_line(cell, source, mathml)}</{name}>" for cell in cells) + "</tr>"
        for name, cells in rows
    )
    return f"<table><tbody>{html}</tbody></table>"


def _line(line: str, source: Callable[[str], str], mathml: bool) -> str:
    html, done = [], 0
    for found in _TOKEN.finditer(line):
        html.append(_words(line[done : found.start()]))
        if found["digest"]:
            html.append(f'<img src="{escape(source(found["digest"]))}" alt="{escape(found["alt"])}"/>')
        else:
            html.append((mathml and _mathml(found)) or _words(found[0]))
        done = found.end()
    return "".join([*html, _words(line[done:])])


def _words(text: str) -> str:
    """Text with spaces that collapsing leaves alone."""
    text = escape(clean(text))
    text = re.sub("  +", lambda found: " " + "&#160;" * (len(found[0]) - 1), text)
    return re.sub("^ ", "&#160;", text) if text.startswith(" &#160;") else text


def _mathml(found: re.Match[str]) -> str:
    latex = found["inner"] if found["own"] is None else found["own"]
    html = richtext.to_html(rf"\({latex}\)", lambda digest: digest, inline=True)
    inner = re.search("<math[^>]*>(.*)</math>", html, re.DOTALL)
    if not inner:
        return ""
    display = "inline" if found["own"] is None else "block"
    return (
        f'<math xmlns="{MATHML}" display="{display}"><semantics><mrow>{inner[1]}</mrow>'
        f'<annotation encoding="application/x-tex">{escape(clean(latex))}</annotation></semantics></math>'
    )
