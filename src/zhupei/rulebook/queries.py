"""Asking the rule: a parameter on a day, the calendar, the posts, the divisions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.workdays import Calendar, Deadline

from .choices import WORKING
from .models import CalendarDay, CalendarVersion, Division, Post, RuleParameter, RuleSet, Syllabus


class UnknownParameter(LookupError):
    """The rule has no such parameter on that day: the rulebook was not loaded, or the key is misspelt."""


class NoRuleInForce(UnknownParameter, Refusal):
    """No rule set is in force on that day (R003): a clear 409 page, and a clear error of a command."""

    def __init__(self, day: date) -> None:
        coming = RuleSet.objects.order_by("effective_from").first()
        if coming is None:
            text = _("The rule has not been loaded yet. The platform's administrator must enter the day from which it is in "
                     "force: zhupei load_rule --in-force-from YEAR-MONTH-DAY.")  # fmt: skip
        else:
            text = _("No rule is in force on %(day)s. The first one loaded is in force from %(first)s.") % {
                "day": day,
                "first": coming.effective_from,
            }
        Refusal.__init__(self, "no_rule_in_force", text, clause="末（R003）", status=409)

    def __str__(self) -> str:
        return str(self.message)


def current_rule_set(on: date | None = None) -> RuleSet:
    """The rule set in force on a day (today). Raises ``NoRuleInForce``."""
    day = on or clock.today()
    rule_set = RuleSet.objects.filter(effective_from__lte=day).order_by("-effective_from", "-pk").first()
    if rule_set is None:
        raise NoRuleInForce(day)
    return rule_set


_read: ContextVar[dict[tuple[str, date], Any] | None] = ContextVar("parameters_read", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Within this block each parameter is read from the database once: the block sees one rule. For one request."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def read_anew() -> None:
    """From now on the present block reads every parameter from the database: one is being changed in it."""
    _read.set(None)


def parameter(key: str, *, on: date | None = None) -> Any:
    """The value of a parameter on a day (today), as stored: int, str, bool, list. Decimals are stored as strings."""
    day = on or clock.today()
    read = _read.get()
    if read is not None and (key, day) in read:
        return read[key, day]
    row = (
        RuleParameter.objects.filter(
            Q(effective_to=None) | Q(effective_to__gte=day), key=key, effective_from__lte=day
        )
        .order_by("-effective_from")
        .first()
    )
    if row is None:
        current_rule_set(day)  # says so clearly when nothing was loaded at all
        raise UnknownParameter(key)
    if read is not None:
        read[key, day] = row.value
    return row.value


def decimal_parameter(key: str, *, on: date | None = None) -> Decimal:
    """The value of a parameter as an exact decimal."""
    return Decimal(str(parameter(key, on=on)))


_calendar_cache: dict[tuple[int, int], Calendar] = {}


def calendar() -> Calendar:
    """The working-day calendar as it stands: later versions override earlier ones day by day.

    A year that no version covers is provisional. Cached until a version is added.
    """
    versions = list(CalendarVersion.objects.order_by("pk").values_list("pk", "years"))
    key = (versions[-1][0] if versions else 0, len(versions))
    if key not in _calendar_cache:
        days = CalendarDay.objects.order_by("version_id").values_list("date", "kind")
        years = {year for _pk, covered in versions for year in covered}
        _calendar_cache.clear()
        _calendar_cache[key] = Calendar({day: kind in WORKING for day, kind in days}, years, str(key[0]))
    return _calendar_cache[key]


def deadline_before(event: date, key: str) -> Deadline:
    """The last day to act before ``event``, by the working days of the parameter ``key``."""
    return calendar().workdays_before(event, int(parameter(key)))


def workdays_left(day: date) -> int:
    """Working days from today to ``day``; negative when it has passed."""
    return calendar().workdays_between(clock.today(), day)


def active_posts(on: date | None = None) -> QuerySet[Post]:
    """The posts of the catalogue on a day (today)."""
    day = on or clock.today()
    return Post.objects.filter(
        Q(active_from=None) | Q(active_from__lte=day), Q(active_to=None) | Q(active_to__gte=day)
    ).order_by("position")


def active_divisions(on: date | None = None, *, zones: bool = True) -> QuerySet[Division]:
    """The divisions (and functional zones) of a day (today)."""
    day = on or clock.today()
    rows = Division.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=day), Q(valid_to=None) | Q(valid_to__gte=day)
    ).order_by("code")
    return rows if zones else rows.exclude(kind="zone")


def division_names() -> dict[str, str]:
    """Code → name for every division that ever was."""
    return dict(Division.objects.values_list("code", "name"))


def syllabus_of(post: Post, on: date | None = None) -> Syllabus | None:
    """The syllabus of a post in force on a day (today)."""
    return (
        post.syllabi.filter(effective_from__lte=on or clock.today())
        .order_by("-effective_from", "-pk")
        .first()
    )


def parameters_on(day: date) -> dict[str, RuleParameter]:
    """Every parameter with its row on a day."""
    rows = RuleParameter.objects.filter(
        Q(effective_to=None) | Q(effective_to__gte=day), effective_from__lte=day
    )
    return {row.key: row for row in rows.order_by("effective_from")}


def history_of(key: str) -> list[RuleParameter]:
    """Every value a parameter had, has or will have, newest first."""
    return list(RuleParameter.objects.filter(key=key).order_by("-effective_from"))


def announced_days(year: int) -> dict[date, CalendarDay]:
    """The days of a year that the versions announce, the latest word on each."""
    rows = CalendarDay.objects.filter(date__year=year).select_related("version").order_by("version_id")
    return {row.date: row for row in rows}


def versions_of_year(year: int) -> list[CalendarVersion]:
    """The imports that say something about a year, newest first."""
    about = CalendarVersion.objects.filter(days__date__year=year).distinct()
    return list(about.order_by("-pk"))


def years_known() -> list[int]:
    """The years that are announced whole, in order."""
    return sorted(
        {year for years in CalendarVersion.objects.values_list("years", flat=True) for year in years}
    )
