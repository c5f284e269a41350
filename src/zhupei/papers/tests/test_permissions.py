from __future__ import annotations

from typing import Any

import pytest
from tests.makers import make_bank, make_rulebook
from tests.permissions import Row, check

from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role
from zhupei.papers.api import Blueprint, draw_papers

KEEPER = frozenset({Role.BANK_KEEPER})
READERS = KEEPER | {Role.CENTRE_APPROVER}


def bank() -> dict[str, Any]:
    make_rulebook()
    make_bank()
    return {}


def blueprint() -> dict[str, Any]:
    bank()
    return {"pk": Blueprint.objects.get(subject="general").pk}


def draw() -> dict[str, Any]:
    bank()
    return {"pk": draw_papers("b1", [("c1", "101")], by=SYSTEM).pk}


ROWS = [
    Row("papers:blueprints", KEEPER, bank),
    Row("papers:blueprint", KEEPER, blueprint),
    Row("papers:new_blueprint", KEEPER, bank),
    Row("papers:load_defaults", KEEPER, bank, "post"),
    Row("papers:trial", KEEPER, blueprint),
    Row("papers:draws", READERS),
    Row("papers:draw", READERS, draw),
    Row("papers:recheck", READERS, draw, "post"),
]


@pytest.mark.req("R033", "I08")
@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
