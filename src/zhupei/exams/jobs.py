"""Work that pages do not wait for."""

from __future__ import annotations

from django_tasks import task

from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import calendar

from . import actions
from .choices import ApplicationState
from .models import BankApplication

OPEN = (ApplicationState.DRAFT, ApplicationState.RETURNED, ApplicationState.SUBMITTED, ApplicationState.LATE)


@task()
def recompute_deadlines() -> int:
    """Count the deadlines of open applications anew; returns how many dates moved."""
    return actions.recompute_deadlines()


def recompute_if_stale() -> bool:
    """Queue the recount when an open application rests on an older calendar (asked when the centre opens its queue)."""
    stale = (
        BankApplication.objects.filter(state__in=OPEN).exclude(calendar_version=calendar().version).exists()
    )
    if stale:
        recompute_deadlines.enqueue()
    return stale


@task()
def compute_correction(pk: int) -> None:
    """The dry run of a correction that touches many."""
    actions.compute_correction(pk)


@task()
def apply_correction(pk: int) -> bool:
    """Apply an approved correction that touches many; a refusal is kept with the correction, and said by False."""
    try:
        actions.apply_correction(pk)
    except Refusal:
        return False
    return True
