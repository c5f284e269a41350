from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class HallBatchState(models.TextChoices):
    SEALED = "sealed", _("Bundle in, still sealed")
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")
    RETURNED = "returned", _("Return made")


class HallBatch(models.Model):
    """A bundle at this hall. What is in it lives in the exam engine; this row is what the hall's pages hang on."""

    bundle_id = models.CharField(max_length=60, unique=True)
    batch_no = models.CharField(_("batch"), max_length=20)
    organisation_id = models.BigIntegerField(db_index=True)
    site_id_ref = models.BigIntegerField(db_index=True)
    state = models.CharField(max_length=10, choices=HallBatchState.choices, default=HallBatchState.SEALED)
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    return_file = models.ForeignKey("evidence.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")
    taken_in_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.batch_no


class CheckInMethod(models.TextChoices):
    CARD = "card", _("Identity card read")
    DOCUMENT = "document", _("Document looked at by staff")


class CheckInDecision(models.TextChoices):
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")


class CheckIn(models.Model):
    """A candidate at the door (R049, R050): document, live photo, comparison by eye by two persons."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="checkins")
    candidate_key = models.CharField(max_length=60)
    method = models.CharField(max_length=10, choices=CheckInMethod.choices)
    name_match = models.BooleanField(default=True)
    photo = models.ForeignKey("evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=CheckInDecision.choices)
    by_1 = models.CharField(max_length=200)
    by_1_id = models.BigIntegerField()
    by_2 = models.CharField(max_length=200, blank=True)
    by_2_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.candidate_key} {self.decision}"


class RoomStaff(models.Model):
    """An invigilator on duty in a room of a batch (R150)."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="staff")
    room_id_ref = models.BigIntegerField()
    user_id_ref = models.BigIntegerField()
    name = models.CharField(max_length=100)
    arrived_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hall_batch", "user_id_ref"], name="one_room_per_invigilator")]

    def __str__(self) -> str:
        return f"{self.name} {self.hall_batch}"


class Incident(models.Model):
    """Something that happened in a room, told by whom, about whom."""

    hall_batch = models.ForeignKey(HallBatch, on_delete=models.PROTECT, related_name="incidents")
    candidate_key = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=30)
    text = models.TextField(_("what happened"))
    photo = models.ForeignKey("evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reported_by = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%H:%M}"
