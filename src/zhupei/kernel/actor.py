"""Who does an act, for whom, and from where: the ``by`` of every action."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from zhupei.kernel.errors import Forbidden
from zhupei.kernel.roles import Role


@dataclass(frozen=True)
class Actor:
    """One person acting in one organisation. Built from a request by ``organisations``; never by a view.

    ``divisions`` are the division and zone codes of the acting unit's jurisdiction; empty means none.
    A person who is signed in with no membership is a learner and has ``organisation_id`` None.
    """

    user_id: int | None
    name: str
    roles: frozenset[Role] = frozenset()
    organisation_id: int | None = None
    organisation_name: str = ""
    divisions: frozenset[str] = frozenset()
    ip: str = ""
    agent: str = field(default="", repr=False)

    @property
    def is_signed_in(self) -> bool:
        return self.user_id is not None

    def has(self, *roles: Role) -> bool:
        """True if the actor holds any of ``roles`` in the organisation acted for."""
        return not self.roles.isdisjoint(roles)

    def require(
        self, *roles: Role, organisation_id: int | None = None, divisions: Iterable[str] | None = None
    ) -> None:
        """Raise ``Forbidden`` unless the actor holds one of ``roles``, acts for ``organisation_id`` and has
        jurisdiction over one of ``divisions`` (each only if given)."""
        if not self.has(*roles):
            raise Forbidden("role_missing")
        if organisation_id is not None and organisation_id != self.organisation_id:
            raise Forbidden("other_organisation")
        if divisions is not None and self.divisions.isdisjoint(divisions):
            raise Forbidden("outside_jurisdiction")


ANONYMOUS = Actor(user_id=None, name="")
SYSTEM = Actor(user_id=None, name="system", agent="system")
