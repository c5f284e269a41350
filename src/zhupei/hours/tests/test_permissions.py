"""Who gets in, page by page."""

import pytest
from tests.makers import make_hours, make_person, make_rulebook
from tests.permissions import Row, check

from zhupei.hours.access import READERS
from zhupei.kernel.roles import Role

PROPOSERS = frozenset({Role.REGISTRAR, Role.TEACHER, Role.TEACHING_HEAD})
DECIDERS = frozenset({Role.TEACHING_HEAD, Role.INSTITUTION_HEAD})


def ledger() -> dict[str, int]:
    make_rulebook()
    make_hours(7, make_person(), 8)
    return {"enrolment_id": 7}


def entry() -> dict[str, int]:
    make_rulebook()
    return {"pk": make_hours(7, make_person(), 8).pk}


def nothing() -> dict[str, int]:
    make_rulebook()
    return {"pk": 1}


def rules() -> dict[str, int]:
    make_rulebook()
    return {}


ROWS = [
    Row("hours:mine", frozenset({Role.LEARNER}), rules),
    Row("hours:ledger", READERS, ledger),
    Row("hours:credits", PROPOSERS | DECIDERS, rules),
    Row("hours:credit", READERS, nothing),
    Row("hours:evidence", READERS, nothing),
    Row("hours:decide", DECIDERS, nothing, "post"),
    Row("hours:propose", PROPOSERS, ledger),
    Row("hours:reverse", frozenset({Role.CENTRE_APPROVER, Role.TEACHING_HEAD}), entry),
    Row("hours:exception", frozenset({Role.CENTRE_APPROVER}), ledger),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
