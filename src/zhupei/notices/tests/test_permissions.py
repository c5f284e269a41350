from __future__ import annotations

import pytest
from tests.permissions import SIGNED_IN, Row, check

ROWS = [Row("notices:list", SIGNED_IN), Row("notices:read_all", SIGNED_IN, method="post")]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
