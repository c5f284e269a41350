"""Pictures that lie over the cells of a spreadsheet, and those that WPS keeps in cells."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.drawing.image import Image
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, OneCellAnchor
from openpyxl.drawing.xdr import XDRPositiveSize2D

from .common import member_bytes, printable
from .wordpackage import A, R, parsed, related

XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
MAX_PICTURES = 2000
MAX_SIDE = 240
"""Pixels of a picture as it is shown over its cell; the file keeps it whole."""
EMU = 9525
_MARKUP = re.compile(r"!\[([^\[\]\n]*)\]\(media:([0-9a-f]{64})\)")


@dataclass(frozen=True)
class CellPicture:
    """A picture over a cell: its column from 0, its part of the package ("" if it is only linked), its words."""

    column: int
    target: str
    words: str = ""


def pictures_over(package: zipfile.ZipFile, sheet: str) -> dict[int, list[CellPicture]]:
    """The pictures of a sheet by row, from 1, in their order. Raises ``FileRefused``."""
    found: dict[int, list[CellPicture]] = {}
    count = 0
    for kind, drawing, outside in related(package, sheet).values():
        if outside or not kind.endswith("/drawing"):
            continue
        data = member_bytes(package, drawing)
        if data is None:
            continue
        targets = related(package, drawing)
        for anchor in parsed(data):
            row, column = (_number(anchor.find(f"{XDR}from/{XDR}{name}")) for name in ("row", "col"))
            for picture in anchor.iter(f"{XDR}pic"):
                blip = picture.find(f"{XDR}blipFill/{A}blip")
                name = "" if blip is None else blip.get(f"{R}embed", "")
                _kind, target, gone = targets.get(name, ("", "", True))
                named = picture.find(f"{XDR}nvPicPr/{XDR}cNvPr")
                words = "" if named is None else named.get("descr", "")
                count += 1
                if count <= MAX_PICTURES:
                    found.setdefault(row + 1, []).append(CellPicture(column, "" if gone else target, words))
    return found


def _number(node: Any) -> int:
    text = "" if node is None else (node.text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else -1


def cell_images(package: zipfile.ZipFile) -> dict[str, str]:
    """WPS: the parts of the pictures that ``=DISPIMG("name",1)`` shows, by name."""
    data = member_bytes(package, "xl/cellimages.xml")
    if data is None:
        return {}
    targets = related(package, "xl/cellimages.xml")
    found = {}
    for picture in parsed(data).iter(f"{XDR}pic"):
        named, blip = picture.find(f"{XDR}nvPicPr/{XDR}cNvPr"), picture.find(f"{XDR}blipFill/{A}blip")
        if named is not None and blip is not None:
            _kind, target, outside = targets.get(blip.get(f"{R}embed", ""), ("", "", True))
            found[named.get("name", "")] = "" if outside else posixpath.normpath(target)
    return found


class PictureWriter:
    """Writes cells whose texts may show pictures."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet

    def cell(self, row: int, column: int, value: Any, media: Mapping[str, tuple[str, bytes]]) -> Any:
        """A cell of a row (from 1) and column (from 0): text as text, whatever it begins with."""
        if not isinstance(value, str):
            return value
        text = printable(value)
        if "](media:" in text:
            text = self._placed(row, column, text, media)
        if not text:
            return None
        made = WriteOnlyCell(self.sheet, value=text)
        made.data_type = "s"
        return made

    def _placed(self, row: int, column: int, text: str, media: Mapping[str, tuple[str, bytes]]) -> str:
        count = 0

        def place(found: re.Match[str]) -> str:
            nonlocal count
            if found[2] not in media:
                return found[0]
            count += 1
            self._draw(row, column, media[found[2]][1], found[1])
            return f"【图{count}：{found[1]}】" if found[1] else f"【图{count}】"

        return _MARKUP.sub(place, text)

    def _draw(self, row: int, column: int, data: bytes, words: str) -> None:
        picture = Image(io.BytesIO(data))
        share = min(1.0, MAX_SIDE / max(picture.width, picture.height, 1))
        size = XDRPositiveSize2D(
            max(int(picture.width * share), 1) * EMU, max(int(picture.height * share), 1) * EMU
        )
        picture.anchor = OneCellAnchor(_from=AnchorMarker(col=column, row=row - 1), ext=size)
        self.sheet.add_image(picture)
