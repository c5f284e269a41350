"""Calendar months and years, counted as the Civil Code (民法典 201, 202) counts them.

The day itself is not counted; a period ends with the day of the same number, or the month's last day if the
month has none: a certificate issued on 2024-02-29 has a two-year window that ends with 2026-02-28.
"""

from __future__ import annotations

import calendar
from datetime import date


def add_months(day: date, months: int) -> date:
    """The same day ``months`` calendar months later (earlier if negative), at most the month's last day."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month0 + 1)[1]
    return date(year, month0 + 1, min(day.day, last))


def add_years(day: date, years: int) -> date:
    """The same day ``years`` years later (earlier if negative); 29 February becomes 28 in common years."""
    return add_months(day, years * 12)


def retain_until(applied_on: date, years: int = 5) -> date:
    """The last day on which a training archive must be kept, ``years`` from the day of application
    (报名之日).

    It may be destroyed from the day after, never before.
    """
    return add_years(applied_on, years)
