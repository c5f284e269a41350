"""Enrolling a list of names from an Excel table: read, show what would happen, then all rows or none."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core import signing
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, StoredFile, read, store
from zhupei.kernel import clock, identity, names, phones
from zhupei.kernel.actor import Actor
from zhupei.kernel.dates import retain_until
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.people.api import (
    Education,
    IdentityKind,
    Person,
    check_name,
    check_number,
    identity_index,
    register_person,
)
from zhupei.rulebook.api import parameter
from zhupei.training import events
from zhupei.training.choices import ClassState, EnrolmentState
from zhupei.training.models import Enrolment, EnrolmentStep, TrainingClass
from zhupei.training.queries import ACTIVE, age_limits, check_age, check_education, places_left, retention_of

from .classes import locked_class
from .enrolments import apply, require_enrolling
from .plans import Upload

MAX_BYTES = 2 * 1024 * 1024
MAX_ROWS = 2000
MAX_UNPACKED = 40 * 1024 * 1024
HEADERS = (
    "姓名",
    "证件类型",
    "证件号码",
    "手机号",
    "学历",
    "工作单位",
)  # the table is Chinese in either language
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SALT = "training.import"
_HOUR = 3600


@dataclass
class Line:
    """One row of the table as read: its number in the sheet, its values, what is wrong with it, what to look at."""

    number: int
    name: str = ""
    identity_kind: str = IdentityKind.RESIDENT_ID
    identity_number: str = ""
    phone: str = ""
    education: str = ""
    employer: str = ""
    person: Person | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass
class Preview:
    """What an import would do. ``token`` confirms it; empty while there are problems."""

    lines: list[Line]
    token: str = ""

    @property
    def problems(self) -> list[Line]:
        return [line for line in self.lines if line.problems]

    @property
    def new_persons(self) -> int:
        return sum(1 for line in self.lines if line.person is None)


def template() -> bytes:
    """An empty table with its headings and a sheet of the words that may stand in it."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "名单"
    sheet.append(list(HEADERS))
    for letter, width in zip("ABCDEF", (12, 24, 24, 16, 16, 32), strict=True):
        sheet[f"{letter}1"].font = Font(bold=True)
        sheet.column_dimensions[letter].width = width
    for letter in ("C", "D"):  # numbers as text, or Excel rounds them
        for number in range(2, 202):
            sheet[f"{letter}{number}"].number_format = "@"
    words = book.create_sheet("可填内容")
    words.append(["证件类型", "学历"])
    with translation.override("zh-hans"):
        kinds, levels = list(map(str, IdentityKind.labels)), list(map(str, Education.labels))
    for at in range(max(len(kinds), len(levels))):
        words.append([kinds[at] if at < len(kinds) else None, levels[at] if at < len(levels) else None])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _words(choices: Any) -> dict[str, str]:
    """What may stand in a cell → the stored value: value, Chinese and English label."""
    found = {str(value): str(value) for value in choices.values}
    for language in ("zh-hans", "en"):
        with translation.override(language):
            found |= {str(label): str(value) for value, label in choices.choices}
    return found


def _rows(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    """The filled rows below the headings. Raises ``Refusal`` for what is no such table, or too large."""
    if len(data) > MAX_BYTES:
        raise Refusal("too_large", _("The table has more than 2 MB. Split it."), field="file")
    bad = Refusal(
        "bad_table",
        _("This is no Excel table (.xlsx) that can be read. Use the template and save it as .xlsx."),
        field="file",
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED:
                raise Refusal(
                    "too_large",
                    _("The table is too large unpacked. Copy the names into the template."),
                    field="file",
                )
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        found = [list(row) for row in sheet.iter_rows(max_row=MAX_ROWS + 2, max_col=len(HEADERS))]
    except Refusal:
        raise
    except Exception:  # a parser of strangers' files may fail in any way
        raise bad from None
    if not found or [str(cell.value or "").strip() for cell in found[0]] != list(HEADERS):
        raise Refusal(
            "bad_headings",
            _("The first row must hold the headings %(names)s. Use the template.")
            % {"names": "、".join(HEADERS)},
            field="file",
        )
    filled = [
        (n, row) for n, row in enumerate(found[1:], 2) if any(cell.value not in (None, "") for cell in row)
    ]
    if not filled:
        raise Refusal("empty_table", _("There is no name in the table."), field="file")
    if len(filled) > MAX_ROWS:
        raise Refusal(
            "too_many_rows",
            _("The table has more than %(n)d rows. Split it.") % {"n": MAX_ROWS},
            field="file",
        )
    yield from filled


def _text(cell: Any, line: Line, label: str) -> str:
    """A cell as text; formulas and rounded numbers become problems of the row."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f" or (isinstance(value, str) and value.lstrip().startswith("=")):
        line.problems.append(_("%(column)s: a formula. Write the value itself.") % {"column": label})
        return ""
    if isinstance(value, bool | int | float):
        if isinstance(value, float) and not value.is_integer():
            line.problems.append(_("%(column)s: a number with a fraction.") % {"column": label})
            return ""
        if abs(value) >= 10**15:
            line.problems.append(
                _(
                    "%(column)s: Excel has kept a number and rounded it. Make the column text and type it again."
                )
                % {"column": label}
            )
            return ""
        return str(int(value))
    return str(value).strip()


def _read_line(number: int, cells: list[Any], kinds: dict[str, str], levels: dict[str, str]) -> Line:
    line = Line(number)
    cells = cells + [None] * (len(HEADERS) - len(cells))
    values = [
        _text(cell, line, label) if cell is not None else ""
        for cell, label in zip(cells, HEADERS, strict=True)
    ]
    line.name, kind, line.identity_number, line.phone, level, line.employer = values
    if line.problems:
        return line
    if kind and kind not in kinds:
        line.problems.append(
            _("Kind of document “%(word)s”: not known. See the second sheet of the template.")
            % {"word": kind[:30]}
        )
    if level and level not in levels:
        line.problems.append(
            _("Education “%(word)s”: not known. See the second sheet of the template.") % {"word": level[:30]}
        )
    line.identity_kind = kinds.get(kind, IdentityKind.RESIDENT_ID)
    line.education = levels.get(level, "")
    try:
        check_name(line.name)
        if not line.problems:
            check_number(line.identity_kind, line.identity_number)
    except Refusal as refusal:
        line.problems.append(str(refusal.message))
    if line.phone and not phones.is_mobile(line.phone):
        line.problems.append(_("This is not a mobile number. It has 11 digits and begins with 1."))
    if len(line.employer) > 200:
        line.problems.append(_("The employer's name is too long."))
    return line


def _examine(training_class: TrainingClass, data: bytes) -> list[Line]:
    """Every row with its problems. Reads only."""
    kinds, levels = _words(IdentityKind), _words(Education)
    lines = [_read_line(number, cells, kinds, levels) for number, cells in _rows(data)]
    good = {
        identity_index(line.identity_kind, line.identity_number): line
        for line in reversed(lines)
        if not line.problems
    }
    for line in lines:
        if not line.problems and good[identity_index(line.identity_kind, line.identity_number)] is not line:
            line.problems.append(_("The same document number stands further up."))
    known: dict[str, Person] = {}
    indexes = list(good)
    for at in range(0, len(indexes), 500):
        known |= {
            p.identity_index: p for p in Person.objects.filter(identity_index__in=indexes[at : at + 500])
        }
    active = _active(training_class, list(known.values()))
    limits = age_limits()
    for index, line in good.items():
        line.person = known.get(index)
        _examine_person(line, training_class, active, limits)
    room = places_left(training_class)
    fresh = [line for line in lines if not line.problems]
    for line in fresh[room:]:
        line.problems.append(_("No place left: the class has %(n)d free places.") % {"n": room})
    return lines


def _active(training_class: TrainingClass, persons: list[Person]) -> dict[int, Enrolment]:
    """Person → an enrolment for the same post that still goes on."""
    found: dict[int, Enrolment] = {}
    ids = [p.pk for p in persons]
    for at in range(0, len(ids), 500):
        rows = Enrolment.objects.filter(
            person_id__in=ids[at : at + 500],
            post_id=training_class.post_id,
            state__in=ACTIVE,
            training_class__state__in=(ClassState.ENROLLING, ClassState.RUNNING),
        ).select_related("training_class")
        found |= {row.person_id: row for row in rows}
    return found


def _examine_person(
    line: Line, training_class: TrainingClass, active: dict[int, Enrolment], limits: tuple[int, int]
) -> None:
    person = line.person
    if person is None:
        kind = identity.Kind(line.identity_kind)
        person = Person(
            name=line.name,
            education=line.education,
            birth_date=identity.birth_date(kind, line.identity_number),
        )
    elif not names.same(person.name, line.name):
        line.problems.append(_("This document number is registered under another name. Compare the card."))
    elif person.pk in active:
        other = active[person.pk]
        text = _("Already on the list of this class.") if other.training_class_id == training_class.pk else ""
        line.problems.append(
            text or _("Already enrolled for this post: %(name)s.") % {"name": other.training_class.name}
        )
    for check in (check_age(person, limits), check_education(person)):
        if check.tone != "done":
            (line.problems if check.tone == "problem" else line.warnings).append(
                f"{check.label}：{check.text}"
            )


def preview_import(training_class: TrainingClass, upload: Upload, *, by: Actor) -> Preview:
    """Read the table and say row by row what is wrong, or what importing it would do.

    Without problems the table is kept with the class's enrolment papers and ``token`` confirms the import within an hour.
    Nobody is registered or enrolled yet.
    """
    by.require(Role.REGISTRAR, organisation_id=training_class.institution.organisation_id)
    require_enrolling(training_class)
    preview = Preview(_examine(training_class, upload.data))
    if not preview.problems:
        file = store(
            upload.data,
            name=upload.name,
            content_type=XLSX,
            purpose="enrolment_import",
            retention=Retention.ARCHIVE,
            retain_until=retention_of(training_class),
            organisation_id=training_class.institution.organisation_id,
            by=by,
        )
        preview.token = signing.dumps([file.pk, training_class.pk, by.user_id], salt=_SALT)
    return preview


@transaction.atomic
def import_enrolments(training_class: TrainingClass, token: str, *, by: Actor) -> int:
    """Register and enrol everybody of a previewed table, all or none; returns how many. They wait for review by a colleague."""
    by.require(Role.REGISTRAR, organisation_id=training_class.institution.organisation_id)
    try:
        file_id, class_id, user_id = signing.loads(token, salt=_SALT, max_age=_HOUR)
    except signing.BadSignature:
        raise Conflict("preview_stale", _("The preview is too old. Choose the table again.")) from None
    file = StoredFile.objects.filter(pk=file_id).first()
    if file is None or (class_id, user_id) != (training_class.pk, by.user_id):
        raise Conflict("preview_stale", _("The preview is too old. Choose the table again."))
    training_class = locked_class(training_class)
    require_enrolling(training_class)
    lines = _examine(training_class, read(file))
    problems = [line for line in lines if line.problems]
    if problems:
        raise Conflict(
            "import_changed",
            _(
                "Row %(n)d can no longer be imported: %(problem)s Nothing was imported; choose the table again."
            )
            % {"n": problems[0].number, "problem": problems[0].problems[0]},
        )
    persons = [
        line.person
        or register_person(
            identity_kind=line.identity_kind,
            identity_number=line.identity_number,
            name=line.name,
            phone=line.phone,
            education=line.education,
            employer=line.employer,
            by=by,
        )
        for line in lines
    ]
    _enrol(training_class, persons, by)
    record(
        events.ENROLMENT_IMPORTED,
        by=by,
        on=training_class,
        organisation_id=training_class.institution.organisation_id,
        after={"count": len(persons), "file": file.pk, "digest": file.digest},
    )
    return len(persons)


def _enrol(training_class: TrainingClass, persons: list[Person], by: Actor) -> None:
    now = clock.now()
    kept_until = retain_until(clock.local(now).date(), int(parameter("archive_years")))
    earlier = set(training_class.enrolments.values_list("person_id", flat=True))
    for person in persons:
        if person.pk in earlier:  # returned or cancelled before: applies again
            apply(training_class, person, by=by)
    made = Enrolment.objects.bulk_create(
        Enrolment(
            person=person,
            training_class=training_class,
            post=training_class.post,
            organisation_id=training_class.institution.organisation_id,
            state=EnrolmentState.APPLIED,
            applied_at=now,
            applied_by_id=by.user_id,
            retain_until=kept_until,
        )
        for person in persons
        if person.pk not in earlier
    )
    EnrolmentStep.objects.bulk_create(
        EnrolmentStep(enrolment=row, verb="apply", state=row.state, person=by.name[:100], at=now)
        for row in made
    )
