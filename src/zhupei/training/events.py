"""The audit codes of training."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

PLAN_CREATED = register("training.plan_created", _("Training plan drawn up"))
PLAN_EDITED = register("training.plan_edited", _("Training plan edited"))
PLAN_SUBMITTED = register("training.plan_submitted", _("Training plan filed"))
PLAN_SUBMITTED_LATE = register("training.plan_submitted_late", _("Training plan filed late with a reason"))
PLAN_RECEIVED = register("training.plan_received", _("Training plan received"))
PLAN_RETURNED = register("training.plan_returned", _("Training plan returned"))
PLAN_WITHDRAWN = register("training.plan_withdrawn", _("Training plan withdrawn"))
PLAN_CHANGED = register("training.plan_changed", _("Change of a training plan begun"))
PLAN_SUPERSEDED = register("training.plan_superseded", _("Training plan replaced by a newer version"))
PLAN_DEADLINE_MOVED = register(
    "training.plan_deadline_moved", _("Filing day computed anew after a calendar change")
)

CLASS_OPENED = register("training.class_opened", _("Class opened"))
CLASS_STARTED = register("training.class_started", _("Class started"))
CLASS_FINISHED = register("training.class_finished", _("Class finished"))
CLASS_CANCELLED = register("training.class_cancelled", _("Class cancelled"))
CLASS_ARCHIVED = register("training.class_archived", _("Class archived"))

TIMETABLE_GENERATED = register("training.timetable_generated", _("Timetable generated from the plan"))
LESSON_ADDED = register("training.lesson_added", _("Lesson added"))
LESSON_CHANGED = register("training.lesson_changed", _("Lesson changed"))
LESSON_REMOVED = register("training.lesson_removed", _("Lesson removed"))
LESSON_CLOSED = register("training.lesson_closed", _("Lesson closed and attendance computed"))
ROLL_CALLED = register("training.roll_called", _("Roll called"))

ENROLMENT_APPLIED = register("training.enrolment_applied", _("Application for a class"))
ENROLMENT_ACCEPTED = register("training.enrolment_accepted", _("Enrolment accepted"))
ENROLMENT_RETURNED = register("training.enrolment_returned", _("Enrolment returned"))
ENROLMENT_CANCELLED = register("training.enrolment_cancelled", _("Enrolment cancelled"))
ENROLMENT_IMPORTED = register("training.enrolment_imported", _("Enrolments imported from a table"))

ARCHIVE_ADDED = register("training.archive_added", _("Item added to a class archive"))
ARCHIVE_READ = register("training.archive_read", _("Class archive read"))
