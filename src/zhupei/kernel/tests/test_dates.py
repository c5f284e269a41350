from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.dates import add_months, add_years, retain_until


@pytest.mark.parametrize(
    ("day", "months", "result"),
    [
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2023, 1, 31), 1, date(2023, 2, 28)),
        (date(2024, 11, 30), 3, date(2025, 2, 28)),
        (date(2024, 3, 31), -1, date(2024, 2, 29)),
        (date(2024, 1, 15), -1, date(2023, 12, 15)),
        (date(2024, 12, 31), 12, date(2025, 12, 31)),
    ],
)
def test_months(day, months, result):
    assert add_months(day, months) == result


def test_years():
    assert add_years(date(2024, 2, 29), 2) == date(2026, 2, 28)
    assert add_years(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert add_years(date(2020, 3, 10), 2) == date(2022, 3, 10)


def test_retention():
    assert retain_until(date(2024, 2, 29)) == date(2029, 2, 28)
    assert retain_until(date(2020, 1, 1), years=7) == date(2027, 1, 1)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(-240, 240))
def test_a_month_is_a_month(day, months):
    result = add_months(day, months)
    assert (result.year - day.year) * 12 + result.month - day.month == months
    assert result.day <= day.day
