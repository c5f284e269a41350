"""Who acts, and for whom."""

from __future__ import annotations

from datetime import date

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS, Actor
from zhupei.kernel.roles import Role

from .models import Jurisdiction, Membership, Organisation


def in_force(day: date, prefix: str = "") -> Q:
    """Rows with ``valid_from``/``valid_to`` that hold on ``day``."""
    return Q(**{f"{prefix}valid_from__lte": day}) & (
        Q(**{f"{prefix}valid_to": None}) | Q(**{f"{prefix}valid_to__gte": day})
    )


def memberships_of(user_id: int, day: date | None = None) -> QuerySet[Membership]:
    """The roles that a person holds on ``day`` (today), with their organisations."""
    return (
        Membership.objects.filter(in_force(day or clock.today()), user_id=user_id, organisation__is_open=True)
        .select_related("organisation")
        .order_by("organisation_id", "pk")
    )


def divisions_of(organisation_id: int, day: date | None = None) -> frozenset[str]:
    """The division and zone codes that a unit supervises on ``day`` (today)."""
    rows = Jurisdiction.objects.filter(in_force(day or clock.today()), organisation_id=organisation_id)
    return frozenset(rows.values_list("division_code", flat=True))


def supervisor_of(division_code: str, day: date | None = None) -> Organisation | None:
    """The district commission that supervises a division on ``day`` (today)."""
    return Organisation.objects.filter(
        in_force(day or clock.today(), "jurisdictions__"), jurisdictions__division_code=division_code
    ).first()


def actor_for(request: HttpRequest) -> Actor:
    """The actor of a request: the signed-in person in the organisation chosen in this session (or the first one)."""
    user = request.user
    ip = request.META.get("REMOTE_ADDR", "")
    agent = request.headers.get("User-Agent", "")
    if not user.is_authenticated:
        return Actor(user_id=ANONYMOUS.user_id, name="", ip=ip, agent=agent)
    if user.is_learner:
        return Actor(user.pk, user.display_name, frozenset({Role.LEARNER}), ip=ip, agent=agent)
    held = list(memberships_of(user.pk))
    request.memberships = held  # type: ignore[attr-defined]
    if not held:
        return Actor(user.pk, user.display_name, ip=ip, agent=agent)
    chosen = request.session.get("organisation_id")
    organisation = next((m.organisation for m in held if m.organisation_id == chosen), held[0].organisation)
    return Actor(
        user_id=user.pk,
        name=user.display_name,
        roles=frozenset(Role(m.role) for m in held if m.organisation_id == organisation.pk),
        organisation_id=organisation.pk,
        organisation_name=organisation.name,
        divisions=divisions_of(organisation.pk),
        ip=ip,
        agent=agent,
    )
