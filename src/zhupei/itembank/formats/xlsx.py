"""Items in the Excel template: one row an item, a case in several rows; pictures lie over their cells.

The file is hostile until shown otherwise: what it unpacks to, its rows and columns are bounded, documents with entities are
refused, formulas are not computed, and nothing is executed or fetched.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl import load_workbook

from zhupei.itembank.choices import ItemKind, Level
from zhupei.itembank.rules import OPTION_LETTERS, TRUE_FALSE_OPTIONS, ItemText, Question, ids_of, truth

from .common import (
    MAX_STREAMED,
    Draft,
    FileRefused,
    ItemRefused,
    Outgoing,
    Reading,
    Refused,
    listing,
    member_bytes,
    open_zip,
    refuse_doctype,
    tick,
)
from .labels import HEADERS, KINDS, OPTION_HEADERS, SUBJECTS, chapter_of, day_of, decimal_of
from .shared import clean
from .sheetpictures import CellPicture, cell_images, pictures_over
from .sheetwriter import filled

NAME = "xlsx"
TITLE = gettext_lazy("Excel (.xlsx)")
EXTENSIONS = ("xlsx",)
CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LOST: frozenset[str] = frozenset()
"""Fields that this format has no room for."""
MAX_ROWS = 40_000
MAX_COLUMNS = 60
NEEDED = ("题型", "题干", "选项A", "选项B", "答案")
PICTURED = frozenset(("题干", "解析", *OPTION_HEADERS))
"""Columns whose cells may hold pictures."""
_CELL_IMAGE = re.compile(r"=\s*(?:_xlfn\.)?DISPIMG\(\s*\"([^\"]{1,80})\"", re.IGNORECASE)


def unwritable(item: Outgoing) -> str:
    """Why an item cannot stand in this format; "" if it can."""
    return ""


def sniff(data: bytes, name: str = "") -> bool:
    """A package with a workbook in it."""
    return any(member.filename == "xl/workbook.xml" for member in listing(data))


def _checked(data: bytes) -> zipfile.ZipFile:
    """The package of a workbook. Raises ``FileRefused`` unless it is plain and within bounds."""
    package = open_zip(data, MAX_STREAMED)
    if "xl/workbook.xml" not in package.NameToInfo:
        raise FileRefused("file_kind", _("This is not an Excel workbook (.xlsx). Use the template."))
    for member in package.infolist():
        if member.filename.endswith((".xml", ".rels")) and member.file_size:
            refuse_doctype(member_bytes(package, member.filename, MAX_STREAMED) or b"")
    return package


@dataclass
class _Row:
    """A row as the spreadsheet numbers it: texts by header."""

    number: int
    values: dict[str, str]
    fault: str = ""
    fault_column: str = ""

    @property
    def where(self) -> str:
        return _("row %(n)d") % {"n": self.number}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.strftime("%Y-%m-%d")
    return clean(str(value)).strip()


class _Sheet:
    """The rows of the first sheet, with the pictures that lie over their cells."""

    def __init__(self, data: bytes, reading: Reading) -> None:
        self.reading = reading
        self.data = data
        self.package = _checked(data)
        self.columns: dict[int, str] = {}

    def rows(self) -> Iterator[_Row]:
        """Rows that are not empty, below the header. Raises ``FileRefused``."""
        try:
            yield from self._rows()
        except FileRefused:
            raise
        except Exception:  # openpyxl raises whatever its parsers raise
            raise FileRefused(
                "file_damaged", _("The file cannot be read as a table. Save it anew in Excel or WPS.")
            ) from None

    def _rows(self) -> Iterator[_Row]:
        book = load_workbook(io.BytesIO(self.data), read_only=True, data_only=False, keep_links=False)
        try:
            sheet: Any = book.worksheets[0]
            part = str(sheet._worksheet_path).lstrip("/")
            total = (member_bytes(self.package, part, MAX_STREAMED) or b"").count(b"<row")
            over = pictures_over(self.package, part)
            self.images = cell_images(self.package)
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS, max_row=MAX_ROWS + 2), 1):
                if number % 200 == 0:
                    tick(number, total)
                if number > MAX_ROWS + 1:
                    raise FileRefused(
                        "file_rows", _("The file has more than %(n)d rows. Split it.") % {"n": MAX_ROWS}, 413
                    )
                if not self.columns:
                    self._headers([_text(cell.value) for cell in cells])
                    continue
                pictures = over.pop(number, [])
                if pictures or any(_text(cell.value) for cell in cells):
                    yield self._row(number, cells, pictures)
            if not self.columns:
                raise FileRefused("file_empty", _("The file is empty."))
            for number, pictures in over.items():
                self.reading.notes += [
                    Refused(
                        _("row %(n)d") % {"n": number}, _("A picture lies over no item and was left out.")
                    )
                    for _one in pictures[:5]
                ]
        finally:
            book.close()

    def _headers(self, texts: list[str]) -> None:
        if not any(texts):
            raise FileRefused("file_empty", _("The file is empty."))
        for n, text in enumerate(texts):
            if text in HEADERS and text not in self.columns.values():
                self.columns[n] = text
            elif text:
                self.reading.notes.append(
                    Refused(
                        _("row %(n)d") % {"n": 1},
                        _("A column that is not of the template was left out."),
                        text[:40],
                    )
                )
        missing = [header for header in NEEDED if header not in self.columns.values()]
        if missing:
            raise FileRefused(
                "file_headers",
                _(
                    "The first row is not that of the template: %(missing)s is missing. Download the template and fill it in."
                )
                % {"missing": "、".join(missing)},
            )

    def _row(self, number: int, cells: Iterable[Any], pictures: list[CellPicture]) -> _Row:
        row = _Row(number, dict.fromkeys(HEADERS, ""))
        over: dict[str, list[CellPicture]] = {}
        for picture in pictures:
            header = self.columns.get(picture.column, "")
            if header not in PICTURED:
                row.fault = _(
                    "A picture lies beside the stem, the options and the explanation. Move it over its cell."
                )
                row.fault_column = header
            over.setdefault(header, []).append(picture)
        for n, cell in enumerate(cells):
            header = self.columns.get(n, "")
            if not header:
                continue
            value = cell.value
            if getattr(cell, "data_type", "") == "f":
                image = _CELL_IMAGE.match(str(value))
                target = self.images.get(image[1]) if image else None
                if target is None or header not in PICTURED:
                    row.fault = _("The row holds a formula. Keep values only.")
                    row.fault_column = header
                    continue
                over.setdefault(header, []).append(CellPicture(n, target))
                value = ""
            try:
                row.values[header] = self._with_pictures(_text(value), over.get(header, []))
            except ItemRefused as refusal:
                row.fault, row.fault_column = str(refusal), header
        return row

    def _with_pictures(self, text: str, pictures: list[CellPicture]) -> str:
        """``text`` with its pictures: where 【图1】 stands, or behind it. Raises ``ItemRefused``."""
        for n, picture in enumerate(pictures[:20], 1):
            data = member_bytes(self.package, picture.target) if picture.target else None
            if data is None:
                raise ItemRefused(_("A picture is only linked and not in the file."))
            place = re.search(rf"【图{n}(?:：([^】]*))?】", text)
            markup = self.reading.picture("", data, (place[1] or "") if place else picture.words)
            if place:
                text = text[: place.start()] + markup + text[place.end() :]
            else:
                text = f"{text}\n{markup}" if text else markup
        return text


def read(data: bytes, *, name: str = "") -> Reading:
    """The items of a filled template. Raises ``FileRefused`` for what is no such template."""
    reading = Reading()
    reader = _Reader(reading)
    for row in _Sheet(data, reading).rows():
        reader.take(row)
    if not reader.count:
        raise FileRefused("file_empty", _("The file holds no item."))
    reader.finish()
    return reading


@dataclass
class _Case:
    row: _Row
    children: list[_Row] = field(default_factory=list)


class _Reader:
    """Puts rows together to items."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.cases: dict[str, _Case] = {}
        self.orphans: list[_Row] = []
        self.drafts: list[tuple[int, Draft]] = []
        self.refused: list[tuple[int, Refused]] = []
        self.count = 0

    def error(self, row: _Row, column: str, reason: str) -> None:
        self.refused.append((row.number, Refused(row.where, reason, column)))

    def take(self, row: _Row) -> None:
        self.count += 1
        values = row.values
        if values["父题编号"]:
            self.orphans.append(row)
        elif row.fault:
            self.error(row, row.fault_column, row.fault)
        elif KINDS.get(values["题型"]) == ItemKind.CASE:
            uid = values["编号"]
            if not uid:
                self.error(row, "编号", _("The number is missing: the sub-questions of a case name it."))
            elif uid in self.cases:
                self.error(
                    row,
                    "编号",
                    _("The number %(uid)s stands in row %(row)d already.")
                    % {"uid": uid[:40], "row": self.cases[uid].row.number},
                )
            else:
                self.cases[uid] = _Case(row)
        else:
            self._add(row, ())

    def finish(self) -> None:
        """Bring sub-questions to their cases, and everything into the order of the rows."""
        for row in self.orphans:
            case = self.cases.get(row.values["父题编号"])
            if case is None:
                self.error(
                    row,
                    "父题编号",
                    _("No case of this file has the number %(uid)s.") % {"uid": row.values["父题编号"][:40]},
                )
            else:
                case.children.append(row)
        for case in self.cases.values():
            before = len(self.refused)
            numbered = sorted(case.children, key=lambda r: (len(r.values["小题号"]), r.values["小题号"]))
            for want, row in enumerate(numbered, 1):
                if row.fault:
                    self.error(row, row.fault_column, row.fault)
                elif row.values["小题号"] != str(want):
                    self.error(
                        row,
                        "小题号",
                        _("Sub-questions are numbered 1, 2, 3 … without gaps; %(no)d was expected.")
                        % {"no": want},
                    )
            children = tuple(self._question(row) for row in numbered)
            if len(self.refused) == before:
                self._add(case.row, children)
        self.reading.drafts += [draft for _n, draft in sorted(self.drafts, key=lambda one: one[0])]
        self.reading.refused += [refused for _n, refused in sorted(self.refused, key=lambda one: one[0])]

    def _question(self, row: _Row) -> Question:
        kind = self._kind(row)
        values = row.values
        return Question(kind, values["题干"], *_choices(kind, values), explanation=values["解析"])

    def _kind(self, row: _Row) -> str:
        told = row.values["题型"]
        kind = KINDS.get(told)
        if kind is None:
            self.error(
                row,
                "题型",
                _("“%(kind)s” is none of 单选, 多选, 判断, 综合. Other kinds are not in this bank.")
                % {"kind": told[:20]},
            )
            if told:
                self.reading.unsupported[told[:20]] += 1
        return kind or ""

    def _add(self, row: _Row, children: tuple[Question, ...]) -> None:
        before = len(self.refused)
        values = row.values
        kind = self._kind(row)
        if values["程度"] and values["程度"] not in Level.values:
            self.error(row, "程度", _("The level is one of 掌握, 熟悉, 了解."))
        difficulty = decimal_of(values["难度"]) if values["难度"] else None
        if values["难度"] and difficulty is None:
            self.error(row, "难度", _("The difficulty is a number between 0 and 1."))
        valid_to = day_of(values["依据有效至"]) if values["依据有效至"] else None
        if values["依据有效至"] and valid_to is None:
            self.error(row, "依据有效至", _("The day is written like 2026-12-31."))
        if len(self.refused) > before:
            return
        text = ItemText(
            kind,
            values["题干"],
            values["程度"],
            *_choices(kind, values),
            children=children,
            explanation=values["解析"],
            basis=values["依据"],
            difficulty=difficulty,
            valid_to=valid_to,
        )
        posts = re.split(r"[、，,；;]", values["岗位"])
        draft = Draft(
            where=row.where,
            text=text,
            uid=values["编号"],
            subject=SUBJECTS.get(values["科目"], values["科目"]),
            chapter=chapter_of(values["章节"]),
            post_codes=tuple(post.strip() for post in posts if post.strip()),
        )
        self.drafts.append((row.number, draft))


_Choices = tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]


def _choices(kind: str, values: dict[str, str]) -> _Choices:
    """Options, answer and anchored options of a row. Empty cells at the end are no options; one in between is an empty
    option."""
    anchored = ids_of(values["固定选项"])
    if kind == ItemKind.CASE:
        given = [(h, values[h]) for h in OPTION_HEADERS if values[h]]
        return tuple((h[-1].lower(), text) for h, text in given), ids_of(values["答案"]), anchored
    if kind == ItemKind.TRUE_FALSE:
        return TRUE_FALSE_OPTIONS, truth(values["答案"]), ()
    texts = [values[h] for h in OPTION_HEADERS]
    while texts and not texts[-1]:
        texts.pop()
    options = tuple((OPTION_LETTERS[n].lower(), text) for n, text in enumerate(texts))
    return options, ids_of(values["答案"]), anchored


def write(items: Iterable[Outgoing]) -> bytes:
    """A filled template that reads back with every field; pictures lie over their cells."""
    return filled(items)
