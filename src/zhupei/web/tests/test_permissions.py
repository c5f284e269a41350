from __future__ import annotations

import pytest
from tests.permissions import EVERYONE, Row, check

ROWS = [Row("web:preferences", EVERYONE, method="post"), Row("web:health", EVERYONE)]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
