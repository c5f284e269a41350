"""Documents with everything in them, and the text of what came out."""

from __future__ import annotations

import io
import re
from datetime import date, datetime
from decimal import Decimal

from PIL import Image, ImageDraw
from pypdf import PdfReader

from zhupei.documents import api
from zhupei.kernel.clock import SHANGHAI

POSTS = re.findall(
    r"\S+",
    "土建施工员 装饰装修施工员 市政工程施工员 设备安装施工员 土建质量员 装饰装修质量员 市政工程质量员 设备安装质量员 "
    "土建预算员 安装预算员 安全员 材料员 测量员 劳务员 机械员 试验员 资料员 标准员 构件工艺员 信息管理员 构件质量员",
)
START = datetime(2026, 12, 8, 9, tzinfo=SHANGHAI)
END = datetime(2026, 12, 8, 11, tzinfo=SHANGHAI)


def squeeze(text: str) -> str:
    """Without blanks: where a line breaks is layout, not wording."""
    return re.sub(r"[\s\u200b]+", "", text)


def reader(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def pages(pdf: bytes) -> list[str]:
    return [squeeze(page.extract_text()) for page in reader(pdf).pages]


def picture(size: tuple[int, int] = (300, 420), kind: str = "PNG", mode: str = "RGB") -> bytes:
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).ellipse((20, 20, size[0] - 20, size[1] - 20), outline="red", width=12)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def plan(count: int = 3, **given: object) -> api.PlanForm:
    values: dict[str, object] = {
        "year": 2026,
        "term": 3,
        "filled_on": date(2026, 11, 22),
        "institution": "重庆筑培建筑职业培训学校有限公司",
        "address": "重庆市渝中区人民路123号4楼401教室",
        "teaching_head": "刘教务",
        "teaching_head_phone": "023-63671234-8001",
        "contact": "阿卜杜热依木·买买提",
        "contact_phone": "13812345678",
        "opinion": "情况属实，同意申报。",
        "rows": tuple(
            api.PlanRow(
                post=post, expected=30 + at, period="2026年12月1-5日9:00-17:00", fee=Decimal("1200.00")
            )
            for at, post in enumerate(POSTS[:count])
        ),
    }
    return api.PlanForm(**{**values, **given})  # type: ignore[arg-type]


def bank(count: int = 3, **given: object) -> api.BankForm:
    values: dict[str, object] = {
        "institution": "重庆筑培建筑职业培训学校有限公司",
        "address": "重庆市渝中区人民路123号考试中心",
        "test_time": "2026年12月8日9:00-11:00",
        "computers": 200,
        "batch": "2026-001",
        "lead": "王力",
        "lead_mobile": "13812345678",
        "contact": "李四",
        "contact_mobile": "13987654321",
        "signed_on": date(2026, 11, 20),
        "rows": tuple(api.BankRow(post=post, count=20 + at) for at, post in enumerate(POSTS[:count])),
    }
    return api.BankForm(**{**values, **given})  # type: ignore[arg-type]


def slip(**given: object) -> api.AdmissionSlip:
    values: dict[str, object] = {
        "name": "张三",
        "id_number": "500***********1234",
        "slip_number": "202600010123",
        "post": "土建施工员",
        "hall": "大学城考点",
        "hall_address": "重庆市沙坪坝区大学城中路20号信息楼3楼",
        "room": "第2考室",
        "seat": "17",
        "starts_at": START,
        "ends_at": END,
        "organiser": "重庆筑培建筑职业培训学校有限公司",
        "batch": "2026—001",
    }
    return api.AdmissionSlip(**{**values, **given})  # type: ignore[arg-type]


def certificate(**given: object) -> api.Certificate:
    values: dict[str, object] = {
        "name": "张三",
        "id_last4": "123x",
        "post": "安全员",
        "number": "渝培2026000123",
        "institution": "重庆筑培建筑职业培训学校有限公司",
        "issued_on": date(2026, 12, 20),
        "hours": 40,
        "check_url": "https://zhupei.example.cn/check/AbCdEf123456",
        "trained_from": date(2026, 12, 1),
        "trained_to": date(2026, 12, 5),
        "status_on": date(2026, 12, 21),
    }
    return api.Certificate(**{**values, **given})  # type: ignore[arg-type]


def score_list(rows: int = 3) -> api.ScoreList:
    return api.ScoreList(
        batch="2026-001",
        hall="大学城考点",
        room="第2考室",
        starts_at=START,
        ends_at=END,
        rows=tuple(
            api.ScoreRow(
                seat=str(at),
                slip_number=f"2026{at:08d}",
                name="张三",
                post=POSTS[at % 21],
                general=Decimal("60.0"),
                professional=None if at == 1 else Decimal("59.5"),
                outcome="不合格",
            )
            for at in range(1, rows + 1)
        ),
    )


def seat_list(rows: int = 3) -> api.SeatList:
    return api.SeatList(
        batch="2026-001",
        hall="大学城考点",
        room="第2考室",
        starts_at=START,
        ends_at=END,
        rows=tuple(
            api.SeatRow(
                seat=str(at),
                slip_number=f"2026{at:08d}",
                name="张三",
                id_number="500***********1234",
                post=POSTS[at % 21],
            )
            for at in range(1, rows + 1)
        ),
    )


def roll(rows: int = 3) -> api.Roll:
    return api.Roll(
        institution="重庆筑培建筑职业培训学校有限公司",
        class_name="2026年第3期",
        course="施工组织设计",
        teacher="刘工",
        place="401教室",
        starts_at=START,
        ends_at=END,
        rows=(api.RollRow(name="张三", id_number="500***********1234", post="土建施工员", arrived="8:52"),)
        * rows,
    )
