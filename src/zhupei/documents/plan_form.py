"""附件2: 《重庆市住房和城乡建设领域施工现场专业人员培训计划表》, word for word (R017, R164–R181)."""

from __future__ import annotations

from zhupei.documents.data import PlanForm, PlanRow
from zhupei.documents.sheet import Cell, Form, Row, Sheet, Signing, sheets_needed
from zhupei.documents.text import BLANK, chinese_date, number

TITLE = ("重庆市住房和城乡建设领域施工现场", "专业人员培训计划表")
COLUMNS = ("岗位名称", "预计人数", "计划培训时间", "收费金额（元）")
EXAMPLE = "例：2020年1月1-5日9:00-17:00"
NOTE = "注：如表中信息发生变化，请于开班前1天重新报送。"
ROWS_A_SHEET = 7  # R176


def form(document: PlanForm) -> Form:
    """The sheets of a plan. Every sheet carries head, signature and seal, so that none can be swapped."""
    needed = sheets_needed(len(document.rows), ROWS_A_SHEET)
    return Form(
        title="".join(TITLE),
        sheets=tuple(_sheet(document, index) for index in range(needed)),
        dated=document.filled_on,
        signature=document.signature,
        seal=document.seal,
        below=tuple(line for line in (document.basis, document.reference) if line),
    )


def _sheet(document: PlanForm, index: int) -> Sheet:
    term = "".join(
        (
            "培训期数：",
            str(document.year) if document.year is not None else BLANK * 3,
            "年第",
            str(document.term) if document.term is not None else BLANK * 2,
            "期",
        )
    )
    rows = list(document.rows[index * ROWS_A_SHEET : (index + 1) * ROWS_A_SHEET])
    if not document.rows:
        rows = [PlanRow(post="", period=EXAMPLE)]  # the empty form shows the annex's own example
    rows += [PlanRow(post="")] * (ROWS_A_SHEET - len(rows))
    return Sheet(
        annex="附件2",
        title=TITLE,
        head=(term, "填报日期：" + chinese_date(document.filled_on)),
        widths_mm=(37, 35, 52, 42),
        rows=(
            Row(14, (_label("培训机构\n（全称）"), _value(document.institution, "培训机构（全称）", 3))),
            Row(14, (_label("开班地址\n（详细）"), _value(document.address, "开班地址（详细）", 3))),
            Row(
                11.5,
                (
                    _label("教学负责人"),
                    _value(document.teaching_head, "教学负责人"),
                    _label("教学负责人电话"),
                    _value(document.teaching_head_phone, "教学负责人电话"),
                ),
            ),
            Row(
                11.5,
                (
                    _label("联系人"),
                    _value(document.contact, "联系人"),
                    _label("联系电话"),
                    _value(document.contact_phone, "联系电话"),
                ),
            ),
            Row(12, tuple(_label(title) for title in COLUMNS)),
            *(_row(row) for row in rows),
        ),
        signing=Signing(
            height_mm=62,
            label="培训机构\n申报意见",
            text=document.opinion if index == 0 or not document.opinion else "（同首页）",
            field="培训机构申报意见",
            sign_label="负责人（签字）：",
            seal_label="（盖章）",
        ),
        note=NOTE,
        continued=f"续表 {index}" if index else "",
    )


def _row(row: PlanRow) -> Row:
    return Row(
        12.5,
        (
            _value(row.post, COLUMNS[0]),
            _value(number(row.expected), COLUMNS[1]),
            _value(row.period, COLUMNS[2]),
            _value(number(row.fee), COLUMNS[3]),
        ),
    )


def _label(text: str) -> Cell:
    return Cell(text, label=True)


def _value(text: str, field: str, span: int = 1) -> Cell:
    return Cell(text, span=span, field=field, align="left" if span > 1 else "center")
