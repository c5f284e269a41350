"""What this room keeps of a person (see ``people.personal``)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from zhupei.kernel import clock
from zhupei.people.api import Person

from .models import Candidate

SECTION = "exams"
KEPT: list[tuple[Any, Any, Any]] = [
    (
        _("Tests for which you were put down: batch, post, seat, slip number"),
        _("To hold the test and to show who sat where"),
        _("At least 5 years from enrolment"),
    ),
    (
        _("Your scores, how they were computed and every decision on them"),
        _("To issue the certificate, and to answer an appeal"),
        _("At least 5 years from enrolment"),
    ),
    (
        _("Reviews of your results that were asked for, and their answers"),
        _("To answer them, and to show what was decided and why"),
        _("At least 5 years from enrolment"),
    ),
]


def records_of(person: Person) -> dict[str, Any]:
    """The person's candidacies with their results and decisions, as JSON can hold them."""

    def moment(value: Any) -> str | None:
        return clock.local(value).isoformat(timespec="seconds") if value else None

    rows = (
        Candidate.objects.filter(person=person)
        .select_related("batch", "post", "slot", "room", "result")
        .prefetch_related("result__steps", "result__rescorings", "result__challenges")
        .order_by("pk")
    )
    tests = []
    for row in rows:
        result = getattr(row, "result", None)
        test: dict[str, Any] = {
            "batch": str(row.batch),
            "post": row.post.code,
            "slip_no": row.slip_no,
            "session": moment(row.slot.starts_at) if row.slot else None,
            "room": row.room.name if row.room else None,
            "seat": row.seat,
            "attempt": row.attempt,
            "taken_off_the_list_at": moment(row.removed_at),
            "taken_off_the_list_because": row.removed_reason,
        }
        if result is not None:
            test["result"] = {
                "general": str(result.general),
                "professional": str(result.professional),
                "passed": result.passed,
                "state": result.state,
                "handed_in_at": moment(result.submitted_at),
                "shown_at": moment(result.shown_at),
                "announced": {
                    "general": str(result.announced_general),
                    "professional": str(result.announced_professional),
                    "passed": result.announced_passed,
                },
                "scored_again": [
                    {
                        "at": moment(one.at),
                        "because": one.notice,
                        "general": [str(one.general_before), str(one.general_after)],
                        "professional": [str(one.professional_before), str(one.professional_after)],
                        "passed": [one.passed_before, one.passed_after],
                    }
                    for one in sorted(result.rescorings.all(), key=lambda one: one.pk)
                ],
                "reviews": [
                    {
                        "what": one.kind,
                        "text": one.text,
                        "asked_at": moment(one.filed_at),
                        "state": one.state,
                        "answer": one.answer,
                        "answered_at": moment(one.answered_at),
                    }
                    for one in sorted(result.challenges.all(), key=lambda one: one.pk)
                ],
                "answers_digest_sm3": result.answers_digest,
                "decisions": [
                    {"what": step.verb, "at": moment(step.at), "by": step.person, "reason": step.reason}
                    for step in sorted(result.steps.all(), key=lambda step: step.pk)
                ],
            }
        tests.append(test)
    return {"tests": tests}
