"""Founding a city: the units that the rule names, with their jurisdictions, and the first administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from zhupei.accounts.api import User, open_account
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role
from zhupei.organisations.api import (
    Organisation,
    OrganisationKind,
    add_organisation,
    grant_role,
    set_jurisdiction,
)
from zhupei.rulebook.api import Division, active_divisions

CITY_NAME = "重庆市住房和城乡建设委员会"
CENTRE_NAME = "重庆市建设岗位培训中心"


@dataclass(frozen=True)
class City:
    """The units of a founded city; districts by division code."""

    commission: Organisation
    centre: Organisation
    districts: dict[str, Organisation]


def commission_name(division: Division) -> str:
    """The name of the unit that supervises a division or zone."""
    return f"{division.name}住房和城乡建设委员会" if division.kind != "zone" else f"{division.name}建设局"


@transaction.atomic
def found_city(*, since: date) -> City:
    """Add the city commission, the centre, and a district commission for each division and zone that is in force.

    Needs the rulebook. A second call returns what is there.
    """
    existing = {o.name: o for o in Organisation.objects.exclude(kind=OrganisationKind.INSTITUTION)}

    def unit(kind: str, name: str, code: str = "") -> Organisation:
        return existing.get(name) or add_organisation(kind, name, division_code=code, by=SYSTEM)

    districts = {}
    for division in active_divisions():
        organisation = unit(OrganisationKind.DISTRICT, commission_name(division), division.code)
        if not organisation.jurisdictions.exists():
            start = max(since, division.valid_from) if division.valid_from else since
            set_jurisdiction(organisation, division.code, valid_from=start, by=SYSTEM)
        districts[division.code] = organisation
    return City(unit(OrganisationKind.CITY, CITY_NAME), unit(OrganisationKind.CENTRE, CENTRE_NAME), districts)


@transaction.atomic
def first_administrator(
    city: City, *, login: str, name: str, phone: str, password: str | None = None
) -> User:
    """The account from which all others are given: a system administrator of the centre."""
    user = open_account(login, display_name=name, phone=phone, password=password, by=SYSTEM)
    grant_role(user, city.centre, Role.SYSTEM_ADMINISTRATOR, by=SYSTEM)
    return user
