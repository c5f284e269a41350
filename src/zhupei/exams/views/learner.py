"""The candidate's own pages: when and where, the slip, the results in words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from zhupei.documents import api as documents
from zhupei.exams import access, prints
from zhupei.exams.choices import BatchState, ResultState
from zhupei.exams.models import Candidate, Result
from zhupei.exams.queries import candidacies_of
from zhupei.exams.standing import challenge_until
from zhupei.kernel import clock
from zhupei.people.api import person_of
from zhupei.rulebook.api import decimal_parameter, parameter
from zhupei.web.views import file_response

from .pieces import actor_of

EXAM_URL = "/exam/"  # the exam engine's own application, outside the address table
PRACTICE_URL = "/practice/"  # and the practice's
SEATED = (BatchState.LOCKED, BatchState.READY, BatchState.RELEASED)


def _card(candidate: Candidate) -> dict[str, Any]:
    """What a candidate needs to know of one test."""
    slot = candidate.slot
    today = slot is not None and clock.local(slot.starts_at).date() == clock.today()
    over = slot is not None and slot.ends_at < clock.now()
    return {
        "candidate": candidate,
        "batch": candidate.batch,
        "slot": slot,
        "has_slip": slot is not None and candidate.batch.state in SEATED,
        "minutes": prints.minutes_of(candidate.carried_subject),
        "today": today and not over,
        "over": over,
    }


def my_test(request: HttpRequest) -> HttpResponse:
    """The tests that lie ahead, and the way to them."""
    person = person_of(actor_of(request))
    ahead = []
    if person is not None:
        rows = candidacies_of(person).filter(result=None, batch__state__in=[BatchState.PREPARING, *SEATED])
        ahead = [_card(one) for one in rows]
    context = {
        "cards": [card for card in ahead if not card["over"]],
        "exam_url": EXAM_URL,
        "practice_url": PRACTICE_URL,
        "opens": int(parameter("check_in_opens_minutes")),
        "pass_mark": f"{decimal_parameter('subject_pass_mark').normalize():f}",
    }
    return render(request, "exams/my_test.html", context)


def my_slip(request: HttpRequest, pk: int) -> HttpResponse:
    """The learner's own admission slip."""
    candidate = get_object_or_404(
        access.candidates_for(actor_of(request))
        .filter(removed_at=None)
        .exclude(batch__state=BatchState.CANCELLED),
        pk=pk,
    )
    data = documents.render_pdf(prints.slip_of(candidate))
    return file_response(data, f"准考证 {candidate.slip_no}.pdf", "application/pdf", inline=True)


def _words(result: Result) -> tuple[str, str]:
    """What a result means and what comes next, in two sentences."""
    mark = f"{decimal_parameter('subject_pass_mark').normalize():f}"
    if result.state == ResultState.VOID:
        return _("This result was voided and does not count."), _(
            "The reason stands below. Ask your institution about a new test."
        )
    if result.state == ResultState.DOUBTFUL:
        return _("The centre is looking into this result."), _(
            "You are told when it is decided. You need not do anything now."
        )
    if not result.passed and parameter("carry_over"):
        months = int(parameter("resit_months"))
        return (
            _("Not passed: each subject needs %(mark)s points.") % {"mark": mark},
            _("A subject that you passed is not taken again once the centre has confirmed it. Within %(n)d months no new "
              "training is needed: ask your institution to put you on the list of its next test.") % {"n": months},
        )  # fmt: skip
    if not result.passed:
        months = int(parameter("resit_months"))
        return (
            _("Not passed: each subject needs %(mark)s points, and both must be passed in one sitting.") % {"mark": mark},
            _("Both subjects are taken again. Within %(n)d months no new training is needed: ask your institution to put you "
              "on the list of its next test.") % {"n": months},
        )  # fmt: skip
    if result.state == ResultState.PROVISIONAL:
        return (
            _("Passed: both subjects reached %(mark)s points.") % {"mark": mark},
            _("The centre still has to confirm the result. Then your institution issues the certificate."),
        )
    return (
        _("Passed and confirmed."),
        _("Your certificate is issued by your institution; you find it under “My certificates”."),
    )


def still_open(result: Result) -> bool:
    """True while a review of the result can be asked for."""
    until = challenge_until(result)
    return until is None or until.is_met_by(clock.now())


def my_results(request: HttpRequest) -> HttpResponse:
    """The learner's results, newest first, with what they mean."""
    person = person_of(actor_of(request))
    cards = []
    if person is not None:
        for candidate in (
            candidacies_of(person)
            .filter(result__isnull=False)
            .prefetch_related("result__steps", "result__rescorings", "result__challenges")
        ):
            result = candidate.result
            meaning, following = _words(result)
            reasons = [step.reason for step in result.steps.all() if step.verb == "void" and step.reason]
            cards.append(
                {
                    "candidate": candidate,
                    "result": result,
                    "meaning": meaning,
                    "next": following,
                    "reason": reasons[-1] if reasons and result.state == ResultState.VOID else "",
                    "rescorings": [one for one in result.rescorings.all() if one.moved],
                    "challenges": [
                        one for one in result.challenges.all() if one.filed_by_id == person.user_id
                    ],
                    "may_challenge": result.state != ResultState.VOID and still_open(candidate.result),
                }
            )
    return render(
        request,
        "exams/my_results.html",
        {"cards": cards, "full": f"{decimal_parameter('subject_full_mark').normalize():f}"},
    )
