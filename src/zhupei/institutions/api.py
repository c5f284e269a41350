"""The institutions room's door."""

from .access import institutions_for, sites_for, teachers_for
from .actions import adopt_hall
from .choices import Employment, InstitutionType, RegistrationState, RoomKind, SiteKind, SiteState
from .models import Institution, Room, Site, Teacher
from .queries import (
    active_teachers,
    approved_sites,
    has_sufficient_qualification,
    institution_of,
    published_institutions,
    require_may_train,
    spare_needed,
    state_on,
    trains,
)

__all__ = [
    "Employment",
    "Institution",
    "InstitutionType",
    "RegistrationState",
    "Room",
    "RoomKind",
    "Site",
    "SiteKind",
    "SiteState",
    "Teacher",
    "active_teachers",
    "adopt_hall",
    "approved_sites",
    "has_sufficient_qualification",
    "institution_of",
    "institutions_for",
    "published_institutions",
    "require_may_train",
    "sites_for",
    "spare_needed",
    "state_on",
    "teachers_for",
    "trains",
]
