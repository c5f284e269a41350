"""The class: timetable of 40 hours, two learners, lessons, hours; 39.5 hours and how they become 40."""

from __future__ import annotations

import re

from zhupei.config.walkthrough import samples
from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Unexpected, Visitor

from .institution import OTHER_POST, POST

BEGIN, END = (
    ("08:50", "13:50"),
    ("12:02", "17:02"),
)  # when people sign in and out; the lessons last from 9 to 12, 14 to 17
LATE = "14:20"  # 160 of 180 minutes: 3.5 of 4 class hours
FIRST, SECOND = "first learner", "second learner"
TABLE = ["姓名", "证件类型", "证件号码", "手机号", "学历", "工作单位"]


def open_class(story: Story) -> None:
    """Two classes from the two rows; the second may not have the first one's room."""
    plan = story.facts["plan"]
    head = story.by("teaching head")
    with story.step("teaching head", "opens a class for each post of the plan"):
        for key in ("class", "other class"):
            head.open(plan).follow("/classes/open/").submit({}, field="capacity")
            story.facts[key] = head.url
        head.open(story.facts["class"]).must_say(POST)
    with story.step("teaching head", "fills the timetable from the plan: 10 lessons, 40 class hours"):
        page = head.open(f"{story.facts['class']}timetable/")
        page.submit(
            {
                "room": page.option("room", "101"),
                "teacher": page.option("teacher", story.cast["teacher"].name),
            },
            field="room",
        )
        found = (re.search(r"/training/lessons/(\d+)/", link) for link in page.links("/training/lessons/"))
        story.facts["lessons"] = lessons = sorted({int(one[1]) for one in found if one})
        if len(lessons) != 10:
            raise Unexpected(f"{len(lessons)} lessons in the timetable")
    with story.refused("teaching head", "gives the second class the same room at the same hours"):
        page = head.open(f"{story.facts['other class']}timetable/")
        values = {
            "room": page.option("room", "101"),
            "teacher": page.option("teacher", story.cast["second teacher"].name),
        }
        page.submit(values, field="room", expect=409).must_say("101教室")
    with story.step("teaching head", "gives the second class the other room"):
        page.submit({**values, "room": page.option("room", "102")}, field="room").must_say(OTHER_POST)


def _sign_up(story: Story, actor: str, name: str, number: str, phone: str) -> None:
    person = story.join(actor, name, number, phone, password=f"Zp-{number[-4:]}-learn!")
    start = {"identity_kind": "resident_id", "identity_number": number, "name": name, "phone": phone}
    page = person.visitor.open("/me/sign-up/")
    page.submit(start, field="identity_number", button=("send_code", "1"))
    values = {
        "code": page.code(),
        "password": person.password,
        "again": person.password,
        "consent_account": "on",
    }
    page.submit(values, field="again")
    page = story.by(actor).open("/me/edit/")
    page.submit({"education": "secondary_vocational", "employer": "重庆某建设公司"}, field="education")
    photo = {"photo": ("photo.png", samples.picture("#774422"), "image/png")}
    page.open("/me/photo/").submit({}, field="photo", files=photo)


def sign_up(story: Story) -> None:
    """Two learners open accounts and enrol; one of them double-clicks."""
    good = samples.identity_number("19900312", 11)
    with story.refused(FIRST, "signs up with a number whose checksum is wrong"):
        wrong = good[:-1] + ("1" if good[-1] != "1" else "2")
        page = story.stranger(FIRST).open("/me/sign-up/")
        values = {"identity_number": wrong, "name": "谭小明", "phone": "13700000001"}
        page.submit(values, field="identity_number", button=("send_code", "1"), expect=422).must_say("校验")
    with story.step(
        FIRST, "opens an account on the phone page with the code, gives consent, education and photo"
    ):
        _sign_up(story, FIRST, "谭小明", good, "13700000001")
    with story.step(SECOND, "does the same"):
        _sign_up(story, SECOND, "罗·阿依古丽", samples.identity_number("19881105", 24), "13700000002")
    number = int(story.facts["class"].rstrip("/").split("/")[-1])
    for actor in (FIRST, SECOND):
        with story.step(actor, "finds the class in the public list and applies for it"):
            page = story.by(actor).open("/training/open/").follow(f"/training/open/{number}/")
            double = page.tab()
            page.submit(action="/enrol/")
            story.facts[f"enrolment of {actor}"] = page.number(r"/training/mine/(\d+)/")
    with story.refused(SECOND, "presses the button twice: still one application"):
        double.submit(action="/enrol/")
        if double.number(r"/training/mine/(\d+)/") != story.facts[f"enrolment of {SECOND}"]:
            raise Unexpected("a second application was made")


def import_tables(story: Story) -> None:
    """Tables of names that are broken, or hold one wrong row, change nothing."""
    page = story.by("registrar")
    address = f"{story.facts['class']}import/"

    def hand_in(data: bytes) -> Visitor:
        return page.open(address).submit(
            {}, field="file", files={"file": ("names.xlsx", data, samples.XLSX)}, expect=422
        )

    with story.refused("registrar", "imports a broken Excel file"):
        hand_in(b"PK\x03\x04" + b"\x00broken" * 200)
    with story.refused(
        "registrar", "imports a table in which one number has a wrong checksum: no row is taken"
    ):
        good = samples.identity_number("19950607", 35)
        wrong = good[:-1] + ("1" if good[-1] != "1" else "2")
        rows = [
            [name, "居民身份证", n, "13600000009", "大专", ""]
            for name, n in (("王一", good), ("李二", wrong))
        ]
        hand_in(samples.table([TABLE, *rows])).must_say("李二")
    with story.step("registrar", "accepts both applications"):
        page = story.by("registrar").open("/training/enrolments/?state=applied")
        page.submit(
            {"enrolment": [story.facts[f"enrolment of {a}"] for a in (FIRST, SECOND)]},
            action="/enrolments/accept/",
        ).submit({}, field="confirmed")


def _punch(story: Story, actor: str, lesson: int) -> None:
    """Type the six digits of the teacher's screen."""
    board = story.by("teacher").open(f"/training/lessons/{lesson}/board/")
    pin = board.code()
    page = story.by(actor).open(f"/training/lessons/{lesson}/punch/")
    page.submit({"code": pin}, field="code")


def lessons(story: Story) -> None:
    """Five days of two lessons: one learner signs in and out by PIN, the other is called at the roll; once he is late."""
    story.at("2026-03-17T08:40")
    with story.step("teaching head", "starts the class on its first day"):
        story.by("teaching head").open(story.facts["class"]).submit(action="/start/")
    with story.refused(
        "teaching head", "wants to change the plan after its opening: refused with the last day"
    ):
        page = story.by("teaching head").open(story.facts["plan"])
        page.press(f"{story.facts['plan']}change/", expect=409).must_say("附件2", "2026年3月16日")
    ids = story.facts["lessons"]
    for at, lesson in enumerate(ids):
        day, half = 17 + at // 2, at % 2
        last = lesson == ids[-1]
        with story.step("teacher", f"holds lesson {at + 1}: sign-in by PIN, roll call, closing"):
            board = (
                f"/training/lessons/{lesson}/code/"  # the screen in front fetches its digits again and again
            )
            story.at(f"2026-03-{day}T{BEGIN[half]}")
            _punch(story, FIRST, lesson)
            if last:
                story.wait_until(f"2026-03-{day}T{LATE}", teacher=board)
                _punch(story, SECOND, lesson)
            story.wait_until(f"2026-03-{day}T{END[half]}", teacher=board, first_learner="/hours/mine/")
            _punch(story, FIRST, lesson)
            if last:
                _punch(story, SECOND, lesson)
            else:
                mark = f"mark-{story.facts[f'enrolment of {SECOND}']}"
                story.by("teacher").open(f"/training/lessons/{lesson}/roll-call/").submit(
                    {mark: "whole"}, field=mark
                )
            story.by("teacher").open(f"/training/lessons/{lesson}/close/").submit()
    with story.refused("teacher", "closes the last lesson again: its hours count once"):
        story.by("teacher").press(f"/training/lessons/{ids[-1]}/close/")
    for actor, hours in ((FIRST, "40"), (SECOND, "39.5")):
        with story.step(actor, f"sees {hours} class hours"):
            story.by(actor).open("/hours/mine/").must_say(hours)
    with story.step("teaching head", "finishes the class"):
        story.by("teaching head").open(story.facts["class"]).submit(action="/finish/")


def credit_half_hour(story: Story) -> None:
    """The half hour that is lacking: proposed by one person, decided by another."""
    enrolment = story.facts[f"enrolment of {SECOND}"]
    with story.step("teaching head", "proposes half an hour by hand, with evidence"):
        page = story.by("teaching head").open(f"/hours/ledger/{enrolment}/credit/")
        values = {
            "hours": "0.5",
            "occurred_on": "2026-03-21",
            "reason": "签到机断电20分钟，有现场照片和教师证明",
        }
        page.submit(
            values, field="hours", files={"evidence": ("proof.png", samples.picture("#446644"), "image/png")}
        )
        story.facts["credit"] = credit = page.open(f"/hours/ledger/{enrolment}/").link(r"/hours/credits/\d+/")
    with story.refused("teaching head", "approves what he proposed himself"):
        page.open(credit).press(f"{credit}decide/", {"verdict": "approve"}, expect=403)
    with story.step("head", "approves it as the second person: 40 hours"):
        page = story.by("head").open(credit)
        page.submit({}, action="/decide/", button=("verdict", "approve")).open(
            f"/hours/ledger/{enrolment}/"
        ).must_say("40")
