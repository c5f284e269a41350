"""The rulebook, organisations, staff and learners."""

from __future__ import annotations

import itertools
from datetime import date
from typing import TYPE_CHECKING

from django.test import Client

from zhupei.accounts.models import AccountSession, User, login_of_identity
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.roles import BANK, CENTRE, CITY, DISTRICT, OFFICERS, Role
from zhupei.organisations.api import Organisation, OrganisationKind, divisions_of, memberships_of
from zhupei.organisations.models import Jurisdiction, Membership
from zhupei.rulebook.api import load_rulebook

if TYPE_CHECKING:
    from zhupei.people.models import Person

serial = itertools.count(1)
RULE_FROM = date(2019, 1, 1)


def make_rulebook() -> None:
    """The whole rulebook, as a new city loads it."""
    load_rulebook(RULE_FROM, by=SYSTEM)


def make_organisation(
    kind: str = OrganisationKind.CENTRE, name: str = "", *, division_code: str = ""
) -> Organisation:
    name = name or f"{kind}-{next(serial)}"
    organisation = Organisation.objects.create(kind=kind, name=name, division_code=division_code)
    if kind == OrganisationKind.DISTRICT and division_code:
        Jurisdiction.objects.create(
            organisation=organisation, division_code=division_code, valid_from=RULE_FROM
        )
    return organisation


def kind_of(role: Role) -> str:
    """The kind of organisation in which a role is held."""
    if role in CITY:
        return OrganisationKind.CITY
    if role in CENTRE | BANK | OFFICERS:
        return OrganisationKind.CENTRE
    return OrganisationKind.DISTRICT if role in DISTRICT else OrganisationKind.INSTITUTION


def make_user(role: Role, organisation: Organisation | None = None, *, name: str = "") -> User:
    """A staff account (or a learner's) that holds ``role`` in ``organisation`` (a new one if none is given)."""
    number = next(serial)
    if role == Role.LEARNER:
        return User.objects.create_user(
            login_of_identity(f"TEST{number}"), "x", display_name=name or f"学员{number}", is_learner=True
        )
    user = User.objects.create_user(f"{role}-{number}", "x", display_name=name or f"{role}{number}")
    organisation = organisation or make_organisation(kind_of(role))
    Membership.objects.create(user=user, organisation=organisation, role=role, valid_from=RULE_FROM)
    return user


def as_actor(user: User) -> Actor:
    """The actor of a user in his first organisation."""
    if user.is_learner:
        return Actor(user.pk, user.display_name, frozenset({Role.LEARNER}))
    held = list(memberships_of(user.pk))
    organisation = held[0].organisation
    return Actor(
        user.pk,
        user.display_name,
        frozenset(Role(m.role) for m in held if m.organisation_id == organisation.pk),
        organisation.pk,
        organisation.name,
        divisions_of(organisation.pk),
    )


def make_actor(role: Role, organisation: Organisation | None = None) -> Actor:
    """A new user with ``role``, as an actor."""
    return as_actor(make_user(role, organisation))


def sign_in(client: Client, user: User) -> Client:
    """Sign a test client in as ``user``, past password and second factor."""
    client.force_login(user)
    AccountSession.objects.create(
        user=user, session_key=client.session.session_key, created_at=clock.now(), last_seen_at=clock.now()
    )
    return client


def make_person(name: str = "", **fields: object) -> Person:
    """A registered person with an invented identity number and a mobile."""
    from zhupei.people.api import demo_identity_number, register_person

    number = next(serial)
    values = {
        "identity_kind": "resident_id",
        "identity_number": demo_identity_number(number),
        "name": name or f"学员{number}",
        "phone": f"139{number:08d}",
        **fields,
    }
    return register_person(**values, by=SYSTEM)


def make_learner(name: str = "", **fields: object) -> tuple[Person, User]:
    """A person with a learner's account (password "x") and the consent it needs."""
    from zhupei.people.actions import give_consent

    person = make_person(name, **fields)
    person.user = User.objects.create_user(
        login_of_identity(person.identity_number),
        "x",
        display_name=person.name,
        phone=person.phone,
        is_learner=True,
    )
    person.save(update_fields=["user"])
    give_consent(person, "account", by=as_actor(person.user))
    return person, person.user
