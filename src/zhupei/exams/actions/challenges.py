"""申请复核: a score or an item is doubted, counted again from the raw answers, and answered with a reason (I07)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.exams import events, telling
from zhupei.exams.choices import (
    CHALLENGE,
    ChallengeKind,
    ChallengeState,
    CorrectionState,
    ResultState,
)
from zhupei.exams.models import Challenge, Result
from zhupei.exams.rescoring import by_place
from zhupei.exams.standing import challenge_until
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.organisations.api import OrganisationKind
from zhupei.papers import api as papers
from zhupei.rulebook.api import calendar, parameter
from zhupei.web.templatetags.web import shanghai

from .bundles import candidate_key
from .corrections import who
from .dry_runs import Marks, approved_corrections, marks_of, open_sittings, sittings_of, stored_marks
from .rescoring import keep_rescored, rescored, tell_rescored

FILERS = (Role.LEARNER, Role.EXAM_OFFICER, Role.INSTITUTION_HEAD)
MOST_UNITS = 50


def _locked(challenge: Challenge) -> Challenge:
    return (
        Challenge.objects.select_for_update(of=("self",))
        .select_related("result__candidate__batch", "result__candidate__person__user")
        .get(pk=challenge.pk)
    )


def _own(result: Result, by: Actor) -> None:
    by.require(*FILERS)
    if by.has(Role.LEARNER):
        if result.candidate.person.user_id != by.user_id:
            raise Refusal("not_yours", _("This is not your result."), status=403)
    else:
        by.require(*FILERS, organisation_id=result.organisation_id)


@transaction.atomic
def file_challenge(result: Result, *, kind: str, text: str, by: Actor) -> Challenge:
    """Doubt a score or an item, by the person tested or the institution, within ``challenge_workdays`` of the result (I07)."""
    assert by.user_id is not None
    result = (
        Result.objects.select_for_update(of=("self",))
        .select_related("candidate__batch", "candidate__person")
        .get(pk=result.pk)
    )
    _own(result, by)
    if result.state == ResultState.VOID:
        raise Conflict("wrong_state", _("This result was voided and does not count."))
    until = challenge_until(result)
    if until is not None and not until.is_met_by(clock.now()):
        text_ = _(
            "A review could be asked for until %(day)s. Turn to the centre if there is a special reason."
        )
        raise Conflict("too_late", text_ % {"day": shanghai(until.date)}, clause="I07")
    if not text.strip():
        raise Refusal("no_text", _("Write what you doubt, so that the centre can look at it."), field="text")
    if result.challenges.filter(kind=kind, state=ChallengeState.OPEN).exists():
        raise Conflict("challenge_open", _("A review of this is asked for already. Wait for its answer."))
    due = calendar().add_workdays(clock.today(), int(parameter("challenge_answer_workdays")))
    challenge = Challenge.objects.create(
        result=result,
        kind=ChallengeKind(kind),
        text=text.strip(),
        filed_by=who(by),
        filed_by_id=by.user_id,
        organisation_id=None if by.has(Role.LEARNER) else by.organisation_id,
        filed_at=clock.now(),
        due=due.date,
        due_is_provisional=due.is_provisional,
    )
    record(
        events.CHALLENGE_FILED,
        by=by,
        on=challenge,
        organisation_id=result.organisation_id,
        after={"kind": challenge.kind, "result": result.pk},
    )
    telling.tell_office(
        OrganisationKind.CENTRE,
        CENTRE,
        kind="exams.challenge",
        title=_("A review of a result is asked for"),
        url=reverse("exams:challenge", args=[challenge.pk]),
    )
    return challenge


@transaction.atomic
def withdraw_challenge(challenge: Challenge, *, by: Actor) -> Challenge:
    """Take a challenge back, by whoever filed it."""
    by.require(*FILERS)
    challenge = _locked(challenge)
    if challenge.filed_by_id != by.user_id:
        raise Refusal("not_yours", _("Only the person who asked for the review takes it back."), status=403)
    return _close(challenge, "withdraw", events.CHALLENGE_WITHDRAWN, by)


def _close(challenge: Challenge, verb: str, code: str, by: Actor, reason: str = "") -> Challenge:
    before = challenge.state
    challenge.state = CHALLENGE.after(before, verb)
    challenge.save()
    record(
        code,
        by=by,
        on=challenge,
        organisation_id=challenge.result.organisation_id,
        before={"state": before},
        after={"state": challenge.state},
        reason=reason,
    )
    return challenge


def recounted(result: Result) -> Marks:
    """The marks of a result, from its raw answers and the corrections that stand. Raises ``Conflict`` where they are gone."""
    batch = result.candidate.batch
    bundle, content = open_sittings(batch)
    corrections = by_place(approved_corrections())
    for found, candidate, answers in sittings_of(batch, bundle, content):
        if found.pk == result.pk:
            return marks_of(bundle, candidate, answers, result, corrections)
    raise Conflict("no_answers", _("The return holds no answers of this candidate."))


@transaction.atomic
def recount(challenge: Challenge, *, by: Actor) -> Challenge:
    """Score the raw answers once more and keep what comes out; nothing else changes."""
    by.require(*CENTRE)
    challenge = _locked(challenge)
    CHALLENGE.after(challenge.state, "recount")
    marks = recounted(challenge.result)
    challenge.recount_general, challenge.recount_professional = marks.general, marks.professional
    challenge.recount_passed = marks.passed
    challenge.recounted_by, challenge.recounted_by_id, challenge.recounted_at = (
        who(by),
        by.user_id,
        clock.now(),
    )
    challenge.save()
    record(
        events.RECOUNTED,
        by=by,
        on=challenge,
        organisation_id=challenge.result.organisation_id,
        after={"differs": challenge.recount_differs},
    )
    return challenge


@transaction.atomic
def answer_challenge(challenge: Challenge, *, uphold: bool, answer: str, by: Actor) -> Challenge:
    """Answer with the reason (the centre).

    A doubted score is counted again first: the same marks are dismissed, other ones upheld, and then stand, by an approver
    who did not count them. A doubted item is upheld once a correction of its key is proposed.
    """
    by.require(*CENTRE)
    challenge = _locked(challenge)
    verb = "uphold" if uphold else "dismiss"
    CHALLENGE.after(challenge.state, verb)
    if not answer.strip():
        raise Refusal("no_reason", _("Give the reason."), field="answer")
    result = challenge.result
    if challenge.kind == ChallengeKind.SCORE:
        if challenge.recounted_at is None:
            raise Conflict("not_recounted", _("Count the answers again first."))
        if uphold != challenge.recount_differs:
            text = (
                _("The recount gives other marks: they have to stand.")
                if challenge.recount_differs
                else _("The recount gives the same marks: the score stands.")
            )
            raise Conflict("recount_says", text)
    elif uphold and (
        challenge.correction is None
        or challenge.correction.state in (CorrectionState.REFUSED, CorrectionState.WITHDRAWN)
    ):
        raise Conflict("no_correction", _("Propose the correction of the question first, from this page."))
    challenge.answer, challenge.answered_by, challenge.answered_at = answer.strip(), who(by), clock.now()
    if challenge.kind == ChallengeKind.SCORE and uphold:
        _stand_by_recount(challenge, by)
    _close(challenge, verb, events.CHALLENGE_ANSWERED, by, challenge.answer)
    title, url = _("The review of a result is answered"), reverse("exams:challenge", args=[challenge.pk])
    if challenge.organisation_id is not None:
        telling.tell_units(
            [challenge.organisation_id], telling.OWNERS, kind="exams.challenge", title=title, url=url
        )
    else:
        telling.tell_persons([result.candidate.person], kind="exams.challenge", title=title, url=url)
    return challenge


def _stand_by_recount(challenge: Challenge, by: Actor) -> None:
    by.require(Role.CENTRE_APPROVER)
    if challenge.recounted_by_id == by.user_id:
        text = _("You counted these answers yourself. Another approver lets the new score stand.")
        raise Refusal("same_person", text, clause="I07", status=403)
    result = (
        Result.objects.select_for_update(of=("self",))
        .select_related("candidate__batch", "candidate__person__user")
        .get(pk=challenge.result_id)
    )
    if result.state == ResultState.VOID:
        raise Conflict("wrong_state", _("This result was voided and does not count."))
    marks = recounted(result)
    general, professional = challenge.recount_general, challenge.recount_professional
    if (marks.general, marks.professional) != (general, professional):
        raise Conflict("recount_stale", _("A correction was applied since. Count the answers again."))
    notice = _("The answers were counted again after a request for review.")
    row = rescored(result, stored_marks(result), marks, notice=notice)
    row.challenge = challenge
    keep_rescored([result], [row], by=who(by), by_id=by.user_id, second=challenge.recounted_by)
    tell_rescored([result], notice)


@transaction.atomic
def questions_of(challenge: Challenge, words: str, *, by: Actor) -> list[dict[str, Any]]:
    """The questions of the candidate's own paper whose text holds ``words``, without keys, to find what is doubted.

    At most ``MOST_UNITS``; the look is kept in the record. Rows: item, version, child numbers, subject, stem.
    """
    by.require(*CENTRE)
    record(events.PAPER_SEARCHED, by=by, on=challenge, organisation_id=challenge.result.organisation_id)
    candidate = challenge.result.candidate
    found = []
    for form in papers.PaperForm.objects.filter(
        draw__batch_key=str(candidate.batch), candidate_key=candidate_key(candidate)
    ).order_by("subject"):
        for unit in form.content["units"]:
            stems = [unit["stem"], *(child["stem"] for child in unit.get("children", ()))]
            options = [
                option["text"]
                for part in (unit, *unit.get("children", ()))
                for option in part.get("options", ())
            ]
            if any(words in text for text in stems + options):
                found.append(
                    {
                        "item_uid": unit["item_uid"],
                        "version": unit["version"],
                        "subject": form.get_subject_display(),
                        "stem": "\n".join(stems),
                    }
                )
    return found[:MOST_UNITS]
