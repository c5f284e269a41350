from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CertificateState(models.TextChoices):
    VALID = "valid", _("Valid")
    REVOKED = "revoked", _("Revoked")


class Certificate(models.Model):
    """A training certificate 培训合格证 (I01, J22): the institution issues, the platform numbers and signs.

    Names stand as they were on the day of issue. Personal data: name, the last four characters of the document number and
    the photo show whose it is; kept as long as the certificate can be checked.
    """

    number = models.CharField(_("number"), max_length=40, unique=True)
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="certificates")
    photo = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    result = models.OneToOneField("exams.Result", on_delete=models.PROTECT, related_name="certificate")
    holder_name = models.CharField(_("holder"), max_length=50)
    id_last4 = models.CharField(max_length=4)
    institution_name = models.CharField(_("issuing institution"), max_length=200)
    post_name = models.CharField(_("post"), max_length=60)
    hours = models.DecimalField(_("class hours"), max_digits=6, decimal_places=2)
    trained_from = models.DateField(_("trained from"), null=True, blank=True)
    trained_to = models.DateField(_("trained to"), null=True, blank=True)
    issued_on = models.DateField(_("date of issue"))
    state = models.CharField(
        _("state"), max_length=10, choices=CertificateState.choices, default=CertificateState.VALID
    )
    check_token = models.CharField(max_length=40, unique=True)
    signature = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["issued_on"], name="certificate_by_day"),
            models.Index(fields=["state", "issued_on"], name="certificate_by_state"),
            models.Index(fields=["institution", "issued_on"], name="certificate_by_institution"),
        ]

    def __str__(self) -> str:
        return self.number


class CertificateEvent(models.Model):
    """A change of a certificate's standing. Append-only; the state is its fold."""

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="events")
    state = models.CharField(max_length=10, choices=CertificateState.choices)
    reason = models.TextField(_("reason"))
    person = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.certificate} {self.state}"


class WaitingResult(models.Model):
    """A confirmed pass whose certificate could not be issued on that day; gone once it is issued."""

    result = models.OneToOneField("exams.Result", on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.result_id}"


class RevocationProposal(models.Model):
    """A certificate whose result no longer passes since a wrong key was corrected: the centre decides, nothing goes by itself.

    ``event_id`` is the news of the exams room that brought it; the same news never brings a second one. ``proposed_by`` is who
    approved the correction.
    """

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="proposals")
    event_id = models.BigIntegerField(unique=True)
    reason = models.TextField(_("reason"))
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField(null=True)
    proposed_at = models.DateTimeField(_("proposed"))
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True, db_index=True)
    accepted = models.BooleanField(null=True)
    decision_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.certificate}"


class CertificateCounter(models.Model):
    """The last running number of a year. Its row is the lock under which numbers are given."""

    year = models.PositiveSmallIntegerField(unique=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class ConsumedEvent(models.Model):
    """How far this room has read the news of the exams room."""

    source = models.CharField(max_length=30, unique=True)
    last_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.source} {self.last_id}"
