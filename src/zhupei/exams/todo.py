"""What waits in applications, batches and results."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Min
from django.urls import reverse
from django.utils.translation import gettext as _
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import workdays_left
from zhupei.web.todo import Task

from .access import applications_for, batches_for, filings_for, own_batches_for, proposals_for
from .choices import ApplicationState, BatchState


def _centre_tasks(actor: Actor) -> Iterable[Task]:
    waiting = applications_for(actor).filter(state__in=[ApplicationState.SUBMITTED, ApplicationState.LATE])
    first = waiting.aggregate(first=Min("first_day"))["first"]
    dated = {"deadline": first, "workdays_left": workdays_left(first)} if first else {}
    yield Task(_("Applications to schedule"), waiting.count(), reverse("exams:queue"), **dated)
    to_file = applications_for(actor).filter(state=ApplicationState.SCHEDULED)
    yield Task(_("Slots to file with the education office"), to_file.count(), reverse("exams:queue"))
    batches = batches_for(actor)
    for state, label in (
        (BatchState.LOCKED, _("Batches to draw papers for")),
        (BatchState.READY, _("Bundles to release")),
        (BatchState.RETURNED, _("Results to confirm")),
    ):
        yield Task(label, batches.filter(state=state).count(), f"{reverse('exams:batches')}?state={state}")
    voids = proposals_for(actor).filter(decided_at=None).exclude(proposed_by_id=actor.user_id)
    yield Task(_("Proposals to void a result"), voids.count(), reverse("exams:all_results"))


def tasks_for(actor: Actor) -> Iterable[Task]:
    """The centre's queue, the education office's filings, the exam officer's drafts and batches."""
    if actor.has(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER):
        yield from _centre_tasks(actor)
    if actor.has(Role.CITY_EDUCATION_OFFICE):
        yield Task(
            _("Filings to acknowledge"), filings_for(actor).filter(received_at=None).count(), reverse("exams:filings")
        )
    if actor.has(Role.EXAM_OFFICER, Role.INSTITUTION_HEAD):
        drafts = applications_for(actor).filter(
            institution__organisation_id=actor.organisation_id,
            state__in=[ApplicationState.DRAFT, ApplicationState.RETURNED],
        )
        first = drafts.filter(deadline__gte=clock.today()).aggregate(first=Min("deadline"))["first"]
        dated = {"deadline": first, "workdays_left": workdays_left(first)} if first else {}
        yield Task(_("Applications to hand in"), drafts.count(), reverse("exams:applications"), **dated)
        collecting = own_batches_for(actor).filter(state=BatchState.PREPARING)
        yield Task(
            _("Batches to pick candidates for"),
            collecting.count(),
            f"{reverse('exams:batches')}?state={BatchState.PREPARING}",
        )
