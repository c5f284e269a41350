"""A printed form as a grid, described once and set twice: by ``form.typ`` as PDF and here as DOCX.

The annexes of the rule are such grids. Because both outputs read the same cells, their wording cannot part.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from docx import Document as new_docx
from docx.document import Document as Docx
from docx.enum.table import WD_ALIGN_VERTICAL, WD_ROW_HEIGHT_RULE, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import _Cell
from docx.text.paragraph import Paragraph

from zhupei.documents import images
from zhupei.documents.text import clean_all
from zhupei.documents.typeset import UNDATED, Job
from zhupei.kernel.errors import Refusal

PAGE_MARGIN_MM = 22
MOST_SHEETS = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """``field`` names the cell in refusals; a label is the form's own word and stands centred."""

    text: str
    span: int = 1
    label: bool = False
    field: str = ""
    align: str = "center"


@dataclass(frozen=True, slots=True)
class Row:
    """Cells and the height of the row."""

    height_mm: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Signing:
    """The closing cell: a text, then who signs and where the seal goes.

    ``in_line``: signature and seal stand side by side (annex 4), otherwise one above the other (annex 2).
    """

    height_mm: float
    text: str
    field: str
    sign_label: str
    seal_label: str
    label: str = ""
    day: str = ""
    in_line: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a form."""

    annex: str
    title: tuple[str, ...]
    head: tuple[str, ...]
    widths_mm: tuple[float, ...]
    rows: tuple[Row, ...]
    signing: Signing
    note: str = ""
    continued: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """All sheets of a form with what is common to them."""

    title: str
    sheets: tuple[Sheet, ...]
    dated: date | None = None
    signature: bytes | None = None
    seal: bytes | None = None
    below: tuple[str, ...] = field(default=())


def sheets_needed(rows: int, a_sheet: int) -> int:
    """Sheets for so many rows; the empty form is one. Raises ``Refusal`` beyond ``MOST_SHEETS``."""
    needed = max(1, -(-rows // a_sheet))
    if needed > MOST_SHEETS:
        raise Refusal(
            "documents.too_many",
            f"表格行数太多（{rows}行），最多可印{MOST_SHEETS * a_sheet}行。",
            clause="R176",
        )
    return needed


def to_job(form: Form) -> Job:
    """The form for the typesetter."""
    pictures = {}
    if form.signature is not None:
        pictures["signature"] = images.mark(form.signature, "签字")
    if form.seal is not None:
        pictures["seal"] = images.mark(form.seal, "盖章")
    return Job(
        template="form",
        title=form.title,
        data={"sheets": [asdict(sheet) for sheet in form.sheets], "below": list(form.below)},
        pictures=pictures,
        dated=form.dated,
    )


# ------------------------------------------------------------------------------------------------------ DOCX

SONG, FANG, HEI, LATIN = "宋体", "仿宋", "黑体", "Times New Roman"
# What a machine without the face may take in its place, in Word's own font table.
INSTEAD = {
    SONG: "SimSun,Noto Serif CJK SC",
    FANG: "FangSong,仿宋_GB2312,FangSong_GB2312",
    HEI: "SimHei,Noto Sans CJK SC",
}


def to_docx(form: Form) -> bytes:
    """The form for Word and WPS, to be completed and signed by hand.

    Seal and signature are left out on purpose: an editable file is no place for a seal that anyone could lift.
    """
    clean_all({"sheets": [asdict(sheet) for sheet in form.sheets], "below": list(form.below)})
    document = new_docx()
    _prepare(document, form)
    for sheet in form.sheets:
        _sheet(document, sheet)
    if form.below:
        _run(document.sections[0].footer.paragraphs[0], "　".join(form.below), size=8)
    return _packed(document)


def _prepare(document: Docx, form: Form) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(PAGE_MARGIN_MM)
    section.top_margin, section.bottom_margin = Mm(20), Mm(16)
    section.header_distance = section.footer_distance = Mm(8)
    day = form.dated or UNDATED
    about = document.core_properties
    about.title, about.author, about.comments, about.language = form.title, "", "", "zh-CN"
    about.created = about.modified = datetime(day.year, day.month, day.day, tzinfo=UTC)
    normal = document.styles["Normal"]
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for slot, name in (("ascii", LATIN), ("hAnsi", LATIN), ("eastAsia", SONG), ("cs", LATIN)):
        fonts.set(qn(f"w:{slot}"), name)
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:eastAsia"), "zh-CN")
    table = next(
        (part for part in document.part.package.iter_parts() if part.partname == "/word/fontTable.xml"), None
    )
    if table is not None:
        entries = "".join(
            f'<w:font w:name="{name}"><w:altName w:val="{other}"/><w:charset w:val="86"/>'
            '<w:family w:val="auto"/><w:pitch w:val="variable"/></w:font>'
            for name, other in INSTEAD.items()
        )
        table._blob = table.blob.replace(b"</w:fonts>", entries.encode() + b"</w:fonts>")


def _sheet(document: Docx, sheet: Sheet) -> None:
    total = sum(sheet.widths_mm)
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.page_break_before = bool(sheet.continued)
    _tight(paragraph)
    _run(paragraph, sheet.annex, face=HEI, size=16)
    if sheet.continued:
        paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(total), WD_TAB_ALIGNMENT.RIGHT)
        _run(paragraph, "\t" + sheet.continued, size=12)
    for line in sheet.title:
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _tight(paragraph)
        _run(paragraph, line, size=20 if len(line) <= 20 else 18, bold=True)
    paragraph = document.add_paragraph()
    _tight(paragraph, before=6, after=4)
    paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(total), WD_TAB_ALIGNMENT.RIGHT)
    _run(paragraph, "\t".join(sheet.head), size=12)
    _grid(document, sheet)
    paragraph = document.add_paragraph()
    _tight(paragraph, before=4)
    _run(paragraph, sheet.note, size=12)


def _grid(document: Docx, sheet: Sheet) -> None:
    columns = len(sheet.widths_mm)
    table = document.add_table(rows=len(sheet.rows) + 1, cols=columns)
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    for column, width in zip(table.columns, sheet.widths_mm, strict=True):
        column.width = Mm(width)
    for line, row in zip(table.rows, sheet.rows, strict=False):
        line.height, line.height_rule = Mm(row.height_mm), WD_ROW_HEIGHT_RULE.AT_LEAST
        at = 0
        for cell in row.cells:
            width = sum(sheet.widths_mm[at : at + cell.span])
            place = line.cells[at].merge(line.cells[at + cell.span - 1]) if cell.span > 1 else line.cells[at]
            place.width = Mm(width)
            place.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
            paragraph = place.paragraphs[0]
            paragraph.alignment = (
                WD_ALIGN_PARAGRAPH.CENTER if cell.align == "center" else WD_ALIGN_PARAGRAPH.LEFT
            )
            _tight(paragraph)
            _run(paragraph, cell.text, face=FANG, size=_size(cell.text, width, row.height_mm))
            at += cell.span
    _signing(table.rows[-1].cells, sheet, table.rows[-1])


def _signing(cells: tuple[_Cell, ...], sheet: Sheet, line: Any) -> None:
    signing = sheet.signing
    line.height, line.height_rule = Mm(signing.height_mm), WD_ROW_HEIGHT_RULE.AT_LEAST
    first = 0
    if signing.label:
        first = 1
        cells[0].width = Mm(sheet.widths_mm[0])
        cells[0].vertical_alignment = WD_ALIGN_VERTICAL.CENTER
        cells[0].paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        _run(cells[0].paragraphs[0], signing.label, face=FANG)
    place = cells[first].merge(cells[-1])
    width = sum(sheet.widths_mm[first:])
    place.width = Mm(width)
    size = _size(signing.text, width, signing.height_mm * 0.55)
    paragraph = place.paragraphs[0]
    _tight(paragraph, before=4, after=14)
    paragraph.paragraph_format.first_line_indent = Pt(2 * size)
    _run(paragraph, signing.text, face=FANG, size=size)
    if signing.in_line:
        paragraph = place.add_paragraph()
        _tight(paragraph, after=12)
        paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(width * 0.55))
        _run(paragraph, f"{signing.sign_label}\t{signing.seal_label}", face=FANG)
    else:
        for label, indent in ((signing.sign_label, 0.35), (signing.seal_label, 0.45)):
            paragraph = place.add_paragraph()
            _tight(paragraph, after=10)
            paragraph.paragraph_format.left_indent = Mm(width * indent)
            _run(paragraph, label, face=FANG)
    if signing.day:
        paragraph = place.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _tight(paragraph, after=4)
        paragraph.paragraph_format.right_indent = Mm(12)
        _run(paragraph, signing.day, face=FANG)


def _size(text: str, width_mm: float, height_mm: float) -> float:
    """A type size in which ``text`` should stand in the cell: Word cannot be asked, so ems are counted."""
    size = 12.0
    while size > 7:
        em = size * 0.353
        a_line = max(1.0, (width_mm - 4) / em)
        lines = sum(
            max(1, -int(-sum(0.52 if ord(char) < 0x2000 else 1 for char in part) // a_line))
            for part in text.split("\n")
        )
        if lines * em * 1.3 <= height_mm - 1:
            break
        size -= 0.5
    return size


def _run(paragraph: Paragraph, text: str, *, face: str = SONG, size: float = 12, bold: bool = False) -> None:
    run = paragraph.add_run(text)
    run.font.name, run.font.size, run.font.bold = LATIN, Pt(size), bold
    fonts = run._element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), face)
    fonts.set(qn("w:hint"), "eastAsia")
    language = OxmlElement("w:lang")
    language.set(qn("w:eastAsia"), "zh-CN")
    run._element.get_or_add_rPr().append(language)


def _tight(paragraph: Paragraph, before: float = 0, after: float = 0) -> None:
    paragraph.paragraph_format.space_before = Pt(before)
    paragraph.paragraph_format.space_after = Pt(after)


def _packed(document: Docx) -> bytes:
    """The file with every member dated the same, so that the same form gives the same bytes."""
    raw, out = io.BytesIO(), io.BytesIO()
    document.save(raw)
    with zipfile.ZipFile(raw) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            plain = zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0))
            plain.compress_type = zipfile.ZIP_DEFLATED
            after.writestr(plain, before.read(entry))
    return out.getvalue()
