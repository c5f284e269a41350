"""The city, the centre and a district commission: first administrator, roles."""

from __future__ import annotations

from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Visitor
from zhupei.kernel.roles import Role

DISTRICT = "两江新区住房和城乡建设委员会"
CITY = "重庆市住房和城乡建设委员会"
CENTRE = "重庆市建设岗位培训中心"

CENTRE_STAFF = [
    ("centre officer", Role.CENTRE_OFFICER, "郑文博", "zheng.wb"),
    ("centre approver", Role.CENTRE_APPROVER, "罗秋菊", "luo.qj"),
    ("bank keeper", Role.BANK_KEEPER, "何川", "he.chuan"),
    ("item author", Role.ITEM_AUTHOR, "陈立新", "chen.lx"),
    ("item reviewer", Role.ITEM_REVIEWER, "周敏", "zhou.min"),
    ("security officer", Role.SECURITY_OFFICER, "廖安", "liao.an"),
]


def first_administrator(story: Story) -> None:
    """The account that ``zhupei found`` opened sets its password and binds a second factor."""
    story.join("system administrator", "系统管理员", "admin", "13800000001")
    with story.step("system administrator", "sets a password with the code that the demonstration shows"):
        story.first_password("system administrator")
    with story.step("system administrator", "binds the second factor and signs in"):
        story.by("system administrator").open("/organisations/").must_say(CENTRE)


def organisation(visitor: Visitor, name: str) -> str:
    """The address of the members of the organisation called ``name``."""
    return visitor.open(f"/organisations/?q={name}").link_named(name)


def invite(story: Story, by: str, members: str, who: tuple[str, Role, str, str]) -> None:
    """Give somebody a role on the page of members, and let that person set a password."""
    actor, role, name, login = who
    known = story.cast.get(actor)
    person = known or story.join(actor, name, login, f"138000001{len(story.cast):02d}")
    page = story.by(by).open(members).follow("/invite/")
    values = {"login": person.login, "display_name": person.name, "phone": person.phone, "role": role.value}
    page.submit(values, field="display_name").must_say(name)
    if known is None:
        story.first_password(actor)


def give_roles(story: Story) -> None:
    """The city's education office, the centre's people, a district officer."""
    admin = story.by("system administrator")
    with story.step("system administrator", "gives a role to the city's education office"):
        page = organisation(admin, CITY)
        invite(
            story,
            "system administrator",
            page,
            ("education office", Role.CITY_EDUCATION_OFFICE, "谭宣教", "tan.xj"),
        )
    with story.step(
        "system administrator",
        "gives roles to the centre: officer, approver, keeper, author, reviewer, security",
    ):
        page = organisation(admin, CENTRE)
        for who in CENTRE_STAFF:
            invite(story, "system administrator", page, who)
    with story.step("system administrator", "gives a role to the district commission of 两江新区"):
        page = organisation(admin, DISTRICT)
        invite(
            story,
            "system administrator",
            page,
            ("district officer", Role.DISTRICT_OFFICER, "江北望", "jiang.bw"),
        )
