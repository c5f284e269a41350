"""Who may open which page of training, and which rows they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, INSTITUTION, Role
from zhupei.web.access import Nav, public, roles

from .models import ArchiveItem, Enrolment, Lesson, TrainingClass, TrainingPlan

FILERS = (Role.TEACHING_HEAD, Role.REGISTRAR, Role.INSTITUTION_HEAD)  # draw up and file plans
MANAGERS = (Role.TEACHING_HEAD, Role.INSTITUTION_HEAD)  # open and run classes
REVIEWERS = (Role.REGISTRAR, Role.TEACHING_HEAD, Role.INSTITUTION_HEAD)  # review applications
ROLL_CALLERS = (Role.TEACHER, Role.TEACHING_HEAD)
ARCHIVISTS = (Role.REGISTRAR, Role.TEACHING_HEAD, Role.INSTITUTION_HEAD)
SUPERVISORS = CENTRE | CITY | DISTRICT
READERS = INSTITUTION | SUPERVISORS


def _seen(actor: Actor, site: str, institution: str, *, own: str = "") -> Q:
    """Rows within the actor's reach: his own institution's, those of his jurisdiction, or all.

    ``own`` names a column of the rows that repeats the institution's organisation.
    """
    if actor.has(*(CENTRE | CITY)):
        return Q()
    seen = Q(pk__in=())
    if actor.has(*INSTITUTION) and actor.organisation_id is not None:
        seen |= Q(**{own or f"{institution}__organisation_id": actor.organisation_id})
    if actor.has(*DISTRICT):
        seen |= Q(**{f"{site}__division_code__in": actor.divisions})
        seen |= Q(**{f"{institution}__division_code__in": actor.divisions})
    return seen


def plans_for(actor: Actor) -> QuerySet[TrainingPlan]:
    """Plans: an institution sees its own, supervisors see what was filed, districts within their jurisdiction (R029)."""
    rows = TrainingPlan.objects.filter(_seen(actor, "site", "institution"))
    if not actor.has(*INSTITUTION):
        rows = rows.exclude(submitted_at=None)
    return rows.select_related("institution", "site")


def classes_for(actor: Actor) -> QuerySet[TrainingClass]:
    """Classes: an institution's own; those of the jurisdiction; all for the centre and the city."""
    rows = TrainingClass.objects.filter(_seen(actor, "site", "institution"))
    return rows.select_related("institution", "site", "post")


def lessons_for(actor: Actor) -> QuerySet[Lesson]:
    """Lessons of the classes that the actor sees."""
    return Lesson.objects.filter(
        _seen(actor, "training_class__site", "training_class__institution")
    ).select_related(
        "training_class__institution", "training_class__post", "training_class__site", "room", "teacher"
    )


def enrolments_for(actor: Actor) -> QuerySet[Enrolment]:
    """Enrolments: an institution's own, those of the jurisdiction, all for centre and city; a learner's own."""
    seen = _seen(actor, "training_class__site", "training_class__institution", own="organisation_id")
    if seen and actor.has(Role.LEARNER) and actor.user_id is not None:
        seen |= Q(person__user_id=actor.user_id)
    return Enrolment.objects.filter(seen).select_related("person", "post", "training_class__institution")


def own_enrolments(actor: Actor) -> QuerySet[Enrolment]:
    """The enrolments of the learner himself."""
    return Enrolment.objects.filter(person__user_id=actor.user_id or 0).select_related(
        "person", "post", "training_class__institution", "training_class__site"
    )


def archive_for(actor: Actor) -> QuerySet[ArchiveItem]:
    """Archive items of the classes that the actor sees."""
    return ArchiveItem.objects.filter(
        _seen(actor, "training_class__site", "training_class__institution")
    ).select_related("training_class__institution", "file")


PAGES = {
    # plans
    "training:plans": roles(*READERS),
    "training:plan": roles(*READERS),
    "training:plan_new": roles(*FILERS),
    "training:plan_edit": roles(*FILERS),
    "training:plan_submit": roles(*FILERS),
    "training:plan_withdraw": roles(*FILERS),
    "training:plan_change": roles(*FILERS),
    "training:plan_changes": roles(*READERS),
    "training:plan_queue": roles(*CENTRE),
    "training:plan_receive": roles(*CENTRE),
    "training:plan_return": roles(*CENTRE),
    "training:plan_pdf": roles(*READERS),
    "training:plan_docx": roles(*READERS),
    "training:plan_file": roles(*READERS),
    # classes
    "training:classes": roles(*READERS),
    "training:class": roles(*READERS),
    "training:class_open": roles(*MANAGERS),
    "training:class_start": roles(*MANAGERS),
    "training:class_finish": roles(*MANAGERS),
    "training:class_cancel": roles(*MANAGERS),
    "training:timetable_generate": roles(*MANAGERS),
    "training:lesson_new": roles(*MANAGERS),
    "training:lesson_edit": roles(*MANAGERS),
    "training:lesson_remove": roles(*MANAGERS),
    # lessons as they are held
    "training:today": roles(*ROLL_CALLERS),
    "training:lesson_board": roles(*ROLL_CALLERS),
    "training:lesson_code": roles(*ROLL_CALLERS),
    "training:roll_call": roles(*ROLL_CALLERS),
    "training:lesson_close": roles(*ROLL_CALLERS),
    "training:lesson_roll": roles(*ROLL_CALLERS, Role.REGISTRAR, Role.INSTITUTION_HEAD),
    # enrolment by the institution
    "training:enrolments": roles(*READERS),
    "training:enrolment": roles(*READERS),
    "training:enrolment_accept": roles(*REVIEWERS),
    "training:enrolment_return": roles(*REVIEWERS),
    "training:enrolments_accept": roles(*REVIEWERS),
    "training:class_import": roles(Role.REGISTRAR),
    "training:class_import_confirm": roles(Role.REGISTRAR),
    "training:import_template": roles(Role.REGISTRAR),
    # archive
    "training:archive": roles(*READERS),
    "training:archive_add": roles(*ARCHIVISTS),
    "training:archive_file": roles(*READERS),
    "training:archive_close": roles(*MANAGERS),
    # learners
    "training:open_classes": public,
    "training:open_class": public,
    "training:enrol": roles(Role.LEARNER),
    "training:my_classes": roles(Role.LEARNER),
    "training:my_class": roles(Role.LEARNER),
    "training:my_enrolment_cancel": roles(Role.LEARNER),
    "training:punch": roles(Role.LEARNER),
}

NAV = (
    Nav("training:plan_queue", _("Plans to decide"), "hourglass-split", 30, only=CENTRE),
    Nav("training:plans", _("Training plans"), "calendar-check", 31),
    Nav("training:classes", _("Classes"), "mortarboard", 32),
    Nav("training:enrolments", _("Enrolments"), "person-check", 33, only=INSTITUTION - {Role.TECHNICIAN}),
    Nav("training:today", _("My lessons today"), "clock", 29),
    Nav("training:my_classes", _("My classes"), "mortarboard", 20),
    Nav("training:open_classes", _("Open classes"), "search", 21, only=frozenset({Role.LEARNER})),
)
