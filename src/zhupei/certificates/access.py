"""Who may open which page of certificates, and which they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.exams.api import results_for
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, INSTITUTION, Role
from zhupei.web.access import Nav, public, roles

from .actions import waiting_results
from .models import Certificate, RevocationProposal

READERS = INSTITUTION | CENTRE | CITY | DISTRICT

PAGES = {
    "certificates:check": public,
    "certificates:check_token": public,
    "certificates:list": roles(*READERS),
    "certificates:detail": roles(*READERS),
    "certificates:pdf": roles(*READERS, Role.LEARNER),
    "certificates:mine": roles(Role.LEARNER),
    "certificates:revocations": roles(*CENTRE),
    "certificates:revocation_decide": roles(Role.CENTRE_APPROVER),
}

NAV = [
    Nav("certificates:list", _("Certificates"), "award", 46),
    Nav("certificates:mine", _("My certificates"), "award", 26),
]


def certificates_for(actor: Actor) -> QuerySet[Certificate]:
    """City and centre see all, a district commission those of its institutions, an institution its own, a learner his own."""
    rows = Certificate.objects.select_related("person", "post", "institution")
    if actor.has(*CITY, *CENTRE):
        return rows
    seen = Q(pk__in=())
    if actor.has(*DISTRICT):
        seen |= Q(institution__division_code__in=actor.divisions)
    if actor.has(*INSTITUTION) and actor.organisation_id is not None:
        seen |= Q(institution__organisation_id=actor.organisation_id)
    if actor.has(Role.LEARNER) and actor.user_id is not None:
        seen |= Q(person__user_id=actor.user_id)
    return rows.filter(seen)


def held_for(actor: Actor) -> int:
    """How many confirmed passes that the actor sees wait for their certificate."""
    return results_for(actor).filter(pk__in=waiting_results().values("pk")).count()


def revocations_for(actor: Actor) -> QuerySet[RevocationProposal]:
    """Certificates that the centre has to decide on, or decided on."""
    rows = RevocationProposal.objects.select_related("certificate__result")
    return rows if actor.has(*CENTRE) else rows.none()
