from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CertificateState(models.TextChoices):
    VALID = "valid", _("Valid")
    REVOKED = "revoked", _("Revoked")


class Certificate(models.Model):
    """A training certificate 培训合格证 (I01, J22): the institution issues, the platform numbers and signs."""

    number = models.CharField(_("number"), max_length=40, unique=True)
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="certificates")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    result = models.OneToOneField("exams.Result", on_delete=models.PROTECT, related_name="certificate")
    holder_name = models.CharField(_("holder"), max_length=50)
    institution_name = models.CharField(_("issuer"), max_length=200)
    post_name = models.CharField(_("post"), max_length=60)
    hours = models.DecimalField(_("class hours"), max_digits=6, decimal_places=2)
    issued_on = models.DateField(_("issued on"))
    state = models.CharField(_("state"), max_length=10, choices=CertificateState.choices, default=CertificateState.VALID)
    check_token = models.CharField(max_length=40, unique=True)
    signature = models.TextField(blank=True)
    created_at = models.DateTimeField()

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


class ConsumedEvent(models.Model):
    """How far this room has read the news of the exams room."""

    source = models.CharField(max_length=30, unique=True)
    last_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.source} {self.last_id}"
