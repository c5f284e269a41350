"""The words of steps, for time lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from .models import RegistrationStep, SiteStep

VERBS: dict[str, Any] = {
    "apply": _("Registration begun"),
    "import": _("Taken over from the earlier register"),
    "submit": _("Handed in"),
    "vet": _("Vetted by the district"),
    "return": _("Returned"),
    "register": _("Registered"),
    "publish": _("Published"),
    "block": _("Hidden by decision"),
    "restore": _("Restored"),
    "cancel": _("Cancelled"),
    "approve": _("Approved"),
    "revise": _("Opened for changes"),
    "close": _("Closed"),
}

_TONES = {
    "submit": "waiting",
    "vet": "active",
    "return": "problem",
    "register": "done",
    "publish": "done",
    "approve": "done",
    "block": "problem",
    "restore": "active",
    "cancel": "void",
    "close": "void",
}


def timeline(steps: Iterable[RegistrationStep | SiteStep]) -> list[dict[str, Any]]:
    """Steps as ``web/_timeline.html`` shows them, in the order given."""
    return [
        {
            "at": step.at,
            "who": f"{step.unit} {step.person}".strip() if step.unit != step.person else step.person,
            "what": VERBS.get(step.verb, step.verb),
            "why": step.opinion,
            "tone": _TONES.get(step.verb, "draft"),
        }
        for step in steps
    ]
