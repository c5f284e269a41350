"""Applying on the public page: the account, its code, names that are taken."""

import re

import pytest
from django.urls import reverse
from tests.makers import make_institution, make_user, sign_in

from zhupei.accounts.api import User
from zhupei.institutions import actions
from zhupei.institutions.models import Institution
from zhupei.institutions.tests.registering import APPLICATION, PASSWORD, USCC
from zhupei.kernel.actor import ANONYMOUS
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.senders import Memory
from zhupei.organisations.api import Membership, Organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("november")]


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
