"""The organisations room's door."""

from .actions import add_organisation, adopt_organisation, end_role, grant_role, invite, set_jurisdiction
from .choices import OrganisationKind, RoleName
from .models import Jurisdiction, Membership, Organisation
from .queries import actor_for, divisions_of, in_force, memberships_of, supervisor_of

__all__ = [
    "Jurisdiction",
    "Membership",
    "Organisation",
    "OrganisationKind",
    "RoleName",
    "actor_for",
    "add_organisation",
    "adopt_organisation",
    "divisions_of",
    "end_role",
    "grant_role",
    "in_force",
    "invite",
    "memberships_of",
    "set_jurisdiction",
    "supervisor_of",
]
