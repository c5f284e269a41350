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
    """What the digest of an event covers: all of it but the digest."""
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
        "previous_digest": event.previous_digest,
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
    head, _created = ChainHead.objects.select_for_update().get_or_create(pk=1, defaults={"digest": GENESIS})
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
        previous_digest=head.digest,
    )
    event.digest = digest(content_of(event))
    event.save(force_insert=True)
    head.digest, head.count = event.digest, head.count + 1
    head.save(update_fields=["digest", "count"])
    return event
