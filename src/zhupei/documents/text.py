"""Text of strangers on its way to paper: what is refused, what is replaced, how dates and numbers are written."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from zhupei.documents.fonts import missing_glyphs
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

BLANK = "　"  # the full-width space of the printed forms
GETA = "〓"  # the printers' sign for a character that the case does not hold
LONGEST = 2000  # characters of one text; the sheet itself refuses earlier what does not fit
LARGEST = 600_000  # characters of one document

# Marks that turn the direction of reading can make a page say what its text does not.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
WEEKDAYS = "一二三四五六日"
# What a refusal calls the parts of a document that are no field of a form.
NAMES = {
    "title": "标题",
    "subtitle": "副标题",
    "rows": "表格内容",
    "columns": "表头",
    "closing": "表尾",
    "below": "页脚",
    "reference": "页脚",
    "rules": "考生须知",
    "foot": "测试组织单位",
    "name": "姓名",
    "post": "岗位",
    "institution": "培训机构",
    "status": "证书状态",
    "watermark": "证书状态",
    "check": "核验网址",
    "small": "说明",
}


def clean(text: str, field: str) -> str:
    """``text`` fit for paper. Raises ``Refusal`` for control and turning characters and for endless text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if len(text) > LONGEST:
        raise Refusal(
            "documents.too_long",
            f"“{field}”有{len(text)}个字，最多可印{LONGEST}个字，请缩短。",
            clause="R181",
            field=field,
        )
    for char in text:
        kind = unicodedata.category(char)
        if char in TURNING or (kind == "Cc" and char != "\n") or kind == "Cs" or ord(char) & 0xFFFE == 0xFFFE:
            raise Refusal(
                "documents.forbidden_character",
                f"“{field}”含有不能打印的控制字符（U+{ord(char):04X}），请删除后重试。",
                field=field,
            )
    absent = missing_glyphs(text)
    return "".join(GETA if char in absent else char for char in text) if absent else text


def clean_all(value: Any, field: str = "") -> Any:
    """``clean`` for every text inside a structure of dicts, lists and scalars; keys name the fields."""
    budget = [LARGEST]

    def walk(value: Any, field: str) -> Any:
        if isinstance(value, str):
            budget[0] -= len(value)
            if budget[0] < 0:
                raise Refusal("documents.too_long", "文件内容太多，无法打印，请分成几份。", field=field)
            return clean(value, field)
        if isinstance(value, dict):
            return {
                key: walk(item, str(value.get("field") or NAMES.get(key, key))) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [walk(item, field) for item in value]
        return value

    return walk(value, field)


def chinese_date(day: date | None) -> str:
    """2026年11月22日; without a day the blank of the form."""
    if day is None:
        return f"{BLANK * 2}年{BLANK * 2}月{BLANK * 2}日"
    return f"{day.year}年{day.month}月{day.day}日"


def session(starts_at: datetime, ends_at: datetime) -> str:
    """2026年12月8日（星期二）9:00—11:00 on the clock of Shanghai; both ends with their date if it differs."""
    start, end = clock.local(starts_at), clock.local(ends_at)
    day = f"{chinese_date(start.date())}（星期{WEEKDAYS[start.weekday()]}）{start.hour}:{start.minute:02d}"
    until = "" if start.date() == end.date() else chinese_date(end.date())
    return f"{day}—{until}{end.hour}:{end.minute:02d}"


def number(value: int | Decimal | None) -> str:
    """Digits without exponent; trailing zeros stay (1200.00 is money)."""
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


def batch_number(text: str) -> str:
    """R186: 2019—001 with U+2014, whatever dash was typed."""
    return re.sub(r"^(\d{4})\s*[-–—－‐−─]{1,2}\s*(\d+)$", r"\1—\2", text.strip())
