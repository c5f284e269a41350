"""Who may open which page: one row per URL name, collected from every room's ``access.PAGES``.

The gate (``web.middleware.Gate``) refuses a view that has no row, so a forgotten row is a closed door, not an open one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role

HALL_ROOMS = frozenset(
    {"web", "accounts", "organisations", "notices", "hall"}
)  # all that ``zhupei hall`` serves


@dataclass(frozen=True)
class Permission:
    """A row of the table: open to everyone, to everyone signed in, or to holders of one of ``roles``."""

    everyone: bool = False
    signed_in: bool = False
    roles: frozenset[Role] = frozenset()

    def allows(self, actor: Actor) -> bool:
        if self.everyone:
            return True
        if not actor.is_signed_in:
            return False
        return self.signed_in or actor.has(*self.roles)


public = Permission(everyone=True)
signed_in = Permission(signed_in=True)
machine = Permission(
    everyone=True
)  # the gate lets the call through: the view itself asks who calls, by a signature


def roles(*names: Role) -> Permission:
    """Open to holders of any of these roles."""
    return Permission(roles=frozenset(names))


@dataclass(frozen=True)
class Nav:
    """An entry of the main navigation; shown to those who may open the page. ``only`` narrows it further."""

    url_name: str
    label: Any
    icon: str
    order: int
    only: frozenset[Role] = frozenset()


def _room_modules() -> Iterable[Any]:
    for config in apps.get_app_configs():
        if config.name.startswith("zhupei.") and find_spec(f"{config.name}.access"):
            yield import_module(f"{config.name}.access")


@cache
def permission_table() -> dict[str, Permission]:
    """URL name → permission, over all rooms. A name that two rooms claim is an error."""
    table: dict[str, Permission] = {}
    for module in _room_modules():
        for name, permission in getattr(module, "PAGES", {}).items():
            if name in table:
                raise ValueError(f"two rows for {name}")
            table[name] = permission
    return table


@cache
def navigation() -> tuple[Nav, ...]:
    """Every navigation entry, in order."""
    entries = [nav for module in _room_modules() for nav in getattr(module, "NAV", ())]
    return tuple(sorted(entries, key=lambda nav: nav.order))


def may_open(actor: Actor, url_name: str) -> bool:
    """True if ``actor`` may open the page of this URL name; False also where no row stands."""
    permission = permission_table().get(url_name)
    return permission is not None and permission.allows(actor)


PAGES = {
    "web:preferences": public,
    "web:health": public,
}
