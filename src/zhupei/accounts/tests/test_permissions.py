from __future__ import annotations

import pytest
from tests.makers import make_user
from tests.permissions import EVERYONE, SIGNED_IN, Row, check

from zhupei.accounts.models import AccountSession
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

OFFICERS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER})


def account() -> dict[str, int]:
    return {"pk": make_user(Role.REGISTRAR).pk}


def session() -> dict[str, int]:
    user = make_user(Role.REGISTRAR)
    return {
        "pk": AccountSession.objects.create(
            user=user, session_key="x", created_at=clock.now(), last_seen_at=clock.now()
        ).pk
    }


ROWS = [
    Row("accounts:sign_in", EVERYONE),
    Row("accounts:second_factor", frozenset(SIGNED_IN)),
    Row("accounts:second_factor_set_up", frozenset(SIGNED_IN)),
    Row("accounts:sign_out", SIGNED_IN, method="post"),
    Row("accounts:new_password", EVERYONE),
    Row("accounts:send_code", EVERYONE),
    Row("accounts:mine", SIGNED_IN),
    Row("accounts:change_password", SIGNED_IN),
    Row("accounts:end_session", SIGNED_IN, session, "post"),
    Row("accounts:users", OFFICERS),
    Row("accounts:user", OFFICERS, account),
    Row("accounts:close", frozenset({Role.SYSTEM_ADMINISTRATOR}), account, "post"),
    Row("accounts:reopen", frozenset({Role.SYSTEM_ADMINISTRATOR}), account, "post"),
    Row("accounts:reset_second_factor", frozenset({Role.SECURITY_OFFICER}), account, "post"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", [r for r in ROWS if not r.name.startswith("accounts:second")], ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
