"""The numbers of the rule as the centre holds them, on a machine that takes them from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction

from zhupei.audit.api import record
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor

from . import events
from .models import RuleParameter
from .queries import current_rule_set, read_anew

Held = tuple[str, Any, date, date | None]  # key, value, from, to


def parameters_from(day: date) -> list[Held]:
    """Every parameter with its values from ``day`` on, those in force first."""
    rows = RuleParameter.objects.order_by("key", "effective_from")
    return [
        (row.key, row.value, row.effective_from, row.effective_to)
        for row in rows
        if row.effective_to is None or row.effective_to >= day
    ]


@transaction.atomic
def adopt_parameters(held: Iterable[Held], *, source: str, by: Actor) -> int:
    """Let the parameters have the values that the centre told; returns how many of them changed.

    Only for a hall's own machine: what it held before goes, since no decision rests on it but those of the hall's day, which
    name their numbers in the bundle. ``source`` says where the values come from.
    """
    told: dict[str, list[Held]] = {}
    for one in held:
        told.setdefault(one[0], []).append(one)
    rule_set = current_rule_set()
    changed = 0
    read_anew()
    for key, rows in told.items():
        mine = list(RuleParameter.objects.select_for_update().filter(key=key).order_by("effective_from"))
        if [(r.key, r.value, r.effective_from, r.effective_to) for r in mine] == rows:
            continue
        changed += 1
        before = mine[-1] if mine else None
        RuleParameter.objects.filter(key=key).delete()
        made = [
            RuleParameter.objects.create(
                rule_set=rule_set,
                key=key,
                value=value,
                unit=before.unit if before else "",
                is_principle=before.is_principle if before else False,
                clause=before.clause if before else "",
                effective_from=start,
                effective_to=end,
                reason=source,
                approved_by=source[:200],
                approved_at=clock.now(),
            )
            for _key, value, start, end in rows
        ]
        record(
            events.PARAMETER_CHANGED,
            by=by,
            on=made[-1],
            before={"value": before.value if before else None},
            after={"value": made[-1].value},
            reason=source,
        )
    return changed
