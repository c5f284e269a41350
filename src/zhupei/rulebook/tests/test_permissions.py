"""Who may open which page of the rulebook."""

import pytest
from tests.makers import make_rulebook
from tests.permissions import EVERYONE, Row, check

from zhupei.kernel.roles import STAFF, Role

pytestmark = pytest.mark.django_db

KEY = {"key": "plan_submit_workdays"}

ROWS = [
    Row("rulebook:basis", EVERYONE),
    Row("rulebook:posts", EVERYONE),
    Row("rulebook:divisions", EVERYONE),
    Row("rulebook:calendar", EVERYONE),
    Row("rulebook:parameters", STAFF),
    Row("rulebook:parameter", STAFF, lambda: KEY),
    Row("rulebook:parameter_change", frozenset({Role.SYSTEM_ADMINISTRATOR}), lambda: KEY),
    Row("rulebook:parameter_change", frozenset({Role.SYSTEM_ADMINISTRATOR}), lambda: KEY, "post"),
    Row("rulebook:rule_document", frozenset({Role.SYSTEM_ADMINISTRATOR})),
    Row("rulebook:calendar_import", frozenset({Role.CENTRE_OFFICER})),
    Row("rulebook:calendar_import", frozenset({Role.CENTRE_OFFICER}), dict, "post"),
    Row("rulebook:calendar_example", frozenset({Role.CENTRE_OFFICER})),
    Row("rulebook:calendar_apply", frozenset({Role.CENTRE_OFFICER}), dict, "post"),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    make_rulebook()
    check(row)
