"""The tables of moves, the job, and texts of times."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.makers import make_plan, make_rulebook

from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.training import choices, jobs, periods

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("table", [choices.PLAN, choices.CLASS, choices.ENROLMENT])
def test_no_move_leads_out_of_the_states(table: Any) -> None:
    states = {*choices.PlanState.values, *choices.ClassState.values, *choices.EnrolmentState.values}
    for before, verb, after in table.moves():
        assert {before, after} <= states
        assert table.allows(before, verb)


def test_periods_survive_being_stored() -> None:
    text = "2026年10月12-16日9:00-12:00、14:00-17:00；2026年10月19日8:30-11:30"
    read = periods.read(text)
    assert periods.from_json(periods.to_json(read)) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "明天",
        "2026年2月30日9:00-17:00",
        "2026年10月12日17:00-9:00",
        "2026年10月12日9:00-12:00；2026年10月12日11:00-13:00",
        "一" * 2001,
    ],
)
def test_times_that_cannot_be_are_named(text: str) -> None:
    with pytest.raises(Refusal, match="bad_schedule") as refused:
        periods.read(text)
    assert refused.value.fields["time_text"]


@pytest.mark.req("R174")
def test_the_example_of_the_annex() -> None:
    make_rulebook()
    read = periods.read("2020年1月1-5日9:00-17:00")
    assert periods.hours_of(read) >= 40
    assert periods.lacks_break(read)
    assert len(periods.rest_days(read)) == 3


def test_the_job_computes_filing_days() -> None:
    make_rulebook()
    with clock.frozen(datetime(2026, 9, 21, 10)):
        plan = make_plan(state="submitted")
        plan.calendar_version = "old"
        plan.save()
        jobs.recompute_deadlines.enqueue()
        plan.refresh_from_db()
    assert plan.calendar_version != "old"
