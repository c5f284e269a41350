"""Who is told of what: the people of a unit by their roles, and candidates by their accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.urls import reverse

from zhupei.accounts.api import User
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify
from zhupei.organisations.api import Membership, OrganisationKind, in_force
from zhupei.people.api import Person

from .models import Candidate

OWNERS = (Role.EXAM_OFFICER, Role.INSTITUTION_HEAD)
HALL_STAFF = (Role.HALL_TECHNICAL_HEAD,)


def _users(roles: Iterable[Role], **where: Any) -> list[User]:
    held = Membership.objects.filter(
        in_force(clock.today()), role__in=list(roles), user__is_active=True, **where
    )
    return list(User.objects.filter(pk__in=held.values("user_id")).order_by("pk"))


def tell_unit(
    organisation_id: int, roles: Iterable[Role], *, kind: str, title: Any, text: Any = "", to: str, pk: int
) -> None:
    """Tell the holders of ``roles`` in one unit; ``to`` is a URL name, ``pk`` its argument."""
    notify(
        _users(roles, organisation_id=organisation_id),
        kind=kind,
        title=title,
        text=text,
        url=reverse(to, args=[pk]),
    )


def tell_units(
    organisation_ids: Iterable[int], roles: Iterable[Role], *, kind: str, title: Any, text: Any = "", url: str
) -> None:
    """Tell the holders of ``roles`` in several units, each person once."""
    notify(
        _users(roles, organisation_id__in=set(organisation_ids)), kind=kind, title=title, text=text, url=url
    )


def tell_office(
    kind_of_unit: OrganisationKind, roles: Iterable[Role], *, kind: str, title: Any, text: Any = "", url: str
) -> None:
    """Tell the holders of ``roles`` in every unit of a kind (the centre, the city commission)."""
    notify(_users(roles, organisation__kind=kind_of_unit), kind=kind, title=title, text=text, url=url)


def tell_persons(persons: Iterable[Person], *, kind: str, title: Any, text: Any = "", url: str) -> None:
    """Tell learners who have an account."""
    users = [person.user for person in persons if person.user is not None]
    notify(users, kind=kind, title=title, text=text, url=url)


def tell_candidates(candidate_ids: Sequence[int], *, kind: str, title: Any, text: Any = "", url: str) -> None:
    """Tell many candidates who have an account, without reading what else is kept of them."""
    for start in range(0, len(candidate_ids), 500):
        people = Candidate.objects.filter(
            pk__in=candidate_ids[start : start + 500], person__user__isnull=False
        )
        users = list(User.objects.filter(pk__in=people.values("person__user_id")))
        notify(users, kind=kind, title=title, text=text, url=url)
