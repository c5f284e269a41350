from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from zhupei.kernel.transitions import Transitions


class ApplicationState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for a slot")
    LATE = "late", _("Late, waiting for the centre's decision")
    RETURNED = "returned", _("Returned")
    SCHEDULED = "scheduled", _("Slot given")
    FILED = "filed", _("Filed with the education office")
    WITHDRAWN = "withdrawn", _("Withdrawn")


A = ApplicationState
APPLICATION = Transitions(
    {
        "submit": {A.DRAFT: A.SUBMITTED, A.RETURNED: A.SUBMITTED},
        "submit_late": {A.DRAFT: A.LATE, A.RETURNED: A.LATE},
        "schedule": {A.SUBMITTED: A.SCHEDULED, A.LATE: A.SCHEDULED},
        "reschedule": {A.SCHEDULED: A.SCHEDULED},
        "return": {A.SUBMITTED: A.RETURNED, A.LATE: A.RETURNED, A.SCHEDULED: A.RETURNED},
        "file": {A.SCHEDULED: A.FILED},
        "withdraw": {A.DRAFT: A.WITHDRAWN, A.SUBMITTED: A.WITHDRAWN, A.LATE: A.WITHDRAWN, A.RETURNED: A.WITHDRAWN},
    }
)


class BatchState(models.TextChoices):
    PREPARING = "preparing", _("Collecting candidates")
    LOCKED = "locked", _("Candidates and seats fixed")
    READY = "ready", _("Papers drawn, bundle sealed")
    RELEASED = "released", _("Released to the hall")
    RETURNED = "returned", _("Return received, scores provisional")
    CONFIRMED = "confirmed", _("Results confirmed")
    CANCELLED = "cancelled", _("Cancelled")


B = BatchState
BATCH = Transitions(
    {
        "lock": {B.PREPARING: B.LOCKED},
        "unlock": {B.LOCKED: B.PREPARING},
        "draw": {B.LOCKED: B.READY},
        "release": {B.READY: B.RELEASED},
        "receive": {B.RELEASED: B.RETURNED},
        "confirm": {B.RETURNED: B.CONFIRMED},
        "cancel": {B.PREPARING: B.CANCELLED, B.LOCKED: B.CANCELLED, B.READY: B.CANCELLED},
    }
)


class ResultState(models.TextChoices):
    PROVISIONAL = "provisional", _("Provisional")
    DOUBTFUL = "doubtful", _("In doubt")
    CONFIRMED = "confirmed", _("Confirmed")
    VOID = "void", _("Void")


R = ResultState
RESULT = Transitions(
    {
        "confirm": {R.PROVISIONAL: R.CONFIRMED, R.DOUBTFUL: R.CONFIRMED},
        "doubt": {R.PROVISIONAL: R.DOUBTFUL, R.CONFIRMED: R.DOUBTFUL},
        "void": {R.PROVISIONAL: R.VOID, R.DOUBTFUL: R.VOID, R.CONFIRMED: R.VOID},
    }
)


class FilingKind(models.TextChoices):
    BANK_USE = "bank_use", _("Use of the item bank")
