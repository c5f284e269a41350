"""What this room keeps of a person (see ``people.personal``)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from zhupei.exams.api import candidacies_of
from zhupei.kernel import clock
from zhupei.people.api import Person

from .models import CheckIn, Incident

SECTION = "exam_hall"
KEPT = [
    (
        _("Check-in at the test: how you were identified, by whom, the photo taken at the door"),
        _("To show that you yourself sat the test"),
        _("With the test's records, at least 5 years"),
    ),
    (
        _("Incidents during a test in which you are named"),
        _("To decide fairly, and to answer an appeal"),
        _("With the test's records, at least 5 years"),
    ),
]


def records_of(person: Person) -> dict[str, Any]:
    """The person's check-ins and incidents, as JSON can hold them."""
    keys = [str(pk) for pk in candidacies_of(person).values_list("pk", flat=True)]

    def moment(value: Any) -> str:
        return clock.local(value).isoformat(timespec="seconds")

    return {
        "check_ins": [
            {
                "batch": row.hall_batch.batch_no,
                "at": moment(row.at),
                "method": row.method,
                "decision": row.decision,
                "reason": row.reason,
                "photo_digest_sm3": row.photo.digest if row.photo else None,
            }
            for row in CheckIn.objects.filter(candidate_key__in=keys)
            .select_related("hall_batch", "photo")
            .order_by("pk")
        ],
        "incidents": [
            {"batch": row.hall_batch.batch_no, "at": moment(row.at), "kind": row.kind, "text": row.text}
            for row in Incident.objects.filter(candidate_key__in=keys)
            .select_related("hall_batch")
            .order_by("pk")
        ],
    }
