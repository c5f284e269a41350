"""The door of the room: render a document, and ask beforehand which characters no font has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zhupei.documents import (
    bank_form,
    certificate,
    plan_form,
    roll,
    score_list,
    seat_list,
    slip,
    table_document,
)
from zhupei.documents.data import (
    AdmissionSlip,
    AdmissionSlips,
    BankForm,
    BankRow,
    Certificate,
    Column,
    Document,
    PlanForm,
    PlanRow,
    Roll,
    RollRow,
    ScoreList,
    ScoreRow,
    SeatList,
    SeatRow,
    TableDocument,
)
from zhupei.documents.fonts import missing_glyphs
from zhupei.documents.sheet import to_docx, to_job
from zhupei.documents.slip import candidate_rules
from zhupei.documents.typeset import Job, RenderError, render

_JOBS: dict[type, Callable[[Any], Job]] = {
    PlanForm: lambda document: to_job(plan_form.form(document)),
    BankForm: lambda document: to_job(bank_form.form(document)),
    AdmissionSlip: lambda document: slip.job(AdmissionSlips(slips=(document,))),
    AdmissionSlips: slip.job,
    Certificate: certificate.job,
    TableDocument: table_document.job,
    ScoreList: lambda document: table_document.job(score_list.table(document)),
    SeatList: lambda document: table_document.job(seat_list.table(document)),
    Roll: lambda document: table_document.job(roll.table(document)),
}


def render_pdf(document: Document) -> bytes:
    """The document as PDF (archival PDF/A-2a, tagged, zh-CN): the same data give the same bytes.

    Raises ``Refusal`` when a text or picture cannot be printed (the field is named), ``RenderError`` when the
    typesetter fails. Takes about 0.3 s of another process: call it from a job for more than a page or two.
    """
    return render(_JOBS[type(document)](document))


def render_docx(document: PlanForm | BankForm) -> bytes:
    """The annex as DOCX, without seal and signature: it is the copy to complete and sign by hand."""
    return to_docx(plan_form.form(document) if isinstance(document, PlanForm) else bank_form.form(document))


__all__ = [
    "AdmissionSlip",
    "AdmissionSlips",
    "BankForm",
    "BankRow",
    "Certificate",
    "Column",
    "Document",
    "PlanForm",
    "PlanRow",
    "RenderError",
    "Roll",
    "RollRow",
    "ScoreList",
    "ScoreRow",
    "SeatList",
    "SeatRow",
    "TableDocument",
    "candidate_rules",
    "missing_glyphs",
    "render_docx",
    "render_pdf",
]
