"""What the tests of registrations share."""

import io
from datetime import date, datetime

from PIL import Image
from tests.makers import make_actor

from zhupei.kernel import clock
from zhupei.kernel.roles import Role

NOW = datetime(2026, 11, 22, 9, tzinfo=clock.SHANGHAI)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
USCC = "91110000600037341L"
APPLICATION = {
    "type": "contractor",
    "uscc": USCC,
    "full_name": "重庆某某建设集团有限公司",
    "legal_representative": "王建国",
    "division_code": "500157",
    "address": "两江新区金开大道 1 号",
    "contact": "李文",
    "contact_phone": "023-63601234",
    "applicant": "赵敏",
    "login": "zhaomin",
    "mobile": "13812345678",
}
PASSWORD = "Gong-Di-2026"


def picture(kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, kind)
    return out.getvalue()


def qualification(**changes):
    values = {
        "certificate_no": "D1",
        "category": "general",
        "specialty": "建筑工程施工总承包",
        "grade": "first",
        "issuer": "住房城乡建设部",
        "issued_on": date(2022, 1, 1),
        "valid_to": date(2027, 12, 31),
    }
    return {**values, **changes}


def head_of(institution):
    return make_actor(Role.INSTITUTION_HEAD, institution.organisation)


def officer(district):
    return make_actor(Role.DISTRICT_OFFICER, district)


def office():
    return make_actor(Role.CITY_EDUCATION_OFFICE)
