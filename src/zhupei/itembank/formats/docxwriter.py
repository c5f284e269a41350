"""Items as a Word document: headings by kind, numbered stems, lettered options, answers and fields behind their names.

Text that only looks like structure is marked by a word joiner (``layoutwords.GUARD``), which no reader of the page sees.
Formulas stay as they are typed, between their backslash brackets.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from django.utils.translation import gettext as _
from PIL import Image

from zhupei.itembank.choices import ItemKind
from zhupei.itembank.rules import ItemText, Question

from . import layoutwords as words
from .common import MAX_STREAMED, FileRefused, Outgoing, printable
from .labels import SUBJECT_NAMES
from .layoutwords import GUARD
from .wordnumbers import han

HEADINGS = {
    ItemKind.SINGLE: "单项选择题",
    ItemKind.MULTIPLE: "多项选择题",
    ItemKind.TRUE_FALSE: "判断题",
    ItemKind.CASE: "案例分析题",
}
MAX_WIDTH = 5_400_000  # 15 cm, in EMU
EMU = 9525  # of a pixel at 96 to the inch
_ATOM = re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]|!\[[^\[\]\n]*\]\(media:[0-9a-f]{64}\)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(media:([0-9a-f]{64})\)")
_RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*")
_BAR = re.compile(r"(?<!\\)\|")
_OPTION_LIKE = re.compile(r"[B-Hb-h]\s*[.、:)]|\s[B-H]\s|[;]\s*$|^\s|\s$")
_SIMPLE = re.compile(r"[\w.、-]+")
_TYPES = {"image/png": "png", "image/jpeg": "jpeg"}
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    f'<w:document xmlns:w="{_W}" xmlns:r="{_R}"'
    ' xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><w:body>'
)
_TAIL = (
    '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/>'
    '<w:pgMar w:top="1440" w:right="1440" w:bottom="1440" w:left="1440" w:header="851" w:footer="992" w:gutter="0"/>'
    "</w:sectPr></w:body></w:document>"
)
_STYLES = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<w:styles xmlns:w="{_W}"><w:docDefaults><w:rPrDefault><w:rPr>'
    '<w:rFonts w:ascii="Times New Roman" w:hAnsi="Times New Roman" w:eastAsia="宋体"/><w:sz w:val="21"/>'
    '<w:lang w:val="en-US" w:eastAsia="zh-CN"/></w:rPr></w:rPrDefault></w:docDefaults>'
    '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Normal"/><w:pPr><w:keepNext/>'
    '<w:spacing w:before="240" w:after="120"/><w:outlineLvl w:val="0"/></w:pPr><w:rPr><w:b/><w:sz w:val="28"/></w:rPr></w:style>'
    '<w:style w:type="table" w:styleId="TableGrid"><w:name w:val="Table Grid"/><w:tblPr><w:tblBorders>'
    + "".join(
        f'<w:{side} w:val="single" w:sz="4"/>'
        for side in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    + "</w:tblBorders></w:tblPr></w:style></w:styles>"
)
_CONTENT = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
    '<Default Extension="jpeg" ContentType="image/jpeg"/>'
    '<Override PartName="/word/document.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
    '<Override PartName="/word/styles.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/></Types>'
)


def _relations(rows: Iterable[tuple[str, str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{id_}" Type="{_R}/{kind}" Target="{target}"/>' for id_, kind, target in rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inner}</Relationships>'
    )


def written(items: Iterable[Outgoing]) -> bytes:
    """The document. Raises ``FileRefused`` if it became larger than a document may be."""
    writer = _Writer()
    by_kind: dict[str, list[Outgoing]] = {}
    for item in items:
        by_kind.setdefault(item.text.kind, []).append(item)
    kinds = [kind for kind in HEADINGS if kind in by_kind]
    for n, kind in enumerate(kinds, 1):
        writer.paragraph(f"{han(n)}、{HEADINGS[kind]}", style="Heading1")
        for number, item in enumerate(by_kind[kind], 1):
            writer.item(number, item)
    body = (_HEAD + "".join(writer.parts) + _TAIL).encode()
    if len(body) > MAX_STREAMED:
        raise FileRefused(
            "file_items",
            _("These are too many items for one Word file. Choose fewer, or another format."),
            413,
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:

        def add(name: str, data: bytes | str) -> None:
            info = zipfile.ZipInfo(name)  # without the time of day: the same items give the same file
            info.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(info, data)

        add("[Content_Types].xml", _CONTENT)
        add("_rels/.rels", _relations([("rId1", "officeDocument", "word/document.xml")]))
        add("word/document.xml", body)
        add("word/styles.xml", _STYLES)
        pictures = [(f"img{n}", name, data) for n, (name, data) in enumerate(writer.pictures.values(), 1)]
        add(
            "word/_rels/document.xml.rels",
            _relations(
                [("rId1", "styles", "styles.xml")] + [(id_, "image", name) for id_, name, _data in pictures]
            ),
        )
        for _id, name, data in pictures:
            add(f"word/{name}", data)
    return out.getvalue()


class _Writer:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.pictures: dict[str, tuple[str, bytes]] = {}
        self.media: Mapping[str, tuple[str, bytes]] = {}
        self.drawn = 0

    # ── items ───────────────────────────────────────────────────────────────────────────────────────────────

    def item(self, number: int, item: Outgoing) -> None:
        self.media = item.media
        text = item.text
        self._stem(f"{number}. ", text.stem, plain=not text.is_case)
        if not text.is_case:
            self._answered(text)
        self._field("解析", text.explanation)
        self._field("依据", text.basis)
        self._facts(item)
        for n, child in enumerate(text.children, 1):
            self._stem(f"（{n}）（{HEADINGS[ItemKind(child.kind)]}）", child.stem)
            self._answered(child)
            self._field("解析", child.explanation)

    def _answered(self, question: ItemText | Question) -> None:
        if question.kind == ItemKind.TRUE_FALSE:
            self._field("答案", "".join(text for id_, text in question.options if id_ in question.answer))
            return
        letters = {id_: chr(ord("A") + n) for n, (id_, _text) in enumerate(question.options)}
        for id_, text in question.options:
            self._text(f"{letters[id_]}. ", text, guarded=bool(_OPTION_LIKE.search(words.folded(text))))
        self._field(
            "答案", "".join(letters[id_] for id_, _text in question.options if id_ in question.answer)
        )
        if question.anchored:
            self._field(
                "固定选项", "".join(sorted(letters[id_] for id_ in question.anchored if id_ in letters))
            )

    def _facts(self, item: Outgoing) -> None:
        text = item.text
        facts = [
            ("试题编号", item.uid),
            ("科目", SUBJECT_NAMES.get(item.subject, item.subject)),
            ("岗位", "、".join(item.post_codes)),
            ("章节", item.chapter),
            ("程度", text.level),
            ("难度", "" if text.difficulty is None else str(text.difficulty)),
            ("依据有效至", text.valid_to.isoformat() if text.valid_to else ""),
        ]
        together = [f"{name}：{value}" for name, value in facts if value and _SIMPLE.fullmatch(value)]
        if together:
            self.paragraph("　".join(together))
        for name, value in facts:
            if value and not _SIMPLE.fullmatch(value):
                self._text(f"{name}：", value, guarded=True)

    def _field(self, name: str, value: str) -> None:
        if value:
            self._text(f"{name}：", value)

    def _stem(self, mark: str, stem: str, *, plain: bool = True) -> None:
        text = words.folded(_ATOM.sub("", stem))
        first = text.split("\n", 1)[0]
        looks = bool(
            words.SKIPPED.fullmatch(first)
            or words.kind_tag(first)
            or words.options_inside(first) >= 0
            or words.fields_in(first)
            or words.heading(words.folded(mark) + first)
            or words.title(words.folded(mark) + first)
            or (plain and (words.letters_in_brackets(text) or words.truth_in_brackets(text)))
            or words.answer_in_brackets(text)
            or (mark.endswith(". ") and first[:1].isdigit())
        )
        self._text(mark, stem, guarded=looks)

    # ── texts ───────────────────────────────────────────────────────────────────────────────────────────────

    def _text(self, mark: str, text: str, *, guarded: bool = False) -> None:
        """A text behind its mark: lines as paragraphs, tables as tables."""
        held: list[str] = []

        def hold(found: re.Match[str]) -> str:
            held.append(found[0].replace("\n", " "))
            return chr(0xF0000 + len(held) - 1)

        lines = _ATOM.sub(hold, printable(text)).split("\n")
        at, first = 0, True
        while at < len(lines):
            rows = _table_at(lines, at)
            if rows:
                if first:
                    self.paragraph(mark)
                self._table(_rows(lines[at : at + rows]), held)
                at, first = at + rows, False
                continue
            line = lines[at]
            guard = (guarded or _looks_inside(line)) if first else _looks(line)
            self.paragraph((mark if first else "") + (GUARD if guard else "") + line, held)
            at, first = at + 1, False

    def paragraph(self, text: str, held: Sequence[str] = (), style: str = "") -> None:
        properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        self.parts.append(f"<w:p>{properties}{self._runs(text, held)}</w:p>")

    def _runs(self, text: str, held: Sequence[str]) -> str:
        out, words_ = [], ""

        def flush() -> str:
            if not words_:
                return ""
            inner = "<w:tab/>".join(
                f'<w:t xml:space="preserve">{escape(part, quote=False)}</w:t>' if part else ""
                for part in words_.split("\t")
            )
            return f"<w:r>{inner}</w:r>"

        for sign in text:
            at = ord(sign) - 0xF0000
            if not 0 <= at < len(held):
                words_ += sign
                continue
            picture = self._picture(held[at])
            if not picture:
                words_ += held[at]
                continue
            out.append(flush() + picture)
            words_ = ""
        return "".join(out) + flush()

    def _picture(self, markup: str) -> str:
        """The picture of a markup, "" if it is none or its bytes are not there."""
        found = _IMAGE.fullmatch(markup)
        if found is None or found[2] not in self.media:
            return ""
        kind, data = self.media[found[2]]
        if kind not in _TYPES:
            return ""
        if found[2] not in self.pictures:
            self.pictures[found[2]] = f"media/image{len(self.pictures) + 1}.{_TYPES[kind]}", data
        number = list(self.pictures).index(found[2]) + 1
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            width, height = image.width * EMU, image.height * EMU
        if width > MAX_WIDTH:
            width, height = MAX_WIDTH, max(height * MAX_WIDTH // width, 1)
        self.drawn += 1
        alt = escape(found[1])
        return (
            f'<w:r><w:drawing><wp:inline><wp:extent cx="{width}" cy="{height}"/>'
            f'<wp:docPr id="{self.drawn}" name="image{self.drawn}" descr="{alt}"/><a:graphic>'
            '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic>'
            f'<pic:nvPicPr><pic:cNvPr id="{self.drawn}" name="image{self.drawn}"/><pic:cNvPicPr/></pic:nvPicPr>'
            f'<pic:blipFill><a:blip r:embed="img{number}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
            f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>'
            "</wp:inline></w:drawing></w:r>"
        )

    def _table(self, rows: Sequence[Sequence[str]], held: Sequence[str]) -> None:
        width = max(len(row) for row in rows)
        grid = f'<w:gridCol w:w="{9000 // width}"/>' * width
        out = [
            '<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="0" w:type="auto"/></w:tblPr>'
            f"<w:tblGrid>{grid}</w:tblGrid>"
        ]
        for n, row in enumerate(rows):
            out.append("<w:tr>")
            if n == 0:  # the table is part of a text, whatever its cells look like
                row = [GUARD + row[0], *row[1:]]
            for cell in [*row, *[""] * (width - len(row))]:
                inner = f"<w:p>{self._runs(cell, held)}</w:p>"
                out.append(
                    f'<w:tc><w:tcPr><w:tcW w:w="{9000 // width}" w:type="dxa"/></w:tcPr>{inner}</w:tc>'
                )
            out.append("</w:tr>")
        self.parts.append("".join(out) + "</w:tbl>")


def _looks_inside(line: str) -> bool:
    """The first line of a text holds what would be read as another field, or begins or ends with a space."""
    plain = words.folded(line)
    return line != line.strip() or words.names_a_field(plain) or bool(words.fields_in(plain))


def _looks(line: str) -> bool:
    """A further line would be read as anything but one that goes on."""
    plain = words.folded(line)
    return (
        line != line.strip()
        or not line
        or _looks_inside(line)
        or words.heading(plain) is not None
        or words.title(plain) is not None
        or bool(words.chapter_heading(plain))
        or words.numbered(plain) is not None
        or words.case_mark(plain) is not None
        or words.han_paren(plain) > 0
        or words.option(plain) is not None
        or words.bare_option(plain) is not None
        or words.options_inside(plain) >= 0
        or words.SKIPPED.fullmatch(plain) is not None
    )


def _table_at(lines: Sequence[str], at: int) -> int:
    """How many lines of a table begin here; 0 if none does."""
    if (
        at + 1 >= len(lines)
        or not lines[at].lstrip().startswith("|")
        or not _RULE.fullmatch(lines[at + 1].strip())
    ):
        return 0
    end = at + 2
    while end < len(lines) and lines[end].lstrip().startswith("|"):
        end += 1
    return end - at


def _rows(lines: Sequence[str]) -> list[list[str]]:
    return [
        [
            cell.strip().replace(r"\|", "|")
            for cell in _BAR.split(line.strip().removeprefix("|").removesuffix("|"))
        ]
        for line in (lines[0], *lines[2:])
    ]
