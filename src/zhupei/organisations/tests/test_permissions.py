from __future__ import annotations

import pytest
from tests.makers import make_organisation, make_user
from tests.permissions import SIGNED_IN, Row, check

from zhupei.kernel.roles import Role

MANAGERS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.INSTITUTION_HEAD})


def organisation() -> dict[str, int]:
    return {"pk": make_organisation().pk}


def membership() -> dict[str, int]:
    return {"pk": make_user(Role.CENTRE_OFFICER).memberships.get().pk}


ROWS = [
    Row("organisations:act_as", SIGNED_IN, method="post"),
    Row("organisations:list", frozenset({Role.SYSTEM_ADMINISTRATOR})),
    Row("organisations:members", MANAGERS),
    Row("organisations:members_of", MANAGERS, organisation),
    Row("organisations:invite", MANAGERS, organisation),
    Row("organisations:end_role", MANAGERS, membership, "post"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", [r for r in ROWS if r.name != "organisations:act_as"], ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
