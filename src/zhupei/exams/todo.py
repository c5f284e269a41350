"""What waits in applications, filings, batches and results."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Min
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, HALL, Role
from zhupei.rulebook.api import workdays_left
from zhupei.web.todo import Task

from . import access, standing
from .carrying import carried_marks_lost
from .choices import ApplicationState, BatchState, ChallengeState, CorrectionState


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Applications to submit or decide, filings to make or acknowledge, batches to fix, draw, release or confirm."""
    if actor.has(*access.OWNERS):
        own = access.applications_for(actor).filter(
            state__in=[ApplicationState.DRAFT, ApplicationState.RETURNED]
        )
        due = own.filter(deadline__gte=clock.today()).aggregate(day=Min("deadline"))["day"]
        left = workdays_left(due) if due else None
        yield Task(
            _("Applications for the item bank to submit"),
            own.count(),
            reverse("exams:applications"),
            due,
            left,
        )
        batches = access.own_batches_for(actor).filter(state=BatchState.PREPARING)
        url = f"{reverse('exams:batches')}?state={BatchState.PREPARING}"
        yield Task(_("Batches whose candidates are to be picked"), batches.count(), url)
    if actor.has(*HALL, Role.EXAM_OFFICER):
        unread = access.first_secrets_for(actor).filter(read_at=None)
        yield Task(_("First sign-in codes to read"), unread.count(), reverse("exams:first_secrets"))
    if actor.has(*CENTRE):
        states = [ApplicationState.SUBMITTED, ApplicationState.SCHEDULED]
        states += [ApplicationState.LATE] if actor.has(Role.CENTRE_APPROVER) else []
        waiting = access.applications_for(actor).filter(state__in=states)
        first = waiting.aggregate(day=Min("first_day"))["day"]
        left = workdays_left(first) if first else None
        yield Task(
            _("Applications for the item bank to arrange or file"),
            waiting.count(),
            reverse("exams:queue"),
            first,
            left,
        )
        for state, label in (
            (BatchState.LOCKED, _("Batches whose papers are to be drawn")),
            (BatchState.READY, _("Batches whose key is to be released")),
        ):
            url = f"{reverse('exams:batches')}?state={state}"
            yield Task(label, access.batches_for(actor).filter(state=state).count(), url)
        challenges = access.challenges_for(actor).filter(state=ChallengeState.OPEN)
        due = challenges.aggregate(day=Min("due"))["day"]
        yield Task(
            _("Reviews of results to answer"),
            challenges.count(),
            f"{reverse('exams:challenges')}?state={ChallengeState.OPEN}",
            due,
            workdays_left(due) if due else None,
        )
    if actor.has(Role.BANK_KEEPER):
        url = reverse("exams:corrections")
        yield Task(_("Items with a wrong key in the newest release"), len(standing.stale_questions()), url)
    if actor.has(Role.CENTRE_APPROVER):
        url = f"{reverse('exams:corrections')}?state={CorrectionState.PROPOSED}"
        proposed = access.corrections_for(actor).filter(state=CorrectionState.PROPOSED)
        yield Task(
            _("Corrections of keys to decide"), proposed.exclude(proposed_by_id=actor.user_id).count(), url
        )
        yield Task(
            _("Passes by a re-scoring to confirm"),
            standing.waiting_passes().count(),
            f"{reverse('exams:corrections')}?state={CorrectionState.APPROVED}",
        )
        yield Task(
            _("Marks carried over to look at again"),
            carried_marks_lost().count(),
            reverse("exams:corrections"),
        )
        url = f"{reverse('exams:batches')}?state={BatchState.RETURNED}"
        rows = access.batches_for(actor).filter(state=BatchState.RETURNED)
        yield Task(_("Batches whose results are to be confirmed"), rows.count(), url)
        open_ones = access.proposals_for(actor).filter(decided_at=None).exclude(proposed_by_id=actor.user_id)
        first_open = open_ones.order_by("pk").first()
        if first_open is not None:
            url = reverse("exams:void_decide", args=[first_open.pk])
            yield Task(_("Proposals to void a result"), open_ones.count(), url)
    if actor.has(Role.CITY_EDUCATION_OFFICE):
        rows = access.filings_for(actor).filter(received_at=None)
        yield Task(_("Filings of tests to acknowledge"), rows.count(), reverse("exams:filings"))
