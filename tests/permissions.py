"""The permission table: for each URL name, who gets in; everyone else must be turned away.

Each room exports ``ROWS`` in its ``tests/test_permissions.py`` and runs them with ``check``; ``tests/test_every_page.py``
fails for a URL name without a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.makers import kind_of, make_organisation, make_rulebook, make_user, sign_in
from zhupei.kernel.roles import Role

EVERYONE = frozenset({"anonymous", *Role})
SIGNED_IN = frozenset(Role)
Makers = Callable[[], dict[str, Any]]


def given(**kwargs: Any) -> Makers:
    """A maker of these path arguments, of which nothing need exist, in a city that has its rulebook."""

    def make() -> dict[str, Any]:
        make_rulebook()
        return kwargs

    return make


@dataclass(frozen=True)
class Row:
    """One page: its URL name, who gets in, how to make its path arguments, and the method that it takes."""

    name: str
    allowed: frozenset[str]
    kwargs: Makers = field(default=dict)
    method: str = "get"

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def visit(client: Client, row: Row, kwargs: dict[str, Any]) -> HttpResponse:
    """Open the page of ``row``; a post carries no data, so the page may well refuse its content."""
    return getattr(client, row.method)(reverse(row.name, kwargs=kwargs))


def turned_away(response: HttpResponse) -> bool:
    """True for the gate's answers: forbidden, signed out, or sent to sign in."""
    to_sign_in = response.status_code == 302 and "/sign-in/" in response.headers["Location"]
    return response.status_code in (401, 403) or to_sign_in


def check(row: Row) -> None:
    """Visit the page as nobody and as every role; those outside ``allowed`` are turned away, the others are not.

    A role inside may still find nothing (404) or be told that the empty form is wrong (4xx but not 403).
    """
    kwargs = row.kwargs()
    organisations = {kind: make_organisation(kind) for kind in {kind_of(role) for role in Role}}
    for who in sorted(EVERYONE):
        client = Client(raise_request_exception=True)
        if who != "anonymous":
            role = Role(who)
            user = make_user(role, None if role == Role.LEARNER else organisations[kind_of(role)])
            sign_in(client, user)
        response = visit(client, row, kwargs)
        assert response.status_code < 500, (row.name, who, response.status_code)
        if who in row.allowed:
            assert not turned_away(response), (row.name, who, response.status_code, response.headers)
        else:
            assert turned_away(response), (row.name, who, response.status_code)
