"""Planned times between the plan's text, its JSON and the kernel's periods (R174)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from zhupei.kernel import schedule
from zhupei.kernel.errors import Refusal
from zhupei.kernel.schedule import Period
from zhupei.rulebook.api import calendar, parameter

LONG_STRETCH = timedelta(hours=6)  # taught without a break: a lunch break was probably forgotten


def to_json(periods: Sequence[Period]) -> list[dict[str, Any]]:
    """Periods as they are stored."""
    return [
        {
            "first": p.first.isoformat(),
            "last": p.last.isoformat(),
            "start": f"{p.start:%H:%M}",
            "end": f"{p.end:%H:%M}",
            "breaks": [[f"{a:%H:%M}", f"{b:%H:%M}"] for a, b in p.breaks],
        }
        for p in periods
    ]


def from_json(rows: Sequence[dict[str, Any]]) -> list[Period]:
    """What ``to_json`` stored."""
    clock_time = time.fromisoformat
    return [
        Period(
            date.fromisoformat(row["first"]),
            date.fromisoformat(row["last"]),
            clock_time(row["start"]),
            clock_time(row["end"]),
            tuple((clock_time(a), clock_time(b)) for a, b in row["breaks"]),
        )
        for row in rows
    ]


def read(text: str) -> list[Period]:
    """The periods that ``text`` says, checked. Raises ``Refusal`` on the field ``time_text``, naming the part."""
    try:
        periods = schedule.parse_periods(text)
    except schedule.BadSchedule as error:
        raise Refusal("bad_schedule", _unreadable(error), clause="附件2", field="time_text") from None
    check(periods)
    return periods


def check(periods: Sequence[Period]) -> None:
    """Raise ``Refusal`` if the periods cannot be: reversed, overlapping, breaks outside the hours."""
    for index, problem in schedule.check(periods):
        words = {
            schedule.Problem.NO_PERIOD: _(
                "No time is given. Write it as in the example: 2020年1月1-5日9:00-17:00."
            ),
            schedule.Problem.DATES_REVERSED: _("The last day lies before the first."),
            schedule.Problem.TOO_MANY_DAYS: _("More than a year: check the dates."),
            schedule.Problem.TIMES_REVERSED: _("The end of the day lies before its beginning."),
            schedule.Problem.BAD_BREAKS: _("A break lies outside the hours of the day, or breaks overlap."),
            schedule.Problem.OVERLAP: _("The same hours are given twice."),
        }[problem]
        if index is not None and len(periods) > 1:
            words = _("Time %(n)d: %(problem)s") % {"n": index + 1, "problem": words}
        raise Refusal("bad_schedule", words, clause="附件2", field="time_text")


def _unreadable(error: schedule.BadSchedule) -> str:
    words = {
        "bad_date": _(
            "“%(part)s” names a day that does not exist, or one before the day above. Write year and month too."
        ),
        "bad_time": _("“%(part)s” names a time that does not exist, or an end before its beginning."),
        "text_too_long": _("The text is too long."),
    }.get(error.code)
    words = words or _(
        "“%(part)s” cannot be read. Write it as in the example: 2020年1月1-5日9:00-12:00、14:00-17:00; "
        "separate several times with ；."
    )
    return words % {"part": error.part} if "%(part)s" in words else words


def hours_of(periods: Sequence[Period]) -> Decimal:
    """Class hours of the periods by the rule's length of a class hour (J04), breaks left out."""
    return schedule.class_hours(periods, int(parameter("minutes_per_class_hour")))


def days_of(periods: Sequence[Period]) -> frozenset[date]:
    """Every day on which is taught."""
    return frozenset(day for period in periods for day in period.days())


def rest_days(periods: Sequence[Period]) -> list[date]:
    """The days of the periods that are no working days: allowed (the annex's example begins on 1 January), but noted."""
    working = calendar().is_working
    return sorted(day for day in days_of(periods) if not working(day))


def lacks_break(periods: Sequence[Period]) -> bool:
    """True if more than six hours are taught in one stretch."""
    return any(end - start > LONG_STRETCH for start, end in schedule.intervals(periods))
