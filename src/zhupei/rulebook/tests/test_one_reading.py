"""Within a request each parameter is read once; a change in it is seen at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.makers import make_actor, make_rulebook

from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.rulebook.actions import change_parameter
from zhupei.rulebook.api import parameter
from zhupei.rulebook.queries import reading_once

pytestmark = pytest.mark.django_db
KEY = "resit_months"


def test_a_block_reads_a_parameter_once_and_each_day_apart(django_assert_num_queries: Any) -> None:
    make_rulebook()
    tomorrow = clock.today() + timedelta(days=1)
    with reading_once(), django_assert_num_queries(2):
        assert parameter(KEY) == parameter(KEY)
        assert parameter(KEY, on=tomorrow) == parameter(KEY, on=tomorrow)
    with django_assert_num_queries(2):  # outside a block nothing is kept
        parameter(KEY)
        parameter(KEY)


def test_a_change_within_the_block_is_seen() -> None:
    make_rulebook()
    by = make_actor(Role.SYSTEM_ADMINISTRATOR)
    day = clock.today() + timedelta(days=1)
    with reading_once():
        old = int(parameter(KEY, on=day))
        change_parameter(KEY, str(old + 1), effective_from=day, reason="复测期限调整", by=by)
        assert parameter(KEY, on=day) == old + 1
