"""Every room's addresses."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

PREFIXES = {
    "web": "",
    "portal": "",
    "accounts": "account/",
    "organisations": "organisations/",
    "audit": "audit/",
    "rulebook": "rulebook/",
    "notices": "notices/",
    "evidence": "files/",
    "people": "me/",
    "institutions": "institutions/",
    "itembank": "items/",
    "papers": "papers/",
    "hours": "hours/",
    "training": "training/",
    "exams": "exams/",
    "hall": "hall/",
    "analysis": "analysis/",
    "certificates": "certificates/",
}

urlpatterns = [
    path(PREFIXES[room], include(f"zhupei.{room}.urls"))
    for room in settings.ROOMS
    if find_spec(f"zhupei.{room}.urls")
]

handler404 = "zhupei.web.views.page_not_found"
handler500 = "zhupei.web.views.server_error"
