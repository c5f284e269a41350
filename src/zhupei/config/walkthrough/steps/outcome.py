"""Certificates: issued, checked by anyone, revoked; and the trace of it all."""

from __future__ import annotations

import re

from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Unexpected, Visitor

from .institution import NAME, POST
from .training import FIRST, SECOND


def _state(page: Visitor) -> str:
    """The state at the head of the public check."""
    found = page.page.xpath("//main//h2//*[contains(@class, 'z-state')]/@class")
    if not found:
        raise Unexpected(f"{page.name}: no state at {page.url}: {page.said()[:300]}")
    return str(found[0])


def certificate(story: Story) -> None:
    """Who passed both subjects has one that anyone can check; who did not has none."""
    with story.step(FIRST, "sees the confirmed result and the certificate, and downloads it"):
        page = story.by(FIRST).open("/exams/my/results/").must_say("100")
        page.open("/certificates/mine/").must_say(POST)
        story.facts["check by token"] = page.link(r"/certificates/check/.+/")
        page.pdf(page.link(r"/certificates/\d+/certificate\.pdf"))
    with story.step("head", "finds it in the institution's list"):
        page = story.by("head").open("/certificates/").must_say(story.cast[FIRST].name)
        number = page.page.xpath("//main//a[contains(@href, '/certificates/')]/text()")[0].strip()
        story.facts["number"] = number
    for how, path in (
        ("by its number", f"/certificates/check/?number={number}"),
        ("by the token of its QR code", story.facts["check by token"]),
    ):
        with story.step("visitor", f"checks the certificate {how}: valid, the name masked"):
            page = story.stranger().open(path).must_say(number, POST, NAME)
            if story.cast[FIRST].name in page.text():
                raise Unexpected("the public check shows the whole name")
            story.facts["valid"] = _state(page)
    with story.step("visitor", "checks an unknown number: said to be unknown", refused=True):
        page = story.stranger().open("/certificates/check/?number=05026101000199999X", expect=404)
        if _state(page) == story.facts["valid"]:
            raise Unexpected("an unknown number looks valid")
        story.facts["unknown"] = page.said()
    with story.step(SECOND, "sees 59.5 in the result, and has no certificate"):
        page = story.by(SECOND).open("/exams/my/results/").must_say("59.5").open("/certificates/mine/")
        if page.links(r"/certificates/\d+/"):
            raise Unexpected("a certificate was issued to a candidate who failed")


def void(story: Story) -> None:
    """Voided by two persons, and revoked for everybody."""
    story.at("2026-04-09T09:30")
    batch = story.facts["batch"]
    with story.step("centre officer", "proposes to void the passed result, with a reason"):
        page = story.by("centre officer").open(f"{batch}results/?q={story.cast[FIRST].name}")
        result = page.link(r"/exams/results/\d+/")
        page.open(result).follow("/void/").submit({"reason": "录像核查：他人代考"}, field="reason")
        approver = story.by("centre approver").open(result)
        decide = approver.link(r"/exams/void/\d+/decide/")
    with story.refused("centre officer", "decides the own proposal: refused"):
        page.open(result).press(decide, {"accept": "1", "reason": "同意"}, expect=403)
    with story.step("centre approver", "decides as the second person: void"):
        approver.open(decide).submit({"accept": "1", "reason": "证据确凿"}, field="accept")
    for how, path in (
        ("by number", f"/certificates/check/?number={story.facts['number']}"),
        ("by token", story.facts["check by token"]),
    ):
        with story.step(
            "visitor", f"checks the certificate {how}: revoked, and told apart from an unknown one"
        ):
            page = story.stranger().open(path).must_say(story.facts["number"])
            if _state(page) == story.facts["valid"] or page.said() == story.facts["unknown"]:
                raise Unexpected("a revoked certificate is not told apart")


def trace(story: Story) -> None:
    """The security officer reads what was done; nobody else does."""
    with story.step("security officer", "finds the voiding in the audit trail"):
        page = story.by("security officer").open(f"/audit/?q={story.cast['centre approver'].name}")
        if not re.search(story.cast["centre approver"].name, page.said()):
            raise Unexpected("the audit trail does not name the approver")
    with story.refused("head", "wants to read the audit trail: refused"):
        story.by("head").open("/audit/", expect=403)
    with story.step("operator", "recomputes the audit chain and the hours ledger: no difference"):
        story.installation.manage("verify")
