"""What the base template needs on every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from .access import may_open, navigation


def page(request: HttpRequest) -> dict[str, Any]:
    """Navigation open to the actor, display settings, and whether this is a demonstration."""
    actor = getattr(request, "actor", None)
    match = request.resolver_match
    room = match.namespace if match else ""
    nav = []
    if actor is not None and actor.is_signed_in:
        for entry in navigation():
            if may_open(actor, entry.url_name) and (not entry.only or actor.has(*entry.only)):
                active = bool(match) and (
                    match.view_name == entry.url_name or room == entry.url_name.partition(":")[0]
                )
                try:
                    url = reverse(entry.url_name)
                except NoReverseMatch:
                    continue
                nav.append({"url": url, "label": entry.label, "icon": entry.icon, "active": active})
    return {
        "actor": actor,
        "nav": nav,
        "demo": settings.DEMO,
        "contrast": request.COOKIES.get("zhupei_contrast") == "1",
        "large": request.COOKIES.get("zhupei_large") == "1",
    }
