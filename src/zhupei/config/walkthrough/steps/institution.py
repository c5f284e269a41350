"""An institution: registration, staff, sites, hall, teachers."""

from __future__ import annotations

from zhupei.config.walkthrough import samples
from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Unexpected
from zhupei.kernel.roles import Role

from .units import invite

NAME = "重庆两江筑匠职业培训学校"
DIVISION = "500157"
POST, OTHER_POST = "土建施工员", "材料员"
SITE, HALL = "金渝教学点", "金渝考场"
STAFF = [
    ("teaching head", Role.TEACHING_HEAD, "杜明远", "du.my"),
    ("registrar", Role.REGISTRAR, "蒲晓岚", "pu.xl"),
    ("exam officer", Role.EXAM_OFFICER, "向成林", "xiang.cl"),
    ("teacher", Role.TEACHER, "冉老师", "ran.ls"),
    ("second teacher", Role.TEACHER, "龚老师", "gong.ls"),
    ("hall technical head", Role.HALL_TECHNICAL_HEAD, "黎工", "li.gong"),
    ("room administrator", Role.ROOM_ADMINISTRATOR, "覃管理", "qin.gl"),
    ("invigilator", Role.INVIGILATOR, "袁监考", "yuan.jk"),
    ("second invigilator", Role.INVIGILATOR, "石监考", "shi.jk"),
]


def register(story: Story) -> None:
    """Applies in public, is vetted by its district, registered and published by the city."""
    head = story.join("head", "秦建国", "qin.jg", "13900000001")
    applicant = head.visitor
    values = {
        "type": "social",
        "uscc": samples.credit_code(20260302),
        "full_name": NAME,
        "legal_representative": head.name,
        "division_code": DIVISION,
        "address": "重庆市两江新区金渝大道1号",
        "contact": head.name,
        "contact_phone": "13900000001",
        "applicant": head.name,
        "login": head.login,
        "mobile": head.phone,
        "password": head.password,
    }
    with story.refused("head", "applies with a credit code whose check character is wrong"):
        code = values["uscc"][:-1] + ("1" if values["uscc"][-1] != "1" else "2")
        page = applicant.open("/institutions/apply/")
        page.submit(values | {"uscc": code}, field="uscc", button=("send_code", "1"), expect=422).must_say(
            "校验位"
        )
    with story.step("head", "applies on the public page with the code sent to the mobile"):
        applicant.submit(values, field="uscc", button=("send_code", "1"))
        code = story.from_log(r"message to 139\*\*\*\*0001: .*?(?<!\d)(\d{6})(?!\d)")
        applicant.submit({"code": code, "password": head.password}, field="uscc")
    with story.step("head", "completes the registration: posts and licence with its scan"):
        page = story.by("head").open("/institutions/mine/")
        story.facts["institution"] = home = page.url
        posts = [page.follow("/edit/").option("posts", POST), page.option("posts", OTHER_POST)]
        page.submit({"posts": posts, "introduction": "演练用的培训学校"}, field="introduction")
        page.follow("/licences/add/").submit(
            {"kind": "school", "number": "教民50015720260001", "issuer": "重庆市两江新区教育局"},
            field="kind",
            files={"scan": ("licence.png", samples.picture("#335577"), "image/png")},
        )
        page.open(home).submit(action="/submit/")
    with story.step("district officer", "vets the registration"):
        officer = story.by("district officer").open(home)
        officer.follow("/vet/").submit({"opinion": "材料属实，同意上报。"}, field="opinion")
    with story.step("visitor", "finds no institution on the public list that is not published yet"):
        if NAME in story.stranger().open("/institutions/public/").text():
            raise Unexpected("the public list shows an institution before it is published")
    with story.step("education office", "registers and publishes"):
        office = story.by("education office").open(home)
        office.follow("/register/").submit({"opinion": "准予登记"}, field="opinion")
        office.submit(action="/publish/").must_say("20260001")
    with story.step("visitor", "finds the institution on the public list"):
        story.stranger().open("/institutions/public/").must_say(NAME)


def staff(story: Story) -> None:
    """The head gives roles and puts teachers on the list."""
    with story.step(
        "head", "gives roles: teaching head, registrar, exam officer, teachers, hall staff, invigilators"
    ):
        for who in STAFF:
            invite(story, "head", "/organisations/members/", who)
    with story.step("head", "puts two teachers on the list"):
        for actor in ("teacher", "second teacher"):
            page = story.by("head").open("/institutions/teachers/add/")
            person = story.cast[actor]
            page.submit(
                {
                    "name": person.name,
                    "site_years": 12,
                    "employment": "full_time",
                    "user": page.option("user", person.name),
                    "posts": [page.option("posts", POST), page.option("posts", OTHER_POST)],
                },
                field="site_years",
            ).must_say(person.name)


def _site(story: Story, kind: str, values: dict[str, object], rooms: list[tuple[str, str, int]]) -> str:
    head = story.by("head").open(f"/institutions/sites/add/?kind={kind}")
    head.submit(
        {"division_code": DIVISION, "address": "重庆市两江新区金渝大道1号", **values}, field="division_code"
    )
    place = head.url
    for name, what, seats in rooms:
        head.open(place).follow("/rooms/add/").submit(
            {"name": name, "kind": what, "seats": seats}, field="seats"
        )
    return place


def sites(story: Story) -> None:
    """A teaching site and a hall; the centre approves them."""
    with story.step("head", "adds a teaching site with two classrooms and hands it in"):
        rooms = [("101教室", "classroom", 60), ("102教室", "classroom", 60)]
        teaching = _site(story, "teaching", {"name": SITE}, rooms)
        story.by("head").open(teaching).submit(action="/submit/")
    with story.step("head", "adds a hall of 200 computers and 20 spare ones"):
        clients = {"name": HALL, "exam_clients": 200, "spare_clients": 19}
        hall = _site(story, "hall", clients, [("第一考室", "exam_room", 200), ("机房", "equipment", 1)])
    with story.refused("head", "hands in the hall with one spare computer too few"):
        head = story.by("head")
        head.open(hall).press(f"{hall}submit/", expect=422).must_say("20")
    with story.step("head", "puts that right and hands the hall in"):
        head = story.by("head").open(f"{hall}edit/")
        head.submit({"spare_clients": 20}, field="spare_clients").submit(action="/submit/")
    with story.step("centre officer", "approves the teaching site and the hall"):
        for place in (teaching, hall):
            officer = story.by("centre officer").open(place)
            officer.follow("/approve/").submit({"opinion": "现场核查合格"}, field="opinion")
