"""What waits in plans, enrolments and classes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db.models import Min
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import workdays_left
from zhupei.web.todo import Task

from .access import classes_for, enrolments_for, lessons_for, plans_for
from .choices import ClassState, EnrolmentState, PlanState


def _until(day: date | None) -> dict[str, object]:
    return {"deadline": day, "workdays_left": workdays_left(day)} if day else {}


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Plans to receive or file, enrolments to review, classes to start, finish or archive, lessons to close."""
    if actor.has(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER):
        states = [PlanState.SUBMITTED] if actor.has(Role.CENTRE_OFFICER) else []
        states += [PlanState.LATE] if actor.has(Role.CENTRE_APPROVER) else []
        rows = plans_for(actor).filter(state__in=states)
        first = rows.aggregate(first=Min("first_day"))["first"]
        yield Task(
            _("Plans to receive or return"), rows.count(), reverse("training:plan_queue"), **_until(first)
        )
    if not actor.has(Role.INSTITUTION_HEAD, Role.TEACHING_HEAD, Role.REGISTRAR, Role.TEACHER):
        return
    if actor.has(Role.INSTITUTION_HEAD, Role.TEACHING_HEAD, Role.REGISTRAR):
        own = plans_for(actor).filter(institution__organisation_id=actor.organisation_id)
        drafts = own.filter(state__in=[PlanState.DRAFT, PlanState.RETURNED])
        first = drafts.filter(deadline__gte=clock.today()).aggregate(first=Min("deadline"))["first"]
        yield Task(_("Plans to file"), drafts.count(), reverse("training:plans"), **_until(first))
    if actor.has(Role.REGISTRAR):
        waiting = enrolments_for(actor).filter(state=EnrolmentState.APPLIED)
        yield Task(
            _("Enrolments to review"),
            waiting.count(),
            f"{reverse('training:enrolments')}?state={EnrolmentState.APPLIED}",
        )
    if actor.has(Role.TEACHING_HEAD):
        classes = classes_for(actor)
        url = reverse("training:classes")
        due = classes.filter(state=ClassState.ENROLLING, first_day__lte=clock.today())
        yield Task(_("Classes to start"), due.count(), f"{url}?state={ClassState.ENROLLING}")
        over = classes.filter(state=ClassState.RUNNING, last_day__lt=clock.today())
        yield Task(_("Classes to finish"), over.count(), f"{url}?state={ClassState.RUNNING}")
        done = classes.filter(state=ClassState.FINISHED)
        yield Task(_("Classes to archive"), done.count(), f"{url}?state={ClassState.FINISHED}")
    if not actor.has(Role.TEACHER, Role.TEACHING_HEAD):
        return
    open_lessons = lessons_for(actor).filter(
        training_class__state=ClassState.RUNNING, closed_at=None, ends_at__lt=clock.now()
    )
    if actor.has(Role.TEACHER) and not actor.has(Role.TEACHING_HEAD):
        open_lessons = open_lessons.filter(teacher__user_id=actor.user_id)
    yield Task(_("Lessons to close"), open_lessons.count(), reverse("training:today"))
