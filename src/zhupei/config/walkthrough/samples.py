"""Things that the cast brings along: numbers that are nobody's, pictures, tables."""

from __future__ import annotations

import io
from collections.abc import Sequence

from openpyxl import Workbook
from PIL import Image, ImageDraw
from stdnum.iso7064 import mod_11_2

from zhupei.kernel import uscc

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def identity_number(birth: str, sequence: int) -> str:
    """A resident identity number with a right checksum, of the county 500999, which was never assigned."""
    body = f"500999{birth}{sequence:03d}"
    return body + str(mod_11_2.calc_check_digit(body))


def credit_code(number: int) -> str:
    """A unified social credit code of a private school, with a right check character."""
    body = f"52500000{number:09d}"
    return body + uscc.check_character(body)


def picture(colour: str, size: tuple[int, int] = (413, 579)) -> bytes:
    """A small PNG: a head and shoulders, a seal, a scan."""
    image = Image.new("RGB", size, "#f4f4f0")
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.ellipse((width * 0.3, height * 0.2, width * 0.7, height * 0.5), fill=colour)
    draw.rectangle((width * 0.2, height * 0.55, width * 0.8, height * 0.9), fill=colour)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def table(rows: Sequence[Sequence[object]]) -> bytes:
    """A workbook of one sheet."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
