"""考勤表: attendance of one class session (二（三）)."""

from __future__ import annotations

from zhupei.documents.data import Column, Roll, TableDocument
from zhupei.documents.text import session
from zhupei.kernel import clock

TITLE = "施工现场专业人员职业培训考勤表"


def table(document: Roll) -> TableDocument:
    """The roll as a table; blank punches leave room for a pen."""
    return TableDocument(
        title=TITLE,
        meta=(
            ("培训机构", document.institution),
            ("班次", document.class_name),
            ("课程", document.course),
            ("授课教师", document.teacher),
            ("上课时间", session(document.starts_at, document.ends_at)),
            ("上课地点", document.place),
            ("应到人数", f"{len(document.rows)}人"),
        ),
        columns=(
            Column(title="序号", width=0.6),
            Column(title="姓名", width=1.1),
            Column(title="证件号码", width=2.3),
            Column(title="岗位", width=1.75),
            Column(title="签到", width=0.8),
            Column(title="签退", width=0.8),
            Column(title="本人签字", width=1.3),
            Column(title="备注", width=0.8),
        ),
        rows=tuple(
            (str(at), row.name, row.id_number, row.post, row.arrived, row.left, "", row.remark)
            for at, row in enumerate(document.rows, start=1)
        ),
        closing=("实到人数：　　　　授课教师（签字）：　　　　　　　班主任（签字）：",),
        row_height_mm=9,
        dated=clock.local(document.starts_at).date(),
        reference=document.reference,
    )
