"""Items in the Excel template: the empty template, and a bounded reading of a filled one.

The file is hostile until shown otherwise: its size, the size of what it unpacks to, rows and columns are bounded before
anything is read, documents with entities and formulas are refused, and nothing is executed or fetched.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import Workbook, load_workbook

from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import Post, active_posts

from .choices import ItemKind, Level
from .models import Item
from .queries import chapters_of
from .rules import OPTION_LETTERS, TRUE_FALSE_OPTIONS, ItemText, Question, faults_of, ids_of, truth

MAX_BYTES = 5 * 1024 * 1024
MAX_UNPACKED = 40 * 1024 * 1024
MAX_MEMBERS = 200
MAX_ROWS = 5000
OPTION_HEADERS = tuple(f"选项{letter}" for letter in OPTION_LETTERS)
HEADERS = (
    "编号",
    "科目",
    "岗位",
    "题型",
    "章节",
    "程度",
    "难度",
    "题干",
    *OPTION_HEADERS,
    "答案",
    "解析",
    "依据",
    "父题编号",
    "小题号",
)
SUBJECTS = {"通用知识": "general", "通用": "general", "专业知识": "professional", "专业": "professional"}
KINDS = {
    "单选": ItemKind.SINGLE,
    "单选题": ItemKind.SINGLE,
    "单项选择题": ItemKind.SINGLE,
    "多选": ItemKind.MULTIPLE,
    "多选题": ItemKind.MULTIPLE,
    "多项选择题": ItemKind.MULTIPLE,
    "判断": ItemKind.TRUE_FALSE,
    "判断题": ItemKind.TRUE_FALSE,
    "综合": ItemKind.CASE,
    "综合题": ItemKind.CASE,
    "案例": ItemKind.CASE,
    "案例题": ItemKind.CASE,
}
COLUMN_OF = {
    "kind": "题型",
    "level": "程度",
    "difficulty": "难度",
    "stem": "题干",
    "options": "选项A",
    "answer": "答案",
    "explanation": "解析",
    "basis": "依据",
    "children": "小题号",
}


@dataclass(frozen=True)
class RowError:
    """A fault of one row: its number as the spreadsheet shows it, the column's header, and what is wrong."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class SheetItem:
    """A proper item of the file. A case is one, with its children."""

    row: int
    uid: str
    subject: str
    chapter: str
    posts: tuple[Post, ...]
    text: ItemText


@dataclass
class Sheet:
    """What a file holds. ``items`` are those without fault; the file is taken in only if ``errors`` is empty."""

    row_count: int = 0
    items: list[SheetItem] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def _refuse(code: str, message: str, status: int = 422) -> Refusal:
    return Refusal(code, message, field="file", status=status)


def check_package(data: bytes) -> None:
    """Raise ``Refusal`` unless ``data`` is a plain, small, unencrypted workbook package."""
    if len(data) > MAX_BYTES:
        raise _refuse("file_large", _("The file is larger than 5 MB. Split it."), 413)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
            if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_UNPACKED:
                raise _refuse(
                    "file_bomb",
                    _("The file unpacks to far more than a table of items holds. It is refused."),
                    413,
                )
            if any(m.flag_bits & 0x1 for m in members):
                raise _refuse(
                    "file_encrypted", _("The file is protected by a password. Save it without one.")
                )
            if "xl/workbook.xml" not in {m.filename for m in members}:
                raise _refuse("file_kind", _("This is not an Excel workbook (.xlsx). Use the template."))
            for member in members:
                content = package.read(member)  # never more than the size it declares: the reader stops there
                if len(content) != member.file_size:
                    raise _refuse("file_damaged", _("The file is damaged. Save it anew in Excel or WPS."))
                if (
                    b"<!DOCTYPE" in content
                    or "<!DOCTYPE".encode("utf-16-le") in content
                    or "<!DOCTYPE".encode("utf-16-be") in content
                ):
                    raise _refuse(
                        "file_entities",
                        _("The file holds XML entities, which no table needs. It is refused."),
                    )
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ):
        raise _refuse("file_kind", _("This is not an Excel workbook (.xlsx). Use the template.")) from None
    except Exception as error:  # zlib.error and what else a broken stream raises
        if isinstance(error, Refusal):
            raise
        raise _refuse("file_damaged", _("The file is damaged. Save it anew in Excel or WPS.")) from None


def _rows(data: bytes) -> Iterator[tuple[int, list[Any], bool]]:
    """Non-empty rows as (number, values, holds a formula), the header first."""
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(max_col=len(HEADERS), max_row=MAX_ROWS + 2), 1):
                values = [cell.value for cell in cells]
                if all(v is None or (isinstance(v, str) and not v.strip()) for v in values):
                    continue
                formula = any(getattr(cell, "data_type", "") == "f" for cell in cells)
                values += [None] * (len(HEADERS) - len(values))
                yield number, values, formula
        finally:
            book.close()
    except Refusal:
        raise
    except Exception:  # openpyxl raises whatever its parsers raise
        raise _refuse(
            "file_damaged", _("The file cannot be read as a table. Save it anew in Excel or WPS.")
        ) from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def parse(data: bytes) -> Sheet:
    """The items of a filled template. Raises ``Refusal`` for what is no such template; faults of rows stand in ``errors``."""
    check_package(data)
    sheet = Sheet()
    reader = _Reader(sheet)
    rows = _rows(data)
    first = next(rows, None)
    if first is None:
        raise _refuse("file_empty", _("The file is empty."))
    headers = [_text(v) for v in first[1]]
    if first[0] != 1 or headers[: len(HEADERS)] != list(HEADERS):
        wrong = next(
            (h for h, want in zip(headers, HEADERS, strict=False) if h != want), headers[0] if headers else ""
        )
        raise _refuse(
            "file_headers",
            _(
                "The first row is not that of the template (found “%(found)s”). Download the template and fill it in."
            )
            % {"found": wrong[:40]},
        )
    for number, values, formula in rows:
        if number > MAX_ROWS + 1:
            raise _refuse(
                "file_rows", _("The file has more than %(n)d rows. Split it.") % {"n": MAX_ROWS}, 413
            )
        sheet.row_count += 1
        if formula:
            sheet.errors.append(RowError(number, "", _("The row holds a formula. Keep values only.")))
            continue
        reader.take(number, dict(zip(HEADERS, (_text(v) for v in values), strict=True)))
    if not sheet.row_count:
        raise _refuse("file_empty", _("The file holds no item."))
    reader.finish()
    sheet.errors.sort(key=lambda e: e.row)
    return sheet


@dataclass
class _Case:
    row: int
    values: dict[str, str]
    children: list[tuple[int, dict[str, str]]] = field(default_factory=list)


class _Reader:
    """Puts rows together to items and checks them."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        posts = list(active_posts())
        self.posts = {**{p.code: p for p in posts}, **{p.name: p for p in posts}}
        self.chapters: dict[tuple[int, str], set[str]] = {}
        self.taken = set(Item.objects.values_list("uid", flat=True))
        self.seen: dict[str, int] = {}
        self.cases: dict[str, _Case] = {}
        self.orphans: list[tuple[int, dict[str, str]]] = []

    def error(self, row: int, column: str, message: str) -> None:
        self.sheet.errors.append(RowError(row, column, message))

    def take(self, row: int, values: dict[str, str]) -> None:
        if values["父题编号"]:
            self.orphans.append((row, values))
            return
        uid = values["编号"]
        if not uid:
            self.error(row, "编号", _("The number is missing."))
        elif len(uid) > 40:
            self.error(row, "编号", _("The number has more than 40 characters."))
        elif uid in self.seen:
            self.error(
                row,
                "编号",
                _("The number %(uid)s stands in row %(row)d already.") % {"uid": uid, "row": self.seen[uid]},
            )
        elif uid in self.taken:
            self.error(row, "编号", _("The number %(uid)s is in the bank already.") % {"uid": uid})
        self.seen.setdefault(uid, row)
        if KINDS.get(values["题型"]) == ItemKind.CASE:
            self.cases.setdefault(uid, _Case(row, values))
        else:
            self._add(row, values, ())

    def finish(self) -> None:
        for row, values in self.orphans:
            case = self.cases.get(values["父题编号"])
            if case is None:
                self.error(
                    row,
                    "父题编号",
                    _("No case of this file has the number %(uid)s.") % {"uid": values["父题编号"]},
                )
            else:
                case.children.append((row, values))
        for case in self.cases.values():
            numbered = sorted(case.children, key=lambda c: (len(c[1]["小题号"]), c[1]["小题号"]))
            for want, (row, values) in enumerate(numbered, 1):
                if values["小题号"] != str(want):
                    self.error(
                        row,
                        "小题号",
                        _("Sub-questions are numbered 1, 2, 3 … without gaps; %(no)d was expected.")
                        % {"no": want},
                    )
            children = tuple(self._question(row, values) for row, values in numbered)
            self._add(case.row, case.values, children)
        self.sheet.items.sort(key=lambda item: item.row)

    def _question(self, row: int, values: dict[str, str]) -> Question:
        kind = self._kind(row, values)
        return Question(kind, values["题干"], *_choices(kind, values), explanation=values["解析"])

    def _kind(self, row: int, values: dict[str, str]) -> str:
        kind = KINDS.get(values["题型"])
        if kind is None:
            self.error(
                row,
                "题型",
                _("“%(kind)s” is none of 单选, 多选, 判断, 综合. Other kinds are not in this bank.")
                % {"kind": values["题型"][:20]},
            )
        return kind or ""

    def _posts(self, row: int, values: dict[str, str]) -> tuple[Post, ...]:
        names = [
            n
            for n in values["岗位"].replace("，", "、").replace(",", "、").replace("；", "、").split("、")
            if n.strip()
        ]
        posts = []
        for name in names:
            post = self.posts.get(name.strip())
            if post is None:
                self.error(
                    row, "岗位", _("The catalogue has no post “%(name)s”.") % {"name": name.strip()[:30]}
                )
            elif post not in posts:
                posts.append(post)
        if not names:
            self.error(row, "岗位", _("The post is missing."))
        return tuple(posts)

    def _known_chapters(self, post: Post, subject: str) -> set[str]:
        if (post.pk, subject) not in self.chapters:
            self.chapters[post.pk, subject] = {e.number for e in chapters_of(post, subject)}
        return self.chapters[post.pk, subject]

    def _add(self, row: int, values: dict[str, str], children: tuple[Question, ...]) -> None:
        before = len(self.sheet.errors)
        kind = self._kind(row, values)
        subject = SUBJECTS.get(values["科目"], "")
        if not subject:
            self.error(row, "科目", _("The subject is 通用知识 or 专业知识."))
        posts = self._posts(row, values)
        chapter = values["章节"].removeprefix("第").removesuffix("章")
        for post in posts if subject else ():
            known = self._known_chapters(post, subject)
            if known and chapter not in known:
                self.error(
                    row,
                    "章节",
                    _("The syllabus of %(post)s has no chapter “%(chapter)s”.")
                    % {"post": post.name, "chapter": chapter[:20]},
                )
        difficulty = None
        if values["难度"]:
            try:
                difficulty = Decimal(values["难度"])
                if not difficulty.is_finite():
                    raise InvalidOperation
            except InvalidOperation:
                self.error(row, "难度", _("The difficulty is a number between 0 and 1."))
                difficulty = None
        text = ItemText(
            kind,
            values["题干"],
            values["程度"] if values["程度"] in Level.values else "",
            *(_choices(kind, values)),
            children=children,
            explanation=values["解析"],
            basis=values["依据"],
            difficulty=difficulty,
        )
        if kind:
            for _code, name, message in faults_of(text):
                self.error(row, COLUMN_OF.get(name, ""), message)
        if len(self.sheet.errors) == before:
            self.sheet.items.append(SheetItem(row, values["编号"], subject, chapter, posts, text))


def _choices(kind: str, values: dict[str, str]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Options and answer of a row. Empty cells at the end are no options; one in between is an empty option."""
    if kind == ItemKind.CASE:
        given = [(h, values[h]) for h in OPTION_HEADERS if values[h]]
        return tuple((h[-1].lower(), text) for h, text in given), ids_of(values["答案"])
    if kind == ItemKind.TRUE_FALSE:
        return TRUE_FALSE_OPTIONS, truth(values["答案"])
    texts = [values[h] for h in OPTION_HEADERS]
    while texts and not texts[-1]:
        texts.pop()
    return tuple((OPTION_LETTERS[n].lower(), text) for n, text in enumerate(texts)), ids_of(values["答案"])


EXAMPLES: tuple[tuple[Any, ...], ...] = (
    (
        "EX-0001",
        "通用知识",
        "101",
        "单选",
        "1",
        "掌握",
        0.75,
        "示例：我国安全生产工作的方针是（  ）。",
        "安全第一、预防为主、综合治理",
        "效益优先",
        "质量第一",
        "进度第一",
        "",
        "",
        "A",
        "示例解析",
        "《安全生产法》第三条",
        "",
        "",
    ),
    (
        "EX-0002",
        "专业知识",
        "101",
        "判断",
        "1",
        "熟悉",
        0.7,
        "示例：判断题的答案写“正确”或“错误”。",
        "",
        "",
        "",
        "",
        "",
        "",
        "正确",
        "",
        "",
        "",
        "",
    ),
    (
        "EX-0003",
        "专业知识",
        "101",
        "综合",
        "1",
        "掌握",
        0.6,
        "示例：综合题的背景材料写在这一行，小题各占一行。",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ),
    (
        "",
        "",
        "",
        "单选",
        "",
        "",
        "",
        "示例：第一小题。",
        "甲",
        "乙",
        "丙",
        "丁",
        "",
        "",
        "B",
        "",
        "",
        "EX-0003",
        1,
    ),
    (
        "",
        "",
        "",
        "多选",
        "",
        "",
        "",
        "示例：第二小题。",
        "甲",
        "乙",
        "丙",
        "丁",
        "戊",
        "",
        "ACE",
        "",
        "",
        "EX-0003",
        2,
    ),
)


def template() -> bytes:
    """The template with its headers, three examples to overwrite, and a page that explains the columns."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "题目"
    for row in (HEADERS, *EXAMPLES):
        sheet.append(list(row))
    sheet.freeze_panes = "A2"
    for letter, width in (("A", 14), ("C", 14), ("H", 60)):
        sheet.column_dimensions[letter].width = width
    notes = book.create_sheet("填写说明")
    for line in (
        "一行一题；第一行表头不可改动；示例行请删除后再上传。",
        "科目：通用知识、专业知识。岗位：岗位名称或代码，多个用顿号分开。",
        "题型：单选（只有 1 个正确选项）、多选（至少 2 个正确、至少 1 个错误）、判断（答案写“正确”或“错误”，不填选项）、综合。",
        "综合题：背景材料一行（题型写“综合”，不填选项和答案）；每个小题各占一行，填父题编号和小题号（从 1 起），至少 2 个小题。",
        "程度：掌握、熟悉、了解。难度：预计答对的比例，0 到 1 之间，可不填。章节：考核大纲的章号。",
        f"最多 {MAX_ROWS} 行、5 MB；不可使用公式。有一行不合要求，整个文件都不入库。",
    ):
        notes.append([line])
    notes.column_dimensions["A"].width = 110
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
