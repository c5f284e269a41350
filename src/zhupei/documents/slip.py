"""准考证: one page for each candidate, several in one file (R048, R052, I06)."""

from __future__ import annotations

from typing import Any

from zhupei.documents import images
from zhupei.documents.data import AdmissionSlip, AdmissionSlips
from zhupei.documents.text import session
from zhupei.documents.typeset import Job
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

TITLE = "准考证"
ABOVE = "重庆市住房和城乡建设领域施工现场专业人员培训测试"
MOST = 200  # pages in one file


def candidate_rules(
    *,
    opens_before: int = 30,
    late_after: int = 15,
    leave_after: int = 30,
    minutes: int = 120,
    pass_mark: int = 60,
    subject: str = "",
) -> tuple[str, ...]:
    """The candidate's rules in plain words. The numbers are the rulebook's: pass them in, the defaults are usual.

    ``opens_before``: minutes before the start at which the door opens; ``late_after``: minutes after which it is
    too late; ``leave_after``: minutes before which nobody hands in; ``minutes`` and ``pass_mark`` as in 三（三）（四）;
    ``subject``: the only one that is sat, the other one having been passed before.
    """
    what = (
        f"这次只考{subject}一个科目，一共{minutes}分钟；另一个科目以前已经合格，不用再考。满分100分，{pass_mark}分合格。"
        if subject
        else f"考通用知识、专业知识两个科目，连着考，一共{minutes}分钟。每科满分100分，{pass_mark}分合格，两科都合格才算通过。"
    )
    return (
        f"开考前{opens_before}分钟开始入场。请带好本准考证和本人身份证原件，先刷身份证签到，再现场拍照核对本人。",
        f"开考后迟到超过{late_after}分钟不能入场；开考{leave_after}分钟后才能交卷离场。",
        f"{what}交卷后当场出成绩。",
        "按座位号就座。手机、智能手表、耳机、书本和纸张不能带到座位上，请关机后放在指定的地方。需要时可向监考人员领草稿纸，离场时交回。",
        "全场录像，考试中会随机拍照。不许替考、夹带、交头接耳；违规的，成绩作废并记录在案。",
        "电脑出了问题请举手，不要自己重启。换电脑不影响已答的题和剩余时间。",
        "身份证丢失、人脸识别不成功或者身体不便，请提前或到场后马上告诉工作人员，可以改用人工核验。",
    )


def job(document: AdmissionSlips) -> Job:
    """The slips for the typesetter."""
    if not document.slips:
        raise Refusal("documents.empty", "没有可打印的准考证。")
    if len(document.slips) > MOST:
        raise Refusal("documents.too_many", f"一次最多打印{MOST}张准考证，请分批打印。")
    pictures: dict[str, str] = {}
    slips = []
    for index, slip in enumerate(document.slips):
        pictures[f"qr{index}"] = images.qr(slip.slip_number, "准考证号")
        if slip.photo is not None:
            pictures[f"photo{index}"] = images.photo(slip.photo, f"{slip.name[:50]}的照片")
        slips.append(_data(slip))
    first = min(slip.starts_at for slip in document.slips)
    return Job(
        template="slip",
        title=TITLE,
        data={"above": ABOVE, "heading": TITLE, "slips": slips},
        pictures=pictures,
        dated=clock.local(first).date(),
    )


def _data(slip: AdmissionSlip) -> dict[str, Any]:
    facts = (
        ("姓名", slip.name),
        ("证件号码", slip.id_number),
        ("准考证号", slip.slip_number),
        ("报考岗位", slip.post),
        ("测试时间", session(slip.starts_at, slip.ends_at)),
        ("考点", slip.hall),
        ("考点地址", slip.hall_address),
    )
    return {
        "facts": [{"label": label, "text": text, "field": label} for label, text in facts],
        "room": {"text": slip.room, "field": "考室"},
        "seat": {"text": slip.seat, "field": "座位号"},
        "foot": "　".join(
            part
            for part in (
                f"测试组织单位：{slip.organiser}" if slip.organiser else "",
                f"测试批次：{slip.batch}" if slip.batch else "",
            )
            if part
        ),
        "rules": list(slip.rules or candidate_rules()),
    }
