"""The day of the test in the hall: staff, key, check-in, the start; afterwards the close and the return."""

from __future__ import annotations

from zhupei.config.walkthrough.story import Story

from .training import FIRST, SECOND


def staff_of_hall(story: Story) -> None:
    """Technical head and room administrator are reported and filed (R146–R148)."""
    with story.step("hall technical head", "reports technical head and room administrator to the centre"):
        page = story.by("hall technical head")
        for actor in ("hall technical head", "room administrator"):
            page.open("/hall/staff/report/")
            values = {
                "person": page.option("person", story.cast[actor].name),
                "trained_on": "2026-02-10",
                "training": "市建设岗培中心考务培训",
            }
            page.submit(values, field="training")
    with story.step("centre officer", "files them"):
        page = story.by("centre officer").open("/hall/staff/")
        for number in ("考务备001", "考务备002"):
            page.submit({"filing_no": number}, field="filing_no")


def open_hall(story: Story) -> None:
    """Two persons of the centre release the key; the hall takes the bundle in, opens it, checks in both candidates."""
    story.at("2026-04-08T08:15")
    batch = story.facts["batch"]
    with story.step("room administrator", "takes the sealed bundle in and notes the checklist of the day"):
        page = story.by("room administrator").open("/hall/").submit(action="/take-in/")
        story.facts["hall batch"] = here = page.url
        items = ["computers", "spares", "network", "cameras", "clocks", "power", "readers"]
        page.open(f"{here}checklist/").submit({"items": items}, field="items")
    with story.refused("room administrator", "opens the bundle before its key is released"):
        page.press(f"{here}open/", expect=409)
    with story.step("centre officer", "releases the key as the first person"):
        story.by("centre officer").open(batch).submit(action="/release/")
    with story.refused("centre officer", "wants to be the second person too"):
        story.by("centre officer").press(f"{batch}release/", expect=403)
    with story.step("centre approver", "releases the key as the second person"):
        story.by("centre approver").open(batch).submit(action="/release/")
    with story.step("room administrator", "opens the bundle"):
        page = story.by("room administrator").open(here).submit(action="/open/")
    story.at("2026-04-08T08:35")
    with story.step("room administrator", "checks the first learner in by the identity card"):
        page = story.by("room administrator").open(f"{here}desk/")
        page.submit({"q": story.cast[FIRST].login}, field="q")
        page.submit({"alike": "yes"}, field="alike", button=("verdict", "accept"))
    with story.step(
        "room administrator",
        "finds the second learner by slip number; without the card a second person decides",
    ):
        page.open(f"{here}desk/").submit({"q": story.facts["slips"][SECOND]}, field="q")
        values = {"method": "document", "alike": "yes", "reason": "身份证磁条损坏，核对临时身份证"}
        page.submit(values, field="alike", button=("verdict", "accept"))
        page = story.by("hall technical head").open(f"{here}desk/")
        page.follow("/hall/check-ins/").submit({}, field="reason", button=("verdict", "accept"))
    with story.step("invigilator", "signs on in the room"):
        page = story.by("invigilator").open(here)
        room = page.form("/duty/").get("action") or ""
        page.submit(action="/duty/")
    story.at("2026-04-08T09:00")
    with story.refused("invigilator", "starts the test with one invigilator of two"):
        page = story.by("invigilator").open(here)
        page.submit(action="/start/", expect=409)
    with story.step("second invigilator", "signs on; the test is started"):
        page = (
            story.by("second invigilator").open(here).submit(action=room).open(here).submit(action="/start/")
        )


def close_hall(story: Story) -> None:
    """The batch is closed, the return goes to the centre, which scores again: no difference."""
    here, batch = story.facts["hall batch"], story.facts["batch"]
    story.at("2026-04-08T11:35")
    with story.step("hall technical head", "closes the batch"):
        story.by("hall technical head").open(f"{here}close/").submit()
    with story.step("hall technical head", "makes the signed return, which the centre receives"):
        page = story.by("hall technical head").open(here).submit(action="/return/")
        page.pdf(page.open(f"{here}scores/").link(r"\.pdf"))
    with story.step(
        "centre approver", "finds no difference between the hall's scores and the centre's, and confirms"
    ):
        page = story.by("centre approver").open(batch)
        if page.page.xpath(
            "//form[contains(@action, '/differences/')] | //a[contains(@href, '/differences/')]"
        ):
            raise AssertionError(f"there are differences: {page.said()[:400]}")
        page.submit(action="/confirm/")
    with story.refused("centre approver", "confirms a second time"):
        story.by("centre approver").press(f"{batch}confirm/", expect=409)
