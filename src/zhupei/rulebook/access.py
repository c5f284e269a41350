"""Who may open which page of the rulebook. The rule itself is public; its numbers are for those who work with them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhupei.kernel.roles import CENTRE, CITY, OFFICERS, STAFF, Role
from zhupei.web.access import Nav, public, roles

PAGES = {
    "rulebook:basis": public,
    "rulebook:posts": public,
    "rulebook:divisions": public,
    "rulebook:calendar": public,
    "rulebook:parameters": roles(*STAFF),
    "rulebook:parameter": roles(*STAFF),
    "rulebook:parameter_change": roles(Role.SYSTEM_ADMINISTRATOR),
    "rulebook:rule_document": roles(Role.SYSTEM_ADMINISTRATOR),
    "rulebook:calendar_import": roles(Role.CENTRE_OFFICER),
    "rulebook:calendar_example": roles(Role.CENTRE_OFFICER),
    "rulebook:calendar_apply": roles(Role.CENTRE_OFFICER),
}

NAV = [
    Nav("rulebook:parameters", _("Rule and calendar"), "book", 900, only=frozenset(CITY | CENTRE | OFFICERS))
]
