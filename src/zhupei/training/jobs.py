"""What runs by itself."""

from __future__ import annotations

from django_tasks import task

from .actions import recompute_deadlines as recompute


@task()
def recompute_deadlines() -> int:
    """Compute filing days anew after a calendar was published; to be enqueued daily and on import."""
    return recompute()
