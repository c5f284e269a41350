"""What somebody who knows a password, or holds a signed-in browser, still cannot do."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyotp
import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_user, sign_in

from zhupei.accounts import actions
from zhupei.accounts.models import User
from zhupei.audit.models import AuditEvent
from zhupei.config.asgi import seen_by_proxy
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db
PASSWORD = "Correct-horse-9"
NOON = datetime(2026, 11, 22, 12, 0)
WRONG = "000000"


@pytest.fixture
def registrar() -> User:
    user = make_user(Role.REGISTRAR)
    actions.set_password(user, PASSWORD, by=SYSTEM)
    User.objects.filter(pk=user.pk).update(totp_secret=pyotp.random_base32())
    user.refresh_from_db()
    return user


def enter_password(client: Client, user: User, **more: str) -> int:
    data = {"login": user.login, "password": PASSWORD, **more}
    return client.post(reverse("accounts:sign_in"), data).status_code


def test_a_known_password_does_not_buy_endless_guesses_of_the_code(client: Client, registrar: User) -> None:
    statuses = []
    with clock.frozen(NOON):
        for _round in range(3):
            statuses.append(enter_password(client, registrar))
            for _guess in range(4):
                response = client.post(reverse("accounts:second_factor"), {"code": WRONG})
                statuses.append(response.status_code)
    assert statuses.count(422) == 5  # the fifth wrong code locks the account
    assert 429 in statuses
    assert AuditEvent.objects.filter(code="accounts.locked").count() == 1


def test_a_right_code_ends_the_count(registrar: User) -> None:
    for day in range(3):
        with clock.frozen(NOON + timedelta(days=day)):
            for _guess in range(4):
                with pytest.raises(Refusal, match="wrong_code"):
                    actions.check_second_factor(registrar, "abcdef")
            actions.check_password(registrar.login, PASSWORD)
            actions.check_second_factor(registrar, pyotp.TOTP(registrar.totp_secret).at(clock.now()))


def test_a_new_password_ends_a_sign_in_that_waits_for_its_code(client: Client, registrar: User) -> None:
    with clock.frozen(NOON):
        assert enter_password(client, registrar) == 302
        actions.set_password(registrar, "Another-horse-8", by=SYSTEM)
        code = pyotp.TOTP(registrar.totp_secret).at(clock.now())
        response = client.post(reverse("accounts:second_factor"), {"code": code})
    assert response.headers["Location"] == reverse("accounts:sign_in")
    assert client.get(reverse("accounts:mine")).status_code == 302


def test_a_weak_password_does_not_use_the_code_up(registrar: User) -> None:
    User.objects.filter(pk=registrar.pk).update(phone="13900000001")
    code = actions.send_password_code(registrar.login)
    with pytest.raises(Refusal, match="weak_password"):
        actions.reset_password(registrar.login, code, "short")
    actions.reset_password(registrar.login, code, "Another-horse-8")
    assert User.objects.get(pk=registrar.pk).check_password("Another-horse-8")


def test_the_present_password_is_not_guessed_from_an_open_browser(registrar: User) -> None:
    by = as_actor(registrar)
    for _guess in range(5):
        with pytest.raises(Refusal, match="wrong_password"):
            actions.change_password(registrar, "wrong", "Another-horse-8", by=by)
    with pytest.raises(Refusal, match="locked"):
        actions.change_password(registrar, PASSWORD, "Another-horse-8", by=by)


@pytest.mark.parametrize(
    "target", ["foo", "accounts:mine", "javascript:alert(1)", "//evil.example", "/\\evil.example"]
)
def test_a_strange_next_address_leads_home(client: Client, registrar: User, target: str) -> None:
    sign_in(client, registrar)
    response = client.get(reverse("accounts:sign_in"), {"next": target})
    assert (response.status_code, response.headers["Location"]) == (302, "/")


def test_behind_a_proxy_the_visitors_own_address_counts() -> None:
    def address(*forwarded: bytes) -> object:
        headers = [(b"x-forwarded-for", one) for one in forwarded]
        return seen_by_proxy({"headers": headers, "client": ("127.0.0.1", 5)})["client"]

    assert address() == ("127.0.0.1", 5)
    assert address(b"203.0.113.9") == ("203.0.113.9", 0)
    assert address(b"1.2.3.4, 203.0.113.9") == (
        "203.0.113.9",
        0,
    )  # what the visitor claims himself stands first
    assert address(b"1.2.3.4", b"2001:db8::1") == ("2001:db8::1", 0)
    assert address(b"rubbish") == ("127.0.0.1", 5)
