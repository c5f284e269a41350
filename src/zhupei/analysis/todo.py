"""What waits in item analysis."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.todo import Task

from .queries import waiting_items


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Items with alarms that nobody has settled."""
    if actor.has(Role.BANK_KEEPER):
        yield Task(
            _("Items whose answers give cause for concern"),
            waiting_items().count(),
            f"{reverse('analysis:items')}?waiting=1",
        )
