from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.kernel.transitions import Transitions


class PlanState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", pgettext_lazy("training", "Filed")
    LATE = "late", _("Filed late, waiting for the centre's decision")
    RETURNED = "returned", _("Returned")
    RECEIVED = "received", _("Received by the centre")
    SUPERSEDED = "superseded", _("Replaced by a newer version")
    WITHDRAWN = "withdrawn", _("Withdrawn")


P = PlanState
PLAN = Transitions(
    {
        "submit": {P.DRAFT: P.SUBMITTED, P.RETURNED: P.SUBMITTED},
        "submit_late": {P.DRAFT: P.LATE, P.RETURNED: P.LATE},
        "receive": {P.SUBMITTED: P.RECEIVED, P.LATE: P.RECEIVED},
        "return": {P.SUBMITTED: P.RETURNED, P.LATE: P.RETURNED, P.RECEIVED: P.RETURNED},
        "supersede": {P.SUBMITTED: P.SUPERSEDED, P.RECEIVED: P.SUPERSEDED, P.LATE: P.SUPERSEDED},
        "withdraw": {
            P.DRAFT: P.WITHDRAWN,
            P.SUBMITTED: P.WITHDRAWN,
            P.LATE: P.WITHDRAWN,
            P.RETURNED: P.WITHDRAWN,
        },
    }
)


class ClassState(models.TextChoices):
    ENROLLING = "enrolling", _("Enrolling")
    RUNNING = "running", _("In session")
    FINISHED = "finished", _("Finished")
    ARCHIVED = "archived", _("Archived")
    CANCELLED = "cancelled", pgettext_lazy("training", "Cancelled")


C = ClassState
CLASS = Transitions(
    {
        "start": {C.ENROLLING: C.RUNNING},
        "finish": {C.RUNNING: C.FINISHED},
        "archive": {C.FINISHED: C.ARCHIVED},
        "cancel": {C.ENROLLING: C.CANCELLED},
    }
)


class EnrolmentState(models.TextChoices):
    APPLIED = "applied", _("Waiting for review")
    ACCEPTED = "accepted", _("Accepted")
    RETURNED = "returned", _("Returned")
    CANCELLED = "cancelled", pgettext_lazy("training", "Cancelled")


E = EnrolmentState
ENROLMENT = Transitions(
    {
        "accept": {E.APPLIED: E.ACCEPTED},
        "return": {E.APPLIED: E.RETURNED, E.ACCEPTED: E.RETURNED},
        "apply_again": {E.RETURNED: E.APPLIED, E.CANCELLED: E.APPLIED},
        "cancel": {E.APPLIED: E.CANCELLED, E.RETURNED: E.CANCELLED, E.ACCEPTED: E.CANCELLED},
    }
)


class PunchKind(models.TextChoices):
    IN = "in", pgettext_lazy("training", "Sign in")
    OUT = "out", pgettext_lazy("training", "Sign out")
    ABSENT = "abs", _("Found absent")


class PunchMethod(models.TextChoices):
    QR = "qr", _("QR code")
    PIN = "pin", _("PIN")
    ROLL_CALL = "roll_call", _("Roll call")


class AttendanceState(models.TextChoices):
    PRESENT = "present", _("Present")
    LATE = "late", _("Late")
    LEFT_EARLY = "left_early", _("Left early")
    ABSENT = "absent", pgettext_lazy("training", "Absent")


class ArchiveKind(models.TextChoices):
    """What a class archive holds (R027)."""

    ENROLMENT = "enrolment", _("Enrolment papers")
    TIMETABLE = "timetable", _("Timetable")
    ATTENDANCE = "attendance", _("Attendance")
    RECORDING = "recording", _("Teaching audio and video")
    HANDOUT = "handout", _("Handouts")
    SURVEY = "survey", _("Survey")
    PHOTO = "photo", _("Photographs")


# Without these a class is not archived (R027); handouts and surveys are kept where there are any.
REQUIRED_ARCHIVE = (
    ArchiveKind.ENROLMENT,
    ArchiveKind.TIMETABLE,
    ArchiveKind.ATTENDANCE,
    ArchiveKind.RECORDING,
    ArchiveKind.PHOTO,
)
