"""Planned times of a training class (R174): dates, daily hours, breaks; read from and written as Chinese
text.

The text form is ``2020年1月1-5日9:00-12:00、14:00-17:00；2020年1月8日9:00-17:00``: groups separated by ；,
the half-days of one group by 、. The hours between half-days are the breaks of the period.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from itertools import combinations, pairwise

from zhupei.kernel.clock import SHANGHAI

MAX_DAYS = 366  # of one period; longer ones are slips of the pen
MAX_TEXT = 2000

Interval = tuple[datetime, datetime]


class Problem(StrEnum):
    """What is wrong with a list of periods."""

    NO_PERIOD = "no_period"
    DATES_REVERSED = "dates_reversed"
    TOO_MANY_DAYS = "too_many_days"
    TIMES_REVERSED = "times_reversed"
    BAD_BREAKS = "bad_breaks"
    OVERLAP = "overlap"


class BadSchedule(ValueError):
    """Text that does not say times. ``code``: ``unreadable`` (``part`` is the group that failed),
    ``bad_date``, ``bad_time`` or ``text_too_long``."""

    def __init__(self, code: str, part: str = "") -> None:
        super().__init__(code, part)
        self.code = code
        self.part = part


@dataclass(frozen=True)
class Period:
    """The same hours on every day from ``first`` to ``last`` (both included), local time, less the breaks.

    ``breaks`` are (from, to), in order, apart from each other, and inside the hours without touching their
    ends.
    """

    first: date
    last: date
    start: time
    end: time
    breaks: tuple[tuple[time, time], ...] = ()

    def days(self) -> Iterator[date]:
        """Every day of the period."""
        for n in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=n)

    def half_days(self) -> list[tuple[time, time]]:
        """The stretches of a day that are taught, (from, to)."""
        edges = self._edges()
        return list(zip(edges[::2], edges[1::2], strict=True))

    def problems(self) -> list[Problem]:
        """What is wrong with this period alone."""
        found = []
        if self.last < self.first:
            found.append(Problem.DATES_REVERSED)
        elif (self.last - self.first).days >= MAX_DAYS:
            found.append(Problem.TOO_MANY_DAYS)
        if self.end <= self.start:
            found.append(Problem.TIMES_REVERSED)
        elif any(a >= b for a, b in pairwise(self._edges())):
            found.append(Problem.BAD_BREAKS)
        return found

    def _edges(self) -> list[time]:
        """Start, both ends of each break, end: strictly rising in a good period."""
        return [self.start, *(moment for pause in self.breaks for moment in pause), self.end]


def check(periods: Sequence[Period]) -> list[tuple[int | None, Problem]]:
    """Every problem with the index of its period (None: of the list). Overlap is sought once each is right
    alone, and is reported at the later of two periods."""
    if not periods:
        return [(None, Problem.NO_PERIOD)]
    found: list[tuple[int | None, Problem]] = [
        (i, problem) for i, period in enumerate(periods) for problem in period.problems()
    ]
    if found:
        return found
    clashing = {j for (_, a), (j, b) in combinations(enumerate(periods), 2) if _collide(a, b)}
    return [(j, Problem.OVERLAP) for j in sorted(clashing)]


def class_hours(periods: Sequence[Period], minutes_per_hour: int = 45) -> Decimal:
    """Class hours 学时 of ``minutes_per_hour`` minutes, breaks left out; two places, rounded down so that a
    minimum is never reached by rounding. The periods have been checked."""
    total = timedelta()
    for period in periods:
        total += sum(
            (_since_midnight(b) - _since_midnight(a) for a, b in period.half_days()), timedelta()
        ) * ((period.last - period.first).days + 1)
    return (Decimal(total // timedelta(seconds=1)) / (60 * minutes_per_hour)).quantize(
        Decimal("0.01"), ROUND_DOWN
    )


def first_day(periods: Sequence[Period]) -> date:
    """The day on which the class opens; it drives the filing deadline. Raises ``ValueError`` if there is
    none."""
    return min(period.first for period in periods)


def intervals(periods: Sequence[Period]) -> list[Interval]:
    """Every stretch of teaching as aware Shanghai moments, in time order."""
    return sorted(
        (datetime.combine(day, a, SHANGHAI), datetime.combine(day, b, SHANGHAI))
        for period in periods
        for day in period.days()
        for a, b in period.half_days()
    )


def overlaps(a: Interval, b: Interval) -> bool:
    """True if two intervals share a moment; the end of one may be the start of the other."""
    return a[0] < b[1] and b[0] < a[1]


def format_periods(periods: Sequence[Period]) -> str:
    """The periods as text that ``parse_periods`` reads back: ``2020年1月1-5日9:00-17:00``."""
    return "；".join(
        _format_dates(period.first, period.last)
        + "、".join(f"{_format_time(a)}-{_format_time(b)}" for a, b in period.half_days())
        for period in periods
    )


def parse_periods(text: str) -> list[Period]:
    """Read text as people write it. Year and month may be left out after the first group
    (``；8-9日14:00-17:00``).

    Dashes of any kind, 至 and 到 join; ；;, line ends separate groups; 、,， 和 separate half-days;
    9点30分, 9时 and 上午/下午/晚上 are understood. Half-days become one period with breaks. Raises
    ``BadSchedule``; the result is still to be checked with ``check``. A group without a year may not lie
    before the group above it.
    """
    if len(text) > MAX_TEXT:
        raise BadSchedule("text_too_long")
    periods: list[Period] = []
    context: date | None = None
    for part in re.split(r"[;\n。]", unicodedata.normalize("NFKC", text)):
        compact = re.sub(r"[-‐‑‒–—―−~〜至到]+", "-", "".join(part.split()))
        if not compact:
            continue
        match = _GROUP.fullmatch(compact)
        if match is None or (context is None and not (match["y1"] and match["m1"])):
            raise BadSchedule("unreadable", part.strip())
        first = _date(match["y1"], match["m1"], match["d1"], context or date.min, part)
        last = _date(match["y2"], match["m2"], match["d2"], first, part) if match["d2"] else first
        halves = [_half_day(half, part) for half in re.split("[,、和]", match["times"])]
        pauses = tuple((a, b) for (_, a), (b, _) in pairwise(halves) if a != b)
        periods.append(Period(first, last, halves[0][0], halves[-1][1], pauses))
        context = first
    if not periods:
        raise BadSchedule("unreadable", text.strip())
    return periods


_TIME = r"(?:上午|下午|晚上)?[0-9]{1,2}(?::[0-9]{2}|[点时](?:[0-9]{1,2}分|半)?)"
_HALF = rf"{_TIME}-{_TIME}"
_GROUP = re.compile(
    r"(?:(?P<y1>[0-9]{4})年)?(?:(?P<m1>[0-9]{1,2})月)?(?P<d1>[0-9]{1,2})日?"
    r"(?:-(?:(?P<y2>[0-9]{4})年)?(?:(?P<m2>[0-9]{1,2})月)?(?P<d2>[0-9]{1,2}))?日"
    rf"(?:每[日天])?[,:]?(?P<times>{_HALF}(?:[,、和]{_HALF})*)"
)
_CLOCK = re.compile(
    r"(?P<half>上午|下午|晚上)?(?P<h>[0-9]{1,2})(?::(?P<m>[0-9]{2})|[点时](?:(?P<n>[0-9]{1,2})分|(?P<thirty>半))?)"
)


def _date(year: str | None, month: str | None, day: str, context: date, part: str) -> date:
    """The date of what is written, year and month taken from ``context`` if left out. A date without a year
    that precedes ``context`` is refused: it may mean the next year."""
    try:
        result = date(int(year or context.year), int(month or context.month), int(day))
    except ValueError:
        raise BadSchedule("bad_date", part.strip()) from None
    if not year and result < context:
        raise BadSchedule("bad_date", part.strip())
    return result


def _half_day(text: str, part: str) -> tuple[time, time]:
    """``下午2:00-5:00``: the half of the day that is named at the start holds for the end as well."""
    written = [_CLOCK.fullmatch(side) for side in text.split("-")]
    named = ""
    moments = []
    for match in written:
        assert match is not None  # _GROUP has seen it
        named = match["half"] or named
        hour = int(match["h"])
        minute = 30 if match["thirty"] else int(match["m"] or match["n"] or 0)
        if named in ("下午", "晚上") and hour < 12:
            hour += 12
        try:
            moments.append(time(hour, minute))
        except ValueError:
            raise BadSchedule("bad_time", part.strip()) from None
    start, end = moments
    if end <= start:
        raise BadSchedule("bad_time", part.strip())
    return start, end


def _collide(a: Period, b: Period) -> bool:
    """True if two periods teach at the same moment."""
    if a.last < b.first or b.last < a.first:
        return False
    return any(p[0] < q[1] and q[0] < p[1] for p in a.half_days() for q in b.half_days())


def _format_dates(first: date, last: date) -> str:
    text = f"{first.year}年{first.month}月{first.day}"
    if last == first:
        return f"{text}日"
    if (last.year, last.month) == (first.year, first.month):
        return f"{text}-{last.day}日"
    year = "" if last.year == first.year else f"{last.year}年"
    return f"{text}日-{year}{last.month}月{last.day}日"


def _format_time(moment: time) -> str:
    return f"{moment.hour}:{moment.minute:02d}"


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
