"""The application for the item bank (annex 4): too late, in time, slot, filing; candidates, seats, slips."""

from __future__ import annotations

from zhupei.config.walkthrough import samples
from zhupei.config.walkthrough.story import Story

from .institution import HALL, POST
from .training import FIRST, SECOND, credit_half_hour


def _session(day: str) -> dict[str, object]:
    return {"sessions-0-day": day, "sessions-0-start": "09:00", "sessions-0-end": "11:30"}


def apply(story: Story) -> None:
    """On 24 March: a test on 7 April is a day late, one on 8 April is in time."""
    story.at("2026-03-24T09:00")
    pictures = {
        "signature": ("signature.png", samples.picture("#222266", (300, 120)), "image/png"),
        "seal": ("seal.png", samples.picture("#bb2222", (300, 300)), "image/png"),
    }
    officer = story.cast["exam officer"]
    with story.step("exam officer", "fills in the application (annex 4) for two persons on 7 April"):
        page = story.by("exam officer").open("/exams/applications/new/")
        values = {
            **_session("2026-04-07"),
            "posts-0-post": page.option("posts-0-post", POST),
            "posts-0-count": 2,
            "hall": page.option("hall", HALL),
            "clients_available": 200,
            "lead": officer.name,
            "lead_mobile": "13900000003",
            "contact": officer.name,
            "contact_mobile": "13900000003",
            "signed_by": story.cast["head"].name,
            "signed_on": "2026-03-24",
        }
        page.submit(values, field="hall", files=pictures)
        story.facts["application"] = application = page.url
    with story.refused("exam officer", "submits it a day late: refused with the last day"):
        page.submit({"pledge": "on"}, action="/submit/", expect=422).must_say("2026年3月23日")
    with story.step("exam officer", "moves the test to 8 April and submits it on the last day"):
        page.open(f"{application}edit/").submit(_session("2026-04-08"), field="hall")
        page.submit({"pledge": "on"}, action="/submit/").pdf(f"{application}form.pdf")
    with story.refused("exam officer", "submits it again"):
        page.open(application).press(f"{application}submit/", {"pledge": "on"}, expect=409)
    with story.step("centre officer", "gives the slot and files it with the education office"):
        page = story.by("centre officer").open("/exams/queue/").open(f"{application}schedule/")
        page.submit({"opinion": "同意"}, field="opinion").submit(action="/file/")
        story.facts["batch"] = page.link(r"/exams/batches/\d+/")
    with story.step("education office", "acknowledges the filing with a receipt number"):
        office = story.by("education office").open("/exams/filings/")
        office.follow("/receive/").submit({"receipt_no": "宣教备2026-017"}, field="receipt_no")


def candidates(story: Story) -> None:
    """39.5 hours are not 40; with the half hour, both are candidates and get their seats."""
    batch = story.facts["batch"]
    ids = {actor: story.facts[f"enrolment of {actor}"] for actor in (FIRST, SECOND)}
    page = story.by("exam officer").open(f"{batch}candidates/")
    with story.refused("exam officer", "picks the learner with 39.5 hours: refused with his hours"):
        page.must_say("39.5").press(f"{batch}candidates/", {"enrolments": str(ids[SECOND])}, expect=422)
        page.must_say(story.cast[SECOND].name, "39.5")
    credit_half_hour(story)
    with story.step("exam officer", "picks both candidates"):
        page = story.by("exam officer").open(f"{batch}candidates/")
        page.submit({"enrolments": list(ids.values())}, field="enrolments")
    with story.step("exam officer", "fixes the candidates: seats are drawn by chance, slips printed"):
        page.open(f"{batch}lock/").submit().pdf(f"{batch}slips.pdf")
    for actor in (FIRST, SECOND):
        with story.step(actor, "opens the own admission slip"):
            page = story.by(actor).open("/exams/my/test/")
            story.facts[f"slip of {actor}"] = slip = page.link(r"/slip\.pdf")
            page.pdf(slip)
