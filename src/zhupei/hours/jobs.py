"""What runs by itself each night."""

from __future__ import annotations

import logging

from django.utils.translation import gettext as _
from django_tasks import task

from zhupei.accounts.api import User
from zhupei.audit.api import record
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify
from zhupei.organisations.api import in_force

from . import events
from .queries import verify_ledger

log = logging.getLogger(__name__)
SHOWN = 50


@task()
def verify_hours() -> int:
    """Recompute the whole ledger; record and tell the auditors and the centre's approvers of every difference.

    Returns how many there are.
    """
    report = verify_ledger()
    if report.whole:
        log.info("hours ledger: %d entries in %d ledgers, no difference", report.entries, report.ledgers)
        return 0
    count = len(report.differences)
    shown = [
        {"enrolment": d.enrolment_id, "entry": d.entry_id, "what": d.what} for d in report.differences[:SHOWN]
    ]
    log.error("hours ledger: %d differences, first: %s", count, shown[0])
    record(events.LEDGER_DIFFERS, by=SYSTEM, after={"count": count, "differences": shown})
    readers = User.objects.filter(
        in_force(clock.today(), "memberships__"),
        memberships__role__in=(Role.AUDITOR, Role.CENTRE_APPROVER),
        is_active=True,
    ).distinct()
    enrolments = sorted({d.enrolment_id for d in report.differences})[:SHOWN]
    notify(
        list(readers),
        kind="hours.ledger_differs",
        title=_("The hours ledger does not fit its own record: %(count)d differences.") % {"count": count},
        text=_("Enrolments: %(ids)s. Do not place these persons in a test before it is cleared up.")
        % {"ids": ", ".join(map(str, enrolments))},
        url=f"/hours/ledger/{enrolments[0]}/",
    )
    return count
