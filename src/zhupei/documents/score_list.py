"""成绩公布表: the marks of a room, for the board, right after the test (三（二）, R036)."""

from __future__ import annotations

from zhupei.documents.data import Column, ScoreList, TableDocument
from zhupei.documents.text import batch_number, number, session
from zhupei.kernel import clock

TITLE = "重庆市住房和城乡建设领域施工现场专业人员培训测试成绩公布表"


def table(document: ScoreList) -> TableDocument:
    """The score list as a table; absent marks show a dash."""
    return TableDocument(
        title=TITLE,
        meta=(
            ("测试批次", batch_number(document.batch)),
            ("测试时间", session(document.starts_at, document.ends_at)),
            ("考点", document.hall),
            ("考室", document.room),
            *((("测试组织单位", document.organiser),) if document.organiser else ()),
            ("人数", f"{len(document.rows)}人"),
        ),
        columns=(
            Column(title="座位号", width=0.8),
            Column(title="准考证号", width=1.7),
            Column(title="姓名", width=1.2),
            Column(title="岗位", width=1.6),
            Column(title="通用知识", width=0.9),
            Column(title="专业知识", width=0.9),
            Column(title="结果", width=0.9),
        ),
        rows=tuple(
            (
                row.seat,
                row.slip_number,
                row.name,
                row.post,
                number(row.general) or "—",
                number(row.professional) or "—",
                row.outcome,
            )
            for row in document.rows
        ),
        closing=(
            *((document.note,) if document.note else ()),
            "监考人员（签字）：　　　　　　　　　　考点负责人（签字）：",
        ),
        dated=clock.local(document.ends_at).date(),
        reference=document.reference,
    )
