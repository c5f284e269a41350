"""Work that pages do not wait for."""

from __future__ import annotations

from django_tasks import task

from . import actions


@task()
def seek_duplicates(run_id: int) -> int:
    """Search the whole bank for items that ask the same; returns how many pairs look alike."""
    return actions.run_duplicates(run_id)
