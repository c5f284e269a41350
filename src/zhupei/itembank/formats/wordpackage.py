"""A Word document as paragraphs and tables of plain text; whatever else items hold stands in it as one private character.

The file is hostile until shown otherwise: members, paragraphs, nesting and time are bounded, documents that declare types or
entities are refused, and nothing outside the file is ever opened.
"""

from __future__ import annotations

import io
import posixpath
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from lxml import etree

from . import omml
from .common import (
    MAX_STREAMED,
    FileRefused,
    ItemRefused,
    Reading,
    member_bytes,
    open_zip,
    refuse_doctype,
    tick,
)
from .wordnumbers import VAL, Numbers, W

R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
V = "{urn:schemas-microsoft-com:vml}"
PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
DOCUMENT = "/officeDocument"
MAX_PARAGRAPHS = 200_000
MAX_CELLS = 4000
MAX_NESTED = 4
"""Tables within tables."""
MAX_SECONDS = 120.0
MAX_PICTURE = 5 * 1024 * 1024
PARSER: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
FIRST_ATOM, LAST_ATOM = 0xF0000, 0xFFFFD
"""Private characters (plane 15) that stand for pictures, formulas and tables."""
_PRIVATE = re.compile(f"[{chr(FIRST_ATOM)}-{chr(LAST_ATOM)}]")
_STRICT = (
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", W),
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", R),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", omml.M),
    (b"http://purl.oclc.org/ooxml/drawingml/main", A),
    (b"http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing", WP),
)
_UP = dict(
    zip("0123456789+-=()niabcdefghjklmoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)
)
_DOWN = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_UP |= {"－": "⁻", "−": "⁻", "＋": "⁺", "（": "⁽", "）": "⁾"}
_DOWN |= {"－": "₋", "−": "₋", "＋": "₊", "（": "₍", "）": "₎"}
_SYMBOLS = {
    ("wingdings", 0xFC): "√",
    ("wingdings", 0xFB): "×",
    ("wingdings 2", 0x50): "√",
    ("wingdings 2", 0x4F): "×",
    ("symbol", 0xD6): "√",
    ("symbol", 0xB4): "×",
    ("symbol", 0xB1): "±",
    ("symbol", 0xB0): "°",
    ("symbol", 0xA3): "≤",
    ("symbol", 0xB3): "≥",
    ("symbol", 0x6D): "μ",
    ("symbol", 0x61): "α",
    ("symbol", 0x62): "β",
    ("symbol", 0x66): "φ",
}
_THROUGH = {
    *(f"{W}{name}" for name in ("hyperlink", "ins", "moveTo", "smartTag", "sdt", "sdtContent", "fldSimple")),
    *(f"{W}{name}" for name in ("bdo", "dir", "customXml", "ruby", "rubyBase")),
    f"{MC}AlternateContent",
}
_GONE = {f"{W}{name}" for name in ("del", "moveFrom", "pPr", "rPr", "sdtPr", "sdtEndPr", "rt", "rubyPr")}
_NOTES = {f"{W}footnoteReference", f"{W}endnoteReference"}


@dataclass
class Line:
    """A line of the document: its paragraph's number, its text, and what of it cannot come in."""

    paragraph: int
    text: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Grid:
    """A table: rows of cells of lines. ``merged``: some cells reach over others."""

    paragraph: int
    rows: list[list[list[Line]]]
    merged: bool = False


@dataclass
class Atoms:
    """What private characters stand for."""

    markups: list[str] = field(default_factory=list)

    def add(self, markup: str) -> str:
        if len(self.markups) > LAST_ATOM - FIRST_ATOM:
            raise FileRefused(
                "file_items", _("The file holds too many pictures and formulas. Split it."), 413
            )
        self.markups.append(markup)
        return chr(FIRST_ATOM + len(self.markups) - 1)

    def restored(self, text: str) -> str:
        """``text`` with the markup again."""
        return _PRIVATE.sub(lambda one: self.markups[ord(one[0]) - FIRST_ATOM], text)


def _root(package: zipfile.ZipFile, name: str) -> Any | None:
    """The root of a small part; None if there is none."""
    data = member_bytes(package, name)
    if data is None:
        return None
    return parsed(data)


def parsed(data: bytes) -> Any:
    """The root of an XML part, read without entities, types or the network. Raises ``FileRefused``."""
    refuse_doctype(data)
    try:
        return etree.fromstring(_transitional(data), etree.XMLParser(**PARSER))
    except (etree.XMLSyntaxError, ValueError):
        raise FileRefused("file_damaged", _("The file is damaged or not of this format.")) from None


def _transitional(data: bytes) -> bytes:
    if b"purl.oclc.org/ooxml" in data:
        for strict, name in _STRICT:
            data = data.replace(strict, name[1:-1].encode())
    return data


def related(package: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str, bool]]:
    """What a part refers to, by id: (type, name of the part or address, lies outside the file)."""
    folder, name = posixpath.split(part)
    root = _root(package, posixpath.join(folder, "_rels", f"{name}.rels"))
    found = {}
    for one in () if root is None else root.iter(f"{PACKAGE}Relationship"):
        target, outside = one.get("Target", ""), one.get("TargetMode") == "External"
        if not outside:
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        found[one.get("Id", "")] = (one.get("Type", ""), target, outside)
    return found


def main_part(package: zipfile.ZipFile) -> str:
    """The name of the part that holds the text. Raises ``FileRefused`` if this is no Word document."""
    for kind, target, outside in related(package, "").values():
        if kind.endswith(DOCUMENT) and not outside and target.startswith("word/"):
            return target
    raise FileRefused("file_kind", _("This is not a Word document (.docx). Save it anew in Word or WPS."))


class Document:
    """Reads a package; ``blocks`` gives its paragraphs' lines and its tables in order."""

    def __init__(self, data: bytes, reading: Reading) -> None:
        self.package = open_zip(data, MAX_STREAMED)
        self.reading = reading
        self.atoms = Atoms()
        self.part = main_part(self.package)
        self.related = related(self.package, self.part)
        named = {kind.rpartition("/")[2]: target for kind, target, out in self.related.values() if not out}
        numbering, styles = (
            _root(self.package, named[kind]) if kind in named else None for kind in ("numbering", "styles")
        )
        self.numbers = Numbers.of(numbering, styles)
        self.pictures: dict[str, str] = {}
        self.paragraph = 0
        self.deadline = time.monotonic() + MAX_SECONDS
        self.line = Line(0, "")

    def blocks(self) -> Iterator[Line | Grid]:
        """Lines and tables in the order of the text. Raises ``FileRefused``."""
        data = member_bytes(self.package, self.part, MAX_STREAMED)
        if data is None:
            raise FileRefused(
                "file_kind", _("This is not a Word document (.docx). Save it anew in Word or WPS.")
            )
        refuse_doctype(data)
        stream = io.BytesIO(_transitional(data))
        tags = (f"{W}p", f"{W}tbl")
        depth = 0
        try:
            for event, node in etree.iterparse(stream, events=("start", "end"), tag=tags, **PARSER):
                depth += 1 if event == "start" else -1
                if event == "start" or depth:
                    continue
                if node.tag == f"{W}tbl":
                    yield self._grid(node, 1)
                else:
                    yield from self._lines(node)
                node.clear()
                while node.getprevious() is not None:
                    del node.getparent()[0]
                if self.paragraph % 200 == 0:
                    tick(stream.tell(), len(data))
        except etree.XMLSyntaxError:
            raise FileRefused("file_damaged", _("The file is damaged or not of this format.")) from None

    def _lines(self, node: Any) -> Iterator[Line]:
        self.paragraph += 1
        if self.paragraph > MAX_PARAGRAPHS:
            raise FileRefused(
                "file_rows",
                _("The file has more than %(n)d paragraphs. Split it.") % {"n": MAX_PARAGRAPHS},
                413,
            )
        if time.monotonic() > self.deadline:
            raise FileRefused("file_slow", _("The file takes too long to read. Split it."), 413)
        self.line = line = Line(self.paragraph, "")
        label = self.numbers.label(node.find(f"{W}pPr"))
        if label and label[-1] not in ".．、)）】]:：":
            label += "、"
        first, *others = (label + self._inside(node)).split("\n")
        yield Line(self.paragraph, first, line.problems, line.notes)
        for text in others:
            yield Line(self.paragraph, text)

    def _inside(self, node: Any) -> str:
        return "".join(self._one(child) for child in node)

    def _one(self, node: Any) -> str:
        tag = node.tag
        if tag == f"{W}r":
            return self._run(node)
        if tag in _GONE or not isinstance(tag, str):
            return ""
        if tag == f"{MC}AlternateContent":
            chosen = node.find(f"{MC}Choice")
            return self._inside(node.find(f"{MC}Fallback") if chosen is None else chosen) if len(node) else ""
        if tag in _THROUGH:
            return self._inside(node)
        if tag in (f"{omml.M}oMath", f"{omml.M}oMathPara"):
            return self._formula(node)
        return ""

    def _formula(self, node: Any) -> str:
        try:
            latex = omml.latex_of(node)
        except omml.Unfit:
            self._refuse(_("It holds an equation that cannot be taken over. Write it between \\( and \\)."))
            return "□"
        return self.atoms.add(rf"\({latex}\)")

    def _refuse(self, reason: str) -> None:
        if reason not in self.line.problems:
            self.line.problems.append(reason)

    def _run(self, node: Any) -> str:
        properties = node.find(f"{W}rPr")
        text = "".join(self._piece(child) for child in node)
        if properties is None or not text:
            return text
        raised = properties.find(f"{W}vertAlign")
        if raised is not None and text.strip():
            return self._shifted(text, raised.get(VAL, ""))
        under = properties.find(f"{W}u")
        if under is not None and under.get(VAL) != "none" and len(text) > 1 and text.isspace():
            return "_" * len(text)
        return text

    def _shifted(self, text: str, how: str) -> str:
        """Superscripts and subscripts as such characters, or as a formula where there are none."""
        signs = {"superscript": _UP, "subscript": _DOWN}.get(how)
        if signs is None or _PRIVATE.search(text):
            return text
        if all(sign in signs for sign in text):
            return "".join(signs[sign] for sign in text)
        inner = text.strip().replace("\\", r"\backslash ")
        for sign in "{}%#&_$":
            inner = inner.replace(sign, f"\\{sign}")
        mark = "^" if signs is _UP else "_"
        return self.atoms.add(rf"\({{}}{mark}{{\text{{{inner}}}}}\)")

    def _piece(self, node: Any) -> str:
        tag = node.tag
        if tag == f"{W}t":
            return (
                _PRIVATE.sub("", node.text or "")
                .replace("\r", "")
                .replace("\n", " ")
                .replace("](media:", "] (media:")
            )
        if tag in (f"{W}tab", f"{W}ptab"):
            return "\t"
        if tag in (f"{W}br", f"{W}cr"):
            return "" if node.get(f"{W}type") in ("page", "column") else "\n"
        if tag == f"{W}noBreakHyphen":
            return "-"
        if tag == f"{W}sym":
            return self._symbol(node)
        if tag in (f"{W}drawing", f"{W}pict", f"{MC}AlternateContent"):
            return self._drawn(node)
        if tag == f"{W}object":
            self._refuse(
                _("It holds an embedded object (an equation of an older Word or MathType, or a chart).")
            )
            return "□"
        if tag == f"{W}instrText" and (node.text or "").strip().lower().startswith("eq "):
            self._refuse(_("It holds an equation that cannot be taken over. Write it between \\( and \\)."))
        elif tag in _NOTES:
            self.line.notes.append(_("A footnote was left out."))
        elif tag == f"{W}ruby":
            return self._inside(node)
        return ""

    def _symbol(self, node: Any) -> str:
        font, code = node.get(f"{W}font", "").lower(), node.get(f"{W}char", "")
        try:
            number = int(code, 16) & 0xFF
        except ValueError:
            number = 0
        sign = _SYMBOLS.get((font, number))
        if sign is None:
            self._refuse(_("It holds a sign of a symbol font (%(font)s).") % {"font": font[:40]})
        return sign or "□"

    def _drawn(self, node: Any) -> str:
        """The pictures of a drawing. What else may be drawn (shapes, charts, text boxes) refuses the item by name."""
        if node.tag == f"{MC}AlternateContent":
            chosen = node.find(f"{MC}Choice")
            chosen = node.find(f"{MC}Fallback") if chosen is None else chosen
            return "" if chosen is None else "".join(self._piece(child) for child in chosen)
        if any(
            one.text and one.text.strip() for box in node.iter(f"{W}txbxContent") for one in box.iter(f"{W}t")
        ):
            self._refuse(_("It holds a text box. Put its text into the paragraph."))
            return "□"
        ids = [blip.get(f"{R}embed") or blip.get(f"{R}link", "") for blip in node.iter(f"{A}blip")]
        ids += [data.get(f"{R}id", "") for data in node.iter(f"{V}imagedata")]
        words = next((one.get("descr", "") for one in node.iter(f"{WP}docPr")), "")
        if not ids:
            shapes = ("}graphicData", "}textpath", "}shape", "}rect", "}oval", "}group")
            if any(str(one.tag).endswith(shapes) for one in node.iter()):
                self._refuse(_("It holds a drawing or chart. Put it in as a picture."))
            return ""
        return "".join(self._picture(one, words) for one in ids[:20])

    def _picture(self, name: str, words: str) -> str:
        kind, target, outside = self.related.get(name, ("", "", True))
        if outside or not kind.endswith("/image"):
            self._refuse(_("A picture is only linked and not in the file."))
            return "□"
        key = f"{target}\0{words}"
        if key not in self.pictures:
            data = member_bytes(self.package, target, MAX_PICTURE)
            try:
                if data is None:
                    raise ItemRefused(_("A picture is only linked and not in the file."))
                self.pictures[key] = self.reading.picture("", data, words)
            except ItemRefused as refusal:
                self.pictures[key] = f"\0{refusal}"
        markup = self.pictures[key]
        if markup.startswith("\0"):
            self._refuse(markup[1:])
            return "□"
        return self.atoms.add(markup)

    def _grid(self, table: Any, depth: int) -> Grid:
        grid = Grid(self.paragraph + 1, [])
        if depth > MAX_NESTED:
            raise FileRefused("file_nested", _("The file holds tables nested too deeply. It is refused."))
        cells = 0
        for row in _under(table, f"{W}tr"):
            grid.rows.append([])
            for cell in _under(row, f"{W}tc"):
                cells += 1
                if cells > MAX_CELLS:
                    raise FileRefused("file_rows", _("A table has too many cells. Split it."), 413)
                lines: list[Line] = []
                for node in _under(cell, f"{W}p", f"{W}tbl"):
                    if node.tag == f"{W}p":
                        lines += self._lines(node)
                        continue
                    inner = self._grid(node, depth + 1)
                    lines += [line for r in inner.rows for c in r for line in c]
                properties = cell.find(f"{W}tcPr")
                span, below = _merging(properties)
                grid.merged = grid.merged or span > 1 or below
                grid.rows[-1] += [lines, *([Line(self.paragraph, "")] for _n in range(min(span, 30) - 1))]
        return grid


def _merging(properties: Any | None) -> tuple[int, bool]:
    """How many columns a cell takes, and whether it goes on from the one above."""
    if properties is None:
        return 1, False
    span, below = properties.find(f"{W}gridSpan"), properties.find(f"{W}vMerge")
    value = "1" if span is None else span.get(VAL, "1")
    count = int(value) if value.isascii() and value.isdigit() and len(value) < 4 else 1
    return max(count, 1), below is not None


def _under(node: Any, *tags: str) -> Iterator[Any]:
    """The children with these tags, also those within content controls and insertions."""
    for child in node:
        if child.tag in tags:
            yield child
        elif child.tag in _THROUGH:
            yield from _under(child, *tags)
