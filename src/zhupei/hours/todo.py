"""What waits in the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.todo import Task

from .models import CreditState, ManualCredit


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Manual credits that another person has proposed."""
    if actor.has(Role.TEACHING_HEAD, Role.INSTITUTION_HEAD):
        rows = ManualCredit.objects.filter(organisation_id=actor.organisation_id, state=CreditState.PROPOSED)
        count = rows.exclude(proposed_by_id=actor.user_id).count()
        yield Task(_("Manual credits to decide"), count, reverse("hours:credits"))
