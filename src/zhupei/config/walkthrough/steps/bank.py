"""The item bank: items come in, are reviewed, published, released; the paper's form; the draw."""

from __future__ import annotations

import io

from openpyxl import load_workbook

from zhupei.config.walkthrough import samples
from zhupei.config.walkthrough.story import Story

from .institution import POST

LOAD = """
from zhupei.itembank.api import Item, load_demo_bank
from zhupei.kernel.actor import SYSTEM
count = load_demo_bank(by=SYSTEM)
answer = [count, Item.objects.filter(subject="professional").order_by("pk")[0].chapter]
"""
ITEM = {
    "编号": "ZP-演练-0001",
    "科目": "专业知识",
    "岗位": POST,
    "题型": "判断",
    "程度": "掌握",
    "难度": "0.7",
    "题干": "施工员应当在作业前向班组进行安全技术交底，并由双方签字确认。",
    "答案": "正确",
    "解析": "安全技术交底由双方签字确认。",
    "依据": "《建设工程安全生产管理条例》第二十七条",
}


def _table(headers: list[str], chapter: str, **changed: str) -> bytes:
    values = {**ITEM, "章节": chapter, **changed}
    return samples.table([headers, [values.get(name, "") for name in headers]])


def fill_bank(story: Story) -> None:
    """The demonstration bank is loaded by its operator; one more item goes the way of every item: two persons, then a release."""
    with story.step("operator", "loads the demonstration items (no page does that: zhupei shell)"):
        count, chapter = story.installation.ask(LOAD)
        if count < 120:
            raise AssertionError(f"{count} demonstration items")
    author = story.by("item author")
    author.open("/items/imports/template/")
    sheet = load_workbook(io.BytesIO(author.content)).worksheets[0]
    headers = [str(cell.value) for cell in sheet[1] if cell.value]

    def hand_in(data: bytes, expect: int = 200) -> None:
        page = author.open("/items/imports/")
        page.submit({}, field="file", files={"file": ("items.xlsx", data, samples.XLSX)}, expect=expect)

    with story.refused("item author", "hands in a broken Excel file of items"):
        hand_in(b"PK\x03\x04" + b"\x00broken" * 200, expect=422)
    with story.step(
        "item author",
        "hands in a table without a key: row and column are named; discarded",
        refused=True,
    ):
        hand_in(_table(headers, chapter, 答案=""))
        author.must_say("答案").submit(action="/discard/")
    with story.step("item author", "hands in a proper table and takes its item in as a draft"):
        hand_in(_table(headers, chapter))
        author.submit(action="/confirm/")
    with story.step("item reviewer", "approves the item as a second person"):
        reviewer = story.by("item reviewer").open("/items/queue/")
        reviewer.open(reviewer.link(r"/items/\d+/")).submit(action="/review/")
    with story.step("bank keeper", "publishes it and makes a release"):
        keeper = story.by("bank keeper").open("/items/queue/").submit(action="/queue/publish/")
        keeper.open("/items/releases/").submit({"note": "2026年第一版"}, field="note").must_say(
            str(count + 1)
        )
    with story.refused("exam officer", "wants to read items: refused"):
        for path in ("/items/", "/items/1/", "/items/releases/", "/papers/draws/"):
            story.by("exam officer").open(path, expect=403)


def half_marks(story: Story) -> None:
    """Half a mark for each right option, so that 59.5 points can be had at all."""
    with story.step(
        "system administrator", "changes the rule of multiple choice to half a mark for each right option"
    ):
        page = story.by("system administrator").open("/rulebook/parameters/multiple_choice_rule/change/")
        values = {"value": "half_per_right", "effective_from": "2026-03-25", "reason": "演练：市住建委函"}
        page.submit(values, field="effective_from")
    with story.step("bank keeper", "saves the paper of general knowledge with that rule"):
        keeper = story.by("bank keeper")
        for link in keeper.open("/papers/blueprints/").links(r"/papers/blueprints/\d+/$"):
            keeper.open(link).follow(r"new/\?from=")
            if keeper.page.xpath("//select[@name='subject']/option[@selected]/@value") == ["general"]:
                keeper.submit({"multiple_rule": "half_per_right"}, field="multiple_rule")
                return
        raise AssertionError("no blueprint of general knowledge")


def draw(story: Story) -> None:
    """Papers are drawn and sealed; the key cannot be had yet."""
    story.at("2026-04-01T10:00")
    batch = story.facts["batch"]
    with story.step("centre officer", "draws a paper of its own for every candidate and seals the bundle"):
        story.by("centre officer").open(batch).submit(action="/draw/")
    with story.refused("centre officer", "wants to release the key a week early"):
        story.by("centre officer").press(f"{batch}release/", expect=409)
    with story.refused("exam officer", "wants the bundle of the own candidates: refused"):
        story.by("exam officer").open(f"{batch}bundle/", expect=403)
