from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Retention(models.TextChoices):
    """How long a file is kept at least; the years and months are rule parameters."""

    ARCHIVE = "archive", _("Archive (5 years from enrolment)")
    RECORDING = "recording", _("Recording (3 months)")
    PERSONAL = "personal", _("Personal data (while needed)")
    PERMANENT = "permanent", _("Permanent")


class StoredFile(models.Model):
    """A file with its digest. The content lies under its digest, so equal content is kept once; rows are per use."""

    name = models.CharField(_("file name"), max_length=255)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(_("size"))
    digest = models.CharField(_("digest (SM3)"), max_length=64, db_index=True)
    purpose = models.CharField(max_length=60)
    retention = models.CharField(max_length=12, choices=Retention.choices)
    retain_until = models.DateField(_("kept until"), null=True, blank=True)
    legal_hold = models.BooleanField(_("legal hold"), default=False)
    organisation_id = models.BigIntegerField(null=True, db_index=True)
    stored_by_id = models.BigIntegerField(null=True)
    stored_at = models.DateTimeField(_("stored"))
    disposed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
