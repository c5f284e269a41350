"""What this room keeps of a person (see ``people.personal``)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from zhupei.kernel import clock
from zhupei.people.api import Person

from .models import Attendance, Enrolment, Punch

SECTION = "training"
KEPT: list[tuple[Any, Any, Any]] = [
    (
        _("Applications for classes, sign-ins and sign-outs at lessons, attendance"),
        _("To show that you took part in the training the rule asks for"),
        _("At least 5 years from the day of application"),
    )
]


def records_of(person: Person) -> dict[str, Any]:
    """The person's enrolments with their steps, and what was recorded at lessons."""

    def moment(value: Any) -> str | None:
        return clock.local(value).isoformat(timespec="seconds") if value else None

    enrolments = (
        Enrolment.objects.filter(person=person)
        .select_related("training_class__institution", "post")
        .order_by("pk")
    )
    return {
        "enrolments": [
            {
                "id": row.pk,
                "class": row.training_class.name,
                "institution": row.training_class.institution.full_name,
                "post": row.post.name,
                "state": row.state,
                "applied_at": moment(row.applied_at),
                "reviewed_at": moment(row.reviewed_at),
                "reason": row.reason,
                "kept_until": row.retain_until.isoformat(),
                "steps": [
                    {"at": moment(s.at), "act": s.verb, "by": s.person, "reason": s.reason}
                    for s in row.steps.order_by("pk")
                ],
            }
            for row in enrolments
        ],
        "punches": [
            {
                "enrolment": p.enrolment_id,
                "lesson": p.lesson_id,
                "kind": p.kind,
                "method": p.method,
                "at": moment(p.at),
                "address": p.ip,
                "device": p.agent,
            }
            for p in Punch.objects.filter(enrolment__person=person).order_by("pk")
        ],
        "attendance": [
            {
                "enrolment": a.enrolment_id,
                "lesson": a.lesson_id,
                "state": a.state,
                "minutes": a.minutes,
                "hours": str(a.credited),
                "reason": a.reason,
            }
            for a in Attendance.objects.filter(enrolment__person=person).order_by("pk")
        ],
    }
