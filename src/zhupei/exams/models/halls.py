"""Halls on their own machines: keys, passes, calls over the network, returns that arrive in pieces."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.web.fields import EncryptedField

from .batches import Batch, HallKey


class HallMachine(models.Model):
    """A hall's own machine: it holds a registered key of the hall, and asks over the network under it.

    ``compared_with`` is who read the fingerprint out on the telephone. It ends with its key (``HallKey.ended_at``).
    """

    key = models.OneToOneField(HallKey, on_delete=models.PROTECT, related_name="machine")
    fingerprint = models.CharField(_("fingerprint"), max_length=32, unique=True)
    compared_with = models.CharField(_("read out by"), max_length=100)
    centre_address = models.CharField(_("address of the centre"), max_length=200)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.key.hall} {self.fingerprint[:8]}"


class HallPassOut(models.Model):
    """A pass that the centre signed for a machine. Append-only; the newest counts."""

    machine = models.ForeignKey(HallMachine, on_delete=models.PROTECT, related_name="passes")
    file = models.ForeignKey(
        "evidence.StoredFile", null=True, on_delete=models.PROTECT, related_name="+"
    )  # the number of the row is written in it
    issued_by = models.CharField(_("issued by"), max_length=200)
    issued_at = models.DateTimeField(_("issued"))
    valid_to = models.DateField(_("valid to"))

    def __str__(self) -> str:
        return f"{self.machine} {self.issued_at:%Y-%m-%d}"


class FirstSecret(models.Model):
    """What opens one person's account on a hall's own machine for the first time. Shown to that person alone.

    ``secret`` is kept encrypted, because the person may have to read it again; ``hashed`` is what passes carry of it. The row is
    deleted when the person is left out of a newer pass, and when the pass or the machine's key has ended.
    """

    machine = models.ForeignKey(HallMachine, on_delete=models.CASCADE, related_name="first_secrets")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    secret = EncryptedField()
    hashed = models.CharField(max_length=128)
    made_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["machine", "user"], name="first_secret_once")]

    def __str__(self) -> str:
        return f"{self.machine} {self.user_id}"


class HallCall(models.Model):
    """A call that was answered, so that it cannot be sent a second time. Kept only as long as its time would be accepted."""

    machine = models.ForeignKey(HallMachine, on_delete=models.CASCADE, related_name="+")
    nonce = models.CharField(max_length=32)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["machine", "nonce"], name="hall_call_once")]

    def __str__(self) -> str:
        return self.nonce


class ReturnUpload(models.Model):
    """A return on its way to the centre. ``received`` bytes lie in a file of the data folder; what became of it when whole
    stands in ``verdict``."""

    machine = models.ForeignKey(HallMachine, on_delete=models.PROTECT, related_name="uploads")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="uploads")
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    verdict = models.JSONField(default=dict, blank=True)
    begun_at = models.DateTimeField()
    moved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "digest"], name="return_upload_once")]

    def __str__(self) -> str:
        return f"{self.batch} {self.received}/{self.size}"
