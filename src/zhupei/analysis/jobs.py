"""Work that pages do not wait for."""

from __future__ import annotations

from django_tasks import task

from . import actions


@task()
def carry_out(run: int) -> bool:
    """Reckon a run; True when it came to its end."""
    return actions.carry_out(run)
