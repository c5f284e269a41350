"""A hall's own machine: the centre that gave it its pass, and what goes to and fro between them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhupei.hall.choices import TRANSFER_TONES, TransferKind, TransferState
from zhupei.web.fields import EncryptedField

from .day import HallBatch


class CentreLink(models.Model):
    """The pass in force of a hall's own machine. No row: the centre runs in this installation.

    ``known`` is what the centre said when it was asked last: the bundles that wait for this hall.
    """

    only = models.BooleanField(default=True, unique=True, editable=False)
    serial = models.BigIntegerField()
    issued_at = models.DateTimeField(_("issued"))
    valid_to = models.DateField(_("valid to"))
    site_id_ref = models.BigIntegerField()
    organisation_id = models.BigIntegerField()
    centre_name = models.CharField(max_length=300)
    centre_key = models.CharField(max_length=130)
    centre_address = models.CharField(max_length=300)
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    installed_by = models.CharField(max_length=200)
    installed_at = models.DateTimeField()
    known = models.JSONField(default=list, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(only=True), name="one_centre")]

    def __str__(self) -> str:
        return f"{self.centre_name} {self.serial}"


class AccessReset(models.Model):
    """A new way in for somebody of the hall who lost password or telephone: one colleague proposes it, another approves.

    Each of the two learns one half of the code, and tells it to the person. ``first_half`` is wiped with the decision.
    """

    organisation_id = models.BigIntegerField(db_index=True)
    user_id_ref = models.BigIntegerField()
    login = models.CharField(max_length=80)
    name = models.CharField(max_length=100)
    reason = models.CharField(_("reason"), max_length=300)
    first_half = EncryptedField(blank=True)
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField()
    proposed_at = models.DateTimeField()
    accepted = models.BooleanField(null=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user_id_ref"], condition=Q(decided_at=None), name="access_reset_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.login} {self.proposed_at:%Y-%m-%d %H:%M}"


class Transfer(models.Model):
    """A bundle on its way here, or a return on its way to the centre. Goes on where it stopped, whatever stopped it.

    ``done`` of ``size`` bytes have arrived; ``problem`` says in words what keeps it, ``next_at`` when it is tried again.
    ``verdict`` is what the centre said of a return.
    """

    kind = models.CharField(max_length=10, choices=TransferKind.choices)
    bundle_id = models.CharField(max_length=60)
    batch_no = models.CharField(_("batch"), max_length=20)
    hall_batch = models.ForeignKey(
        HallBatch, null=True, blank=True, on_delete=models.PROTECT, related_name="transfers"
    )
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    done = models.PositiveBigIntegerField(default=0)
    state = models.CharField(
        _("state"), max_length=10, choices=TransferState.choices, default=TransferState.WAITING, db_index=True
    )
    problem = models.TextField(blank=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    beat_at = models.DateTimeField(null=True)
    verdict = models.JSONField(default=dict, blank=True)
    asked_by = models.CharField(max_length=100)
    asked_by_id = models.BigIntegerField()
    asked_by_role = models.CharField(max_length=30)
    unit_name = models.CharField(max_length=200)
    organisation_id = models.BigIntegerField()
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "bundle_id"], name="transfer_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.batch_no} {self.done}/{self.size}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge."""
        return TRANSFER_TONES[TransferState(self.state)]

    @property
    def under_way(self) -> bool:
        """True while it goes on by itself."""
        return self.state in (TransferState.WAITING, TransferState.RUNNING)
