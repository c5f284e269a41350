from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.web.fields import EncryptedField


class Notice(models.Model):
    """A notice in a person's inbox on the platform (I10)."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=60)
    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(_("time"), db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "read_at"], name="notice_unread")]

    def __str__(self) -> str:
        return self.title


class OutboundState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class OutboundMessage(models.Model):
    """A text message handed to the sender. Codes are not kept: ``text`` is masked for one-time codes."""

    phone = EncryptedField()
    text = models.TextField()
    created_at = models.DateTimeField(db_index=True)
    sent_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=OutboundState.choices, default=OutboundState.WAITING)
    error = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.state}"
