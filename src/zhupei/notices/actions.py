"""Telling people."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from zhupei.accounts.api import User
from zhupei.kernel import clock

from .models import Notice, OutboundMessage, OutboundState


def notify(users: list[User] | User, *, kind: str, title: Any, text: Any = "", url: str = "") -> list[Notice]:
    """Put a notice into each person's inbox. ``title`` and ``text`` are words for people, ``url`` where to go."""
    people = users if isinstance(users, list) else [users]
    rows = [
        Notice(user=user, kind=kind, title=str(title)[:200], text=str(text), url=url, created_at=clock.now())
        for user in people
    ]
    return Notice.objects.bulk_create(rows)


def send_message(phone: str, text: str, *, kept_text: str | None = None) -> OutboundMessage:
    """Send a text message after the transaction is committed. ``kept_text`` is what the record keeps (for codes)."""
    row = OutboundMessage.objects.create(
        phone=phone, text=text if kept_text is None else kept_text, created_at=clock.now()
    )

    def deliver() -> None:
        try:
            import_string(settings.SMS_SENDER)().send(phone, text)
        except Exception as error:  # a sender may fail in any way; the record shows it
            OutboundMessage.objects.filter(pk=row.pk).update(
                state=OutboundState.FAILED, error=str(error)[:200]
            )
        else:
            OutboundMessage.objects.filter(pk=row.pk).update(state=OutboundState.SENT, sent_at=clock.now())

    transaction.on_commit(deliver)
    return row


def mark_read(user: User) -> int:
    """Mark every notice of a person as read; returns how many."""
    return Notice.objects.filter(user=user, read_at=None).update(read_at=clock.now())
