"""The training plan (annex 2): too late, in time, received; two tabs; a date beyond the calendar."""

from __future__ import annotations

from zhupei.config.walkthrough import samples
from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Unexpected, Visitor

from .institution import OTHER_POST, POST

TIME = "2026年3月{first}-{last}日9:00-12:00、14:00-17:00"


def _values(page: Visitor, row: int, post: str, time: str) -> dict[str, object]:
    prefix = f"rows-{row}-"
    return {
        prefix + "post": page.option(prefix + "post", post),
        prefix + "expected": 50,
        prefix + "fee": "680.00",
        prefix + "time_text": time,
    }


def _fill(story: Story, page: Visitor, time: str) -> dict[str, object]:
    """Two posts in the same days: two rows."""
    page.submit({}, field="teaching_head", button=("add_row", "rows"))
    return {
        "site": page.option("site", "金渝教学点"),
        "teaching_head": story.cast["teaching head"].name,
        "teaching_head_phone": "13900000002",
        "opinion": "同意申报，教学条件已落实。",
        "signed_by": story.cast["head"].name,
        **_values(page, 0, POST, time),
        **_values(page, 1, OTHER_POST, time),
    }


def file_plan(story: Story) -> None:
    """On 10 March: opening on the 16th is a day late, opening on the 17th is in time."""
    story.at("2026-03-10T09:00")
    seal = {"seal": ("seal.png", samples.picture("#bb2222", (300, 300)), "image/png")}
    with story.step("teaching head", "draws up a plan (annex 2) for two posts, opening on 16 March"):
        page = story.by("teaching head").open("/training/plans/new/")
        values = _fill(story, page, TIME.format(first=16, last=20))
        other_tab = page.tab()
        page.submit(values, field="teaching_head", files=seal)
        story.facts["plan"] = plan = page.url
    with story.refused("teaching head", "sends the same new plan again from a second tab: still one plan"):
        other_tab.submit(values, field="teaching_head", files=seal)
        if other_tab.url != plan:
            raise Unexpected(f"the same form made {other_tab.url} beside {plan}")
    with story.refused(
        "teaching head", "files the plan a day late: refused with the clause and the last day"
    ):
        page.open(f"{plan}submit/").submit({}, field="late_reason", expect=422)
        page.must_say("二（一）3", "2026年3月9日")
    with story.step("teaching head", "moves the opening to 17 March"):
        other_tab.open(f"{plan}edit/")
        page.open(f"{plan}edit/")
        time = TIME.format(first=17, last=21)
        page.submit({"rows-0-time_text": time, "rows-1-time_text": time}, field="teaching_head")
    with story.refused("teaching head", "saves an older copy of the plan from a second tab"):
        other_tab.submit({"contact": "旧页面"}, field="teaching_head", expect=409)
    with story.step("teaching head", "files the plan on the last day"):
        page.open(f"{plan}submit/").submit()
    with story.refused("teaching head", "presses the button of filing again"):
        page.press(f"{plan}submit/", expect=409)
    with story.step("teaching head", "downloads the plan as PDF and DOCX"):
        page.pdf(f"{plan}pdf/").open(f"{plan}docx/")
        if not page.content.startswith(b"PK"):
            raise Unexpected("the DOCX is no package")
    with story.step("centre officer", "receives the plan"):
        story.by("centre officer").open("/training/plans/queue/").open(plan).submit(
            {"opinion": "收悉"}, action="/receive/"
        )
    with story.step(
        "teaching head",
        "draws up a plan for 2027, beyond the published calendar: its last day is marked provisional",
    ):
        page = story.by("teaching head").open("/training/plans/new/")
        values = _fill(story, page, "2027年2月1-5日9:00-12:00、14:00-17:00")
        page.submit(values, field="teaching_head", files=seal).must_say("暂定")
