"""培训合格证, landscape A4.

The institution issues it (J22; 建人〔2019〕9号). It is no licence, and for the post 安全员 it must not pass for the
safety certificate of the law (J26): no emblem, no authority's name above the title, and the line that says so.
"""

from __future__ import annotations

import re

from zhupei.documents import images
from zhupei.documents.data import Certificate
from zhupei.documents.text import chinese_date, number
from zhupei.documents.typeset import Job
from zhupei.kernel.errors import Refusal

TITLE = "培训合格证"
ABOVE = "住房和城乡建设领域施工现场专业人员职业培训"
LIMITS = (
    "本证由培训机构颁发，证明持证人完成岗位培训且测试合格；不是行政许可，不能代替法律法规要求取得的其他证书。"
)
VALID = "有效"


def job(document: Certificate) -> Job:
    """The certificate for the typesetter."""
    if not re.fullmatch(r"[0-9A-Za-z]{4}", document.id_last4):
        raise Refusal("documents.id_last4", "培训合格证上只印证件号码的最后四位。", field="证件号码")
    pictures = {"qr": images.qr(document.check_url, "核验网址")}
    if document.photo is not None:
        pictures["photo"] = images.photo(document.photo)
    if document.seal is not None:
        pictures["seal"] = images.mark(document.seal, "盖章")
    when = ""
    if document.trained_from and document.trained_to:
        when = f"于{chinese_date(document.trained_from)}至{chinese_date(document.trained_to)}"
    hours = number(document.hours)
    as_of = f"（截至{chinese_date(document.status_on)}）" if document.status_on else ""
    return Job(
        template="certificate",
        title=f"{TITLE} {document.number}",
        data={
            "above": ABOVE,
            "heading": TITLE,
            "name": document.name,
            "before": f"{when}参加本机构组织的",
            "post": document.post,
            "after": f"岗位培训，完成{hours}学时，经通用知识、专业知识两个科目测试合格，特发此证。",
            "facts": [
                {"label": label, "text": text, "field": label}
                for label, text in (
                    ("姓名", document.name),
                    ("证件号码", f"**************{document.id_last4.upper()}"),
                    ("岗位", document.post),
                    ("培训学时", f"{hours}学时"),
                    ("证书编号", document.number),
                    ("发证日期", chinese_date(document.issued_on)),
                )
            ],
            "institution": document.institution,
            "day": chinese_date(document.issued_on),
            "status": f"证书状态：{document.status}{as_of}，以核验结果为准",
            "watermark": "" if document.status == VALID else document.status,
            "check": document.check_url,
            "small": [*document.notes, LIMITS],
        },
        pictures=pictures,
        dated=document.issued_on,
    )
