"""Who gets in, page by page."""

from __future__ import annotations

import pytest
from tests.makers import make_rulebook
from tests.permissions import EVERYONE, Row, check

from zhupei.certificates import throttle
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, INSTITUTION, Role

READERS = INSTITUTION | CENTRE | CITY | DISTRICT


def rules() -> dict[str, object]:
    make_rulebook()
    throttle.forget()
    return {}


def nothing() -> dict[str, object]:
    return {**rules(), "pk": 999}


def token() -> dict[str, object]:
    return {**rules(), "token": "none"}


ROWS = [
    Row("certificates:check", EVERYONE, rules),
    Row("certificates:check_token", EVERYONE, token),
    Row("certificates:list", READERS, rules),
    Row("certificates:detail", READERS, nothing),
    Row("certificates:pdf", READERS | {Role.LEARNER}, nothing),
    Row("certificates:mine", frozenset({Role.LEARNER}), rules),
    Row("certificates:revocations", CENTRE, rules),
    Row("certificates:revocation_decide", frozenset({Role.CENTRE_APPROVER}), nothing),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
