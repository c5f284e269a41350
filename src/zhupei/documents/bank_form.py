"""附件4: 《…培训测试题库使用申请表》, word for word (R182–R197)."""

from __future__ import annotations

from zhupei.documents.data import BankForm, BankRow
from zhupei.documents.sheet import Cell, Form, Row, Sheet, Signing, sheets_needed
from zhupei.documents.text import batch_number, chinese_date, number

# One line in the annex; too long for one line of the page in a title's type.
TITLE = ("重庆市住房和城乡建设领域施工现场专业人员", "培训测试题库使用申请表")
EXAMPLE = "例： 2019—001"
PLEDGE = (
    "我单位承诺：我单位将严格按照专业人员信息化考试相关规定及市住房城乡建委有关要求组织专业人员培训测试，"
    "维护测试安全稳定，严肃测试工作纪律，坚决杜绝各类违规违纪现象，确保公平公正。"
)
LINES = 7
POSTS_A_SHEET = 2 * LINES  # R188


def form(document: BankForm) -> Form:
    """The sheets of an application. Every sheet carries the whole head, the pledge, signature and seal."""
    needed = sheets_needed(len(document.rows), POSTS_A_SHEET)
    return Form(
        title="".join(TITLE),
        sheets=tuple(_sheet(document, index) for index in range(needed)),
        dated=document.signed_on,
        signature=document.signature,
        seal=document.seal,
        below=tuple(line for line in (document.basis, document.reference) if line),
    )


def _sheet(document: BankForm, index: int) -> Sheet:
    rows = list(document.rows[index * POSTS_A_SHEET : (index + 1) * POSTS_A_SHEET])
    rows += [BankRow(post="")] * (POSTS_A_SHEET - len(rows))
    empty = document == BankForm(basis=document.basis, reference=document.reference)
    return Sheet(
        annex="附件4",
        title=TITLE,
        head=(),
        widths_mm=(38, 46, 45, 37),
        rows=(
            Row(
                14,
                (_label("培训实施单位\n（全称）"), _value(document.institution, "培训实施单位（全称）", 3)),
            ),
            Row(14, (_label("测试地点\n（详细）"), _value(document.address, "测试地点（详细）", 3))),
            Row(
                25,
                (
                    _label("测试时间"),
                    _value(document.test_time, "测试时间"),
                    _label("可用计算机数量（台）"),
                    _value(number(document.computers), "可用计算机数量（台）"),
                ),
            ),
            Row(
                11.5,
                (
                    _label("测试批次"),
                    _value(EXAMPLE if empty else batch_number(document.batch), "测试批次"),
                    _label("测试总人数（人）"),
                    _value(number(document.total), "测试总人数（人）"),
                ),
            ),
            Row(11.5, tuple(_label(title) for title in ("测试岗位", "测试人数（人）") * 2)),
            *(
                Row(10, (*_pair(left), *_pair(right)))
                for left, right in zip(rows[:LINES], rows[LINES:], strict=True)
            ),
            Row(
                11.5,
                (
                    _label("测试单位负责人"),
                    _value(document.lead, "测试单位负责人"),
                    _label("手  机"),
                    _value(document.lead_mobile, "手机"),
                ),
            ),
            Row(
                11.5,
                (
                    _label("联系人"),
                    _value(document.contact, "联系人"),
                    _label("手  机"),
                    _value(document.contact_mobile, "手机"),
                ),
            ),
        ),
        signing=Signing(
            height_mm=62,
            text=PLEDGE,
            field="承诺",
            sign_label="单位负责人（签字）：",
            seal_label="培训实施单位（公章）",
            day=chinese_date(document.signed_on),
            in_line=True,
        ),
        continued=f"续表 {index}" if index else "",
    )


def _pair(row: BankRow) -> tuple[Cell, Cell]:
    return _value(row.post, "测试岗位"), _value(number(row.count), "测试人数（人）")


def _label(text: str) -> Cell:
    return Cell(text, label=True)


def _value(text: str, field: str, span: int = 1) -> Cell:
    return Cell(text, span=span, field=field, align="left" if span > 1 else "center")
