from __future__ import annotations

from datetime import datetime, timedelta

import pyotp
import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.accounts import actions
from zhupei.accounts.models import AccountSession, SignInEvent, User
from zhupei.audit.models import AuditEvent
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.senders import Memory

pytestmark = pytest.mark.django_db
PASSWORD = "Correct-horse-9"
NOON = datetime(2026, 11, 22, 12, 0)


@pytest.fixture
def registrar() -> User:
    user = make_user(Role.REGISTRAR)
    actions.set_password(user, PASSWORD, by=SYSTEM)
    return user


def post(client: Client, name: str, **data: str):
    return client.post(reverse(name), data)


def bound(user: User) -> str:
    secret = pyotp.random_base32()
    User.objects.filter(pk=user.pk).update(totp_secret=secret)
    return secret


def test_staff_need_the_second_factor(client: Client, registrar: User) -> None:
    secret = bound(registrar)
    with clock.frozen(NOON):
        response = post(client, "accounts:sign_in", login=registrar.login, password=PASSWORD)
        assert response.headers["Location"] == reverse("accounts:second_factor")
        assert client.get(reverse("accounts:mine")).status_code == 302  # not in yet
        assert post(client, "accounts:second_factor", code="000000").status_code == 422
        code = pyotp.TOTP(secret).at(clock.now())
        assert post(client, "accounts:second_factor", code=code).status_code == 302
        assert client.get(reverse("accounts:mine")).status_code == 200
    assert SignInEvent.objects.filter(user=registrar, result="ok").count() == 1
    assert AuditEvent.objects.filter(code="accounts.signed_in", actor_id=registrar.pk).exists()


def test_a_code_serves_once(client: Client, registrar: User) -> None:
    secret = bound(registrar)
    with clock.frozen(NOON):
        code = pyotp.TOTP(secret).at(clock.now())
        actions.check_second_factor(registrar, code)
        with pytest.raises(Refusal, match="wrong_code"):
            actions.check_second_factor(registrar, code)


def test_the_first_sign_in_binds_the_phone(client: Client, registrar: User) -> None:
    post(client, "accounts:sign_in", login=registrar.login, password=PASSWORD)
    page = client.get(reverse("accounts:second_factor_set_up"))
    secret = page.context["secret"]
    assert secret == client.get(reverse("accounts:second_factor_set_up")).context["secret"]
    with clock.frozen(NOON):
        assert post(client, "accounts:second_factor_set_up", code="123").status_code == 422
        assert (
            post(client, "accounts:second_factor_set_up", code=pyotp.TOTP(secret).at(clock.now())).status_code
            == 302
        )
    registrar.refresh_from_db()
    assert registrar.totp_secret == secret


def test_the_code_is_not_shown_outside_a_demonstration(client: Client, registrar: User, settings) -> None:
    bound(registrar)
    post(client, "accounts:sign_in", login=registrar.login, password=PASSWORD)
    assert b"data-demo-code" not in client.get(reverse("accounts:second_factor")).content
    settings.DEMO = True
    assert b"data-demo-code" in client.get(reverse("accounts:second_factor")).content


def test_five_failures_lock_the_name_and_a_right_password_does_not_open_it(
    client: Client, registrar: User
) -> None:
    with clock.frozen(NOON):
        for _ in range(5):
            assert (
                post(client, "accounts:sign_in", login=registrar.login, password="wrong").status_code == 422
            )
        assert post(client, "accounts:sign_in", login=registrar.login, password=PASSWORD).status_code == 429
    with clock.frozen(NOON + timedelta(minutes=21)):
        assert post(client, "accounts:sign_in", login=registrar.login, password=PASSWORD).status_code == 302
    assert AuditEvent.objects.filter(code="accounts.locked").count() == 1


def test_an_unknown_name_gets_the_same_answer_as_a_wrong_password(client: Client, registrar: User) -> None:
    unknown = post(client, "accounts:sign_in", login="nobody", password="wrong")
    wrong = post(client, "accounts:sign_in", login=registrar.login, password="wrong")
    assert unknown.status_code == wrong.status_code == 422
    assert unknown.context["form"].non_field_errors() == wrong.context["form"].non_field_errors()


@pytest.mark.req("R023")
def test_a_learner_signs_in_with_the_id_number_and_it_is_logged(client: Client) -> None:
    user = make_user(Role.LEARNER)
    user.login = actions.login_of_identity("11010519491231002X")
    user.save()
    actions.set_password(user, PASSWORD, by=SYSTEM)
    response = post(client, "accounts:sign_in", login="11010519491231002x", password=PASSWORD)
    assert response.status_code == 302
    event = SignInEvent.objects.get(user=user)
    assert (event.result, event.ip) == ("ok", "127.0.0.1")
    assert not SignInEvent.objects.filter(login_index__contains="1949").exists()


def test_a_closed_account_stays_out_and_loses_its_sessions(client: Client, registrar: User) -> None:
    sign_in(client, registrar)
    assert client.get(reverse("accounts:mine")).status_code == 200
    admin = make_user(Role.SYSTEM_ADMINISTRATOR)
    other = sign_in(Client(), admin)
    assert other.post(reverse("accounts:close", args=[registrar.pk]), {"reason": "left"}).status_code == 302
    assert client.get(reverse("accounts:mine")).status_code == 302
    assert post(Client(), "accounts:sign_in", login=registrar.login, password=PASSWORD).status_code == 403


def test_an_idle_browser_is_signed_out(client: Client, registrar: User) -> None:
    with clock.frozen(NOON):
        sign_in(client, registrar)
        assert client.get(reverse("accounts:mine")).status_code == 200
    with clock.frozen(NOON + timedelta(minutes=31)):
        assert client.get(reverse("accounts:mine")).status_code == 302


def test_one_ends_a_session_of_ones_own_only(client: Client, registrar: User) -> None:
    sign_in(client, registrar)
    mine = AccountSession.objects.get(user=registrar)
    stranger = sign_in(Client(), make_user(Role.REGISTRAR))
    assert stranger.post(reverse("accounts:end_session", args=[mine.pk])).status_code == 404
    assert client.post(reverse("accounts:end_session", args=[mine.pk])).status_code == 302
    assert client.get(reverse("accounts:mine")).status_code == 302


def test_signing_out_ends_the_session(client: Client, registrar: User) -> None:
    sign_in(client, registrar)
    post(client, "accounts:sign_out")
    assert AccountSession.objects.get(user=registrar).ended_at is not None
    assert client.get(reverse("accounts:mine")).status_code == 302


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("I10")
def test_a_new_password_by_a_code_that_was_sent(client: Client) -> None:
    user = make_user(Role.REGISTRAR)
    user.phone = "13812345678"
    user.save()
    assert post(client, "accounts:send_code", login=user.login).status_code == 302
    phone, text = Memory.sent[-1]
    assert phone == "13812345678"
    code = next(
        word
        for word in text.replace("。", " ").replace("，", " ").replace(".", " ").split()
        if word.isdigit()
    )
    data = {"login": user.login, "password": PASSWORD, "again": PASSWORD}
    wrong = "000000" if code != "000000" else "111111"
    assert post(client, "accounts:new_password", code=wrong, **data).status_code == 422
    assert post(client, "accounts:new_password", code=code, **data).status_code == 302
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert post(client, "accounts:new_password", code=code, **data).status_code == 422  # it serves once


def test_an_unknown_account_gets_the_same_answer_and_no_message(client: Client) -> None:
    assert post(client, "accounts:send_code", login="nobody").status_code == 302
    assert not Memory.sent


@pytest.mark.parametrize("password", ["short-A1", "alllowercaseletters", "123456789012", "password1234"])
def test_weak_passwords_are_refused(registrar: User, password: str) -> None:
    with pytest.raises(Refusal, match="weak_password"):
        actions.set_password(registrar, password, by=SYSTEM)


def test_codes_are_limited_and_tries_are_counted() -> None:
    code = actions.issue_code("test", "target")
    for _ in range(5):
        with pytest.raises(Refusal, match="wrong_code"):
            actions.use_code("test", "target", "abcdef")
    with pytest.raises(Refusal, match="wrong_code"):
        actions.use_code("test", "target", code)  # five tries are used up
    for _ in range(4):
        actions.issue_code("test", "target")
    with pytest.raises(Refusal, match="too_many_codes"):
        actions.issue_code("test", "target")


def test_only_the_security_officer_resets_a_second_factor(client: Client, registrar: User) -> None:
    bound(registrar)
    admin = sign_in(Client(), make_user(Role.SYSTEM_ADMINISTRATOR))
    url = reverse("accounts:reset_second_factor", args=[registrar.pk])
    assert admin.post(url, {"reason": "phone lost"}).status_code == 403
    officer = sign_in(Client(), make_user(Role.SECURITY_OFFICER))
    officer.post(url)  # without a reason nothing happens
    registrar.refresh_from_db()
    assert registrar.totp_secret
    officer.post(url, {"reason": "phone lost"})
    registrar.refresh_from_db()
    assert registrar.totp_secret == ""
    assert AuditEvent.objects.get(code="accounts.second_factor_reset").reason == "phone lost"


def test_the_next_address_never_leaves_the_site(client: Client, registrar: User) -> None:
    sign_in(client, registrar)
    response = client.get(reverse("accounts:sign_in") + "?next=https://example.org/")
    assert response.headers["Location"] == "/"
