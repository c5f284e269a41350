"""The pages: manual credits by two persons, ledgers for staff and learners."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.makers import (
    as_actor,
    make_actor,
    make_hours,
    make_institution,
    make_learner,
    make_organisation,
    make_person,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.audit.api import events_on
from zhupei.evidence.models import StoredFile
from zhupei.hours.api import (
    HourEntry,
    Ledger,
    ManualCredit,
    accepted_hours,
    decide_credit,
    has_exception,
    propose_credit,
    reverse_entry,
    verify_ledger,
)
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.organisations.api import OrganisationKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    """An institution with a learner's ledger of 8 hours (enrolment 7)."""
    make_rulebook()
    institution = make_organisation(OrganisationKind.INSTITUTION)
    person, user = make_learner("王小明")
    make_hours(7, person, 8, organisation_id=institution.pk)
    return institution, person, user


def pdf(data=b"%PDF-1.7 minutes of the class", name="记录.pdf"):
    return SimpleUploadedFile(name, data, "application/pdf")


def proposal(**fields):
    return {
        "hours": "4",
        "occurred_on": clock.today().isoformat(),
        "reason": "停电，签到机离线，见纸质签到表",
        "evidence": pdf(),
        **fields,
    }


def make_credit(institution, person, by=None, **fields):
    values = {
        "person": person,
        "enrolment_id": 7,
        "organisation_id": institution.pk,
        "post_code": "101",
        "hours": Decimal(4),
        "occurred_on": clock.today(),
        "reason": "停电，见纸质签到表",
        "evidence": b"%PDF-1.7",
        "evidence_name": "a.pdf",
        "evidence_type": "application/pdf",
    }
    return propose_credit(**values | fields, by=by or make_actor(Role.REGISTRAR, institution))


# ── manual credit ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R025")
def test_one_proposes_with_evidence_another_approves(client, place):
    institution, _person, user = place
    sign_in(client, make_user(Role.REGISTRAR, institution))
    assert client.get("/hours/ledger/7/credit/").status_code == 200
    answer = client.post("/hours/ledger/7/credit/", proposal())
    assert answer.status_code == 302
    credit = ManualCredit.objects.get()
    assert accepted_hours(7) == Decimal(8)
    file = StoredFile.objects.get()
    assert (file.retention, file.organisation_id, file.purpose) == (
        "archive",
        institution.pk,
        "hours.evidence",
    )
    assert client.post(f"/hours/credits/{credit.pk}/decide/", {"verdict": "approve"}).status_code == 403

    head = make_user(Role.TEACHING_HEAD, institution)
    sign_in(client, head)
    assert "王小明" in client.get("/hours/credits/").content.decode()
    page = client.get(f"/hours/credits/{credit.pk}/").content.decode()
    assert 'value="approve"' in page
    evidence = client.get(f"/hours/credits/{credit.pk}/evidence/")
    assert evidence.content.startswith(b"%PDF-")
    assert client.get(f"/hours/credits/{credit.pk}/decide/").status_code == 405
    assert client.post(f"/hours/credits/{credit.pk}/decide/", {}).status_code == 422
    assert client.post(f"/hours/credits/{credit.pk}/decide/", {"verdict": "approve"}).status_code == 302
    credit.refresh_from_db()
    assert (credit.state, credit.decided_by_id) == ("approved", head.pk)
    entry = HourEntry.objects.get(source="manual")
    assert (entry.hours, entry.note) == (Decimal(4), "停电，签到机离线，见纸质签到表")
    assert accepted_hours(7) == Decimal(12)
    assert Notice.objects.filter(user=user, kind="hours.credited").count() == 1
    assert [e.code for e in events_on(credit)] == ["hours.credit_proposed", "hours.credit_approved"]
    assert (
        client.post(
            f"/hours/credits/{credit.pk}/decide/", {"verdict": "refuse", "reason": "改主意了"}
        ).status_code
        == 409
    )
    assert accepted_hours(7) == Decimal(12)
    assert verify_ledger().whole


@pytest.mark.req("R025")
def test_who_proposed_never_decides(client, place):
    institution, person, _user = place
    head = make_user(Role.TEACHING_HEAD, institution)
    credit = make_credit(institution, person, by=as_actor(head))
    sign_in(client, head)
    assert 'value="approve"' not in client.get(f"/hours/credits/{credit.pk}/").content.decode()
    assert client.post(f"/hours/credits/{credit.pk}/decide/", {"verdict": "approve"}).status_code == 403
    with pytest.raises(Refusal) as refused:
        decide_credit(credit, True, by=as_actor(head))
    assert refused.value.code == "same_person"
    assert accepted_hours(7) == Decimal(8)
    decide_credit(credit, True, by=make_actor(Role.INSTITUTION_HEAD, institution))
    assert accepted_hours(7) == Decimal(12)


@pytest.mark.req("R025")
def test_a_refusal_needs_a_reason_and_a_decision_stands(place):
    institution, person, _user = place
    credit, head = make_credit(institution, person), make_actor(Role.TEACHING_HEAD, institution)
    with pytest.raises(Refusal) as refused:
        decide_credit(credit, False, by=head)
    assert refused.value.code == "reason_missing"
    decide_credit(credit, False, "签到表无本人签名", by=head)
    for accept in (True, False):
        with pytest.raises(Conflict) as refused:
            decide_credit(credit, accept, "再来一次", by=make_actor(Role.INSTITUTION_HEAD, institution))
        assert refused.value.code == "wrong_state"
    assert accepted_hours(7) == Decimal(8)


def test_others_neither_propose_nor_decide(place):
    institution, person, _user = place
    credit = make_credit(institution, person)
    for role in (Role.REGISTRAR, Role.TEACHER, Role.EXAM_OFFICER):
        with pytest.raises(Forbidden):
            decide_credit(credit, True, by=make_actor(role, institution))
    for by in (
        make_actor(Role.TEACHING_HEAD),
        make_actor(Role.CENTRE_APPROVER),
        make_actor(Role.LEARNER),
    ):
        with pytest.raises(Forbidden):
            decide_credit(credit, True, by=by)
        with pytest.raises(Forbidden):
            make_credit(institution, person, by=by)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"evidence": b""}, "bad_evidence"),
        ({"evidence": bytes(10 * 1024 * 1024 + 1)}, "bad_evidence"),
        ({"evidence_type": "text/html"}, "bad_evidence"),
        ({"hours": Decimal("40.5")}, "bad_hours"),
        ({"hours": Decimal(0)}, "bad_hours"),
        ({"reason": "停"}, "reason_missing"),
        ({"occurred_on": clock.today().replace(year=clock.today().year + 1, day=1)}, "day_to_come"),
        ({"post_code": "102"}, "other_ledger"),
    ],
)
@pytest.mark.req("R025")
def test_what_a_proposal_must_have(place, fields, code):
    institution, person, _user = place
    with pytest.raises(Refusal) as refused:
        make_credit(institution, person, **fields)
    assert refused.value.code == code
    assert not ManualCredit.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"hours": "0"},
        {"hours": "41"},
        {"hours": "vier"},
        {"occurred_on": "2099-01-01"},
        {"reason": ""},
        {"evidence": ""},
        {"evidence": pdf(b"<html>")},
        {"evidence": pdf(name="a.html")},
    ],
)
def test_the_form_says_what_is_wrong(client, place, fields):
    sign_in(client, make_user(Role.TEACHER, place[0]))
    answer = client.post("/hours/ledger/7/credit/", proposal(**fields))
    assert answer.status_code == 422
    assert "z-errors" in answer.content.decode()
    assert not ManualCredit.objects.exists()


def test_the_queue_pages_with_a_fixed_number_of_queries(client, place, django_assert_num_queries):
    institution, person, _user = place
    by = make_actor(Role.REGISTRAR, institution)
    for _i in range(31):
        make_credit(institution, person, by=by)
    decided = make_credit(institution, person, by=by)
    decide_credit(decided, True, by=make_actor(Role.TEACHING_HEAD, institution))
    sign_in(client, make_user(Role.TEACHING_HEAD, institution))
    client.get("/hours/credits/")
    with django_assert_num_queries(8):
        page = client.get("/hours/credits/")
    assert len(page.context["page"].items) == 30
    rest = client.get("/hours/credits/" + page.context["page"].next_url)
    assert len(rest.context["page"].items) == 1
    every = client.get("/hours/credits/?state=all")
    assert every.context["page"].items[0] == decided
    sign_in(client, make_user(Role.TEACHING_HEAD))
    assert "z-empty" in client.get("/hours/credits/").content.decode()


# ── ledger of one enrolment ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R029")
def test_who_sees_which_ledger_and_supervisors_leave_a_trace(client):
    make_rulebook()
    institution = make_institution(division_code="500157")
    make_hours(7, make_person(), 8, organisation_id=institution.organisation_id)
    here = make_organisation(OrganisationKind.DISTRICT, division_code="500157")
    there = make_organisation(OrganisationKind.DISTRICT, division_code="500103")
    ledger = Ledger.objects.get()
    expected = [
        (make_user(Role.TEACHER, institution.organisation), 200, 0),
        (make_user(Role.TEACHER), 404, 0),
        (make_user(Role.DISTRICT_OFFICER, here), 200, 1),
        (make_user(Role.DISTRICT_OFFICER, there), 404, 1),
        (make_user(Role.CENTRE_OFFICER), 200, 2),
        (make_user(Role.CITY_OFFICE), 200, 3),
    ]
    for user, status, reads in expected:
        assert sign_in(client, user).get("/hours/ledger/7/").status_code == status
        assert len([e for e in events_on(ledger) if e.code == "hours.ledger_read"]) == reads
    assert client.get("/hours/ledger/8/").status_code == 404


def test_the_ledger_shows_every_line_with_a_fixed_number_of_queries(client, place, django_assert_num_queries):
    institution, person, _user = place
    entry = make_hours(7, person, 2, organisation_id=institution.pk)
    reverse_entry(entry, reason="中途离场", by=make_actor(Role.CENTRE_APPROVER))
    credit = make_credit(institution, person)
    sign_in(client, make_user(Role.TEACHING_HEAD, institution))
    client.get("/hours/ledger/7/")
    with django_assert_num_queries(13):
        page = client.get("/hours/ledger/7/").content.decode()
    assert page.count("<del>") == 1
    assert page.count("中途离场") == 2
    assert f"/hours/credits/{credit.pk}/" in page
    assert page.count("/reverse/") == 1  # neither the reversed line nor the reversal
    assert "/hours/ledger/7/credit/" in page
    sign_in(client, make_user(Role.EXAM_OFFICER, institution))
    page = client.get("/hours/ledger/7/").content.decode()
    assert "/reverse/" not in page
    assert "/hours/ledger/7/credit/" not in page


def test_long_ledgers_page(client, place):
    institution, person, _user = place
    for _i in range(55):
        make_hours(7, person, "0.5", organisation_id=institution.pk)
    sign_in(client, make_user(Role.TEACHER, institution))
    page = client.get("/hours/ledger/7/").context["page"]
    assert len(page.items) == 50
    assert len(client.get("/hours/ledger/7/" + page.next_url).context["page"].items) == 6


def test_a_reversal_is_confirmed_with_a_reason(client, place):
    institution, _person, _user = place
    entry = HourEntry.objects.get()
    url = f"/hours/entries/{entry.pk}/reverse/"
    sign_in(client, make_user(Role.TEACHING_HEAD))
    assert client.get(url).status_code == 404
    sign_in(client, make_user(Role.TEACHING_HEAD, institution))
    assert "王小明" in client.get(url).content.decode()
    assert accepted_hours(7) == Decimal(8)
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "签"}).status_code == 422
    assert client.post(url, {"reason": "签到后离场"}).status_code == 302
    assert accepted_hours(7) == 0
    assert client.post(url, {"reason": "签到后离场"}).status_code == 409


@pytest.mark.req("R022")
def test_the_approver_grants_an_exception(client, place):
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    assert "/exception/" in client.get("/hours/ledger/7/").content.decode()
    url = "/hours/ledger/7/exception/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "两年现场经验，岗位经历证明在案"}).status_code == 302
    assert has_exception(7)
    page = client.get("/hours/ledger/7/").content.decode()
    assert "两年现场经验" in page
    assert "/exception/" not in page
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": "两年现场经验，岗位经历证明在案"}).status_code == 409


# ── the learner's own ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R022")
def test_a_learner_sees_each_of_his_hours_with_its_reason(client, place, django_assert_num_queries):
    institution, person, user = place
    entry = make_hours(7, person, 2, organisation_id=institution.pk)
    reverse_entry(entry, reason="中途离场", by=make_actor(Role.CENTRE_APPROVER))
    make_hours(9, make_person("赵钱"), 3)
    make_hours(8, person, 40, post_code="102", organisation_id=institution.pk)
    sign_in(client, user)
    client.get("/hours/mine/")
    with django_assert_num_queries(10):
        page = client.get("/hours/mine/").content.decode()
    assert page.count('class="z-ring') >= 2
    assert "z-ring-met" in page
    assert page.count("<del>") == 1
    assert "中途离场" in page
    assert "赵钱" not in page
    assert "/reverse/" not in page


def test_a_learner_without_hours_is_told_what_to_do(client):
    make_rulebook()
    _person, user = make_learner()
    assert "z-empty" in sign_in(client, user).get("/hours/mine/").content.decode()
