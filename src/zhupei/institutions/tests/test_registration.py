"""The way of a registration, from the public page to the public list."""

import io
import re
from datetime import date, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image
from tests.makers import (
    make_actor,
    make_institution,
    make_organisation,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.accounts.api import User
from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import StoredFile
from zhupei.institutions import actions, events, throttle
from zhupei.institutions.actions.registration import check_uscc
from zhupei.institutions.choices import REGISTRATION, RegistrationState
from zhupei.institutions.models import Institution, Licence, Qualification, RegistrationStep
from zhupei.institutions.queries import uscc_warning
from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import Notice
from zhupei.notices.senders import Memory
from zhupei.organisations.api import Membership, Organisation
from zhupei.rulebook.api import Post

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, tzinfo=clock.SHANGHAI)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
USCC = "91110000600037341L"
APPLICATION = {
    "type": "contractor",
    "uscc": USCC,
    "full_name": "重庆某某建设集团有限公司",
    "legal_representative": "王建国",
    "division_code": "500157",
    "address": "两江新区金开大道 1 号",
    "contact": "李文",
    "contact_phone": "023-63601234",
    "applicant": "赵敏",
    "login": "zhaomin",
    "mobile": "13812345678",
}
PASSWORD = "Gong-Di-2026"


@pytest.fixture(autouse=True)
def _rule():
    with clock.frozen(NOW):
        make_rulebook()
        yield


@pytest.fixture(autouse=True)
def _forget():
    throttle.forget()


@pytest.fixture
def district():
    return make_organisation("district", division_code="500157")


def picture(kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, kind)
    return out.getvalue()


def qualification(**changes):
    values = {
        "certificate_no": "D1",
        "category": "general",
        "specialty": "建筑工程施工总承包",
        "grade": "first",
        "issuer": "住房城乡建设部",
        "issued_on": date(2022, 1, 1),
        "valid_to": date(2027, 12, 31),
    }
    return {**values, **changes}


def head_of(institution):
    return make_actor(Role.INSTITUTION_HEAD, institution.organisation)


def officer(district):
    return make_actor(Role.DISTRICT_OFFICER, district)


def office():
    return make_actor(Role.CITY_EDUCATION_OFFICE)


# ── the public start ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R005", "R007")
def test_an_applicant_opens_the_account_with_a_code(client, django_capture_on_commit_callbacks):
    url = reverse("institutions:apply")
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post(url, {**APPLICATION, "send_code": "1"})
    assert page.status_code == 200
    assert "138****5678" in page.content.decode()
    (phone, text), *_ = Memory.sent
    assert phone == "13812345678"
    code = re.search(r"\d{6}", text)[0]
    assert not Institution.objects.exists()
    wrong = client.post(
        url, {**APPLICATION, "code": "000000" if code != "000000" else "111111", "password": PASSWORD}
    )
    assert wrong.status_code == 422
    assert not User.objects.filter(login="zhaomin").exists()
    done = client.post(url, {**APPLICATION, "code": code, "password": PASSWORD})
    assert done.status_code == 302
    institution = Institution.objects.get()
    assert (institution.state, institution.uscc, institution.division_code) == ("draft", USCC, "500157")
    user = User.objects.get(login="zhaomin")
    assert user.check_password(PASSWORD)
    membership = Membership.objects.get(user=user)
    assert (membership.role, membership.organisation) == (Role.INSTITUTION_HEAD, institution.organisation)
    assert [step.verb for step in institution.steps.all()] == ["apply"]
    sign_in(client, user)
    page = client.get(reverse("institutions:mine"), follow=True).content.decode()
    assert institution.full_name in page
    again = client.post(url, {**APPLICATION, "send_code": "1"})
    assert again.status_code == 409


@pytest.mark.req("R007")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"uscc": "91110000600037341K"}, "uscc"),  # checksum
        ({"uscc": "9111000060003734"}, "uscc"),  # length
        ({"uscc": "91110000600037341I"}, "uscc"),  # a letter no code has
        ({"division_code": "500105"}, "division_code"),  # 江北区 ended in January
        ({"division_code": ""}, "division_code"),
        ({"contact": "123"}, "contact"),
        ({"contact_phone": "12"}, "contact_phone"),
        ({"mobile": "023-63601234"}, "mobile"),
        ({"login": "赵敏"}, "login"),
        ({"login": "id"}, "login"),
        ({"type": "club"}, "type"),
    ],
)
def test_an_application_that_cannot_be(client, changes, field):
    page = client.post(reverse("institutions:apply"), {**APPLICATION, **changes, "send_code": "1"})
    assert page.status_code == 422
    assert field in page.context["form"].errors
    assert not Memory.sent


@pytest.mark.parametrize(
    ("password", "code"), [("short", "123456"), ("zhao-min-long-enough", "123456"), (PASSWORD, "")]
)
def test_weak_passwords_and_missing_codes(client, password, code):
    page = client.post(reverse("institutions:apply"), {**APPLICATION, "password": password, "code": code})
    assert page.status_code == 422
    assert not Organisation.objects.filter(kind="institution").exists()


def test_one_address_asks_for_so_many_codes_only(client):
    url = reverse("institutions:apply")
    answers = [
        client.post(url, {**APPLICATION, "mobile": f"138123{n:05d}", "send_code": "1"}).status_code
        for n in range(31)
    ]
    assert answers == [200] * 30 + [429]


def test_names_that_are_taken():
    institution = make_institution(name="某某学校")
    make_user(Role.CENTRE_OFFICER)
    data = {**APPLICATION, "password": PASSWORD}
    for changes, code in [
        ({"uscc": institution.uscc}, "uscc_taken"),
        ({"full_name": "某某学校"}, "name_taken"),
        ({"login": User.objects.first().login}, "login_taken"),
    ]:
        with pytest.raises(Refusal) as refused:
            actions.apply({**data, **changes}, "123456", by=ANONYMOUS)
        assert refused.value.code == code
        assert refused.value.status == 409


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R008", "R009")
def test_scans_are_kept_and_read_on_record(client, district):
    institution = make_institution(state="draft")
    institution.qualifications.all().delete()
    head = make_user(Role.INSTITUTION_HEAD, institution.organisation)
    sign_in(client, head)
    url = reverse("institutions:qualification_add", args=[institution.pk])
    scan = SimpleUploadedFile("资质.pdf", PDF, "application/pdf")
    assert client.post(url, {**qualification(), "scan": scan}).status_code == 302
    row = institution.qualifications.get()
    assert (row.scan.content_type, row.checked_at) == ("application/pdf", None)
    scan = SimpleUploadedFile("执照.png", picture(), "image/png")
    url = reverse("institutions:licence_add", args=[institution.pk])
    assert (
        client.post(
            url, {"kind": "business", "number": "1", "issuer": "市场监管局", "scan": scan}
        ).status_code
        == 302
    )
    response = client.get(reverse("institutions:licence_scan", args=[institution.licences.get().pk]))
    assert response.content == picture()
    assert (
        AuditEvent.objects.filter(code=events.SCAN_READ, organisation_id=institution.organisation_id).count()
        == 1
    )
    assert (
        client.post(reverse("institutions:licence_remove", args=[institution.licences.get().pk])).status_code
        == 302
    )
    assert client.post(reverse("institutions:qualification_remove", args=[row.pk])).status_code == 302
    assert not Qualification.objects.filter(institution=institution).exists()
    assert (
        AuditEvent.objects.filter(code__in=[events.LICENCE_REMOVED, events.QUALIFICATION_REMOVED]).count()
        == 2
    )


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4 cut off",
        b"\x89PNG\r\n\x1a\n damaged",
        b"\xff\xd8\xff damaged",
        b"<html>",
        b"%PDF-" + b"x" * (10 * 1024 * 1024),
    ],
    ids=["pdf cut off", "png", "jpg", "html", "too large"],
)
def test_scans_are_checked_by_their_content(data):
    institution = make_institution(state="draft")
    with pytest.raises(Refusal) as refused:
        actions.add_qualification(institution, qualification(), data, "a.pdf", by=head_of(institution))
    assert "scan" in refused.value.fields
    assert not StoredFile.objects.exists()


def test_a_picture_with_too_many_pixels():
    out = io.BytesIO()
    Image.new("1", (8000, 8000)).save(out, "PNG")
    institution = make_institution(state="draft")
    with pytest.raises(Refusal) as refused:
        actions.add_qualification(
            institution, qualification(), out.getvalue(), "a.png", by=head_of(institution)
        )
    assert refused.value.code == "scan_too_large"


def test_certificates_and_who_may_change_them(district):
    institution = make_institution("social", state="draft")
    head = head_of(institution)
    with pytest.raises(Refusal, match="not_a_contractor"):
        actions.add_qualification(institution, qualification(), PDF, "a.pdf", by=head)
    contractor = make_institution(state="draft")
    with pytest.raises(Refusal, match="dates_reversed"):
        actions.add_qualification(
            contractor, qualification(valid_to=date(2021, 1, 1)), PDF, "a.pdf", by=head_of(contractor)
        )
    with pytest.raises(Refusal, match="other_organisation"):
        actions.add_licence(contractor, {}, PDF, "a.pdf", by=head)
    published = make_institution("social")
    with pytest.raises(Conflict):
        actions.remove_licence(published.licences.get(), by=head_of(published))
    vetting = make_institution(state="city_review")
    with pytest.raises(Conflict):
        actions.add_qualification(vetting, qualification(), PDF, "a.pdf", by=head_of(vetting))
    assert Licence.objects.count() == 2
    no_scan = published.licences.get()
    with pytest.raises(Refusal) as refused:
        actions.read_scan(no_scan, by=head)
    assert refused.value.status == 404


@pytest.mark.req("R008")
def test_a_renewed_qualification_opens_no_gate_before_it_is_checked(district):
    from zhupei.institutions.api import require_may_train

    make_user(Role.DISTRICT_OFFICER, district)
    institution = make_institution()
    institution.qualifications.update(valid_to=date(2026, 11, 30))
    new = actions.add_qualification(
        institution, qualification(issued_on=date(2026, 11, 1)), PDF, "a.pdf", by=head_of(institution)
    )
    assert Notice.objects.filter(title__contains=institution.full_name).count() == 1
    with pytest.raises(Refusal, match="qualification_missing"):
        require_may_train(institution, on=date(2026, 12, 1))
    elsewhere = make_actor(Role.DISTRICT_OFFICER, make_organisation("district", division_code="500101"))
    for wrong in (elsewhere, head_of(institution), make_actor(Role.CENTRE_OFFICER)):
        with pytest.raises(Refusal) as refused:
            actions.check_qualification(new, by=wrong)
        assert refused.value.status == 403
    actions.check_qualification(new, by=officer(district))
    require_may_train(institution, on=date(2026, 12, 1))
    with pytest.raises(Conflict, match="already_checked"):
        actions.check_qualification(new, by=office())


# ── handing in, vetting, registering, publishing ────────────────────────────────────────────────────────


@pytest.mark.req("R005", "R006", "R007", "R008", "R079")
def test_the_whole_way(client, district):
    institution = make_institution(state="draft")
    institution.qualifications.all().delete()
    institution.posts.clear()
    head = make_user(Role.INSTITUTION_HEAD, institution.organisation)
    vetter = make_user(Role.DISTRICT_OFFICER, district)
    registrar = make_user(Role.CITY_EDUCATION_OFFICE)
    pk = [institution.pk]
    sign_in(client, head)
    refused = client.post(reverse("institutions:submit", args=pk))
    assert refused.status_code == 422
    assert "一级" in refused.content.decode()
    values = {
        "type": "contractor",
        "full_name": institution.full_name,
        "legal_representative": "王建国",
        "division_code": "500157",
        "address": "两江新区",
        "contact": "李文",
        "contact_phone": "023-63601234",
        "posts": [post.pk for post in Post.objects.all()[:3]],
    }
    assert client.post(reverse("institutions:edit", args=pk), {**values, "posts": []}).status_code == 422
    assert client.post(reverse("institutions:edit", args=pk), values).status_code == 302
    scan = SimpleUploadedFile("资质.jpg", picture("JPEG"), "image/jpeg")
    client.post(reverse("institutions:qualification_add", args=pk), {**qualification(), "scan": scan})
    assert client.post(reverse("institutions:submit", args=pk)).status_code == 302
    assert client.post(reverse("institutions:submit", args=pk)).status_code == 409  # pressed twice
    assert client.get(reverse("institutions:edit", args=pk)).status_code == 200
    assert client.post(reverse("institutions:edit", args=pk), values).status_code == 409

    sign_in(client, vetter)
    assert institution.full_name in client.get(reverse("institutions:list")).content.decode()
    assert client.get(reverse("institutions:vet", args=pk)).status_code == 200
    unchecked = client.post(reverse("institutions:vet", args=pk), {"opinion": "属实"})
    assert unchecked.status_code == 409
    row = institution.qualifications.get()
    assert client.post(reverse("institutions:qualification_check", args=[row.pk])).status_code == 302
    assert client.post(reverse("institutions:return", args=pk), {"opinion": ""}).status_code == 422
    assert (
        client.post(reverse("institutions:return", args=pk), {"opinion": "地址与营业执照不符"}).status_code
        == 302
    )
    assert client.post(reverse("institutions:vet", args=pk), {"opinion": "属实"}).status_code == 409

    sign_in(client, head)
    assert "地址与营业执照不符" in client.get(reverse("institutions:detail", args=pk)).content.decode()
    client.post(reverse("institutions:submit", args=pk))
    sign_in(client, vetter)
    assert (
        client.post(reverse("institutions:vet", args=pk), {"opinion": "材料属实，同意上报"}).status_code
        == 302
    )

    sign_in(client, registrar)
    assert client.get(reverse("institutions:register", args=pk)).status_code == 200
    assert client.post(reverse("institutions:register", args=pk), {}).status_code == 302
    institution.refresh_from_db()
    assert (institution.state, institution.registration_no) == ("registered", "20260001")
    public = reverse("institutions:public_detail", args=pk)
    assert client.get(public).status_code == 404
    assert client.post(reverse("institutions:publish", args=pk)).status_code == 302
    client.logout()
    assert client.get(public).status_code == 200
    verbs = [step.verb for step in institution.steps.order_by("pk")]
    assert verbs == ["submit", "return", "submit", "vet", "register", "publish"]
    assert institution.steps.get(verb="vet").unit == district.name
    codes = set(AuditEvent.objects.values_list("code", flat=True))
    expected = {events.SUBMITTED, events.RETURNED, events.VETTED, events.REGISTERED, events.PUBLISHED}
    assert expected | {events.EDITED, events.QUALIFICATION_ADDED, events.QUALIFICATION_CHECKED} <= codes
    assert Notice.objects.filter(user=head).count() >= 4


ACTS = {
    "submit": (lambda i, by: actions.submit(i, by=by), {Role.INSTITUTION_HEAD}),
    "vet": (lambda i, by: actions.vet(i, "同意", by=by), {Role.DISTRICT_OFFICER}),
    "return": (
        lambda i, by: actions.return_registration(i, "补正", by=by),
        {Role.DISTRICT_OFFICER, Role.CITY_EDUCATION_OFFICE},
    ),
    "register": (lambda i, by: actions.register(i, by=by), {Role.CITY_EDUCATION_OFFICE}),
    "publish": (lambda i, by: actions.publish(i, by=by), {Role.CITY_EDUCATION_OFFICE}),
    "block": (lambda i, by: actions.block(i, "渝建〔2026〕3号", by=by), {Role.CITY_EDUCATION_OFFICE}),
    "restore": (lambda i, by: actions.restore(i, "渝建〔2026〕4号", by=by), {Role.CITY_EDUCATION_OFFICE}),
    "cancel": (lambda i, by: actions.cancel(i, "自行申请", by=by), {Role.CITY_EDUCATION_OFFICE}),
}


def right_person(verb, institution, district):
    if verb == "submit":
        return head_of(institution)
    if verb == "vet" or (verb == "return" and institution.state == "district_review"):
        return officer(district)
    return office()


@pytest.mark.req("R005", "R006", "R079", "R084")
@pytest.mark.parametrize("verb", sorted(ACTS))
@pytest.mark.parametrize("state", RegistrationState.values)
def test_the_machine_walks_only_its_table(verb, state, district):
    institution = make_institution(state=state)
    institution.qualifications.update(checked_at=NOW)
    institution.steps.all().delete()
    act, _roles = ACTS[verb]
    by = right_person(verb, institution, district)
    if not REGISTRATION.allows(state, verb):
        with pytest.raises(Conflict):
            act(institution, by)
        institution.refresh_from_db()
        assert institution.state == state
        assert not institution.steps.exists()
        return
    moved = act(institution, by)
    institution.refresh_from_db()
    assert moved.state == institution.state == REGISTRATION.after(state, verb)
    assert institution.steps.get().verb == verb


def test_the_table_names_exactly_these_acts():
    assert REGISTRATION.verbs == set(ACTS)


@pytest.mark.req("R079")
@pytest.mark.parametrize("verb", sorted(ACTS))
def test_wrong_roles_and_other_districts(verb, district):
    state = next(a for a, v, _b in REGISTRATION.moves() if v == verb)
    institution = make_institution(state=state)
    act, roles = ACTS[verb]
    wrong = [make_actor(role) for role in sorted(set(Role) - roles)]
    if Role.INSTITUTION_HEAD in roles:
        wrong.append(make_actor(Role.INSTITUTION_HEAD, make_institution().organisation))
    if Role.DISTRICT_OFFICER in roles:
        wrong.append(make_actor(Role.DISTRICT_OFFICER, make_organisation("district", division_code="500101")))
    for by in wrong:
        with pytest.raises(Refusal) as refused:
            act(institution, by)
        assert refused.value.status == 403
    institution.refresh_from_db()
    assert institution.state == state


@pytest.mark.req("R079")
def test_each_reviewer_returns_only_in_his_turn(district):
    institution = make_institution(state="district_review")
    with pytest.raises(Refusal) as refused:
        actions.return_registration(institution, "补正", by=office())
    assert refused.value.status == 403
    institution = make_institution(state="city_review")
    with pytest.raises(Refusal):
        actions.return_registration(institution, "补正", by=officer(district))
    stale = Institution.objects.get(pk=institution.pk)
    stale.state = "district_review"  # what the district's page showed before
    with pytest.raises(Conflict):
        actions.return_registration(stale, "补正", by=officer(district))


@pytest.mark.req("R008", "R009")
@pytest.mark.parametrize(
    ("type", "spoil", "code"),
    [
        ("contractor", lambda i: i.qualifications.update(grade="second"), "qualification_missing"),
        (
            "contractor",
            lambda i: i.qualifications.update(valid_to=date(2026, 11, 21)),
            "qualification_missing",
        ),
        ("social", lambda i: i.licences.update(kind="association"), "licence_missing"),
        ("association", lambda i: i.licences.all().delete(), "licence_missing"),
        ("college", lambda i: i.licences.update(valid_to=date(2026, 11, 21)), "licence_missing"),
        ("college", lambda i: i.posts.clear(), "no_posts"),
    ],
)
def test_what_must_be_there_before_handing_in(type, spoil, code, district):
    institution = make_institution(type, state="draft")
    spoil(institution)
    with pytest.raises(Refusal) as refused:
        actions.submit(institution, by=head_of(institution))
    assert refused.value.code == code
    assert refused.value.clause


@pytest.mark.req("R079")
def test_a_division_without_a_district_commission():
    institution = make_institution(state="draft")
    with pytest.raises(Refusal, match="no_supervisor"):
        actions.submit(institution, by=head_of(institution))


@pytest.mark.req("R009")
@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("social", "school"),
        ("social", "business"),
        ("association", "association"),
        ("college", "public_body"),
    ],
)
def test_each_type_with_its_licence(type, kind, district):
    institution = make_institution(type, state="draft")
    institution.licences.update(kind=kind)
    assert actions.submit(institution, by=head_of(institution)).state == "district_review"


@pytest.mark.req("R007")
def test_an_unusual_code_warns_the_reviewers_and_blocks_nothing(client, district):
    institution = make_institution("association", state="district_review")
    institution.uscc = USCC
    institution.save()
    assert uscc_warning(USCC, "association")
    assert not uscc_warning(USCC, "contractor")
    assert uscc_warning("11100000000013338W", "college")
    url = reverse("institutions:detail", args=[institution.pk])
    sign_in(client, make_user(Role.DISTRICT_OFFICER, district))
    assert "91" in str(client.get(url).context["warning"])
    sign_in(client, make_user(Role.INSTITUTION_HEAD, institution.organisation))
    assert client.get(url).context["warning"] == ""
    assert actions.vet(institution, "已核对", by=officer(district)).state == "city_review"
    assert check_uscc(" 91110000-600037341l ") == USCC


def test_registration_numbers(district):
    first, second, third = (make_institution("social", state="city_review") for _ in range(3))
    assert actions.register(first, by=office()).registration_no == "20260001"
    with pytest.raises(Refusal, match="number_taken"):
        actions.register(second, number="20260001", by=office())
    assert actions.register(second, number="渝培001", by=office()).registration_no == "渝培001"
    assert actions.register(third, by=office()).registration_no == "20260002"


@pytest.mark.req("R008")
def test_the_city_registers_no_contractor_whose_qualification_ran_out():
    institution = make_institution(state="city_review")
    with pytest.raises(Refusal, match="qualification_missing"):
        actions.register(institution, by=office())


@pytest.mark.req("R084", "R006")
def test_hiding_takes_effect_at_once_and_can_be_undone(client):
    institution = make_institution()
    url = reverse("institutions:public_detail", args=[institution.pk])
    sign_in(client, make_user(Role.CITY_EDUCATION_OFFICE))
    block = reverse("institutions:block", args=[institution.pk])
    assert institution.full_name in client.get(block).content.decode()
    assert client.post(block, {"opinion": "  "}).status_code == 422
    assert client.get(url).status_code == 200
    assert client.post(block, {"opinion": "替考，渝建〔2026〕3号"}).status_code == 302
    assert client.get(url).status_code == 404
    assert institution.full_name not in client.get(reverse("institutions:public_list")).content.decode()
    assert client.get(block).status_code == 409
    client.post(reverse("institutions:restore", args=[institution.pk]), {"opinion": "整改完成"})
    client.post(reverse("institutions:publish", args=[institution.pk]))
    assert client.get(url).status_code == 200
    assert AuditEvent.objects.get(code=events.BLOCKED).reason == "替考，渝建〔2026〕3号"
    assert RegistrationStep.objects.filter(
        institution=institution, verb="block", opinion__contains="替考"
    ).exists()


def test_contact_data_of_a_published_institution(client):
    institution = make_institution()
    sign_in(client, make_user(Role.INSTITUTION_HEAD, institution.organisation))
    url = reverse("institutions:contact", args=[institution.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"contact": "孙丽", "contact_phone": "1"}).status_code == 422
    assert (
        client.post(
            url, {"contact": "孙丽", "contact_phone": "13900001111", "introduction": "好"}
        ).status_code
        == 302
    )
    institution.refresh_from_db()
    assert (institution.contact, institution.contact_phone) == ("孙丽", "13900001111")
    event = AuditEvent.objects.get(code=events.EDITED)
    assert "13900001111" not in str(event.after) + str(event.before)
    hidden = make_institution(state="blocked")
    with pytest.raises(Conflict):
        actions.edit_contact(hidden, {}, by=head_of(hidden))


def test_editing_names(district):
    institution = make_institution(state="returned")
    other = make_institution()
    data = {**APPLICATION, "introduction": "", "posts": []}
    by = head_of(institution)
    with pytest.raises(Refusal, match="name_taken"):
        actions.edit_registration(institution, {**data, "full_name": other.full_name}, by=by)
    with pytest.raises(Refusal, match="bad_name"):
        actions.edit_registration(institution, {**data, "contact": "1"}, by=by)
    with pytest.raises(Refusal, match="division_unknown"):
        actions.edit_registration(institution, {**data, "division_code": "110101"}, by=by)
    actions.edit_registration(institution, data, by=by)
    institution.organisation.refresh_from_db()
    assert institution.organisation.name == APPLICATION["full_name"]


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R006")
def test_the_public_list_filters(client):
    one = make_institution("social", name="甲学校", division_code="500101")
    two = make_institution("college", name="乙学院")
    make_institution(state="registered", name="丙公司")
    two.posts.set(Post.objects.filter(code="111"))
    url = reverse("institutions:public_list")

    def names(**query):
        return [i.full_name for i in client.get(url, query).context["page"].items]

    assert names() == ["乙学院", "甲学校"]
    assert (
        names(q="甲")
        == names(division="500101")
        == names(type="social")
        == names(post="101")
        == [one.full_name]
    )
    assert names(post="111") == ["乙学院", "甲学校"]
    assert names(q="丙") == []
    assert names(type="nonsense") == ["乙学院", "甲学校"]
    Post.objects.filter(code="111").update(active_to=date(2026, 1, 1))
    assert "材料员" not in client.get(reverse("institutions:public_detail", args=[two.pk])).content.decode()


@pytest.mark.req("R079")
def test_each_reviewer_sees_his_own(client, district):
    here, there = make_institution(), make_institution(division_code="500101")
    draft = make_institution(state="draft")
    url = reverse("institutions:list")

    def shown(user=None, **query):
        if user is not None:
            sign_in(client, user)
        page = client.get(url, query).content.decode()
        return {i for i in (here, there, draft) if i.full_name in page}

    assert shown(make_user(Role.DISTRICT_OFFICER, district)) == {here}
    for role in (Role.CITY_EDUCATION_OFFICE, Role.CITY_OFFICE, Role.CENTRE_OFFICER):
        assert shown(make_user(role)) == {here, there}
    assert shown(q=there.uscc) == shown(division="500101") == {there}
    assert shown(state="blocked") == set()


def test_query_counts(client, django_assert_max_num_queries):
    for n in range(35):
        make_institution("social", name=f"学校{n:02d}")
    with django_assert_max_num_queries(8):
        page = client.get(reverse("institutions:public_list"))
    assert len(page.context["page"].items) == 30
    second = client.get(reverse("institutions:public_list") + page.context["page"].next_url)
    assert len(second.context["page"].items) == 5
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    with django_assert_max_num_queries(10):
        client.get(reverse("institutions:list"))
    institution = Institution.objects.first()
    with django_assert_max_num_queries(20):
        client.get(reverse("institutions:detail", args=[institution.pk]))


def test_an_organisation_without_registration(client):
    sign_in(client, make_user(Role.INSTITUTION_HEAD))
    assert client.get(reverse("institutions:mine")).status_code == 200
    assert client.get(reverse("institutions:site_add")).status_code == 409
