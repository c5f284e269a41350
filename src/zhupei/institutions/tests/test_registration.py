"""The way of a registration: handing in, vetting, registering, publishing."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from tests.makers import make_actor, make_institution, make_organisation, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.institutions import actions, events
from zhupei.institutions.actions.registration import check_uscc
from zhupei.institutions.choices import REGISTRATION, RegistrationState
from zhupei.institutions.models import Institution
from zhupei.institutions.queries import uscc_warning
from zhupei.institutions.tests.registering import (
    APPLICATION,
    NOW,
    USCC,
    head_of,
    office,
    officer,
    picture,
    qualification,
)
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import Notice
from zhupei.rulebook.api import Post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("november")]


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
