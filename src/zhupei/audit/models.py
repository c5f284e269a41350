from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.Model):
    """One act. Rows are only ever appended, within the act's own transaction; right after the commit they are sealed:
    each gets its position and a digest that covers it and the digest of the one before, so a gap or a change shows.

    ``actor_id`` and ``organisation_id`` are plain numbers, because this room lies below accounts and organisations and
    because the record must outlive them.
    """

    at = models.DateTimeField(_("time"), db_index=True)
    code = models.CharField(_("act"), max_length=80)
    actor_id = models.BigIntegerField(null=True, db_index=True)
    actor_name = models.CharField(_("person"), max_length=100)
    actor_roles = models.CharField(max_length=200, blank=True)
    organisation_id = models.BigIntegerField(null=True, db_index=True)
    organisation_name = models.CharField(_("organisation"), max_length=200, blank=True)
    object_type = models.CharField(max_length=80, db_index=True)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(_("object"), max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(_("reason"), blank=True)
    ip = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=300, blank=True)
    position = models.BigIntegerField(null=True, unique=True, editable=False)
    digest = models.CharField(max_length=64, null=True, unique=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="audit_object"),
            models.Index(fields=["code", "at"], name="audit_code"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.code} {self.object_label}"


class ChainHead(models.Model):
    """The one row that serialises sealing: it holds the digest and the position of the last sealed event."""

    digest = models.CharField(max_length=64)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.count}: {self.digest}"
