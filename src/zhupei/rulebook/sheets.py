"""Reading a year of holidays from an uploaded sheet: bounded, row by row, all or nothing."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import openpyxl
from django.utils.translation import gettext as _

from zhupei.kernel.errors import Refusal

from .actions import Day
from .choices import DayKind

MAX_BYTES = 1024 * 1024
MAX_UNPACKED = 20 * 1024 * 1024
MAX_ROWS = 400
MAX_ERRORS = 30
HEADER = ("日期", "类型", "节日")
EXAMPLE = [
    ("2027-01-01", "放假", "元旦"),
    ("2027-02-14", "上班", "春节调休"),
]
KINDS = {
    **dict.fromkeys(("放假", "休", "法定假", "调休休", "节假日", "holiday"), DayKind.HOLIDAY),
    **dict.fromkeys(("上班", "班", "调休班", "调休上班", "补班", "make_up", "make-up"), DayKind.MAKE_UP),
    **dict.fromkeys(("工作日", "workday"), DayKind.WORKDAY),
    **dict.fromkeys(("周末", "weekend"), DayKind.WEEKEND),
}
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?|(\d{4})(\d{2})(\d{2})")


def _bad_file(message: str) -> Refusal:
    return Refusal("bad_file", message, field="file")


def _csv_rows(data: bytes) -> Iterable[list[Any]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _bad_file(_("The text of the file cannot be read. Save it as UTF-8 or as an Excel workbook."))
    try:
        yield from csv.reader(io.StringIO(text))
    except csv.Error:
        raise _bad_file(_("The file is not a table separated by commas.")) from None


def _excel_rows(data: bytes) -> Iterable[list[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(info.file_size for info in packed.infolist()) > MAX_UNPACKED:
                raise _bad_file(
                    _("The workbook is far too large for a calendar. Copy the table into a new one.")
                )
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(max_col=3, max_row=MAX_ROWS + 20, values_only=True):
            yield list(row)
    except Refusal:
        raise
    except Exception:  # whatever a workbook reader makes of bytes that are none
        raise _bad_file(_("The workbook is damaged. Save it again as .xlsx or as CSV.")) from None


def _date_of(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    match = _DATE.fullmatch(str(value).strip())
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part)
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _row_problem(day: date | None, raw: Any, kind: str | None, raw_kind: str, year: int, whole: bool) -> str:
    if day is None:
        return _("“%(text)s” is not a date. Write it like 2027-01-01.") % {"text": str(raw)[:40]}
    if not date(year - 1, 12, 1) <= day <= date(year + 1, 1, 31):
        return _("%(day)s does not belong to the year %(year)d.") % {"day": day, "year": year}
    if kind is None:
        return _("“%(text)s” is no kind of day. Write 放假 (holiday) or 上班 (make-up working day).") % {
            "text": raw_kind[:40]
        }
    weekend = day.weekday() >= 5
    if kind == DayKind.MAKE_UP and not weekend:
        return _("%(day)s is a weekday: only a Saturday or Sunday can be a make-up working day.") % {
            "day": day
        }
    if whole and kind in (DayKind.WORKDAY, DayKind.WEEKEND):
        return _("Plain working days and weekends are not listed in the announcement of a whole year.")
    if kind == DayKind.WORKDAY and weekend:
        return _("%(day)s is a Saturday or Sunday: write 上班 for a make-up working day.") % {"day": day}
    if kind == DayKind.WEEKEND and not weekend:
        return _("%(day)s is a weekday: write 放假 for a day off.") % {"day": day}
    return ""


def read_days(data: bytes, *, is_excel: bool, year: int, whole: bool) -> list[Day]:
    """The days of a sheet with the columns date, kind, name (a header row is skipped).

    Raises ``Refusal`` with every faulty row, at most thirty; nothing is taken from a sheet with a fault.
    """
    if len(data) > MAX_BYTES:
        raise _bad_file(_("The file is larger than 1 MB. A year of holidays needs a few kilobytes."))
    days: dict[date, Day] = {}
    errors: list[str] = []
    count = 0
    for number, cells in enumerate(_excel_rows(data) if is_excel else _csv_rows(data), 1):
        raw_day, raw_kind, raw_name = ([*cells, None, None, None])[:3]
        if not any(str(cell or "").strip() for cell in (raw_day, raw_kind, raw_name)):
            continue
        if number == 1 and _date_of(raw_day) is None and not any(c.isdigit() for c in str(raw_day or "")):
            continue  # the header
        count += 1
        if count > MAX_ROWS:
            raise _bad_file(
                _("The file has more than %(n)d rows. A year has fewer holidays.") % {"n": MAX_ROWS}
            )
        day, words = _date_of(raw_day), str(raw_kind or "").strip()
        kind = KINDS.get(words.lower())
        problem = _row_problem(day, raw_day, kind, words, year, whole)
        if not problem and day in days:
            problem = _("%(day)s stands in the file twice.") % {"day": day}
        if problem:
            errors.append(_("Row %(n)d: %(problem)s") % {"n": number, "problem": problem})
        elif day is not None and kind is not None:
            days[day] = Day(day, kind, str(raw_name or "").strip()[:60])
    if not errors and not days:
        errors.append(_("The file holds no day. The columns are date, kind, holiday."))
    if not errors and whole:
        lacking = [
            d
            for d in (date(year, 1, 1), date(year, 5, 1), date(year, 10, 1))
            if days.get(d, Day(d, "")).kind != DayKind.HOLIDAY
        ]
        if lacking:
            text = _("%(day)s is not listed as a holiday: this is not the announcement of a whole year. Choose “single days”, "
                     "or complete the file.")  # fmt: skip
            errors.append(text % {"day": lacking[0]})
    if errors:
        more = len(errors) - MAX_ERRORS
        shown = errors[:MAX_ERRORS] + ([_("and %(n)d more rows") % {"n": more}] if more > 0 else [])
        raise Refusal("bad_rows", fields={"file": shown})
    return [days[day] for day in sorted(days)]


def example() -> bytes:
    """A sheet to fill in, as Excel opens it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    writer.writerows(EXAMPLE)
    return out.getvalue().encode("utf-8-sig")
