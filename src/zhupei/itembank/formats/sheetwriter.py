"""The Excel template, empty with examples or filled with items."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from openpyxl import Workbook

from zhupei.itembank.choices import ItemKind
from zhupei.itembank.rules import OPTION_LETTERS, ItemText, Question

from .common import Outgoing
from .labels import HEADERS, KIND_NAMES, SUBJECT_NAMES
from .sheetpictures import PictureWriter

EXAMPLES: tuple[dict[str, Any], ...] = (
    {
        "编号": "EX-0001",
        "科目": "通用知识",
        "岗位": "101",
        "题型": "单选",
        "章节": "1",
        "程度": "掌握",
        "难度": 0.75,
        "题干": "示例：我国安全生产工作的方针是（  ）。",
        "选项A": "安全第一、预防为主、综合治理",
        "选项B": "效益优先",
        "选项C": "质量第一",
        "选项D": "进度第一",
        "答案": "A",
        "解析": "示例解析",
        "依据": "《安全生产法》第三条",
    },
    {
        "编号": "EX-0002",
        "科目": "专业知识",
        "岗位": "101",
        "题型": "判断",
        "章节": "1",
        "程度": "熟悉",
        "难度": 0.7,
        "题干": "示例：判断题的答案写“正确”或“错误”。",
        "答案": "正确",
    },
    {
        "编号": "EX-0003",
        "科目": "专业知识",
        "岗位": "101",
        "题型": "综合",
        "章节": "1",
        "程度": "掌握",
        "难度": 0.6,
        "题干": "示例：综合题的背景材料写在这一行，小题各占一行。",
    },
    {
        "题型": "单选",
        "题干": "示例：第一小题。",
        "选项A": "甲",
        "选项B": "乙",
        "选项C": "丙",
        "选项D": "丁",
        "答案": "B",
        "父题编号": "EX-0003",
        "小题号": 1,
    },
    {
        "题型": "多选",
        "题干": "示例：第二小题。",
        "选项A": "甲",
        "选项B": "乙",
        "选项C": "丙",
        "选项D": "丁",
        "选项E": "戊",
        "答案": "ACE",
        "父题编号": "EX-0003",
        "小题号": 2,
    },
)


def _outgoing(item: Outgoing) -> Iterator[dict[str, Any]]:
    """The rows of an item: its own, and one for each sub-question."""
    text = item.text
    yield {
        "编号": item.uid,
        "科目": SUBJECT_NAMES.get(item.subject, item.subject),
        "岗位": "、".join(item.post_codes),
        "章节": item.chapter,
        "程度": text.level,
        "难度": text.difficulty,
        "依据": text.basis,
        "依据有效至": text.valid_to.isoformat() if text.valid_to else "",
        **_asked(text),
    }
    for no, child in enumerate(text.children, 1):
        yield {"父题编号": item.uid, "小题号": no, **_asked(child)}


def _asked(question: ItemText | Question) -> dict[str, Any]:
    letters = {id_: OPTION_LETTERS[n] for n, (id_, _t) in enumerate(question.options[: len(OPTION_LETTERS)])}
    asked = {"题型": KIND_NAMES[question.kind], "题干": question.stem, "解析": question.explanation}
    if question.kind == ItemKind.TRUE_FALSE:
        return {**asked, "答案": "".join(t for id_, t in question.options if id_ in question.answer)}
    return {
        **asked,
        **{f"选项{letters[id_]}": text for id_, text in question.options if id_ in letters},
        "答案": "".join(letters[id_] for id_ in letters if id_ in question.answer),
        "固定选项": "".join(letters[id_] for id_ in letters if id_ in question.anchored),
    }


def filled(items: Iterable[Outgoing]) -> bytes:
    """A filled template that reads back with every field; pictures lie over their cells."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("题目")
    sheet.freeze_panes = "A2"
    _widths(sheet)
    sheet.append(list(HEADERS))
    writer = PictureWriter(sheet)
    number = 1
    for item in items:
        for values in _outgoing(item):
            number += 1
            sheet.append(
                [writer.cell(number, n, values.get(header), item.media) for n, header in enumerate(HEADERS)]
            )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _widths(sheet: Any) -> None:
    for letter, width in (("A", 14), ("C", 14), ("H", 60)):
        sheet.column_dimensions[letter].width = width


def template() -> bytes:
    """The template with its headers, three examples to overwrite, and a page that explains the columns."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "题目"
    sheet.append(list(HEADERS))
    for example in EXAMPLES:
        sheet.append([example.get(header, "") for header in HEADERS])
    sheet.freeze_panes = "A2"
    _widths(sheet)
    notes = book.create_sheet("填写说明")
    for line in (
        "一行一题；第一行表头的名称不可改动；示例行请删除后再上传。",
        "编号可不填，由系统编排；综合题必须填写，供小题引用。",
        "科目：通用知识、专业知识。岗位：岗位名称或代码，多个用顿号分开。不填时取上传时所选的。",
        "题型：单选（只有 1 个正确选项）、多选（至少 2 个正确、至少 1 个错误）、判断（答案写“正确”或“错误”，不填选项）、综合。",
        "综合题：背景材料一行（题型写“综合”，不填选项和答案）；每个小题各占一行，填父题编号和小题号（从 1 起），至少 2 个小题。",
        "程度：掌握、熟悉、了解。难度：预计答对的比例，0 到 1 之间，可不填。章节：考核大纲的章号。",
        "依据有效至：所依据的法规、标准的最后有效日，如 2026-12-31，可不填。",
        "固定选项：不随机换位的选项字母，如“以上都对”所在的 D，一般不填。",
        "图片：放在题干、选项或解析单元格上；文字中写【图1】【图2】可指定位置。",
        "最多 40000 行、50 MB；不可使用公式。",
    ):
        notes.append([line])
    notes.column_dimensions["A"].width = 110
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
