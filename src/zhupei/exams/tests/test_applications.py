"""Annex 4: filling in, the deadline, the pledge, submitting late, withdrawing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_application,
    make_institution,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.documents import bank_form
from zhupei.documents.api import render_docx
from zhupei.exams import actions, jobs, prints
from zhupei.exams.choices import PLEDGE, ApplicationState
from zhupei.exams.models import ApplicationSession, ApplicationStep, BankApplication
from zhupei.kernel import clock
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import CalendarDay, CalendarVersion, Post

pytestmark = pytest.mark.django_db

# Tuesday 2026-09-29; the National Day holidays lie between it and the days below.
NOW = datetime(2026, 9, 29, 10, 0, tzinfo=clock.SHANGHAI)


@pytest.fixture
def unit():
    make_rulebook()
    return make_institution()


@pytest.fixture
def hall(unit):
    return make_site(unit, "hall", exam_clients=200, rooms=(("第一考室", 50), ("第二考室", 50)))


def span(day: str, start: str = "09:00", end: str = "11:00"):
    return tuple(
        datetime.fromisoformat(f"{day}T{part}").replace(tzinfo=clock.SHANGHAI) for part in (start, end)
    )


def data(hall, **changes):
    values = {
        "hall": hall,
        "clients_available": 100,
        "lead": "王强",
        "lead_mobile": "13812345678",
        "contact": "李敏",
        "contact_mobile": "139 1234 5678",
        "rows": [(Post.objects.get(code="101"), 60), (Post.objects.get(code="106"), 40)],
        "sessions": [span("2026-11-10")],
        "signed_by": "王强",
        "signed_on": date(2026, 9, 29),
    }
    return actions.ApplicationData(**{**values, **changes})


def officer_of(unit):
    return make_actor(Role.EXAM_OFFICER, unit.organisation)


@pytest.mark.req("R045", "R182", "R183", "R187", "R190", "R191", "R192", "R193", "R197")
def test_a_draft_copies_name_and_address_and_adds_up(unit, hall):
    with clock.frozen(NOW):
        application = actions.save_application(
            None, data(hall, draft_number="2026-3"[:4] + "－003"), by=officer_of(unit)
        )
    assert application.institution_name == unit.full_name
    assert application.address == f"{hall.address} {hall.name}"
    assert application.total == 100
    assert application.contact_mobile == "13912345678"
    assert application.draft_number == "2026—003"
    assert application.deadline == date(2026, 10, 27)
    assert not application.deadline_is_provisional
    hall.address = "别处"
    hall.save()
    application.refresh_from_db()
    assert "别处" not in application.address


@pytest.mark.req("R045")
def test_a_deadline_in_a_year_not_announced_is_marked(unit, hall):
    with clock.frozen(NOW):
        application = actions.save_application(
            None, data(hall, sessions=[span("2027-03-10")]), by=officer_of(unit)
        )
    assert application.deadline_is_provisional


CASES = [
    ("R184", {"sessions": []}, "no_session"),
    ("R184", {"sessions": [span("2026-11-10", "09:00", "10:59")]}, "session_too_short"),
    ("R184", {"sessions": [span("2026-09-28")]}, "session_past"),
    ("R184", {"sessions": [span("2026-11-10"), span("2026-11-10", "11:29", "13:29")]}, "sessions_overlap"),
    ("R185", {"clients_available": 201}, "clients_over_accepted"),
    ("R185", {"clients_available": 99}, "too_many_persons"),
    ("R189", {"rows": []}, "no_post"),
    ("R191", {"lead_mobile": "023-63601234"}, "not_a_mobile"),
    ("R193", {"contact_mobile": "1381234567"}, "not_a_mobile"),
    ("R190", {"lead": "  "}, "name_missing"),
    ("R186", {"draft_number": "第三批"}, "bad_batch_number"),
]


@pytest.mark.req("R184", "R185", "R186", "R189", "R190", "R191", "R193", "J11")
@pytest.mark.parametrize(("req", "changes", "code"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_what_annex_4_does_not_allow(unit, hall, req, changes, code):
    with clock.frozen(NOW), pytest.raises(Refusal) as refusal:
        actions.save_application(None, data(hall, **changes), by=officer_of(unit))
    assert refusal.value.code == code
    assert not BankApplication.objects.exists()


@pytest.mark.req("R188", "R189")
def test_a_post_stands_once_with_one_person_or_more(unit, hall):
    post = Post.objects.get(code="101")
    for rows, code in (([(post, 3), (post, 4)], "post_twice"), ([(post, 0)], "count_too_small")):
        with clock.frozen(NOW), pytest.raises(Refusal) as refusal:
            actions.save_application(None, data(hall, rows=rows), by=officer_of(unit))
        assert refusal.value.code == code


@pytest.mark.req("R031", "R183")
def test_only_an_approved_hall(unit):
    draft = make_site(unit, "hall", approved=False)
    with clock.frozen(NOW), pytest.raises(Refusal) as refusal:
        actions.save_application(None, data(draft), by=officer_of(unit))
    assert refusal.value.code == "hall_not_approved"


def test_the_hall_of_another_unit_may_be_used(unit):
    other = make_site(make_institution(), "hall")
    with clock.frozen(NOW):
        assert actions.save_application(None, data(other), by=officer_of(unit)).hall == other


@pytest.mark.req("R030")
def test_only_a_published_unit_applies_and_only_for_itself(unit, hall):
    blocked = make_institution(state="blocked")
    with clock.frozen(NOW), pytest.raises(Refusal) as refusal:
        actions.save_application(None, data(hall), by=officer_of(blocked))
    assert refusal.value.code == "institution_blocked"
    with clock.frozen(NOW):
        application = actions.save_application(None, data(hall), by=officer_of(unit))
        with pytest.raises(Forbidden):
            actions.save_application(application, data(hall), by=officer_of(make_institution()))
        with pytest.raises(Forbidden):
            actions.save_application(None, data(hall), by=make_actor(Role.REGISTRAR, unit.organisation))


def drafted(unit, hall, day: str = "2026-11-10"):
    picture = actions.Upload(b"\x89PNG\r\n\x1a\n0", "章.png", "image/png")
    with clock.frozen(NOW):
        return actions.save_application(
            None, data(hall, sessions=[span(day)], signature=picture, seal=picture), by=officer_of(unit)
        )


@pytest.mark.req("R045")
def test_in_time_until_the_last_minute_of_the_tenth_working_day(unit, hall):
    application = drafted(unit, hall)
    with clock.frozen(datetime(2026, 10, 27, 23, 59, tzinfo=clock.SHANGHAI)):
        done = actions.submit_application(application, pledged=True, by=officer_of(unit))
    assert done.state == ApplicationState.SUBMITTED
    assert done.lateness_days == 0
    assert done.rule_set is not None


@pytest.mark.req("R045")
def test_late_without_a_reason_is_refused_with_the_last_day(unit, hall):
    application = drafted(unit, hall)
    with clock.frozen(datetime(2026, 10, 28, 0, 0, tzinfo=clock.SHANGHAI)), pytest.raises(Refusal) as refusal:
        actions.submit_application(application, pledged=True, by=officer_of(unit))
    assert refusal.value.code == "too_late"
    assert refusal.value.clause == "三（五）"
    assert "2026" in str(refusal.value.message)
    assert "27" in str(refusal.value.message)
    application.refresh_from_db()
    assert application.state == ApplicationState.DRAFT


@pytest.mark.req("R045")
def test_late_with_a_reason_waits_for_the_approver(unit, hall):
    application = drafted(unit, hall)
    with clock.frozen(datetime(2026, 10, 29, 9, 0, tzinfo=clock.SHANGHAI)):
        late = actions.submit_application(
            application, pledged=True, late_reason="疫情停课", by=officer_of(unit)
        )
        assert (late.state, late.lateness_days) == (ApplicationState.LATE, 2)
        with pytest.raises(Forbidden):
            actions.schedule(late, [span("2026-11-10")], by=make_actor(Role.CENTRE_OFFICER))
        with pytest.raises(Forbidden):
            actions.return_application(late, opinion="不受理", by=make_actor(Role.CENTRE_OFFICER))
        batch = actions.schedule(late, [span("2026-11-10")], by=make_actor(Role.CENTRE_APPROVER))
    assert batch.application.state == ApplicationState.SCHEDULED


@pytest.mark.req("R194")
def test_the_pledge_is_the_annex_s_and_needs_a_tick(unit, hall):
    assert PLEDGE == bank_form.PLEDGE
    application = drafted(unit, hall)
    with clock.frozen(NOW), pytest.raises(Refusal) as refusal:
        actions.submit_application(application, pledged=False, by=officer_of(unit))
    assert refusal.value.code == "no_pledge"
    with clock.frozen(NOW):
        done = actions.submit_application(application, pledged=True, by=officer_of(unit))
    assert done.pledge_digest == sm3(PLEDGE.encode())
    assert done.pledged_at is not None


@pytest.mark.req("R195", "R196", "R197")
def test_no_submission_without_signature_seal_and_date(unit, hall):
    with clock.frozen(NOW):
        application = actions.save_application(None, data(hall, signed_on=None), by=officer_of(unit))
        with pytest.raises(Refusal) as refusal:
            actions.submit_application(application, pledged=True, by=officer_of(unit))
    assert refusal.value.code == "incomplete"


def test_a_submitted_application_cannot_be_changed_but_withdrawn(unit, hall):
    application = drafted(unit, hall)
    with clock.frozen(NOW):
        application = actions.submit_application(application, pledged=True, by=officer_of(unit))
        with pytest.raises(Refusal) as refusal:
            actions.save_application(application, data(hall), by=officer_of(unit))
        assert refusal.value.status == 409
        with pytest.raises(Refusal) as refusal:
            actions.submit_application(application, pledged=True, by=officer_of(unit))
        assert refusal.value.status == 409
        with pytest.raises(Forbidden):
            actions.withdraw_application(application, by=officer_of(make_institution()))
        assert (
            actions.withdraw_application(application, by=officer_of(unit)).state == ApplicationState.WITHDRAWN
        )
    verbs = list(ApplicationStep.objects.filter(application=application).values_list("verb", flat=True))
    assert verbs == ["create", "submit", "withdraw"]


@pytest.mark.req("R182", "R188")
def test_the_form_on_paper(unit, hall):
    application = drafted(unit, hall)
    form = prints.bank_form(application)
    assert form.institution == unit.full_name
    assert form.total == 100
    assert form.test_time == "2026年11月10日09:00-11:00"
    assert [row.post for row in form.rows] == ["土建施工员", "土建质量员"]
    assert render_docx(form)[:2] == b"PK"


def test_deadlines_are_counted_anew_on_a_newer_calendar(unit, hall, client):
    application = drafted(unit, hall)
    version = CalendarVersion.objects.create(
        source_document="更正", imported_at=NOW, imported_by="张", years=[2026]
    )
    CalendarDay.objects.create(version=version, date=date(2026, 11, 5), kind="holiday", name="临时放假")
    with clock.frozen(NOW):
        sign_in(client, make_user(Role.CENTRE_OFFICER))
        assert client.get(reverse("exams:queue")).status_code == 200
    application.refresh_from_db()
    assert application.deadline == date(2026, 10, 26)
    assert application.steps.filter(verb="deadline").exists()
    assert not jobs.recompute_if_stale()
    assert actions.recompute_deadlines() == 0


def form_of(hall, **changes):
    return {
        "hall": hall.pk,
        "clients_available": "100",
        "lead": "王强",
        "lead_mobile": "13812345678",
        "contact": "李敏",
        "contact_mobile": "13912345678",
        "signed_by": "王强",
        "signed_on": "2026-09-29",
        "sessions-TOTAL_FORMS": "1",
        "sessions-INITIAL_FORMS": "0",
        "sessions-0-day": "2026-11-10",
        "sessions-0-start": "09:00",
        "sessions-0-end": "11:00",
        "posts-TOTAL_FORMS": "1",
        "posts-INITIAL_FORMS": "0",
        "posts-0-post": Post.objects.get(code="101").pk,
        "posts-0-count": "80",
        "signature": SimpleUploadedFile("签字.png", b"\x89PNG\r\n\x1a\n0", "image/png"),
        "seal": SimpleUploadedFile("章.png", b"\x89PNG\r\n\x1a\n0", "image/png"),
        **changes,
    }


@pytest.mark.req("R045", "R194")
def test_an_institution_applies_through_its_pages(unit, hall, client):
    sign_in(client, make_user(Role.REGISTRAR, unit.organisation))
    assert client.post(reverse("exams:application_new"), form_of(hall)).status_code == 403
    client.logout()
    sign_in(client, make_user(Role.EXAM_OFFICER, unit.organisation))
    with clock.frozen(NOW):
        assert client.get(reverse("exams:application_new")).status_code == 200
        wrong = client.post(reverse("exams:application_new"), form_of(hall, clients_available="500"))
        assert wrong.status_code == 422
        assert "200" in wrong.content.decode()
        empty = client.post(reverse("exams:application_new"), form_of(hall, **{"posts-0-count": ""}))
        assert empty.status_code == 422
        more = client.post(reverse("exams:application_new"), form_of(hall, add_row="sessions"))
        assert more.status_code == 200
        assert "sessions-1-day" in more.content.decode()
        made = client.post(reverse("exams:application_new"), form_of(hall))
        application = BankApplication.objects.get()
        page = reverse("exams:application", args=[application.pk])
        assert made.status_code == 302
        assert made["Location"] == page
        text = client.get(page).content.decode()
        assert PLEDGE in text
        refused = client.post(reverse("exams:application_submit", args=[application.pk]), {})
        assert refused.status_code == 422
        done = client.post(reverse("exams:application_submit", args=[application.pk]), {"pledge": "on"})
        assert done.status_code == 302
        again = client.post(reverse("exams:application_submit", args=[application.pk]), {"pledge": "on"})
        assert again.status_code == 409
    application.refresh_from_db()
    assert application.state == ApplicationState.SUBMITTED
    image = client.get(reverse("exams:application_image", args=[application.pk, "seal"]))
    assert image["Content-Type"] == "image/png"
    assert client.get(reverse("exams:application_edit", args=[application.pk])).status_code == 302


def test_a_returned_application_is_changed_and_submitted_again(unit, client):
    application = make_application(unit)
    with pytest.raises(Refusal):
        actions.return_application(application, opinion=" ", by=make_actor(Role.CENTRE_OFFICER))
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    page = reverse("exams:application_return", args=[application.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"opinion": "请核对人数"}).status_code == 302
    application.refresh_from_db()
    assert application.state == ApplicationState.RETURNED
    client.logout()
    sign_in(client, make_user(Role.EXAM_OFFICER, unit.organisation))
    edit = reverse("exams:application_edit", args=[application.pk])
    assert "13812345678" in client.get(edit).content.decode()
    day = f"{clock.today() + timedelta(days=50):%Y-%m-%d}"
    values = form_of(application.hall, **{"sessions-0-day": day})
    assert client.post(edit, values).status_code == 302
    assert ApplicationSession.objects.filter(application=application).count() == 1
    submit = reverse("exams:application_submit", args=[application.pk])
    assert client.post(submit, {"pledge": "on"}).status_code == 302


def test_who_sees_which_application(unit):
    from zhupei.exams.access import applications_for

    draft = make_application(unit, state="draft")
    sent = make_application(unit)
    make_application()
    assert set(applications_for(officer_of(unit))) == {draft, sent}
    assert draft not in applications_for(make_actor(Role.CENTRE_OFFICER))
    assert applications_for(make_actor(Role.CENTRE_OFFICER)).count() == 2
    assert not applications_for(make_actor(Role.DISTRICT_OFFICER)).exists()
