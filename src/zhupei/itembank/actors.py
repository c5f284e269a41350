"""Who acts where no request says it: jobs, and commands on the server."""

from __future__ import annotations

from django.utils.translation import gettext as _

from zhupei.accounts.api import User
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import memberships_of


def actor_with(user_id: int, role: Role, *, agent: str) -> Actor:
    """A person in the first organisation in which he holds ``role`` today. Raises ``Forbidden`` if there is none."""
    held = list(memberships_of(user_id))
    chosen = next((m.organisation for m in held if m.role == role), None)
    if chosen is None:
        raise Forbidden("role_missing")
    return Actor(
        user_id,
        User.objects.get(pk=user_id).display_name,
        frozenset(Role(m.role) for m in held if m.organisation_id == chosen.pk),
        chosen.pk,
        chosen.name,
        agent=agent,
    )


def actor_named(login: str, role: Role) -> Actor:
    """The person of a login, for a command. Raises ``Refusal`` if there is none or the role is missing."""
    user = User.objects.filter(login=login, is_active=True).first()
    if user is None:
        raise Refusal("user_unknown", _("There is no account “%(login)s”.") % {"login": login[:60]})
    return actor_with(user.pk, role, agent="command")
