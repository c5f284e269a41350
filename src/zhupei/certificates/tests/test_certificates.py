"""Issue, numbers, signature, revocation, the public check and its limit, who sees which."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_certificate,
    make_institution,
    make_learner,
    make_organisation,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.certificates import actions, throttle
from zhupei.certificates.api import Certificate, check, consume_news, is_intact
from zhupei.certificates.jobs import consume_news as job
from zhupei.certificates.models import CertificateCounter, CertificateEvent, ConsumedEvent
from zhupei.certificates.personal import records_of
from zhupei.certificates.prints import document_of
from zhupei.documents import certificate as printed
from zhupei.exams.api import confirm_batch, decide_void, propose_void
from zhupei.exams.models import Result
from zhupei.institutions.models import Institution
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.people.models import Person
from zhupei.rulebook.models import Post, RuleParameter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rules() -> None:
    make_rulebook()
    throttle.forget()


def void(result: Result) -> None:
    proposal = propose_void(result, reason="替考", by=make_actor(Role.CENTRE_OFFICER))
    decide_void(proposal, accept=True, reason="查实", by=make_actor(Role.CENTRE_APPROVER))


@pytest.mark.req("I01", "J22")
def test_only_confirmed_passes_get_a_certificate_and_only_once() -> None:
    batch = make_batch(state="returned", persons=[make_learner()[0], make_learner()[0]], wrong=60)
    assert consume_news() == 0  # provisional
    with clock.frozen(batch.slots.get().ends_at + timedelta(hours=1)):
        confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))
        assert (
            consume_news() == 1
        )  # of two who sat, by chance of the seats, the one who did not leave answers out
    assert consume_news() == 0
    ConsumedEvent.objects.update(last_id=0)  # read again from the start: nothing is done twice
    assert job.enqueue().return_value == 0
    certificate = Certificate.objects.get()
    person, user = certificate.person, certificate.person.user
    assert certificate.result == Result.objects.get(passed=True, state="confirmed")
    assert certificate.institution == batch.institution
    assert certificate.institution_name == batch.institution.full_name
    assert certificate.hours == 40
    assert certificate.events.get().state == "valid"
    assert is_intact(certificate)
    assert Notice.objects.filter(user=user, kind="certificates.issued").count() == 1
    assert records_of(person)[0]["number"] == certificate.number
    assert Person.objects.get(pk=person.pk).photo_frozen


@pytest.mark.req("I01", "J27")
def test_numbers_follow_the_pattern_with_a_running_number_of_the_year() -> None:
    first = make_certificate()
    second = make_certificate()
    year = f"{first.issued_on.year % 100:02d}"
    assert first.number == f"050{year}101{first.institution_id:04d}00001"
    assert second.number == f"050{year}101{second.institution_id:04d}00002"
    local = Post.objects.get(code="203")
    assert not local.is_national
    number = actions._next_number(local, 7, date(2031, 1, 5))
    assert number == "05031203000700001"  # local series, a new year begins at 1


def test_a_pattern_without_room_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    RuleParameter.objects.filter(key="certificate_pattern").update(value="{institution:01d}{seq:01d}")
    batch = make_batch(state="confirmed", candidates=1)
    year = clock.local(batch.confirmed_at).year
    CertificateCounter.objects.create(year=year, last=99)
    page = sign_in(Client(), make_user(Role.CENTRE_OFFICER)).get(reverse("certificates:list"))
    assert page.status_code == 200
    assert "waits: number_full" in caplog.text
    assert CertificateCounter.objects.get().last == 99
    RuleParameter.objects.filter(key="certificate_pattern").update(value="{yyyy}{seq:05d}")
    assert consume_news() == 1
    assert Certificate.objects.get().number == f"{year}00100"
    assert "暂缓" in page.content.decode()


@pytest.mark.req("R005")
def test_nothing_is_issued_while_the_institution_may_not() -> None:
    batch = make_batch(state="confirmed", candidates=1)
    Institution.objects.filter(pk=batch.institution_id).update(state="blocked")
    with clock.frozen(batch.slots.get().ends_at + timedelta(minutes=30)):
        assert consume_news() == 0
        officer = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
        assert "暂缓" in officer.get(reverse("certificates:list")).content.decode()
        Institution.objects.filter(pk=batch.institution_id).update(state="published")
        assert consume_news() == 1


@pytest.mark.req("I01")
def test_a_voided_result_revokes_and_the_public_is_told_the_difference() -> None:
    person, user = make_learner("周安娜")
    certificate = make_certificate(person=person)
    public = Client()
    url = reverse("certificates:check")
    assert public.get(url).status_code == 200
    assert public.get(url, {"number": ""}).status_code == 422
    valid = public.get(url, {"number": f" {certificate.number} "})
    text = valid.content.decode()
    assert "证书有效" in text
    assert certificate.institution_name in text
    assert "周**" in text
    for secret in ("周安娜", person.identity_number, person.identity_number[-4:], person.phone):
        assert secret not in re.sub(r"<[^>]*>", "", text).replace(certificate.number, "")
    unknown = public.get(url, {"number": "05026101999900001"})
    assert unknown.status_code == 404
    assert "查无此证" in unknown.content.decode()
    void(certificate.result)
    revoked = public.get(reverse("certificates:check_token", args=[certificate.check_token])).content.decode()
    assert "后被撤销" in revoked
    assert "查无此证" not in revoked
    assert consume_news() == 0
    assert public.get(reverse("certificates:check_token", args=["wrong"])).status_code == 404
    assert [e.state for e in CertificateEvent.objects.order_by("pk")] == ["valid", "revoked"]
    assert Notice.objects.filter(user=user, kind="certificates.revoked").count() == 1
    view = check(certificate.number)
    assert view is not None
    assert not view.is_valid


def test_confirmed_and_voided_before_anybody_looked_is_never_issued() -> None:
    batch = make_batch(state="confirmed", candidates=1)
    void(Result.objects.get(candidate__batch=batch))
    assert consume_news() == 0
    assert not Certificate.objects.exists()


def test_a_changed_record_is_not_vouched_for() -> None:
    certificate = make_certificate()
    Certificate.objects.filter(pk=certificate.pk).update(holder_name="别人")
    page = Client().get(reverse("certificates:check"), {"number": certificate.number})
    assert "请勿采信" in page.content.decode()
    assert "别" not in page.content.decode().split("请勿采信")[1].split("</section>")[0]


def test_checks_are_limited_by_address() -> None:
    url = reverse("certificates:check")
    client, other = Client(REMOTE_ADDR="10.0.0.1"), Client(REMOTE_ADDR="10.0.0.2")
    for _ in range(30):
        assert client.get(url, {"number": "1"}).status_code == 404
    blocked = client.get(url, {"number": "1"})
    assert blocked.status_code == 429
    assert "核验次数过多" in blocked.content.decode()
    assert 0 < int(blocked["Retry-After"]) <= 61
    assert client.get(reverse("certificates:check_token", args=["x"])).status_code == 429
    assert client.get(url).status_code == 200  # the empty form is no check
    assert other.get(url, {"number": "1"}).status_code == 404


@pytest.mark.req("J26")
def test_the_paper_says_what_it_is_not() -> None:
    certificate = make_certificate()
    document = document_of(certificate, "https://zhupei.test/certificates/check/x/")
    assert document.status == "有效"
    assert document.id_last4 == certificate.id_last4
    job_data = str(printed.job(document).data)
    assert "培训合格证" in job_data
    assert "不是行政许可" in job_data
    for word in ("安全生产", "考核合格证书", "C证", "C 证"):
        assert word not in job_data
    page = Client().get(reverse("certificates:check"), {"number": certificate.number}).content.decode()
    assert "不是行政许可" in page


def test_who_sees_which(django_assert_max_num_queries: Any) -> None:
    person, user = make_learner("周安娜")
    mine = make_certificate(person=person, institution=make_institution(division_code="500157"))
    other = make_certificate(institution=make_institution(division_code="500101"))
    district = make_user(Role.DISTRICT_OFFICER, make_organisation("district", division_code="500157"))
    registrar = make_user(Role.REGISTRAR, mine.institution.organisation)
    url = reverse("certificates:list")
    for who, sees in (
        (make_user(Role.CENTRE_OFFICER), {mine, other}),
        (make_user(Role.CITY_OFFICE), {mine, other}),
        (district, {mine}),
        (registrar, {mine}),
    ):
        client = sign_in(Client(), who)
        text = client.get(url).content.decode()
        assert {one for one in (mine, other) if one.number in text} == sees
        for one in (mine, other):
            expected = 200 if one in sees else 404
            assert client.get(reverse("certificates:detail", args=[one.pk])).status_code == expected
    client = sign_in(Client(), registrar)
    with django_assert_max_num_queries(18):
        client.get(url)
    pdf = client.get(reverse("certificates:pdf", args=[mine.pk]))
    assert pdf.content.startswith(b"%PDF")
    assert client.get(reverse("certificates:pdf", args=[other.pk])).status_code == 404
    assert mine.number in client.get(url, {"q": "安娜"}).content.decode()
    assert mine.number in client.get(url, {"q": mine.number[:9]}).content.decode()
    assert "没有符合条件" in client.get(url, {"q": "无此人"}).content.decode()
    assert mine.number not in client.get(url, {"state": "revoked"}).content.decode()
    assert mine.number in client.get(url, {"post": mine.post_id}).content.decode()
    learner = sign_in(Client(), user)
    assert mine.number in learner.get(reverse("certificates:mine")).content.decode()
    assert learner.get(reverse("certificates:pdf", args=[mine.pk])).status_code == 200
    assert learner.get(reverse("certificates:pdf", args=[other.pk])).status_code == 404
    empty = sign_in(Client(), make_learner()[1])
    assert "还没有证书" in empty.get(reverse("certificates:mine")).content.decode()
