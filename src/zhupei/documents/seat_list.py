"""考场签到表: who sits where in a room, with a place to sign (三（六）, R052)."""

from __future__ import annotations

from zhupei.documents.data import Column, SeatList, TableDocument
from zhupei.documents.text import batch_number, session
from zhupei.kernel import clock

TITLE = "重庆市住房和城乡建设领域施工现场专业人员培训测试签到表"


def table(document: SeatList) -> TableDocument:
    """The sign-in list as a table; the signature and remark columns are blank."""
    return TableDocument(
        title=TITLE,
        meta=(
            ("测试批次", batch_number(document.batch)),
            ("测试时间", session(document.starts_at, document.ends_at)),
            ("考点", document.hall),
            ("考室", document.room),
            *((("测试组织单位", document.organiser),) if document.organiser else ()),
            ("应到人数", f"{len(document.rows)}人"),
        ),
        columns=(
            Column(title="座位号", width=0.75),
            Column(title="准考证号", width=1.6),
            Column(title="姓名", width=1.1),
            Column(title="证件号码", width=2.2),
            Column(title="岗位", width=1.75),
            Column(title="本人签字", width=1.3),
            Column(title="备注", width=0.8),
        ),
        rows=tuple(
            (row.seat, row.slip_number, row.name, row.id_number, row.post, "", "") for row in document.rows
        ),
        closing=("实到人数：　　　　缺考人数：　　　　监考人员（签字）：",),
        row_height_mm=10,
        dated=clock.local(document.starts_at).date(),
        reference=document.reference,
    )
