from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.transitions import Transitions


class HallBatchState(models.TextChoices):
    SEALED = "sealed", _("Bundle in, still sealed")
    OPEN = "open", _("Opened, test can be held")
    CLOSED = "closed", _("Closed in the hall")
    RETURNED = "returned", _("Return made")


S = HallBatchState
HALL_BATCH = Transitions(
    {
        "open": {S.SEALED: S.OPEN},
        "close": {S.OPEN: S.CLOSED},
        "return": {S.CLOSED: S.RETURNED},
    }
)
HALL_BATCH_TONES = {S.SEALED: "waiting", S.OPEN: "active", S.CLOSED: "waiting", S.RETURNED: "done"}


class CheckInMethod(models.TextChoices):
    CARD = "card", _("Identity card read")
    DOCUMENT = "document", _("Document looked at by staff")


class CheckInDecision(models.TextChoices):
    PENDING = "pending", _("Waiting for a second person")
    ACCEPTED = "accepted", _("Identity confirmed")
    REFUSED = "refused", _("Turned away")


class ActKind(models.TextChoices):
    """What needs two persons in the hall."""

    ADD_TIME = "add_time", _("Give extra time")
    VOID = "void", _("Void the sitting")


class IncidentKind(models.TextChoices):
    IMPERSONATION = "impersonation", _("Somebody sits for another (替考)")
    NOTES = "notes", _("Notes or papers brought in (夹带)")
    DEVICE = "device", _("Telephone or other device")
    TALKING = "talking", _("Talking, signs, disturbance")
    MACHINE = "machine", _("Computer fault")
    POWER = "power", _("Power or network cut")
    HEALTH = "health", _("Illness or injury")
    ACCOMMODATION = "accommodation", _("Special need seen to")
    OTHER = "other", _("Other")
    WARNING = "warning", _("Warned")
    PAUSED = "paused", _("Time stopped")
    STOPPED = "stopped", _("Stopped on suspicion of a breach")
    RESUMED = "resumed", _("Candidate goes on")


HOLDS = (IncidentKind.PAUSED, IncidentKind.STOPPED)
OWN_ACTS = (IncidentKind.WARNING, *HOLDS, IncidentKind.RESUMED)
"""Written down by the act itself, never by hand."""


class CheckItem(models.TextChoices):
    """What is looked at before the doors open (R048)."""

    COMPUTERS = "computers", _("Exam computers run and show the sign-in page")
    SPARES = "spares", _("Spare computers stand ready")
    NETWORK = "network", _("The hall's network works; other networks are cut off")
    CAMERAS = "cameras", _("Cameras run, every room is in the picture")
    CLOCKS = "clocks", _("Clocks of server, computers and cameras agree")
    POWER = "power", _("Power is secured for the time of the test")
    READERS = "readers", _("Card readers and cameras of the check-in desk work")


class TransferKind(models.TextChoices):
    BUNDLE = "bundle", _("Bundle from the centre")
    RETURN = "return", _("Return to the centre")


class TransferState(models.TextChoices):
    WAITING = "waiting", _("Waits for its turn")
    RUNNING = "running", _("On its way")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Refused by the centre")
    DONE = "done", _("Arrived")


T = TransferState
TRANSFER_TONES = {
    T.WAITING: "waiting",
    T.RUNNING: "active",
    T.STOPPED: "draft",
    T.FAILED: "problem",
    T.DONE: "done",
}
