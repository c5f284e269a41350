"""The staff of the demonstration: accounts with a short name, one shared password, a second factor, and their roles."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyotp
from django.contrib.auth.hashers import get_hasher

from zhupei.accounts.actions import set_second_factor
from zhupei.accounts.api import User, open_account
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.roles import Role
from zhupei.organisations.api import Organisation, divisions_of, grant_role, memberships_of

from .props import mobile, person_name, rng

PASSWORD = "Zhupei-demo-2026"  # noqa: S105 - of a demonstration, printed for everybody


@contextmanager
def one_hash() -> Iterator[None]:
    """Hash the shared password once: inside the block equal passwords get an equal hash, salt included.

    Argon2 costs a tenth of a second a piece by design; a demonstration with five hundred accounts has one password.
    """
    hasher = get_hasher("default")
    plain: Callable[..., str] = hasher.encode
    known: dict[str, str] = {}

    def encode(password: str, *rest: Any, **options: Any) -> str:
        if password not in known:
            known[password] = plain(password, *rest, **options)
        return known[password]

    hasher.encode = encode  # type: ignore[method-assign]
    try:
        yield
    finally:
        del hasher.encode


@dataclass(frozen=True)
class Account:
    """A line of the table that is printed at the end."""

    login: str
    name: str
    role: str
    organisation: str


class Cast:
    """Everybody with a staff account, by login."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self._actors: dict[str, Actor] = {}
        self._numbers = 100_000  # of names and mobiles, apart from those of the learners

    def __call__(self, login: str) -> Actor:
        """The actor behind a login."""
        return self._actors[login]

    def next_person(self) -> tuple[str, str]:
        """Name and mobile of somebody new."""
        self._numbers += 1
        return person_name(self._numbers), mobile(self._numbers)

    def hire(self, login: str, organisation: Organisation, *roles: Role, by: Actor = SYSTEM) -> Actor:
        """Open a staff account with its roles in one unit; who grants is the administrator (SYSTEM) or the unit's head."""
        name, phone = self.next_person()
        user = open_account(login, display_name=name, phone=phone, password=PASSWORD, by=by)
        for role in roles:
            grant_role(user, organisation, role, by=by)
        return self.enter(login, user, organisation)

    def enter(self, login: str, user: User, organisation: Organisation) -> Actor:
        """Bind a second factor to an account that has its roles, and put it on the list."""
        actor = Actor(
            user.pk,
            user.display_name,
            frozenset(Role(m.role) for m in memberships_of(user.pk) if m.organisation_id == organisation.pk),
            organisation.pk,
            organisation.name,
            divisions_of(organisation.pk),
            ip="10.20.0.8",
            agent="demo",
        )
        secret = base64.b32encode(rng("second factor", login).randbytes(20)).decode()
        set_second_factor(user, secret, pyotp.TOTP(secret).at(clock.now()), by=actor)
        held = [m.get_role_display() for m in memberships_of(user.pk)]
        self.accounts.append(Account(login, user.display_name, "、".join(map(str, held)), organisation.name))
        self._actors[login] = actor
        return actor
