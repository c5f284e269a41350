"""Both candidates at the computer, without a script: one passes, one misses a subject by half a point."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Unexpected, Visitor

from .training import FIRST, SECOND

# The oracle, never an actor: the keys of both papers, and who is which candidate.
KEYS = """
from zhupei.exams.api import Candidate
from zhupei.papers.api import Draw, keys_of, papers_of
draw = Draw.objects.latest("pk")
keys = keys_of(draw)
papers = {
    name: {
        subject: [[slot.key, slot.kind, str(slot.marks), list(keys[slot.key].right), paper.paper_id] for slot in paper.slots()]
        for subject, paper in both.items()
    }
    for name, both in papers_of(draw).items()
}
found = Candidate.objects.filter(removed_at=None)
answer = {str(one.enrolment_id): {"slip": one.slip_no, "papers": papers[str(one.pk)]} for one in found}
"""
TARGET = Decimal("59.5")
Answers = dict[str, dict[str, list[str]]]


def slips(story: Story) -> None:
    """Read the slip numbers where the learners read them, and the keys where nobody can."""
    secret = story.installation.ask(KEYS)
    story.facts["secret"] = {a: secret[str(story.facts[f"enrolment of {a}"])] for a in (FIRST, SECOND)}
    story.facts["slips"] = {a: one["slip"] for a, one in story.facts["secret"].items()}
    for actor, slip in story.facts["slips"].items():
        with story.step(actor, "reads time, room, seat and slip number on the phone"):
            story.by(actor).open("/exams/my/test/").must_say(slip)


def all_right(papers: dict[str, Any]) -> Answers:
    """Every answer as the key says."""
    return {subject: {slot[0]: slot[3] for slot in slots} for subject, slots in papers.items()}


def half_a_point_short(papers: dict[str, Any]) -> Answers:
    """General knowledge to exactly 59.5: whole items up to 58, then one right option in each of three multiple ones."""
    given: dict[str, list[str]] = {}
    total = Decimal(0)
    for key, kind, marks, right, _paper in papers["general"]:
        if kind == "single" and total + Decimal(marks) <= TARGET:
            given[key], total = right, total + Decimal(marks)
        elif kind == "multiple" and total < TARGET:
            if TARGET - total >= Decimal(marks):
                given[key], total = right, total + Decimal(marks)
            else:
                given[key], total = right[:1], total + Decimal("0.5")
    if total != TARGET:
        raise AssertionError(f"the paper does not allow {TARGET}, only {total}")
    return {**all_right(papers), "general": given}


def enter(story: Story, actor: str) -> Visitor:
    """A computer of the hall."""
    page = story.stranger(actor).open("/exam/")
    values = {"slip_no": story.facts["slips"][actor], "id_number": story.cast[actor].login}
    return page.submit(values, field="slip_no")


def answer_all(page: Visitor, answers: Answers) -> None:
    """From the first question to the page of handing in, by the buttons of the pages."""
    for _page in range(300):
        path = page.url.split("?")[0]
        if path.endswith("/hand-in"):
            return
        if path.endswith("/next-subject"):
            page.submit(action="/exam/next-subject")
            continue
        subject = page.page.xpath("//*[@data-page='paper']/@data-subject")[0]
        shown = page.page.xpath("//fieldset[@data-key]/@data-key")
        given = {f"a:{key}": answers[subject][key] for key in shown if key in answers[subject]}
        page.submit(given, action="/exam/save", button=("go", "next"))
    raise Unexpected(f"{page.name}: the paper does not end")


def _scores(page: Visitor) -> list[str]:
    return [str(one).strip() for one in page.page.xpath("//*[@class='figure']/b/text()")]


def sit(story: Story) -> None:
    """The test itself, and what is tried against it."""
    secret = story.facts["secret"]
    with story.step(SECOND, "signs in with the slip of the first learner: refused", refused=True):
        page = story.stranger(SECOND).open("/exam/")
        values = {"slip_no": story.facts["slips"][FIRST], "id_number": story.cast[SECOND].login}
        page.submit(values, field="slip_no", expect=403)
    computers = {}
    for actor in (FIRST, SECOND):
        with story.step(actor, "signs in at the computer with slip number and ID number, and starts"):
            computers[actor] = page = enter(story, actor)
            page.submit(action="/exam/start")
    with story.step(SECOND, "wants to read and to answer the first learner's paper: refused", refused=True):
        learner = story.by(SECOND)
        other = secret[FIRST]["papers"]["general"]
        form = dict(computers[SECOND].form("/exam/save").form_values())
        stolen = {**form, "paper": other[0][4], f"a:{other[0][0]}": other[0][3][0], "go": "next"}
        computers[SECOND].tab().post("/exam/save", stolen, expect=404)
        computers[SECOND].tab().open(
            "/exam/paper?subject=professional", expect=409
        )  # the second subject comes second
        learner.open(story.facts[f"slip of {FIRST}"], expect=404)
        learner.open(f"{story.facts['batch']}bundle/", expect=403)
    for actor, plan, marks in (
        (FIRST, all_right(secret[FIRST]["papers"]), ["100", "100"]),
        (SECOND, half_a_point_short(secret[SECOND]["papers"]), ["59.5", "100"]),
    ):
        with story.step(actor, "answers both subjects by the pages' forms, without a script"):
            page = computers[actor]
            page.open("/exam/paper")
            answer_all(page, plan)
            tab = page.tab()
        with story.step(actor, f"hands in and sees both scores at once: {' and '.join(marks)}"):
            page.submit(action="/exam/hand-in")
            if _scores(page) != marks:
                raise Unexpected(f"{actor} sees {_scores(page)}, not {marks}")
            first = _receipt(page)
        with story.step(actor, "hands in again from an older page: the first receipt stands", refused=True):
            tab.submit(action="/exam/hand-in")
            if _receipt(tab) != first or _scores(tab) != marks:
                raise Unexpected(f"{actor} got another receipt: {_receipt(tab)}, not {first}")
    with story.step(SECOND, "sees that 59.5 is not passed"):
        if not computers[SECOND].page.xpath("//p[contains(@class, 'outcome') and contains(@class, 'fail')]"):
            raise Unexpected(f"59.5 is not failed: {computers[SECOND].said()[:300]}")


def _receipt(page: Visitor) -> str:
    found = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", page.text())
    if found is None:
        raise Unexpected(f"{page.name}: no moment of handing in at {page.url}: {page.said()[:300]}")
    return found[0]
