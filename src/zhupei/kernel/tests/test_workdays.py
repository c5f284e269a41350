from datetime import UTC, date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.workdays import _LUNAR_HOLIDAYS, Calendar, Deadline


def days_of(year):
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


YEARS = (2019, 2020, 2025, 2026)
DAYS = {day: chinese_calendar.is_workday(day) for year in YEARS for day in days_of(year)}
CALENDAR = Calendar(DAYS, YEARS, "chinesecalendar 1.11")
BARE = Calendar({}, (), "none")


@pytest.mark.req("R016", "R045")
@pytest.mark.parametrize(
    ("n", "event", "deadline"),
    [
        (5, "2026-10-12", "2026-09-29"),
        (10, "2026-10-20", "2026-09-30"),
        (10, "2026-03-02", "2026-02-10"),
        (5, "2026-03-02", "2026-02-24"),
        (10, "2026-05-11", "2026-04-23"),
        (5, "2026-01-05", "2025-12-26"),
        (10, "2025-10-13", "2025-09-23"),
        (5, "2026-09-21", "2026-09-15"),
        (5, "2020-01-01", "2019-12-25"),
    ],
)
def test_golden_deadlines(n, event, deadline):
    assert CALENDAR.workdays_before(date.fromisoformat(event), n) == (date.fromisoformat(deadline), False)


@pytest.mark.req("R016")
def test_the_deadline_is_midnight_in_shanghai():
    deadline = Deadline(date(2026, 9, 29), False)
    assert deadline.ends_at == datetime(2026, 9, 29, 16, tzinfo=UTC)
    assert deadline.is_met_by(deadline.ends_at - timedelta(microseconds=1))
    assert not deadline.is_met_by(deadline.ends_at)


@pytest.mark.req("I02")
def test_a_year_not_announced_is_provisional():
    assert CALENDAR.workdays_before(date(2027, 1, 8), 10).is_provisional
    assert CALENDAR.workdays_before(date(2027, 1, 8), 10).date == date(2026, 12, 24)
    assert not CALENDAR.workdays_before(date(2027, 1, 1), 5).is_provisional  # no day of 2027 was counted
    assert CALENDAR.add_workdays(date(2026, 12, 30), 2) == (date(2027, 1, 4), True)


@pytest.mark.req("I02")
def test_announcing_the_year_changes_the_answer():
    event = date(2027, 1, 8)
    later = Calendar({**DAYS, date(2027, 1, 1): False, date(2027, 1, 3): True}, (*YEARS, 2027), "with 2027")
    assert later.workdays_before(event, 10) == (date(2026, 12, 25), False)
    assert later.version == "with 2027"


def test_single_announced_days_count_as_known():
    calendar = Calendar({date(2027, 1, 4): False}, (), "one day")
    assert calendar.is_known(date(2027, 1, 4))
    assert not calendar.is_working(date(2027, 1, 4))
    assert not calendar.is_known(date(2027, 1, 5))


def test_exceptions_are_enough_for_an_announced_year():
    calendar = Calendar({date(2026, 10, 10): True, date(2026, 10, 1): False}, (2026,), "exceptions")
    assert calendar.is_working(date(2026, 10, 10))
    assert not calendar.is_working(date(2026, 10, 1))
    assert calendar.is_working(date(2026, 5, 1))  # announced as nothing special: weekday rules
    assert not calendar.is_working(date(2026, 10, 11))


def test_statutory_days_of_years_not_announced():
    off = {day for day in days_of(2027) if day.weekday() < 5 and not BARE.is_working(day)}
    assert off == {
        date(2027, 1, 1),
        date(2027, 2, 5),
        date(2027, 2, 8),
        date(2027, 4, 5),
        date(2027, 6, 9),
        date(2027, 9, 15),
        date(2027, 10, 1),
    }
    assert not BARE.is_working(date(2040, 5, 2))
    assert BARE.is_working(date(2040, 2, 13))


@pytest.mark.parametrize("year", range(2027, 2036))
def test_the_lunar_table_agrees_with_itself(year):
    """Seven lunar days a year; festivals lie whole lunar months (29.53 days) apart."""
    eve, *_, last, qingming, dragon_boat, mid_autumn = sorted(d for d in _LUNAR_HOLIDAYS if d.year == year)
    assert last - eve == timedelta(days=3)
    assert qingming in (date(year, 4, 4), date(year, 4, 5))
    new_year = eve + timedelta(days=1)
    for festival, day_of_month in ((dragon_boat, 5), (mid_autumn, 15)):
        months = (festival - timedelta(days=day_of_month - 1) - new_year).days / 29.530588
        assert abs(months - round(months)) < 0.04


def test_days_left():
    assert CALENDAR.workdays_between(date(2026, 9, 29), date(2026, 9, 29)) == 0
    assert CALENDAR.workdays_between(date(2026, 9, 28), date(2026, 9, 29)) == 1
    assert CALENDAR.workdays_between(date(2026, 9, 30), date(2026, 10, 8)) == 1
    assert CALENDAR.workdays_between(date(2026, 10, 8), date(2026, 9, 30)) == -1


def test_counts_are_not_negative():
    assert CALENDAR.workdays_before(date(2026, 10, 3), 0) == (date(2026, 10, 3), False)
    with pytest.raises(ValueError, match="negative"):
        CALENDAR.workdays_before(date(2026, 10, 3), -1)


@given(st.dates(date(2025, 6, 1), date(2027, 12, 31)), st.integers(1, 30))
def test_there_and_back(day, n):
    back = CALENDAR.workdays_before(day, n).date
    assert CALENDAR.is_working(back)
    assert sum(CALENDAR.is_working(back + timedelta(days=k)) for k in range((day - back).days)) == n
    forth = CALENDAR.add_workdays(day, n).date
    assert CALENDAR.workdays_between(day, forth) == n
