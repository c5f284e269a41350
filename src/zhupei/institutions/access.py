"""Who may open which page of institutions, and which rows they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, HALL, INSTITUTION

from .choices import RegistrationState
from .models import Institution, Site, Teacher

OWN = INSTITUTION | HALL
EVERYWHERE = CITY | CENTRE


def institutions_for(actor: Actor) -> QuerySet[Institution]:
    """City and centre see every institution that has handed in its registration, a district commission those of its
    divisions (R079), an institution itself."""
    seen = Q(pk__in=())
    handed_in = ~Q(state=RegistrationState.DRAFT)
    if actor.has(*EVERYWHERE):
        seen |= handed_in
    if actor.has(*DISTRICT):
        seen |= handed_in & Q(division_code__in=actor.divisions)
    if actor.has(*OWN) and actor.organisation_id is not None:
        seen |= Q(organisation_id=actor.organisation_id)
    return Institution.objects.filter(seen)


def sites_for(actor: Actor) -> QuerySet[Site]:
    """The sites and halls that the actor may see; a district commission also those of others that lie in its divisions."""
    seen = Q(pk__in=())
    if actor.has(*EVERYWHERE):
        return Site.objects.select_related("institution")
    if actor.has(*DISTRICT):
        seen |= Q(division_code__in=actor.divisions) | Q(institution__division_code__in=actor.divisions)
    if actor.has(*OWN) and actor.organisation_id is not None:
        seen |= Q(institution__organisation_id=actor.organisation_id)
    return Site.objects.filter(seen).select_related("institution")


def teachers_for(actor: Actor) -> QuerySet[Teacher]:
    """The teachers of the institutions that the actor may see."""
    return Teacher.objects.filter(institution__in=institutions_for(actor)).select_related("institution")
