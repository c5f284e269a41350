"""Appending to the record."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.db.models import Model

from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.digests import canonical_json, digest

from .codes import label_of
from .models import AuditEvent, ChainHead

GENESIS = "0" * 64


def content_of(event: AuditEvent) -> dict[str, Any]:
    """What the digest of an event covers, beside the digest of the one before: all of it."""
    return {
        "at": event.at.isoformat(),
        "code": event.code,
        "actor_id": event.actor_id,
        "actor_name": event.actor_name,
        "actor_roles": event.actor_roles,
        "organisation_id": event.organisation_id,
        "organisation_name": event.organisation_name,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "object_label": event.object_label,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "ip": event.ip,
        "agent": event.agent,
        "position": event.position,
    }


def _plain(values: dict[str, Any] | None) -> Any:
    """Values as JSON keeps them, so that a digest taken before saving equals one taken after reading."""
    return json.loads(canonical_json(values or {}))


@transaction.atomic
def record(
    code: str,
    *,
    by: Actor,
    on: Model | None = None,
    organisation_id: int | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event. ``code`` must be registered; ``before`` and ``after`` hold JSON-able values without personal
    numbers or keys. ``organisation_id`` is whom the act concerns, if not the actor's own organisation."""
    label_of(code)  # a code that nobody registered is a programming error
    event = AuditEvent(
        at=clock.now(),
        code=code,
        actor_id=by.user_id,
        actor_name=by.name[:100],
        actor_roles=",".join(sorted(by.roles))[:200],
        organisation_id=organisation_id if organisation_id is not None else by.organisation_id,
        organisation_name=by.organisation_name[:200],
        object_type=on._meta.label_lower if on is not None else "",
        object_id=str(on.pk) if on is not None else "",
        object_label=str(on)[:200] if on is not None else "",
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        ip=by.ip,
        agent=by.agent[:300],
    )
    event.save(force_insert=True)
    _seal_after_commit()
    return event


def _seal_after_commit() -> None:
    """Ask for one sealing at the end of this transaction, however many events it records."""
    waiting = transaction.get_connection().run_on_commit
    if not any(function is seal for _savepoints, function, *_rest in waiting):
        transaction.on_commit(seal)


@transaction.atomic
def seal() -> int:
    """Give every committed event that has none its position and digest; returns how many.

    In a transaction of its own, so that no act waits for another's lock while it holds the chain's.
    """
    waiting = AuditEvent.objects.filter(position=None)
    if not waiting.exists():
        return 0
    ChainHead.objects.get_or_create(pk=1, defaults={"digest": GENESIS})
    head = ChainHead.objects.select_for_update().get(pk=1)
    events = list(waiting.order_by("pk"))
    for event in events:
        event.position = head.count = head.count + 1
        event.digest = head.digest = digest([head.digest, content_of(event)])
    AuditEvent.objects.bulk_update(events, ["position", "digest"], batch_size=500)
    head.save(update_fields=["digest", "count"])
    return len(events)
