"""What this room keeps of a person (see ``people.personal``)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from zhupei.kernel import clock
from zhupei.people.api import Person

from .models import HourEntry, ManualCredit

SECTION = "hours"
KEPT: list[tuple[Any, Any, Any]] = [
    (
        _("Class hours, with the reason of each entry"),
        _("To show that you had the class hours the rule asks for before the test"),
        _("At least 5 years from enrolment"),
    )
]


def records_of(person: Person) -> dict[str, Any]:
    """The lines of the person's ledgers and the manual credits proposed for him."""

    def moment(value: Any) -> str | None:
        return clock.local(value).isoformat(timespec="seconds") if value else None

    return {
        "entries": [
            {
                "id": e.pk,
                "enrolment": e.enrolment_id,
                "post": e.post_code,
                "hours": str(e.hours),
                "source": e.source,
                "day": e.occurred_on.isoformat(),
                "reason": e.note,
                "reverses": e.reverses_id,
                "entered_at": moment(e.entered_at),
            }
            for e in HourEntry.objects.filter(person=person).order_by("pk")
        ],
        "manual_credits": [
            {
                "enrolment": c.enrolment_id,
                "hours": str(c.hours),
                "day": c.occurred_on.isoformat(),
                "reason": c.reason,
                "state": c.state,
                "decided_at": moment(c.decided_at),
                "decision_reason": c.decision_reason,
            }
            for c in ManualCredit.objects.filter(person=person).order_by("pk")
        ],
    }
