from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .models import Notice


def unread(request: HttpRequest) -> dict[str, Any]:
    """How many notices wait, for the bell of the base template."""
    actor = getattr(request, "actor", None)
    if actor is None or not actor.is_signed_in:
        return {"unread": 0}
    return {"unread": Notice.objects.filter(user_id=actor.user_id, read_at=None).count()}
