"""Every write on classes: open, start, finish, cancel, archive."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions.api import require_may_train
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.training import events, periods
from zhupei.training.access import MANAGERS
from zhupei.training.choices import CLASS, ENROLMENT, ClassState
from zhupei.training.models import EnrolmentStep, PlanRow, TrainingClass
from zhupei.training.queries import ACTIVE, is_in_force, missing_archive, seats_of, start_problems

from .plans import locked_plan
from .telling import tell_learner


def locked_class(training_class: TrainingClass) -> TrainingClass:
    """The class's row, held until the transaction ends."""
    return (
        TrainingClass.objects.select_for_update(of=("self",))
        .select_related("institution", "plan_row__plan", "post", "site")
        .get(pk=training_class.pk)
    )


@transaction.atomic
def open_class(row: PlanRow, *, name: str = "", capacity: int | None = None, by: Actor) -> TrainingClass:
    """Open a class for a row of a plan that is in force (J21): received, or filed and not returned by its opening day.

    Raises ``Refusal`` for a plan not in force, or more places than the site's classrooms hold (R011).
    """
    by.require(*MANAGERS, organisation_id=row.plan.institution.organisation_id)
    plan = locked_plan(row.plan)  # so that it is not returned or replaced meanwhile
    found = PlanRow.objects.select_related("post").filter(pk=row.pk, plan=plan).first()
    if found is None:
        raise Conflict("wrong_state")
    row = found
    require_may_train(plan.institution)
    if not is_in_force(plan):
        raise Conflict(
            "plan_not_in_force",
            _(
                "A class is opened once the centre has received the plan, or when it has not returned it by the opening day."
            ),
            clause="二（一）3",
        )
    days = periods.days_of(periods.from_json(row.periods))
    if max(days) < clock.today():
        raise Conflict(
            "row_is_past", _("All planned days of this row have passed. File a new plan."), clause="二（一）3"
        )
    places, seats = capacity or row.expected, seats_of(plan.site)
    if places > seats:
        raise Refusal(
            "too_many_places",
            _("The classrooms of the site hold %(seats)d persons. Offer at most that many places.")
            % {"seats": seats},
            clause="二（一）1",
            field="capacity",
        )
    try:
        with transaction.atomic():
            training_class = TrainingClass.objects.create(
                institution=plan.institution,
                plan_row=row,
                post=row.post,
                site=plan.site,
                name=name.strip() or f"{plan.year}年第{plan.sequence}期{row.post}班",
                capacity=places,
                fee=row.fee,
                first_day=min(days),
                last_day=max(days),
                created_at=clock.now(),
            )
    except IntegrityError:
        raise Conflict("class_exists", _("A class was already opened from this row of the plan.")) from None
    record(
        events.CLASS_OPENED,
        by=by,
        on=training_class,
        organisation_id=plan.institution.organisation_id,
        after={"plan": plan.pk, "post": row.post.code, "capacity": places},
    )
    return training_class


@transaction.atomic
def start_class(training_class: TrainingClass, *, by: Actor) -> TrainingClass:
    """Start a class: from now on the list of names is closed. Raises ``Refusal`` with every reason why it cannot start."""
    by.require(*MANAGERS, organisation_id=training_class.institution.organisation_id)
    training_class = locked_class(training_class)
    after = CLASS.after(training_class.state, "start")
    require_may_train(training_class.institution)
    problems = start_problems(training_class)
    if problems:
        raise Refusal(
            "cannot_start", " ".join(problems), clause="二（3）", fields={"start": list(problems)}, status=409
        )
    training_class.state = after
    training_class.started_at = clock.now()
    training_class.save(update_fields=["state", "started_at"])
    _record(events.CLASS_STARTED, training_class, by)
    return training_class


@transaction.atomic
def finish_class(training_class: TrainingClass, *, by: Actor) -> TrainingClass:
    """Finish a class once every lesson is closed."""
    by.require(*MANAGERS, organisation_id=training_class.institution.organisation_id)
    training_class = locked_class(training_class)
    after = CLASS.after(training_class.state, "finish")
    unclosed = training_class.lessons.filter(closed_at=None).count()
    if unclosed:
        raise Conflict(
            "lessons_unclosed",
            _("%(n)d lessons are not closed yet. Close them, so that their hours count.") % {"n": unclosed},
        )
    training_class.state = after
    training_class.finished_at = clock.now()
    training_class.save(update_fields=["state", "finished_at"])
    _record(events.CLASS_FINISHED, training_class, by)
    return training_class


@transaction.atomic
def cancel_class(training_class: TrainingClass, *, reason: str, by: Actor) -> TrainingClass:
    """Cancel a class that has not started; its applications are cancelled and the learners are told."""
    by.require(*MANAGERS, organisation_id=training_class.institution.organisation_id)
    if not reason.strip():
        raise Refusal("no_reason", _("Say why the class is cancelled; the learners read it."), field="reason")
    training_class = locked_class(training_class)
    training_class.state = CLASS.after(training_class.state, "cancel")
    training_class.save(update_fields=["state"])
    for enrolment in training_class.enrolments.filter(state__in=ACTIVE).select_related(
        "person__user", "training_class"
    ):
        enrolment.state = ENROLMENT.after(enrolment.state, "cancel")
        enrolment.reason = reason.strip()
        enrolment.save(update_fields=["state", "reason"])
        EnrolmentStep.objects.create(
            enrolment=enrolment,
            verb="cancel",
            state=enrolment.state,
            person=by.name[:100],
            reason=reason.strip(),
            at=clock.now(),
        )
        tell_learner(enrolment, _("Your class was cancelled"), reason.strip())
    _record(events.CLASS_CANCELLED, training_class, by, reason.strip())
    return training_class


@transaction.atomic
def archive_class(training_class: TrainingClass, *, by: Actor) -> TrainingClass:
    """Close the archive of a finished class. Raises ``Refusal`` while a required kind of record is missing (R027)."""
    by.require(*MANAGERS, organisation_id=training_class.institution.organisation_id)
    training_class = locked_class(training_class)
    after = CLASS.after(training_class.state, "archive", message=_("Finish the class first."))
    missing = missing_archive(training_class)
    if missing:
        raise Conflict(
            "archive_incomplete",
            _("The archive lacks: %(kinds)s. Add the file, or say where the paper lies.")
            % {"kinds": "、".join(str(kind.label) for kind in missing)},
            clause="二（3）",
        )
    training_class.state = after
    training_class.save(update_fields=["state"])
    _record(events.CLASS_ARCHIVED, training_class, by)
    return training_class


def _record(code: str, training_class: TrainingClass, by: Actor, reason: str = "") -> None:
    record(
        code,
        by=by,
        on=training_class,
        organisation_id=training_class.institution.organisation_id,
        after={"state": training_class.state},
        reason=reason,
    )


__all__ = ["ClassState", "archive_class", "cancel_class", "finish_class", "open_class", "start_class"]
