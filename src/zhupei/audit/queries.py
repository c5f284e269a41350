"""Reading the record, and proving it whole."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Model, QuerySet

from zhupei.kernel.digests import digest

from .actions import GENESIS, content_of, seal
from .models import AuditEvent, ChainHead


def events_on(thing: Model) -> QuerySet[AuditEvent]:
    """The events about one object, oldest first: its time line."""
    return AuditEvent.objects.filter(object_type=thing._meta.label_lower, object_id=str(thing.pk)).order_by(
        "pk"
    )


@dataclass(frozen=True)
class ChainReport:
    """Outcome of a verification: ``count`` events read; ``broken_at`` the first event that does not fit, or None."""

    count: int
    broken_at: int | None
    reason: str = ""

    @property
    def whole(self) -> bool:
        return self.broken_at is None and not self.reason


def verify_chain() -> ChainReport:
    """Recompute every digest from the first event on and compare with what is stored and with the head."""
    seal()
    previous, count = GENESIS, 0
    for event in AuditEvent.objects.order_by("position").iterator(chunk_size=2000):
        count += 1
        if event.position != count:
            return ChainReport(count, event.pk, "a row is missing or moved")
        if digest([previous, content_of(event)]) != event.digest:
            return ChainReport(count, event.pk, "a row was changed")
        previous = event.digest
    head = ChainHead.objects.filter(pk=1).first()
    if (head.digest if head else GENESIS) != previous or (head.count if head else 0) != count:
        return ChainReport(count, None, "rows are missing at the end")
    return ChainReport(count, None)
