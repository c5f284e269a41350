"""What runs by itself each night."""

from __future__ import annotations

from django_tasks import task

from .actions import report_differences


@task()
def verify_hours() -> int:
    """Recompute the whole ledger and report; returns how many differences there are."""
    return len(report_differences().differences)
