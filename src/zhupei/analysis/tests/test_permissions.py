"""Who gets in, page by page."""

from __future__ import annotations

import pytest
from tests.makers import make_rulebook
from tests.permissions import Row, check

from zhupei.kernel.roles import Role

READERS = frozenset({Role.BANK_KEEPER, Role.ITEM_REVIEWER, Role.CENTRE_APPROVER})
ASKERS = frozenset({Role.BANK_KEEPER, Role.CENTRE_APPROVER})


def rules() -> dict[str, object]:
    make_rulebook()
    return {}


def nothing() -> dict[str, object]:
    return {**rules(), "pk": 999}


ROWS = [
    Row("analysis:items", READERS, rules),
    Row("analysis:item", READERS, nothing),
    Row("analysis:settle", frozenset({Role.BANK_KEEPER}), nothing, method="post"),
    Row("analysis:map", READERS, rules),
    Row("analysis:exposure", READERS, rules),
    Row("analysis:runs", READERS, rules),
    Row("analysis:run", READERS, nothing),
    Row("analysis:progress", READERS, nothing),
    Row("analysis:report", READERS, nothing),
    Row("analysis:request_batch", ASKERS, nothing, method="post"),
    Row("analysis:request_calibration", ASKERS, rules, method="post"),
]


@pytest.mark.req("R033")
@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
