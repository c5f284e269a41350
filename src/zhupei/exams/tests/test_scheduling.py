"""Slots: capacity, halls, the city-wide number, moving and returning, filing with the education office."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_application,
    make_batch,
    make_institution,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.exams import actions, queries
from zhupei.exams.choices import ApplicationState, BatchState
from zhupei.exams.models import Batch, BatchCounter, Filing, Slot
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import RuleParameter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rules():
    make_rulebook()


def spans(application):
    return [(one.starts_at, one.ends_at) for one in application.sessions.all()]


def set_parameter(key, value):
    RuleParameter.objects.filter(key=key).update(value=value)


@pytest.mark.req("R046", "R186", "J14", "R030")
def test_the_number_is_city_wide_and_by_year():
    officer = make_actor(Role.CENTRE_OFFICER)
    batches = []
    for _ in range(3):
        application = make_application()
        with pytest.raises(Forbidden):
            actions.schedule(application, spans(application), by=make_actor(Role.EXAM_OFFICER))
        batches.append(actions.schedule(application, spans(application), by=officer))
    year = clock.local(batches[0].slots.first().starts_at).year
    assert [str(batch) for batch in batches] == [f"{year}—{n:03d}" for n in (1, 2, 3)]
    assert len({batch.institution_id for batch in batches}) == 3
    assert BatchCounter.objects.get(year=year).last == 3


@pytest.mark.req("R046")
def test_no_more_persons_than_the_bank_can_serve():
    set_parameter("bank_capacity_persons", 150)
    officer = make_actor(Role.CENTRE_OFFICER)
    first, second = (make_application(rows=[("101", 100)]) for _ in range(2))
    actions.schedule(first, spans(first), by=officer)
    windows = queries.windows_of(second.total, second.clients_available, spans(second))
    assert [one.kind for one in queries.slot_conflicts(second.hall, windows)] == ["capacity"]
    with pytest.raises(Refusal) as refusal:
        actions.schedule(second, spans(second), by=officer)
    assert (refusal.value.code, refusal.value.status) == ("slot_conflict", 409)
    assert "200" in str(refusal.value.fields["sessions"][0])
    second.refresh_from_db()
    assert second.state == ApplicationState.SUBMITTED
    later = [(start + timedelta(hours=3), end + timedelta(hours=3)) for start, end in spans(second)]
    assert actions.schedule(second, later, by=officer).slots.count() == 1


@pytest.mark.req("R046")
def test_one_hall_is_not_given_twice_and_needs_its_break():
    hall = make_site(make_institution(), "hall")
    officer = make_actor(Role.CENTRE_OFFICER)
    first, second = (make_application(hall=hall) for _ in range(2))
    actions.schedule(first, spans(first), by=officer)
    start, end = spans(second)[0]
    for shift in (timedelta(0), timedelta(hours=2), timedelta(hours=2, minutes=29)):
        with pytest.raises(Refusal) as refusal:
            actions.schedule(second, [(start + shift, end + shift)], by=officer)
        assert refusal.value.code == "slot_conflict"
    shift = timedelta(hours=2, minutes=30)
    assert actions.schedule(second, [(start + shift, end + shift)], by=officer)


@pytest.mark.req("R046", "R185")
def test_persons_fill_the_sessions_in_turn():
    start = datetime(2030, 5, 6, 9, tzinfo=clock.SHANGHAI)
    two = [(start, start + timedelta(hours=2)), (start + timedelta(hours=3), start + timedelta(hours=5))]
    assert [one.persons for one in queries.windows_of(130, 100, two)] == [100, 30]


def test_a_slot_is_moved_until_the_candidates_are_fixed():
    application = make_application(state="scheduled")
    officer = make_actor(Role.CENTRE_OFFICER)
    number = str(application.batch)
    later = [(start + timedelta(days=1), end + timedelta(days=1)) for start, end in spans(application)]
    batch = actions.schedule(application, later, by=officer)
    assert str(batch) == number
    assert batch.slots.get().starts_at == later[0][0]
    assert batch.steps.filter(verb="reschedule").exists()
    Batch.objects.update(state=BatchState.LOCKED)
    with pytest.raises(Conflict):
        actions.schedule(application, later, by=officer)
    with pytest.raises(Conflict):
        actions.return_application(application, opinion="改期", by=officer)


@pytest.mark.req("R045")
def test_a_slot_is_not_moved_to_a_day_for_which_the_application_came_too_late():
    application = make_application()
    start = datetime.combine(
        clock.today() + timedelta(days=5), datetime.min.time(), clock.SHANGHAI
    ) + timedelta(hours=9)
    with pytest.raises(Refusal) as refusal:
        actions.schedule(
            application, [(start, start + timedelta(hours=2))], by=make_actor(Role.CENTRE_OFFICER)
        )
    assert refusal.value.code == "too_late"


def test_a_returned_application_frees_its_slot_and_keeps_its_number():
    application = make_application(state="scheduled")
    officer, number = make_actor(Role.CENTRE_OFFICER), str(application.batch)
    actions.return_application(application, opinion="请改考场", by=officer)
    assert not queries.live_slots().exists()
    application.refresh_from_db()
    unit = make_actor(Role.EXAM_OFFICER, application.institution.organisation)
    application = actions.submit_application(application, pledged=True, by=unit)
    batch = actions.schedule(application, spans(application), by=officer)
    assert (str(batch), batch.state) == (number, BatchState.PREPARING)
    assert queries.live_slots().count() == 1


@pytest.mark.req("R047")
def test_filing_and_its_receipt(client):
    application = make_application(state="scheduled")
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert client.post(reverse("exams:file", args=[application.pk])).status_code == 302
    assert client.post(reverse("exams:file", args=[application.pk])).status_code == 409
    filing = Filing.objects.get()
    with pytest.raises(Forbidden):
        actions.receive_filing(filing, "1", by=make_actor(Role.CENTRE_APPROVER))
    client.logout()
    sign_in(client, make_user(Role.CITY_EDUCATION_OFFICE))
    assert str(application.batch) in client.get(reverse("exams:filings")).content.decode()
    page = reverse("exams:filing_receive", args=[filing.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"receipt_no": " "}).status_code == 422
    assert client.post(page, {"receipt_no": "渝建教〔2026〕12"}).status_code == 302
    assert client.post(page, {"receipt_no": "13"}).status_code == 409
    filing.refresh_from_db()
    assert filing.receipt_no == "渝建教〔2026〕12"
    assert "渝建教" in client.get(reverse("exams:filings"), {"done": "1"}).content.decode()
    other = make_application(state="scheduled")
    row = actions.file_with_office(other, by=make_actor(Role.CENTRE_OFFICER))
    with pytest.raises(Refusal) as refusal:
        actions.receive_filing(row, "渝建教〔2026〕12", by=make_actor(Role.CITY_EDUCATION_OFFICE))
    assert refusal.value.code == "receipt_taken"


@pytest.mark.req("R047")
def test_no_papers_before_the_filing_is_received():
    application = make_application(state="scheduled")
    with pytest.raises(Conflict) as refusal:
        actions.scheduling.require_filing(application.batch, "抽题")
    assert refusal.value.code == "filing_missing"
    actions.file_with_office(application, by=make_actor(Role.CENTRE_OFFICER))
    with pytest.raises(Conflict) as refusal:
        actions.scheduling.require_filing(application.batch, "抽题")
    assert refusal.value.code == "filing_not_received"
    set_parameter("filing_before_test", False)
    actions.scheduling.require_filing(application.batch, "抽题")


@pytest.mark.req("R046")
def test_the_centre_sees_conflicts_before_it_decides(client):
    hall = make_site(make_institution(), "hall")
    make_application(hall=hall, state="scheduled")
    application = make_application(hall=hall)
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    page = reverse("exams:schedule", args=[application.pk])
    assert str(Batch.objects.get()) in client.get(page).content.decode()
    start = clock.local(application.sessions.get().starts_at)
    values = {
        "sessions-TOTAL_FORMS": "1",
        "sessions-INITIAL_FORMS": "1",
        "sessions-0-day": f"{start:%Y-%m-%d}",
        "sessions-0-start": "09:00",
        "sessions-0-end": "11:00",
    }
    assert client.post(page, values).status_code == 409
    free = {**values, "sessions-0-start": "13:00", "sessions-0-end": "15:00"}
    assert client.post(page, {**free, "check": "1"}).status_code == 200
    assert client.post(page, {**free, "add_row": "sessions"}).status_code == 200
    assert Batch.objects.count() == 1
    assert client.post(page, free).status_code == 302
    assert Batch.objects.count() == 2
    assert client.get(page).status_code == 200
    client.post(reverse("exams:file", args=[application.pk]))
    assert client.get(page).status_code == 302


@pytest.mark.req("R046")
def test_the_calendar_shows_load_and_batches(client):
    batch = make_batch()
    day = clock.local(batch.slots.get().starts_at).date()
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    for query in ({"day": day.isoformat()}, {"day": day.isoformat(), "view": "month"}):
        text = client.get(reverse("exams:slots"), query).content.decode()
        assert str(batch) in text
    assert client.get(reverse("exams:slots"), {"day": "gestern"}).status_code == 200
    week = queries.week_of(day)
    loads = {cell.at.hour: cell.load for _at, cells in week.rows for cell in cells if cell.load}
    assert loads == {9: 3, 10: 3}


def test_the_queue_and_the_calendar_ask_few_questions(client, django_assert_max_num_queries):
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    make_application()
    client.get(reverse("exams:queue"))
    for _ in range(4):
        make_application()
    with django_assert_max_num_queries(16):
        client.get(reverse("exams:queue"))
    with django_assert_max_num_queries(12):
        client.get(reverse("exams:applications"))
    with django_assert_max_num_queries(14):
        client.get(reverse("exams:slots"), {"view": "month"})


def test_slots_of_cancelled_batches_do_not_count():
    batch = make_batch()
    assert Slot.objects.count() == 1
    with pytest.raises(Forbidden):
        actions.cancel_batch(batch, reason="停电", by=make_actor(Role.CENTRE_OFFICER))
    with pytest.raises(Refusal):
        actions.cancel_batch(batch, reason="", by=make_actor(Role.CENTRE_APPROVER))
    actions.cancel_batch(batch, reason="停电", by=make_actor(Role.CENTRE_APPROVER))
    assert not queries.live_slots().exists()
