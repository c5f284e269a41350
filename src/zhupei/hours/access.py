"""Who may open which page of hours, and which ledgers they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.institutions.api import institutions_for
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, INSTITUTION, Role
from zhupei.web.access import Nav, roles

from .actions import DECIDERS, PROPOSERS, REVERSERS
from .models import HourEntry, Ledger, ManualCredit

READERS = INSTITUTION | CENTRE | CITY | DISTRICT

NAV = [
    Nav("hours:mine", _("My hours"), "clock", 30),
    Nav("hours:credits", _("Manual credits"), "clock-history", 45),
]

PAGES = {
    "hours:mine": roles(Role.LEARNER),
    "hours:ledger": roles(*READERS),
    "hours:credits": roles(*PROPOSERS, *DECIDERS),
    "hours:credit": roles(*READERS),
    "hours:evidence": roles(*READERS),
    "hours:decide": roles(*DECIDERS),
    "hours:propose": roles(*PROPOSERS),
    "hours:reverse": roles(*REVERSERS),
    "hours:exception": roles(Role.CENTRE_APPROVER),
}


def _seen(actor: Actor) -> Q:
    """City and centre see all; a district commission what its institutions keep; an institution its own."""
    if actor.has(*CITY, *CENTRE):
        return Q()
    seen = Q(pk__in=())
    if actor.has(*DISTRICT):
        seen |= Q(organisation_id__in=institutions_for(actor).values("organisation_id"))
    if actor.has(*INSTITUTION) and actor.organisation_id is not None:
        seen |= Q(organisation_id=actor.organisation_id)
    return seen


def ledgers_for(actor: Actor) -> QuerySet[Ledger]:
    """The ledgers that a member of staff may see."""
    return Ledger.objects.filter(_seen(actor)).select_related("person")


def entries_for(actor: Actor) -> QuerySet[HourEntry]:
    """The entries of those ledgers."""
    return HourEntry.objects.filter(_seen(actor)).select_related("person")


def credits_for(actor: Actor) -> QuerySet[ManualCredit]:
    """The manual credits of those ledgers."""
    return ManualCredit.objects.filter(_seen(actor)).select_related("person", "evidence")


def own_ledgers(actor: Actor) -> QuerySet[Ledger]:
    """The ledgers of the signed-in learner himself, newest first."""
    if actor.user_id is None:
        return Ledger.objects.none()
    return Ledger.objects.filter(person__user_id=actor.user_id).order_by("-pk")
