"""Lists on paper: one generic table with repeating head and page numbers, for boards, sign-in sheets and rolls."""

from __future__ import annotations

from zhupei.documents.data import TableDocument
from zhupei.documents.typeset import Job
from zhupei.kernel.errors import Refusal

MOST_ROWS = 2000
MOST_COLUMNS = 14


def job(document: TableDocument) -> Job:
    """The list for the typesetter. Raises ``Refusal`` for a table too large or rows that do not match its head."""
    if not 1 <= len(document.columns) <= MOST_COLUMNS or len(document.rows) > MOST_ROWS:
        raise Refusal(
            "documents.too_many",
            f"列表最多{MOST_COLUMNS}列、{MOST_ROWS}行，请分成几份打印。",
            field=document.title[:80],
        )
    if any(len(row) != len(document.columns) for row in document.rows):
        raise ValueError("a row has not as many cells as the table has columns")
    return Job(
        template="table_document",
        title=document.title,
        data={
            "subtitle": document.subtitle,
            "meta": [{"label": label, "text": text, "field": label} for label, text in document.meta],
            "columns": [
                {"title": column.title, "width": column.width, "align": column.align, "field": column.title}
                for column in document.columns
            ],
            "rows": document.rows,
            "closing": document.closing,
            "landscape": document.landscape,
            "height": document.row_height_mm,
            "reference": document.reference,
        },
        dated=document.dated,
    )
