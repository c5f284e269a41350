"""The Chinese names of what an item says, as columns of a table and lines of a document call them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from zhupei.itembank.choices import ItemKind
from zhupei.itembank.rules import OPTION_LETTERS

SUBJECTS = {
    "通用知识": "general",
    "通用": "general",
    "general": "general",
    "专业知识": "professional",
    "专业": "professional",
    "professional": "professional",
}
SUBJECT_NAMES = {"general": "通用知识", "professional": "专业知识"}
KINDS: dict[str, str] = {
    **dict.fromkeys(("单选", "单选题", "单项选择", "单项选择题"), ItemKind.SINGLE),
    **dict.fromkeys(("多选", "多选题", "多项选择", "多项选择题"), ItemKind.MULTIPLE),
    **dict.fromkeys(("判断", "判断题", "是非题"), ItemKind.TRUE_FALSE),
    **dict.fromkeys(("综合", "综合题", "案例", "案例题", "案例分析题"), ItemKind.CASE),
}
KIND_NAMES: dict[str, str] = {
    ItemKind.SINGLE: "单选",
    ItemKind.MULTIPLE: "多选",
    ItemKind.TRUE_FALSE: "判断",
    ItemKind.CASE: "综合",
}
COLUMNS = {
    "kind": "题型",
    "level": "程度",
    "difficulty": "难度",
    "stem": "题干",
    "options": "选项A",
    "answer": "答案",
    "explanation": "解析",
    "basis": "依据",
    "children": "小题号",
    "subject": "科目",
    "posts": "岗位",
    "chapter": "章节",
    "uid": "编号",
    "anchored": "固定选项",
    "valid_to": "依据有效至",
}
"""Fields of ``faults_of`` by the column in which they stand."""
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
    "依据有效至",
    "固定选项",
)
"""The columns of the Excel template."""
_HAN = {sign: n for n, sign in enumerate("零一二三四五六七八九")}


def han_number(text: str) -> int | None:
    """The number that ``text`` says in Chinese or in digits, below 1,000; None if it is none."""
    if text.isascii() and text.isdigit() and len(text) < 4:
        return int(text)
    total, ones = 0, 0
    for sign in text:
        if sign in _HAN:
            ones = _HAN[sign]
        elif sign in "十百":
            total += (ones or 1) * (10 if sign == "十" else 100)
            ones = 0
        else:
            return None
    return total + ones if text else None


def chapter_of(text: str) -> str:
    """The number of a chapter as the syllabus writes it: 第三章, 第3章 and 3 are ``3``; other words stay."""
    text = text.strip()
    inner = text[1 : text.index("章")] if text.startswith("第") and "章" in text else text.removesuffix("章")
    number = han_number(inner.strip())
    return str(number) if number is not None else text


def day_of(text: str) -> date | None:
    """2026-12-31, 2026/12/31, 2026.12.31 or 2026年12月31日; None for anything else."""
    parts = (
        text.strip().rstrip("日").replace("年", "-").replace("月", "-").replace("/", "-").replace(".", "-")
    )
    numbers = parts.split(" ")[0].split("-")
    if len(numbers) != 3 or not all(n.isascii() and n.isdigit() and len(n) <= 4 for n in numbers):
        return None
    try:
        return date(int(numbers[0]), int(numbers[1]), int(numbers[2]))
    except ValueError:
        return None


def decimal_of(text: str) -> Decimal | None:
    """A finite number of few digits, or None."""
    try:
        number = Decimal(text) if len(text) <= 20 else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number) < 1000 else None
