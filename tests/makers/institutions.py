"""Institutions with their sites and teachers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from zhupei.accounts.models import User
from zhupei.kernel import clock, uscc
from zhupei.organisations.api import OrganisationKind

from .basics import RULE_FROM, make_organisation, serial

if TYPE_CHECKING:
    from zhupei.institutions.models import Institution, Site, Teacher


def make_institution(
    type: str = "contractor", state: str = "published", division_code: str = "500157", *, name: str = ""
) -> Institution:
    """An institution with its organisation, its qualification (contractors) or licence, and the steps of its registration.

    It trains every post that the rulebook holds.
    """
    from zhupei.institutions.choices import LICENCE_KINDS, InstitutionType, RegistrationState
    from zhupei.institutions.models import Institution, Licence, Qualification, RegistrationStep
    from zhupei.rulebook.models import Post

    number = next(serial)
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
        name=f"场地{next(serial)}",
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
        name=f"教师{next(serial)}",
        phone="13812345678",
        title="高级工程师",
        education="本科",
        specialty="土木工程",
        site_years=10,
    )
