"""What waits in certificates."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.todo import Task

from . import access


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Certificates whose result no longer passes."""
    if actor.has(Role.CENTRE_APPROVER):
        rows = access.revocations_for(actor).filter(decided_at=None).exclude(proposed_by_id=actor.user_id)
        yield Task(
            _("Certificates whose result no longer passes"), rows.count(), reverse("certificates:revocations")
        )
