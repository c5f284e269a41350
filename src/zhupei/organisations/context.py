from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .choices import RoleName


def memberships(request: HttpRequest) -> dict[str, Any]:
    """The organisations that the signed-in person may act for, for the switcher of the base template."""
    actor = getattr(request, "actor", None)
    found: dict[int, dict[str, Any]] = {}
    for held in getattr(request, "memberships", ()):
        entry = found.setdefault(
            held.organisation_id,
            {
                "pk": held.organisation_id,
                "organisation": held.organisation.name,
                "labels": [],
                "active": actor is not None and actor.organisation_id == held.organisation_id,
            },
        )
        entry["labels"].append(str(RoleName(held.role).label))
    for entry in found.values():
        entry["role_label"] = "、".join(entry.pop("labels"))
    return {"memberships": list(found.values())}
