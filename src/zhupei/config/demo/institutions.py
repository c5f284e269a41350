"""The city's offices and its institutions: in every state of registration, with sites, halls, teachers and staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from zhupei.accounts.api import User, issue_code
from zhupei.config.founding import City, found_city
from zhupei.hall.api import file_staff, report_staff
from zhupei.institutions import actions
from zhupei.institutions.actions.registration import CODE_PURPOSE
from zhupei.institutions.api import Institution, Site, Teacher
from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS, Actor
from zhupei.kernel.dates import add_years
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post, active_posts, current_rule_set, division_names

from .cast import PASSWORD, Cast
from .clockwork import Days, Story
from .props import credit_code, rng, scan

DISTRICT_LOGINS = {
    "500157": "liangjiang",
    "500103": "yuzhong",
    "500106": "shapingba",
    "500107": "jiulongpo",
    "500101": "wanzhou",
    "500102": "fuling",
}
OFFICES = (  # login, office, roles
    ("admin", "centre", (Role.SYSTEM_ADMINISTRATOR,)),
    ("security", "centre", (Role.SECURITY_OFFICER,)),
    ("auditor", "centre", (Role.AUDITOR,)),
    ("city", "commission", (Role.CITY_EDUCATION_OFFICE,)),
    ("office", "commission", (Role.CITY_OFFICE,)),
    ("centre", "centre", (Role.CENTRE_OFFICER,)),
    ("approver", "centre", (Role.CENTRE_APPROVER,)),
    ("approver2", "centre", (Role.CENTRE_APPROVER,)),
    ("author", "centre", (Role.ITEM_AUTHOR,)),
    ("reviewer", "centre", (Role.ITEM_REVIEWER,)),
    ("keeper", "centre", (Role.BANK_KEEPER,)),
)
KINDS = {"contractor": "91", "social": "52", "association": "51", "college": "12"}
ROOMS_OF_A_HALL = (
    *((f"第{n}考室", "exam_room", 50) for n in (1, 2, 3, 4)),
    ("第5考室（备用）", "exam_room", 20),  # last by name, so that seats are given there last
    ("设备间", "equipment", 4),
)


@dataclass(frozen=True)
class Unit:
    """An institution to be. ``until`` is the last step of its registration."""

    number: int
    type: str
    name: str
    division: str
    address: str
    until: str = "publish"
    hall: str = ""  # "", "approved" or "submitted"
    invigilators: int = 0


UNITS = (
    Unit(
        1,
        "contractor",
        "渝建示范建工集团有限公司",
        "500157",
        "金开大道示范一路 18 号",
        hall="approved",
        invigilators=8,
    ),
    Unit(
        2,
        "college",
        "渝州示范建筑职业学院",
        "500106",
        "大学城示范南路 55 号",
        hall="approved",
        invigilators=4,
    ),
    Unit(3, "social", "山城示范建设职业培训学校", "500103", "示范新村 7 号", hall="approved", invigilators=4),
    Unit(4, "association", "巴渝示范建筑业协会", "500107", "石桥铺示范街 120 号", hall="submitted"),
    Unit(5, "social", "江州示范工程技术培训中心", "500101", "高笋塘示范路 33 号"),
    Unit(6, "college", "渝东示范工程职业学院", "500102", "李渡示范大道 9 号"),
    Unit(7, "contractor", "两江示范第二建设有限公司", "500157", "翠云示范路 4 号", until="draft"),
    Unit(8, "social", "嘉陵示范技能培训学校", "500157", "人和示范大道 26 号", until="submit"),
    Unit(9, "association", "涪江示范建筑协会", "500107", "杨家坪示范路 61 号", until="vet"),
    Unit(10, "college", "歌乐示范职业技术学校", "500106", "歌乐山示范村 2 号", until="return"),
    Unit(11, "contractor", "渝中示范建筑工程公司", "500103", "大溪沟示范巷 15 号", until="register"),
    Unit(12, "social", "万江示范培训学校", "500101", "五桥示范路 8 号", until="block"),
    Unit(13, "association", "旧城示范装饰协会", "500103", "较场口示范街 3 号", until="cancel"),
)
EXTRA = frozenset({5, 6, 13})


@dataclass
class House:
    """A published institution with what its classes and tests need."""

    unit: Unit
    institution: Institution
    teaching: Site | None = None
    hall: Site | None = None
    teachers: list[Teacher] = field(default_factory=list)
    invigilators: list[str] = field(default_factory=list)

    def login(self, role: str) -> str:
        """The login of this house's ``role``: ``head1``, ``exam2``."""
        return f"{role}{self.unit.number}"


@dataclass
class Stage:
    """What the stories share: the calendar, the cast, the units."""

    days: Days
    act: Cast
    city: City
    posts: dict[str, Post]
    present: datetime
    houses: dict[int, House] = field(default_factory=dict)


def found(days: Days, present: datetime) -> Stage:
    """The city's units and its offices' accounts."""
    city = found_city(since=current_rule_set().effective_from)
    act = Cast()
    for login, office, roles in OFFICES:
        act.hire(login, getattr(city, office), *roles)
    for code, login in DISTRICT_LOGINS.items():
        act.hire(login, city.districts[code], Role.DISTRICT_OFFICER)
    return Stage(days, act, city, {post.code: post for post in active_posts()}, present)


def _posts_of(stage: Stage, unit: Unit) -> list[Post]:
    if unit.number <= 3:
        return list(stage.posts.values())
    return [stage.posts[code] for code in ("101", "106", "111", "114")]


def register(stage: Stage, unit: Unit, start: int) -> Story:
    """An institution's way through registration, from working day ``start`` on."""
    days, act = stage.days, stage.act
    yield days.at(start, 9, 5 * unit.number % 60)
    login = f"head{unit.number}"
    name, phone = act.next_person()
    representative, _phone = act.next_person()
    place = division_names()[unit.division]
    data = {
        "type": unit.type,
        "uscc": credit_code(KINDS[unit.type], unit.division, unit.number),
        "full_name": unit.name,
        "legal_representative": representative,
        "address": f"重庆市{place}{unit.address}",
        "division_code": unit.division,
        "contact": name,
        "contact_phone": f"023-6300{unit.number:04d}",
        "applicant": name,
        "login": login,
        "mobile": phone,
        "password": PASSWORD,
    }
    institution = actions.apply(data, issue_code(CODE_PURPOSE, phone), by=ANONYMOUS)
    user = User.objects.get(login=login)
    head = act.enter(login, user, institution.organisation)
    profile: dict[str, object] = {
        key: data[key] for key in data if key not in ("uscc", "applicant", "login", "mobile", "password")
    }
    profile |= {
        "introduction": "演示单位，非真实机构。常年举办施工现场专业人员培训。",
        "posts": _posts_of(stage, unit),
    }
    actions.edit_registration(institution, profile, by=head)
    today = clock.today()
    if unit.type == "contractor":
        actions.add_qualification(
            institution,
            {
                "certificate_no": f"D1500{unit.number:05d}",
                "category": "general",
                "specialty": "建筑工程施工总承包",
                "grade": "special" if unit.number == 1 else "first",
                "issuer": "住房和城乡建设部",
                "issued_on": add_years(today, -2),
                "valid_to": add_years(today, 3),
            },
            scan(),
            "资质证书.png",
            by=head,
        )
    else:
        kind = {"social": "school", "association": "association", "college": "public_body"}[unit.type]
        actions.add_licence(
            institution,
            {
                "kind": kind,
                "number": f"渝示{unit.number:06d}",
                "issuer": "演示登记机关",
                "valid_to": add_years(today, 4),
            },
            scan(),
            "许可证.png",
            by=head,
        )
    if unit.until == "draft":
        return
    yield days.at(start + 1, 10, unit.number)
    institution = actions.submit(institution, by=head)
    if unit.until == "submit":
        return
    yield days.at(start + 4, 14, unit.number)
    district = act(DISTRICT_LOGINS[unit.division])
    if unit.until == "return":
        actions.return_registration(
            institution, "许可证载明的办学范围不含施工现场专业人员培训，请补充后重报。", by=district
        )
        return
    for qualification in institution.qualifications.all():
        actions.check_qualification(qualification, by=district)
    institution = actions.vet(institution, "材料齐全，经核实符合条件，同意上报。", by=district)
    if unit.until == "vet":
        return
    yield days.at(start + 8, 15, unit.number)
    institution = actions.register(institution, "同意登记。", by=act("city"))
    if unit.until == "register":
        return
    yield days.at(start + 9, 9, 30)
    institution = actions.publish(institution, by=act("city"))
    house = stage.houses[unit.number] = House(unit, institution)
    yield from _furnish(stage, house, start + 10)
    if unit.until in ("block", "cancel"):
        yield days.at(start + 60, 10)
        if unit.until == "block":
            actions.block(institution, "双随机检查发现代签考勤，责令整改，暂停培训。", by=act("city"))
        else:
            actions.cancel(institution, "协会已注销法人登记。", by=act("city"))
        del stage.houses[unit.number]


def _furnish(stage: Stage, house: House, start: int) -> Story:
    """Staff, teachers, sites and the hall of a published institution."""
    unit, days, act = house.unit, stage.days, stage.act
    yield days.at(start, 9, unit.number)
    head, organisation = act(house.login("head")), house.institution.organisation
    if unit.number <= 6:
        for role, name in (
            (Role.TEACHING_HEAD, "teaching"),
            (Role.REGISTRAR, "registrar"),
            (Role.TEACHER, "teacher"),
            (Role.EXAM_OFFICER, "exam"),
            (Role.TECHNICIAN, "tech"),
        ):
            act.hire(house.login(name), organisation, role, by=head)
        if unit.hall:
            act.hire(house.login("hall"), organisation, Role.HALL_TECHNICAL_HEAD, by=head)
            act.hire(house.login("room"), organisation, Role.ROOM_ADMINISTRATOR, by=head)
        before = sum(one.invigilators for one in UNITS[: unit.number - 1])
        for n in range(before + 1, before + unit.invigilators + 1):
            act.hire(f"invig{n}", organisation, Role.INVIGILATOR, by=head)
            house.invigilators.append(f"invig{n}")
        house.teachers = list(_teachers(stage, house, head))
    teaching = actions.add_site(house.institution, _site(house, "teaching", "教学点"), by=head)
    _rooms(
        teaching, (("101教室", "classroom", 60), ("102教室", "classroom", 60), ("教务室", "office", 6)), head
    )
    actions.submit_site(teaching, by=head)
    if unit.hall:
        hall = actions.add_site(house.institution, _site(house, "hall", "考点"), by=head)
        _rooms(hall, ROOMS_OF_A_HALL, head)
    yield days.at(start + 4, 10, unit.number)
    house.teaching = actions.approve_site(teaching, "现场查看，符合附件1要求。", by=act("centre"))
    if unit.hall == "approved":
        actions.submit_site(hall, by=head)
        yield days.at(start + 9, 10, unit.number)
        house.hall = actions.approve_site(hall, "两人现场验收，设备与监控符合附件3要求。", by=act("centre"))
        for n, name in enumerate(("hall", "room"), 1):
            member = act(house.login(name))
            (role,) = member.roles
            row = report_staff(
                member.user_id or 0, role, trained_on=clock.today(), training="市考点管理人员培训班", by=head
            )
            file_staff(row, f"考点备〔{unit.number}〕{n:02d}号", by=act("centre"))
    elif unit.hall:
        yield days.at(-4, 11, unit.number)
        actions.submit_site(hall, by=head)
    if unit.number == 2:  # a second site that is to be put right, and a third that is still a draft
        yield days.at(-12, 9)
        annex = actions.add_site(house.institution, _site(house, "teaching", "北校区"), by=head)
        _rooms(annex, (("B201教室", "classroom", 45),), head)
        actions.submit_site(annex, by=head)
        actions.add_site(house.institution, _site(house, "teaching", "实训基地"), by=head)
        yield days.at(-9, 15)
        actions.return_site(annex, "教室未装考勤摄像头，请整改后重报。", by=act("centre"))


def _site(house: House, kind: str, name: str) -> dict[str, object]:
    clients = {"exam_clients": 200, "spare_clients": 20} if kind == "hall" else {}
    return {
        "kind": kind,
        "name": f"{house.unit.name[:4]}{name}",
        "address": house.institution.address,
        "division_code": house.unit.division,
        **clients,
    }


def _rooms(site: Site, rooms: Sequence[tuple[str, str, int]], by: Actor) -> None:
    for name, kind, seats in rooms:
        actions.add_room(site, {"name": name, "kind": kind, "seats": seats}, by=by)


def _teachers(stage: Stage, house: House, head: Actor) -> list[Teacher]:
    dice = rng("teachers", house.unit.number)
    own = User.objects.get(login=house.login("teacher"))
    found = []
    for n in range(4):
        name, phone = (own.display_name, own.phone) if n == 0 else stage.act.next_person()
        data = {
            "name": name,
            "phone": phone,
            "title": dice.choice(("高级工程师", "工程师", "副教授", "讲师")),
            "education": dice.choice(("本科", "研究生")),
            "specialty": dice.choice(("土木工程", "工程管理", "给排水工程", "建筑学")),
            "site_years": dice.randint(5, 25),
            "employment": "full_time" if n < 3 else "part_time",
            "user": own if n == 0 else None,
            "posts": _posts_of(stage, house.unit),
        }
        found.append(actions.add_teacher(house.institution, data, by=head))
    return found
