from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhupei.hall.choices import (
    HALL_BATCH_TONES,
    ActKind,
    CheckInDecision,
    CheckInMethod,
    HallBatchState,
    IncidentKind,
)


class HallBatch(models.Model):
    """A bundle at this hall. What is in it lives in the exam engine; this row is what the hall's pages hang on.

    ``sealed_key`` is the released key, encrypted under the platform's master secret, so that a restart in mid-test finds it
    without a line; it is erased once the return is made. ``board`` keeps the hall's scores for the board (R038).
    """

    bundle_id = models.CharField(max_length=60, unique=True)
    batch_no = models.CharField(_("batch"), max_length=20)
    organisation_id = models.BigIntegerField(db_index=True)
    site_id_ref = models.BigIntegerField(db_index=True)
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=HallBatchState.choices,
        default=HallBatchState.SEALED,
        db_index=True,
    )
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    return_file = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    counts = models.JSONField(default=dict)
    board = models.JSONField(default=list, blank=True)
    sealed_key = models.TextField(blank=True)
    taken_in_by = models.CharField(max_length=200)
    taken_in_at = models.DateTimeField(_("received in the hall"))
    opened_by = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True)
    closed_by = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    returned_at = models.DateTimeField(_("return made"), null=True, blank=True)

    def __str__(self) -> str:
        return self.batch_no

    @property
    def tone(self) -> str:
        """The tone of the state's badge."""
        return HALL_BATCH_TONES[HallBatchState(self.state)]


class DayCheck(models.Model):
    """One point of the checklist before a test (R048), looked at by whom and when. Append-only; the last row counts."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="day_checks")
    item = models.CharField(max_length=20)
    ok = models.BooleanField()
    note = models.CharField(_("remark"), max_length=200, blank=True)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hall_batch} {self.item}"


class CheckIn(models.Model):
    """A candidate at the door (R049, R050): document, live photo, comparison by eye.

    A document instead of a card, or a face that leaves doubts, waits (``pending``) until a second person has decided.
    Personal data: the live photo shows who came; kept with the test's records.
    """

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="checkins")
    candidate_key = models.CharField(max_length=60, db_index=True)
    method = models.CharField(max_length=10, choices=CheckInMethod.choices)
    name_match = models.BooleanField(default=True)
    photo = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decision = models.CharField(max_length=10, choices=CheckInDecision.choices)
    by_1 = models.CharField(max_length=200)
    by_1_id = models.BigIntegerField()
    by_2 = models.CharField(max_length=200, blank=True)
    by_2_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    second_reason = models.CharField(max_length=300, blank=True)
    late_reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hall_batch", "candidate_key"],
                condition=Q(decision__in=["pending", "accepted"]),
                name="check_in_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.candidate_key} {self.decision}"


class RoomStaff(models.Model):
    """An invigilator on duty in a room of a batch (R150); leaving ends the row, coming again is a new one."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="staff")
    room_id_ref = models.BigIntegerField()
    user_id_ref = models.BigIntegerField()
    name = models.CharField(max_length=100)
    arrived_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hall_batch", "user_id_ref"],
                condition=Q(left_at=None),
                name="one_room_per_invigilator",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.hall_batch}"


class Proposal(models.Model):
    """An act on a sitting that waits for a second person: extra time (R040) or voiding (I09). Decided once."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="proposals")
    candidate_key = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=ActKind.choices)
    seconds = models.PositiveIntegerField(default=0)
    fault = models.CharField(
        max_length=80, blank=True, help_text="The engine's own proposal that this answers."
    )
    reason = models.TextField(_("reason"))
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField()
    proposed_at = models.DateTimeField()
    accepted = models.BooleanField(null=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hall_batch", "candidate_key", "kind"],
                condition=Q(decided_at=None),
                name="hall_proposal_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.candidate_key}"


class Incident(models.Model):
    """Something that happened in a room, told by whom, about whom (I09)."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="incidents")
    candidate_key = models.CharField(max_length=60, blank=True)
    room_id_ref = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=30, choices=IncidentKind.choices)
    text = models.TextField(_("what happened"))
    photo = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reported_by = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%H:%M}"


class StaffFiling(models.Model):
    """A technical head or room administrator reported to the centre, trained and filed (R146–R148). Ended, never deleted."""

    organisation_id = models.BigIntegerField(db_index=True)
    user_id_ref = models.BigIntegerField()
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=30)
    trained_on = models.DateField(_("trained on"), null=True, blank=True)
    training = models.CharField(_("training"), max_length=200, blank=True)
    reported_by = models.CharField(max_length=200)
    reported_at = models.DateTimeField()
    filing_no = models.CharField(_("filing number"), max_length=60, blank=True)
    filed_by = models.CharField(max_length=200, blank=True)
    filed_at = models.DateTimeField(_("filed on"), null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "user_id_ref", "role"], name="staff_filing_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.role}"
