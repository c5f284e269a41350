"""What the base template needs on every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from .access import HALL_ROOMS, may_open, navigation


def page(request: HttpRequest) -> dict[str, Any]:
    """Navigation open to the actor, display settings, and whether this is a demonstration."""
    actor = getattr(request, "actor", None)
    nav: list[dict[str, Any]] = []
    if actor is not None and actor.is_signed_in:
        for entry in navigation():
            if settings.HALL_ONLY and entry.url_name.partition(":")[0] not in HALL_ROOMS:
                continue
            if may_open(actor, entry.url_name) and (not entry.only or actor.has(*entry.only)):
                nav.append({"url": reverse(entry.url_name), "label": entry.label, "icon": entry.icon})
        here = [entry["url"] for entry in nav if request.path.startswith(entry["url"])]
        for entry in nav:  # the entry whose address is the longest beginning of this page's
            entry["active"] = bool(here) and entry["url"] == max(here, key=len)
    return {
        "actor": actor,
        "nav": nav,
        "demo": settings.DEMO,
        "contrast": request.COOKIES.get("zhupei_contrast") == "1",
        "large": request.COOKIES.get("zhupei_large") == "1",
    }
