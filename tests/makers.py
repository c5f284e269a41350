"""Makers of test data: plain functions, each of which makes one valid thing with everything it needs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.test import Client

from zhupei.accounts.models import AccountSession, User, login_of_identity
from zhupei.kernel import clock, uscc
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.roles import BANK, CENTRE, CITY, DISTRICT, OFFICERS, Role
from zhupei.organisations.api import Organisation, OrganisationKind, divisions_of, memberships_of
from zhupei.organisations.models import Jurisdiction, Membership
from zhupei.rulebook.api import load_rulebook

if TYPE_CHECKING:
    from zhupei.hours.models import HourEntry
    from zhupei.institutions.models import Institution, Site, Teacher
    from zhupei.itembank.models import BankRelease
    from zhupei.people.models import Person

_count = itertools.count(1)
RULE_FROM = date(2019, 1, 1)


def make_rulebook() -> None:
    """The whole rulebook, as a new city loads it."""
    load_rulebook(RULE_FROM, by=SYSTEM)


def make_organisation(
    kind: str = OrganisationKind.CENTRE, name: str = "", *, division_code: str = ""
) -> Organisation:
    name = name or f"{kind}-{next(_count)}"
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
    number = next(_count)
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


def make_institution(
    type: str = "contractor", state: str = "published", division_code: str = "500157", *, name: str = ""
) -> Institution:
    """An institution with its organisation, its qualification (contractors) or licence, and the steps of its registration.

    It trains every post that the rulebook holds.
    """
    from zhupei.institutions.choices import LICENCE_KINDS, InstitutionType, RegistrationState
    from zhupei.institutions.models import Institution, Licence, Qualification, RegistrationStep
    from zhupei.rulebook.models import Post

    number = next(_count)
    prefix = {"contractor": "91", "social": "52", "association": "51", "college": "12"}[type]
    body = f"{prefix}500000MA{number:07d}"
    start = datetime(2019, 1, 1, tzinfo=clock.SHANGHAI)
    registered = state in ("registered", "published", "blocked", "cancelled")
    organisation = make_organisation(
        OrganisationKind.INSTITUTION, name or f"培训机构{number}", division_code=division_code
    )
    institution = Institution.objects.create(
        organisation=organisation,
        type=type,
        uscc=body + uscc.check_character(body),
        full_name=organisation.name,
        legal_representative="王建国",
        address="重庆市江北区建新路 1 号",
        division_code=division_code,
        contact="李文",
        contact_phone="023-63601234",
        state=state,
        registration_no=f"T{number:04d}" if registered else None,
        registered_on=RULE_FROM if registered else None,
        published_on=RULE_FROM if state in ("published", "blocked") else None,
        created_at=start,
    )
    institution.posts.set(Post.objects.all())
    if type == InstitutionType.CONTRACTOR:
        Qualification.objects.create(
            institution=institution,
            certificate_no=f"D{number}",
            category="general",
            specialty="建筑工程施工总承包",
            grade="first",
            issuer="住房城乡建设部",
            issued_on=date(2018, 1, 1),
            valid_to=date(2099, 12, 31),
            checked_at=start if registered else None,
        )
    else:
        kind = LICENCE_KINDS[InstitutionType(type)][0]
        Licence.objects.create(
            institution=institution, kind=kind, number=f"L{number}", issuer="重庆市教育委员会"
        )
    if state != RegistrationState.DRAFT:
        RegistrationStep.objects.create(
            institution=institution,
            verb="import",
            state=state,
            unit="市住房城乡建委",
            person="系统",
            at=start,
        )
    return institution


def make_site(
    institution: Institution,
    kind: str = "teaching",
    approved: bool = True,
    exam_clients: int = 200,
    spare_clients: int = 20,
    rooms: Sequence[tuple[str, int]] = (("A101", 60),),
) -> Site:
    """A teaching site or (``kind="hall"``) an exam hall with its rooms, approved from 2019 on unless said otherwise."""
    from zhupei.institutions.models import Room, Site

    site = Site.objects.create(
        institution=institution,
        kind=kind,
        name=f"场地{next(_count)}",
        address="重庆市两江新区金开大道 1 号",
        division_code=institution.division_code,
        state="approved" if approved else "draft",
        approved_on=RULE_FROM if approved else None,
        valid_to=date(2099, 12, 31) if approved else None,
        exam_clients=exam_clients if kind == "hall" else 0,
        spare_clients=spare_clients if kind == "hall" else 0,
    )
    room_kind = "exam_room" if kind == "hall" else "classroom"
    Room.objects.bulk_create(Room(site=site, name=name, kind=room_kind, seats=seats) for name, seats in rooms)
    return site


def make_teacher(institution: Institution, *, user: User | None = None) -> Teacher:
    """A full-time teacher with ten years on building sites."""
    from zhupei.institutions.models import Teacher

    return Teacher.objects.create(
        institution=institution,
        user=user,
        name=f"教师{next(_count)}",
        phone="13812345678",
        title="高级工程师",
        education="本科",
        specialty="土木工程",
        site_years=10,
    )


def make_person(name: str = "", **fields: object) -> Person:
    """A registered person with an invented identity number and a mobile."""
    from zhupei.people.api import demo_identity_number, register_person

    number = next(_count)
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
        login_of_identity(person.identity_number), "x", display_name=person.name, phone=person.phone, is_learner=True
    )
    person.save(update_fields=["user"])
    give_consent(person, "account", by=as_actor(person.user))
    return person, person.user


def make_hours(
    enrolment_id: int,
    person: Person,
    hours: Decimal | int | str,
    *,
    post_code: str = "101",
    organisation_id: int = 1,
    source_key: str = "",
) -> HourEntry:
    """Attended hours in the ledger of an enrolment, as one entry of today."""
    from zhupei.hours.api import credit_attendance

    return credit_attendance(
        person=person,
        enrolment_id=enrolment_id,
        organisation_id=organisation_id,
        post_code=post_code,
        hours=Decimal(hours),
        source_key=source_key or f"test:{next(_count)}",
        occurred_on=clock.today(),
        by=SYSTEM,
    )


def make_bank() -> "BankRelease":
    """The demonstration bank of 土建施工员 (101) with the default blueprints, released: enough to draw papers for post 101.

    Needs the rulebook (``make_rulebook``). About a third of a second.
    """
    from zhupei.itembank.api import load_demo_bank, make_release
    from zhupei.papers.api import load_default_blueprints

    load_demo_bank(by=SYSTEM)
    release = make_release(note="test", by=SYSTEM)
    load_default_blueprints(by=SYSTEM)
    return release
