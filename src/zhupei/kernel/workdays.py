"""Working days 工作日: the calendar of the State Council's notices, and deadlines counted on it.

The day of the event is not counted (民法典 201), the deadline is 24:00 of the day reached. A notice comes
late in the year before; until it is imported, an answer rests on weekends and statutory holidays alone and
is *provisional*.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from zhupei.kernel.clock import SHANGHAI

_DAY = dt.timedelta(days=1)

# 全国年节及纪念日放假办法 as in force from 2025: days of fixed date
_FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
# New Year's Day of the lunar calendar, 清明, 端午, 中秋; computed by lunar_python, equal in holidays 0.108.
# Spring Festival is four days from the eve. Later years have none and miss these seven days.
_LUNAR = {
    2027: ("02-06", "04-05", "06-09", "09-15"),
    2028: ("01-26", "04-04", "05-28", "10-03"),
    2029: ("02-13", "04-04", "06-16", "09-22"),
    2030: ("02-03", "04-05", "06-05", "09-12"),
    2031: ("01-23", "04-05", "06-24", "10-01"),
    2032: ("02-11", "04-04", "06-12", "09-19"),
    2033: ("01-31", "04-04", "06-01", "09-08"),
    2034: ("02-19", "04-05", "06-20", "09-27"),
    2035: ("02-08", "04-05", "06-10", "09-16"),
}


def _lunar_holidays() -> frozenset[dt.date]:
    days = set()
    for year, (new_year, *others) in _LUNAR.items():
        first = dt.date.fromisoformat(f"{year}-{new_year}")
        days |= {first + _DAY * n for n in range(-1, 3)}
        days |= {dt.date.fromisoformat(f"{year}-{other}") for other in others}
    return frozenset(days)


_LUNAR_HOLIDAYS = _lunar_holidays()


class Deadline(NamedTuple):
    """The last day of a period. ``is_provisional`` if a day that was counted lies in a year not yet
    announced."""

    date: dt.date
    is_provisional: bool

    @property
    def ends_at(self) -> dt.datetime:
        """24:00 of the day in Shanghai: the first moment that is late (aware)."""
        return dt.datetime.combine(self.date + _DAY, dt.time(), SHANGHAI)

    def is_met_by(self, moment: dt.datetime) -> bool:
        """True if ``moment`` (aware) is in time."""
        return moment < self.ends_at


class Calendar:
    """Which days are worked. ``days`` holds what is announced for single days (all days, or the exceptions
    to Monday-to-Friday), ``years`` the years that are fully announced, ``version`` names the import for the
    record."""

    def __init__(self, days: Mapping[dt.date, bool], years: Iterable[int], version: str) -> None:
        self._days = dict(days)
        self._years = frozenset(years)
        self.version = version

    def is_known(self, day: dt.date) -> bool:
        """True if ``day`` is announced; answers for other days are provisional."""
        return day in self._days or day.year in self._years

    def is_working(self, day: dt.date) -> bool:
        """True if ``day`` is a working day: as announced, else by weekday, less statutory holidays if the
        year is not announced. Provisional answers know neither make-up days nor bridged days."""
        if day in self._days:
            return self._days[day]
        if day.weekday() >= 5:
            return False
        return day.year in self._years or not ((day.month, day.day) in _FIXED or day in _LUNAR_HOLIDAYS)

    def workdays_before(self, event: dt.date, n: int) -> Deadline:
        """The ``n``-th working day before ``event``: the last day on which an act is ``n`` working days
        early.

        The day of the event is not counted; it need not be a working day. ``n`` = 0 is the event's own day.
        Raises ``ValueError`` if ``n`` is negative.
        """
        return self._walk(event, n, -_DAY)

    def add_workdays(self, start: dt.date, n: int) -> Deadline:
        """The ``n``-th working day after ``start``, which is not counted. Raises ``ValueError`` if ``n`` <
        0."""
        return self._walk(start, n, _DAY)

    def workdays_between(self, a: dt.date, b: dt.date) -> int:
        """Working days left on ``a`` until ``b`` (``a`` not counted, ``b`` counted): 0 on the day itself;
        negative when ``b`` is past, then working days since ``b``."""
        if b < a:
            return -self.workdays_between(b, a)
        return sum(self.is_working(a + _DAY * n) for n in range(1, (b - a).days + 1))

    def _walk(self, day: dt.date, n: int, step: dt.timedelta) -> Deadline:
        if n < 0:
            raise ValueError("n must not be negative")
        provisional = False
        while n:
            day += step
            n -= self.is_working(day)
            provisional |= not self.is_known(day)
        return Deadline(day, provisional)
