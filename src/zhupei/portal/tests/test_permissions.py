from __future__ import annotations

import pytest
from tests.makers import make_rulebook
from tests.permissions import EVERYONE, Row, check

ROWS = [Row("portal:home", EVERYONE), Row("portal:rule", EVERYONE)]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    make_rulebook()
    check(row)
