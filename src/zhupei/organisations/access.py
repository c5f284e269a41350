"""Who may see which organisations and members."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.access import Nav, roles, signed_in

from .models import Membership, Organisation

PAGES = {
    "organisations:act_as": signed_in,
    "organisations:list": roles(Role.SYSTEM_ADMINISTRATOR),
    "organisations:members": roles(Role.SYSTEM_ADMINISTRATOR, Role.INSTITUTION_HEAD),
    "organisations:members_of": roles(Role.SYSTEM_ADMINISTRATOR, Role.INSTITUTION_HEAD),
    "organisations:invite": roles(Role.SYSTEM_ADMINISTRATOR, Role.INSTITUTION_HEAD),
    "organisations:end_role": roles(Role.SYSTEM_ADMINISTRATOR, Role.INSTITUTION_HEAD),
}
NAV = [
    Nav("organisations:list", _("Organisations"), "building", 78),
    Nav("organisations:members", _("Staff and roles"), "people", 70, only=frozenset({Role.INSTITUTION_HEAD})),
]


def organisations_for(actor: Actor) -> QuerySet[Organisation]:
    """The organisations whose members the actor may manage."""
    if actor.has(Role.SYSTEM_ADMINISTRATOR):
        return Organisation.objects.all()
    if actor.has(Role.INSTITUTION_HEAD):
        return Organisation.objects.filter(pk=actor.organisation_id)
    return Organisation.objects.none()


def memberships_for(actor: Actor) -> QuerySet[Membership]:
    """The memberships in those organisations."""
    return Membership.objects.filter(organisation__in=organisations_for(actor))
