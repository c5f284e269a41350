"""What waits in the hall."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE
from zhupei.web.todo import Task

from . import access
from .actions import BRINGERS, DESK, HEADS, RETURNERS, waiting_at_centre
from .choices import CheckInDecision, HallBatchState
from .models import CheckIn, Proposal
from .process import OPEN_STATES, failed_loads


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Bundles to take in and to open, second persons asked for, returns to make, staff to file."""
    url = reverse("hall:batches")
    if actor.has(*BRINGERS):
        yield Task(_("Bundles to take into the hall"), access.waiting_bundles(actor).count(), url)
        yield Task(_("Bundles that wait at the centre"), len(waiting_at_centre()), url)
        sealed = access.batches_for(actor).filter(state=HallBatchState.SEALED)
        yield Task(_("Bundles to open"), sealed.count(), url)
    if actor.has(*BRINGERS, *DESK) and (failed := failed_loads()):
        broken = access.batches_for(actor).filter(pk__in=failed, state__in=OPEN_STATES)
        first = broken.order_by("pk").first()
        if first is not None:
            to = reverse("hall:batch", args=[first.pk])
            yield Task(_("Bundles that this server could not load: nobody can sit there"), broken.count(), to)
    if actor.has(*DESK):
        rows = CheckIn.objects.filter(
            hall_batch__organisation_id=actor.organisation_id, decision=CheckInDecision.PENDING
        ).exclude(by_1_id=actor.user_id)
        yield Task(_("Check-ins that wait for a second person"), rows.count(), url)
    if actor.has(*HEADS):
        open_ones = Proposal.objects.filter(
            hall_batch__organisation_id=actor.organisation_id, decided_at=None
        ).exclude(proposed_by_id=actor.user_id)
        yield Task(_("Acts on sittings that wait for a second person"), open_ones.count(), url)
    if actor.has(*RETURNERS):
        closed = access.batches_for(actor).filter(state=HallBatchState.CLOSED)
        yield Task(_("Returns to make"), closed.count(), url)
    if actor.has(*CENTRE):
        waiting = access.filings_for(actor).filter(filed_at=None)
        yield Task(_("Hall staff to file"), waiting.count(), reverse("hall:staff"))
