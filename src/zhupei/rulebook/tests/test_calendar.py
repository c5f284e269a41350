"""Working days: the golden dates of the domain, and the import of a year."""

import io
from datetime import date, datetime

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from tests.makers import make_actor, make_rulebook, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook import actions, events, sheets
from zhupei.rulebook.actions import Day, import_calendar, preview_import
from zhupei.rulebook.api import CalendarVersion, calendar, deadline_before, workdays_left
from zhupei.rulebook.choices import DayKind
from zhupei.rulebook.models import CalendarDay

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, tzinfo=clock.SHANGHAI)
DOCUMENT = "国办发明电〔2026〕9号"
# An invented announcement: what the real one will say is not known.
HOLIDAYS_2027 = [
    "2027-01-01",
    "2027-01-02",
    "2027-01-03",
    "2027-02-05",
    "2027-02-06",
    "2027-02-07",
    "2027-02-08",
    "2027-02-09",
]
HOLIDAYS_2027 += [
    "2027-02-10",
    "2027-02-11",
    "2027-04-05",
    "2027-05-01",
    "2027-05-02",
    "2027-05-03",
    "2027-06-09",
    "2027-09-15",
]
HOLIDAYS_2027 += [
    "2027-10-01",
    "2027-10-02",
    "2027-10-03",
    "2027-10-04",
    "2027-10-05",
    "2027-10-06",
    "2027-10-07",
]
MAKE_UP_2027 = ["2027-01-09", "2027-02-14", "2027-10-09"]


def sheet(rows=None):
    rows = (
        rows
        if rows is not None
        else [(d, "放假", "节日") for d in HOLIDAYS_2027] + [(d, "上班", "") for d in MAKE_UP_2027]
    )
    return "\n".join(["日期,类型,节日", *(",".join(row) for row in rows)]).encode("utf-8-sig")


def days_2027():
    return sheets.read_days(sheet(), is_excel=False, year=2027, whole=True)


@pytest.fixture(autouse=True)
def _rule():
    with clock.frozen(NOW):
        make_rulebook()
        yield


@pytest.mark.req("R016", "R045", "I02")
@pytest.mark.parametrize(
    ("key", "event", "deadline"),
    [
        ("plan_submit_workdays", "2026-10-12", "2026-09-29"),
        ("bank_apply_workdays", "2026-10-20", "2026-09-30"),
        ("bank_apply_workdays", "2026-03-02", "2026-02-10"),
        ("plan_submit_workdays", "2026-03-02", "2026-02-24"),
        ("bank_apply_workdays", "2026-05-11", "2026-04-23"),
        ("plan_submit_workdays", "2026-01-05", "2025-12-26"),
        ("bank_apply_workdays", "2025-10-13", "2025-09-23"),
        ("plan_submit_workdays", "2026-09-21", "2026-09-15"),
        ("plan_submit_workdays", "2020-01-01", "2019-12-25"),
    ],
)
def test_golden_dates(key, event, deadline):
    assert deadline_before(date.fromisoformat(event), key) == (date.fromisoformat(deadline), False)


def test_working_days_left():
    assert workdays_left(date(2026, 11, 27)) == 5
    assert workdays_left(date(2026, 11, 20)) == 0  # Sunday counts nothing since Friday
    assert workdays_left(date(2026, 11, 19)) == -1


@pytest.mark.req("I02")
def test_importing_a_year_moves_its_deadlines_and_ends_provisional():
    event = date(2027, 1, 18)
    before = deadline_before(event, "bank_apply_workdays")
    assert before.is_provisional
    old = calendar().version
    version = import_calendar(
        days_2027(), year=2027, whole=True, document=DOCUMENT, by=make_actor(Role.CENTRE_OFFICER)
    )
    after = deadline_before(event, "bank_apply_workdays")
    assert not after.is_provisional
    assert after.date == date(2027, 1, 5)  # the make-up Saturday 01-09 counts
    assert before.date == date(2027, 1, 4)
    assert calendar().version == str(version.pk) != old  # what upper rooms compare with
    assert AuditEvent.objects.get(code=events.CALENDAR_IMPORTED, after__year=2027).after["whole"] is True


@pytest.mark.req("I02")
def test_a_corrected_year_takes_back_what_it_no_longer_names():
    by = make_actor(Role.CENTRE_OFFICER)
    import_calendar(days_2027(), year=2027, whole=True, document=DOCUMENT, by=by)
    corrected = [day for day in days_2027() if day.date not in (date(2027, 10, 7), date(2027, 10, 9))]
    changes = {row.date: row for row in preview_import(corrected, year=2027, whole=True) if row.changes}
    assert set(changes) == {date(2027, 10, 7), date(2027, 10, 9)}
    import_calendar(corrected, year=2027, whole=True, document=DOCUMENT + "更正", by=by)
    assert calendar().is_working(date(2027, 10, 7))
    assert not calendar().is_working(date(2027, 10, 9))


@pytest.mark.req("I02")
def test_an_amendment_changes_single_days_only():
    """As on 2020-01-26, when the holiday of that year was made longer."""
    by = make_actor(Role.CENTRE_OFFICER)
    days = sheets.read_days(
        "2026-12-24,放假,\n2026-12-26,上班,".encode(), is_excel=False, year=2026, whole=False
    )
    import_calendar(days, year=2026, whole=False, document="国办发明电〔2026〕10号", by=by)
    assert not calendar().is_working(date(2026, 12, 24))
    assert calendar().is_working(date(2026, 12, 26))
    assert not calendar().is_working(date(2026, 10, 1))
    back = sheets.read_days(
        "2026-12-24,工作日,\n2026-12-26,周末,".encode(), is_excel=False, year=2026, whole=False
    )
    import_calendar(back, year=2026, whole=False, document="国办发明电〔2026〕11号", by=by)
    assert calendar().is_working(date(2026, 12, 24))
    assert not calendar().is_working(date(2026, 12, 26))


def test_only_the_centre_imports():
    for role in set(Role) - {Role.CENTRE_OFFICER}:
        with pytest.raises(Refusal) as refused:
            import_calendar(days_2027(), year=2027, whole=True, document=DOCUMENT, by=make_actor(role))
        assert refused.value.status == 403
    assert CalendarVersion.objects.count() == 1


def test_imports_without_document_days_or_on_a_moved_calendar():
    by = make_actor(Role.CENTRE_OFFICER)
    with pytest.raises(Refusal) as refused:
        import_calendar(days_2027(), year=2027, whole=True, document=" 9 ", by=by)
    assert refused.value.code == "document_missing"
    with pytest.raises(Refusal) as refused:
        import_calendar([], year=2027, whole=True, document=DOCUMENT, by=by)
    assert refused.value.code == "no_days"
    with pytest.raises(Conflict):
        import_calendar(days_2027(), year=2027, whole=True, document=DOCUMENT, based_on="0", by=by)
    assert CalendarVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (("soon", "放假", ""), "不是日期"),
        (("2027-02-30", "放假", ""), "不是日期"),
        (("2028-05-01", "放假", ""), "2028"),
        (("2027-03-01", "庆祝", ""), "庆祝"),
        (("2027-03-01", "上班", ""), "2027-03-01"),
        (("2027-03-02", "工作日", ""), "第"),
        (("2027-01-01", "放假", ""), "两次"),
    ],
)
def test_each_faulty_row_is_named_and_nothing_is_taken(row, fault):
    rows = [(d, "放假", "节日") for d in HOLIDAYS_2027] + [row]
    with pytest.raises(Refusal) as refused:
        sheets.read_days(sheet(rows), is_excel=False, year=2027, whole=True)
    assert len(refused.value.fields["file"]) == 1
    assert fault in str(refused.value.fields["file"][0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\xff\xff\x81",
        "日期,类型".encode(),
        "2027-05-01,放假,".encode(),
        b"x" * (1024 * 1024 + 1),
    ],
    ids=["empty", "not text", "only a header", "not a whole year", "too large"],
)
def test_files_that_are_no_calendar(data):
    with pytest.raises(Refusal):
        sheets.read_days(data, is_excel=False, year=2027, whole=True)


def test_bounded_rows():
    rows = [("2027-05-01", "放假", "")] * 401
    with pytest.raises(Refusal, match="bad_file"):
        sheets.read_days(sheet(rows), is_excel=False, year=2027, whole=True)
    with pytest.raises(Refusal) as refused:
        sheets.read_days(sheet([("x", "y", "z")] * 100), is_excel=False, year=2027, whole=True)
    assert len(refused.value.fields["file"]) == sheets.MAX_ERRORS + 1


def test_excel_and_gb18030():
    book = openpyxl.Workbook()
    book.active.append(["日期", "类型", "节日"])
    for text in HOLIDAYS_2027:
        book.active.append([datetime.fromisoformat(text), "放假", "节"])
    out = io.BytesIO()
    book.save(out)
    assert len(sheets.read_days(out.getvalue(), is_excel=True, year=2027, whole=True)) == len(HOLIDAYS_2027)
    with pytest.raises(Refusal):
        sheets.read_days(b"PK\x03\x04 damaged", is_excel=True, year=2027, whole=True)
    days = sheets.read_days(
        sheet().decode("utf-8-sig").encode("gb18030"), is_excel=False, year=2027, whole=True
    )
    assert len(days) == len(HOLIDAYS_2027) + len(MAKE_UP_2027)


def test_dates_as_people_write_them():
    text = "2027年1月1日,放假,\n2027/5/1,休,\n20271001,holiday,\n2027.10.2,法定假,"
    days = sheets.read_days(text.encode(), is_excel=False, year=2027, whole=True)
    assert [d.date for d in days] == [
        date(2027, 1, 1),
        date(2027, 5, 1),
        date(2027, 10, 1),
        date(2027, 10, 2),
    ]


def upload(client, data=None, **changes):
    file = SimpleUploadedFile("2027.csv", data if data is not None else sheet(), "text/csv")
    values = {"year": 2027, "scope": "whole", "document": DOCUMENT, "file": file, "note": "", **changes}
    return client.post(reverse("rulebook:calendar_import"), values)


@pytest.mark.req("I02")
def test_preview_then_import(client):
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert client.get(reverse("rulebook:calendar_import")).status_code == 200
    faulty = upload(client, sheet([("x", "y", "z")]))
    assert faulty.status_code == 422
    assert "第 2 行" in faulty.content.decode()
    preview = upload(client)
    assert preview.status_code == 200
    assert DOCUMENT in preview.content.decode()
    assert CalendarVersion.objects.count() == 1
    payload = preview.context["payload"]
    done = client.post(reverse("rulebook:calendar_apply"), {"payload": payload})
    assert done.status_code == 302
    assert done["Location"].endswith("?year=2027")
    version = CalendarVersion.objects.latest("pk")
    assert (version.source_document, version.years) == (DOCUMENT, [2027])
    assert CalendarDay.objects.filter(version=version, kind=DayKind.MAKE_UP).count() == len(MAKE_UP_2027)
    again = client.post(reverse("rulebook:calendar_apply"), {"payload": payload})
    assert again.status_code == 409
    assert CalendarVersion.objects.count() == 2


def test_a_preview_serves_its_maker_for_an_hour(client):
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    payload = upload(client).context["payload"]
    assert client.post(reverse("rulebook:calendar_apply"), {"payload": payload + "x"}).status_code == 409
    assert client.post(reverse("rulebook:calendar_apply"), {}).status_code == 409
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert client.post(reverse("rulebook:calendar_apply"), {"payload": payload}).status_code == 403
    assert CalendarVersion.objects.count() == 1


@pytest.mark.req("I02")
def test_the_year_page_marks_provisional_years(client):
    page = client.get(reverse("rulebook:calendar") + "?year=2026").content.decode()
    assert "暂定" not in page
    assert "国庆节" in page or "National Day" in page
    page = client.get(reverse("rulebook:calendar") + "?year=2027").content.decode()
    assert "暂定" in page
    assert client.get(reverse("rulebook:calendar") + "?year=zzzz").status_code == 200


def test_the_example_can_be_read(client):
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    data = client.get(reverse("rulebook:calendar_example")).content
    assert len(sheets.read_days(data, is_excel=False, year=2027, whole=False)) == 2
    assert actions.Day(date(2027, 1, 1), DayKind.HOLIDAY) == Day(date(2027, 1, 1), DayKind.HOLIDAY, "")
