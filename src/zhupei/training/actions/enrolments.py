"""Every write on enrolments: apply, review, cancel (R020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.hours import api as hours
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.dates import retain_until
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.people.api import Person
from zhupei.rulebook.api import parameter
from zhupei.training import events
from zhupei.training.access import REVIEWERS
from zhupei.training.choices import ENROLMENT, ClassState, EnrolmentState
from zhupei.training.models import Enrolment, EnrolmentStep, TrainingClass
from zhupei.training.queries import application_checks, places_left

from .classes import locked_class
from .telling import tell_learner


def step(enrolment: Enrolment, verb: str, by: Actor, reason: str = "") -> None:
    """Append a step of the enrolment."""
    EnrolmentStep.objects.create(
        enrolment=enrolment,
        verb=verb,
        state=enrolment.state,
        person=by.name[:100],
        reason=reason,
        at=clock.now(),
    )


def _record(code: str, enrolment: Enrolment, by: Actor, reason: str = "") -> None:
    record(
        code,
        by=by,
        on=enrolment,
        organisation_id=enrolment.training_class.institution.organisation_id,
        after={"state": enrolment.state, "class": enrolment.training_class_id},
        reason=reason,
    )


def require_enrolling(training_class: TrainingClass) -> None:
    """Raise ``Conflict`` once the list of names is closed."""
    if training_class.state != ClassState.ENROLLING:
        raise Conflict(
            "roster_closed",
            _("The class has started or was cancelled; its list of names is closed. Choose another class."),
        )


@transaction.atomic
def apply(training_class: TrainingClass, person: Person, *, by: Actor) -> Enrolment:
    """Apply for a class, by the learner himself or for him by the institution's registrar (R020).

    The day of application starts the five years of the records (R028). A second call gives the same application. Raises
    ``Refusal`` when the class is full or closed, or a check of age, education or double enrolment fails.
    """
    if by.has(Role.LEARNER):
        if person.user_id is None or person.user_id != by.user_id:
            raise Forbidden("other_person", _("You can only apply for yourself."))
    else:
        by.require(*REVIEWERS, organisation_id=training_class.institution.organisation_id)
    training_class = locked_class(training_class)
    Person.objects.select_for_update(of=("self",)).get(
        pk=person.pk
    )  # one application of a person after the other
    require_enrolling(training_class)
    enrolment = Enrolment.objects.filter(training_class=training_class, person=person).first()
    if enrolment is not None and enrolment.state in (EnrolmentState.APPLIED, EnrolmentState.ACCEPTED):
        return enrolment
    if places_left(training_class) < 1:
        raise Conflict(
            "class_full", _("All places of this class are taken. Choose another class."), clause="二（一）1"
        )
    for check in application_checks(person, training_class, own=enrolment):
        if check.tone == "problem":
            raise Refusal("check_failed", f"{check.label}：{check.text}", clause="二（3）")
    now = clock.now()
    values = {
        "post": training_class.post,
        "applied_at": now,
        "applied_by_id": by.user_id,
        "retain_until": retain_until(clock.local(now).date(), int(parameter("archive_years"))),
        "reason": "",
        "reviewed_by": "",
        "reviewed_by_id": None,
        "reviewed_at": None,
    }
    if enrolment is None:
        enrolment = Enrolment(
            training_class=training_class,
            person=person,
            organisation_id=training_class.institution.organisation_id,
            state=EnrolmentState.APPLIED,
        )
    else:
        enrolment.state = ENROLMENT.after(enrolment.state, "apply_again")
    for name, value in values.items():
        setattr(enrolment, name, value)
    enrolment.save()
    step(enrolment, "apply", by)
    _record(events.ENROLMENT_APPLIED, enrolment, by)
    return enrolment


def _locked(enrolment: Enrolment) -> Enrolment:
    locked_class(enrolment.training_class)
    return (
        Enrolment.objects.select_for_update(of=("self",))
        .select_related("training_class__institution", "person__user", "post")
        .get(pk=enrolment.pk)
    )


def _review(enrolment: Enrolment, by: Actor) -> None:
    by.require(*REVIEWERS, organisation_id=enrolment.training_class.institution.organisation_id)
    if by.user_id is not None and by.user_id in (enrolment.applied_by_id, enrolment.person.user_id):
        raise Forbidden(
            "own_application",
            _("Whoever entered an application does not review it. Ask a colleague."),
            clause="二（3）",
        )


@transaction.atomic
def accept_enrolment(enrolment: Enrolment, *, by: Actor) -> Enrolment:
    """Accept an application; the reviewer is not the one who applied. Raises ``Refusal`` for a failed check."""
    enrolment = _locked(enrolment)
    _review(enrolment, by)
    after = ENROLMENT.after(enrolment.state, "accept")
    require_enrolling(enrolment.training_class)
    for check in application_checks(enrolment.person, enrolment.training_class, own=enrolment):
        if check.tone == "problem":
            raise Refusal(
                "check_failed", f"{enrolment.person.name}：{check.label}，{check.text}", clause="二（3）"
            )
    enrolment.state = after
    _reviewed(enrolment, by)
    hours.open_ledger(
        person=enrolment.person,
        enrolment_id=enrolment.pk,
        post_code=enrolment.post.code,
        organisation_id=enrolment.training_class.institution.organisation_id,
    )
    step(enrolment, "accept", by)
    _record(events.ENROLMENT_ACCEPTED, enrolment, by)
    tell_learner(enrolment, _("Your enrolment was accepted"))
    return enrolment


def _reviewed(enrolment: Enrolment, by: Actor, reason: str = "") -> None:
    enrolment.reviewed_by = by.name
    enrolment.reviewed_by_id = by.user_id
    enrolment.reviewed_at = clock.now()
    enrolment.reason = reason
    enrolment.save()


@transaction.atomic
def return_enrolment(enrolment: Enrolment, *, reason: str, by: Actor) -> Enrolment:
    """Return an application (or an acceptance, before the class starts) with its reason."""
    if not reason.strip():
        raise Refusal(
            "no_reason", _("Say why the application is returned; the learner reads it."), field="reason"
        )
    enrolment = _locked(enrolment)
    _review(enrolment, by)
    after = ENROLMENT.after(enrolment.state, "return")
    require_enrolling(enrolment.training_class)
    enrolment.state = after
    _reviewed(enrolment, by, reason.strip())
    step(enrolment, "return", by, reason.strip())
    _record(events.ENROLMENT_RETURNED, enrolment, by, reason.strip())
    tell_learner(enrolment, _("Your enrolment was returned"), reason.strip())
    return enrolment


@transaction.atomic
def cancel_enrolment(enrolment: Enrolment, *, reason: str = "", by: Actor) -> Enrolment:
    """The learner takes the application back before the class starts."""
    enrolment = _locked(enrolment)
    if enrolment.person.user_id is None or enrolment.person.user_id != by.user_id:
        raise Forbidden("other_person", _("You can only take back your own application."))
    after = ENROLMENT.after(enrolment.state, "cancel")
    require_enrolling(enrolment.training_class)
    enrolment.state = after
    enrolment.reason = reason.strip()
    enrolment.save(update_fields=["state", "reason"])
    step(enrolment, "cancel", by, reason.strip())
    _record(events.ENROLMENT_CANCELLED, enrolment, by, reason.strip())
    return enrolment


@dataclass(frozen=True)
class Preview:
    """What accepting one application of a bulk act would do: accepted, or why not."""

    enrolment: Enrolment
    problem: str


def preview_accept(enrolments: Sequence[Enrolment], *, by: Actor) -> list[Preview]:
    """For each application, why it could not be accepted now ("" if it could). Writes nothing."""
    found = []
    for enrolment in enrolments:
        problem = ""
        try:
            with transaction.atomic():
                accept_enrolment(enrolment, by=by)
                transaction.set_rollback(True)
        except Refusal as refusal:
            problem = str(refusal.message) or _("It no longer waits for review.")
        found.append(Preview(enrolment, problem))
    return found


@transaction.atomic
def accept_many(enrolments: Sequence[Enrolment], *, by: Actor) -> int:
    """Accept several applications, all or none; returns how many."""
    for enrolment in enrolments:
        accept_enrolment(enrolment, by=by)
    return len(enrolments)
