"""Every write on the rulebook after it was loaded: a parameter from a day on, a year of the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

from . import events
from .choices import DayKind
from .labels import CHOICES, label_of
from .models import CalendarDay, CalendarVersion, RuleParameter, RuleSet
from .queries import calendar, current_rule_set, read_anew

PATTERN_SAMPLE = {"province": "50", "yy": "26", "post": "101", "institution": 1, "seq": 1}


def _bad(message: str) -> Refusal:
    return Refusal("bad_value", message, field="value")


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _bad(_("Write a number such as 40 or 0.10.")) from None
    if not value.is_finite() or value < 0:
        raise _bad(_("Write a number that is not below zero."))
    return value


def _is_decimal(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False


def parse_value(key: str, text: str, old: Any) -> Any:
    """``text`` as a value of the same kind as ``old`` (whole number, decimal kept as text, yes/no, a word, a list).

    Raises ``Refusal`` on the field ``value`` if it is of another kind or out of bounds.
    """
    text = text.strip()
    if not text:
        raise _bad(_("Write the new value."))
    if isinstance(old, bool):
        words = {
            "true": True,
            "yes": True,
            "是": True,
            "1": True,
            "false": False,
            "no": False,
            "否": False,
            "0": False,
        }
        if text.lower() not in words:
            raise _bad(_("Choose yes or no."))
        return words[text.lower()]
    if isinstance(old, int):
        if not text.isascii() or not text.isdigit() or len(text) > 6:
            raise _bad(_("Write a whole number that is not below zero."))
        return int(text)
    if isinstance(old, list):
        items = [
            part.strip() for part in text.replace("、", ",").replace("，", ",").split(",") if part.strip()
        ]
        if not items or len(set(items)) != len(items) or not set(items) <= set(CHOICES.get(key, items)):
            raise _bad(_("Choose at least one of the known values, each once."))
        return items
    if key in CHOICES:
        if text not in CHOICES[key]:
            raise _bad(_("Choose one of the known values."))
        return text
    if key == "certificate_pattern":
        return _pattern(text)
    if key == "certificate_province":
        if not (text.isascii() and text.isdigit() and len(text) == 2):
            raise _bad(_("A province code has two digits."))
        return text
    if _is_decimal(old):
        value = _decimal(text)
        if key.endswith(("_ratio", "_share")) and value > 1:
            raise _bad(_("A share lies between 0 and 1."))
        return format(value, "f")
    return text


def _pattern(text: str) -> str:
    try:
        first, second = (text.format(**{**PATTERN_SAMPLE, "seq": seq}) for seq in (1, 2))
    except (KeyError, ValueError, IndexError, AttributeError, TypeError):
        text_bad = _(
            "The pattern cannot be read. It may hold {province}, {yy}, {post}, {institution:04d} and {seq:05d}."
        )
        raise _bad(text_bad) from None
    if first == second or len(first) > 40:
        raise _bad(
            _("The pattern must hold {seq}, so that every number is unique, and give at most 40 characters.")
        )
    return text


@transaction.atomic
def change_parameter(key: str, text: str, *, effective_from: date, reason: str, by: Actor) -> RuleParameter:
    """Give a parameter another value from a day on, today at the earliest (system administrator).

    The row in force ends the day before; the past keeps its value. Raises ``Refusal`` for a value of another kind, a day
    in the past or before a change that is already entered, and a missing reason.
    """
    by.require(Role.SYSTEM_ADMINISTRATOR)
    old = RuleParameter.objects.select_for_update().filter(key=key, effective_to=None).first()
    if old is None:
        raise Refusal("unknown_parameter", _("The rule has no such parameter."), status=404)
    if effective_from < clock.today():
        text_past = _(
            "A parameter cannot change in the past: decisions were made by it. Choose today or later."
        )
        raise Refusal("past_day", text_past, field="effective_from")
    if effective_from <= old.effective_from:
        text_later = _("A value is already entered from %(day)s on. Choose a later day.") % {
            "day": old.effective_from
        }
        raise Refusal("later_change_exists", text_later, field="effective_from", status=409)
    if len(reason.strip()) < 2:
        raise Refusal("reason_missing", _("Say why, and by which document."), field="reason")
    value = parse_value(key, text, old.value)
    if value == old.value:
        raise Refusal(
            "same_value", _("This is the value in force. Nothing would change."), field="value", status=409
        )
    _check_together(key, value)
    read_anew()
    old.effective_to = effective_from - timedelta(days=1)
    old.save(update_fields=["effective_to"])
    new = RuleParameter.objects.create(
        rule_set=current_rule_set(),
        key=key,
        value=value,
        unit=old.unit,
        is_principle=old.is_principle,
        clause=old.clause,
        effective_from=effective_from,
        reason=reason.strip(),
        approved_by=by.name,
        approved_at=clock.now(),
    )
    record(
        events.PARAMETER_CHANGED,
        by=by,
        on=new,
        before={"value": old.value},
        after={"value": value, "effective_from": effective_from},
        reason=reason.strip(),
    )
    return new


def _check_together(key: str, value: Any) -> None:
    """Bounds that two parameters set each other."""
    pairs = {"subject_pass_mark": "subject_full_mark", "enrolment_min_age": "enrolment_max_age"}
    for low, high in pairs.items():
        if key not in (low, high):
            continue
        other = RuleParameter.objects.filter(key=high if key == low else low, effective_to=None).first()
        if other is None:
            continue
        a, b = (value, other.value) if key == low else (other.value, value)
        if Decimal(str(a)) > Decimal(str(b)):
            names = {"low": label_of(low), "high": label_of(high)}
            raise _bad(_("“%(low)s” cannot be more than “%(high)s”.") % names)


@transaction.atomic
def set_rule_document(rule_set: RuleSet, *, doc_no: str, issued_on: date | None, by: Actor) -> RuleSet:
    """Enter the document number and day of issue of the rule once they are known (R003; system administrator)."""
    by.require(Role.SYSTEM_ADMINISTRATOR)
    rule_set = RuleSet.objects.select_for_update().get(pk=rule_set.pk)
    before = {"doc_no": rule_set.doc_no, "issued_on": rule_set.issued_on}
    rule_set.doc_no, rule_set.issued_on = doc_no.strip(), issued_on
    rule_set.save(update_fields=["doc_no", "issued_on"])
    after = {"doc_no": rule_set.doc_no, "issued_on": issued_on}
    record(events.RULE_DOCUMENT_SET, by=by, on=rule_set, before=before, after=after)
    return rule_set


@dataclass(frozen=True)
class Day:
    """One announced day of an import: a holiday, a make-up working day, or (in an amendment) a plain one again."""

    date: date
    kind: str
    name: str = ""


@dataclass(frozen=True)
class DayChange:
    """What an import does to one day. ``was`` and ``will`` are True for a working day."""

    date: date
    name: str
    kind: str
    was: bool
    will: bool

    @property
    def changes(self) -> bool:
        return self.was != self.will


def _effective_days(days: Sequence[Day], year: int, whole: bool) -> list[Day]:
    """The days to store: a whole year also takes back, day by day, what earlier versions announced and this one does not."""
    rows = list(days)
    if not whole:
        return rows
    named = {day.date for day in days}
    first, last = date(year, 1, 1), date(year, 12, 31)
    announced = (
        CalendarDay.objects.filter(date__range=(first, last)).values_list("date", flat=True).distinct()
    )
    for day in sorted(set(announced) - named):
        rows.append(Day(day, DayKind.WORKDAY if day.weekday() < 5 else DayKind.WEEKEND))
    return rows


def preview_import(days: Sequence[Day], *, year: int, whole: bool) -> list[DayChange]:
    """What applying the import would do, day by day, against the calendar as it stands."""
    now, working = calendar(), {DayKind.WORKDAY, DayKind.MAKE_UP}
    rows = [
        DayChange(day.date, day.name, day.kind, now.is_working(day.date), day.kind in working)
        for day in _effective_days(days, year, whole)
    ]
    if whole:  # statutory days that the provisional calendar assumed and the announcement does not confirm
        named = {row.date for row in rows}
        day = date(year, 1, 1)
        while day.year == year:
            if day not in named and now.is_working(day) != (day.weekday() < 5):
                rows.append(DayChange(day, "", DayKind.WORKDAY, now.is_working(day), day.weekday() < 5))
            day += timedelta(days=1)
    return sorted(rows, key=lambda row: row.date)


@transaction.atomic
def import_calendar(
    days: Sequence[Day],
    *,
    year: int,
    whole: bool,
    document: str,
    note: str = "",
    based_on: str = "",
    by: Actor,
) -> CalendarVersion:
    """Import a year's announced days as a new calendar version (centre officer; I02), all or nothing.

    ``whole``: the document announces the whole year, which is no longer provisional; else it amends single days.
    ``based_on`` is the calendar version that the preview was made against; ``Conflict`` if it has moved on.

    Upper rooms keep the ``calendar().version`` their deadlines were computed with. Nothing is imported upward: their job
    ``recompute_deadlines()`` compares the stored version with ``calendar().version`` and computes again what differs.
    """
    by.require(Role.CENTRE_OFFICER)
    if len(document.strip()) < 4:
        raise Refusal("document_missing", _("Name the document with its number."), field="document")
    if not days:
        raise Refusal("no_days", _("The file holds no day."), field="file")
    latest = CalendarVersion.objects.select_for_update().order_by("-pk").first()
    if based_on and based_on != str(latest.pk if latest else 0):
        raise Conflict(
            "calendar_moved", _("The calendar was changed after this preview. Upload the file again.")
        )
    version = CalendarVersion.objects.create(
        source_document=document.strip(),
        imported_at=clock.now(),
        imported_by=by.name,
        years=[year] if whole else [],
        note=note.strip(),
    )
    rows = _effective_days(days, year, whole)
    CalendarDay.objects.bulk_create(
        CalendarDay(version=version, date=day.date, kind=day.kind, name=day.name[:60]) for day in rows
    )
    record(
        events.CALENDAR_IMPORTED,
        by=by,
        on=version,
        after={"year": year, "whole": whole, "days": len(rows), "version": version.pk},
        reason=note.strip(),
    )
    return version
