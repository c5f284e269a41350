"""Work that pages do not wait for."""

from __future__ import annotations

from django_tasks import task

from zhupei.kernel.roles import Role

from . import actions
from .actors import actor_with


@task()
def seek_duplicates(run_id: int) -> int:
    """Search the whole bank for items that ask the same; returns how many pairs look alike."""
    return actions.run_duplicates(run_id)


@task()
def read_import(pk: int) -> int:
    """Read a long file of items; returns how many of them may come in."""
    return actions.read_import(pk)


@task()
def take_import(pk: int, partial: bool, user_id: int) -> int:
    """Take the items of a long file into the bank; returns how many."""
    return actions.take_import(pk, partial=partial, by=actor_with(user_id, Role.ITEM_AUTHOR, agent="job"))
