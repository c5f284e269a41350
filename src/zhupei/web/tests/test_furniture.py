from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.accounts.models import User
from zhupei.kernel.clock import SHANGHAI
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.web.fields import blind_index
from zhupei.web.paging import page_by_key

pytestmark = pytest.mark.django_db


def test_personal_data_is_ciphertext_in_the_database() -> None:
    user = make_user(Role.REGISTRAR)
    user.phone = "13812345678"
    user.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM accounts_user WHERE id = %s", [user.pk])
        stored = cursor.fetchone()[0]
    assert "138" not in stored
    assert User.objects.get(pk=user.pk).phone == "13812345678"
    with pytest.raises(TypeError, match="index"):
        User.objects.filter(phone="13812345678").exists()
    assert blind_index("a", "x") != blind_index("b", "x")


def test_every_row_is_shown_once_when_paging_forth_and_back() -> None:
    user = make_user(Role.REGISTRAR)
    moment = datetime(2026, 1, 1, tzinfo=SHANGHAI)
    Notice.objects.bulk_create(
        Notice(user=user, kind="t", title=f"{n}", created_at=moment) for n in range(25)
    )
    order = ("-created_at", "-pk")  # all moments are equal: the key alone decides
    seen, pages, query = [], [], ""
    while True:
        page = page_by_key(Notice.objects.all(), RequestFactory().get("/" + query), order=order, size=10)
        seen += [n.title for n in page.items]
        pages.append([n.title for n in page.items])
        if not page.next_url:
            break
        query = page.next_url
    assert seen == [str(n) for n in reversed(range(25))]
    back = page_by_key(
        Notice.objects.all(), RequestFactory().get("/" + page.previous_url), order=order, size=10
    )
    assert [n.title for n in back.items] == pages[1]


def test_a_forged_cursor_shows_the_first_page() -> None:
    page = page_by_key(User.objects.all(), RequestFactory().get("/?after=forged"))
    assert page.previous_url == ""


def test_language_and_display_stay_chosen(client: Client) -> None:
    assert client.get(reverse("accounts:sign_in")).headers["Content-Language"] == "zh-hans"
    client.post(reverse("web:preferences"), {"language": "en", "contrast": "1", "next": "/"})
    page = client.get(reverse("accounts:sign_in"))
    assert page.headers["Content-Language"] == "en"
    assert page.context["contrast"] is True
    client.post(reverse("web:preferences"), {"language": "xx"})
    assert client.get(reverse("accounts:sign_in")).headers["Content-Language"] == "en"


def test_pages_carry_a_strict_policy_and_no_inline_script(client: Client) -> None:
    response = client.get(reverse("accounts:sign_in"))
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    text = response.content.decode()
    assert "<script>" not in text
    assert "style=" not in text
    assert "onclick" not in text


def test_a_stale_form_is_told_what_to_do() -> None:
    client = sign_in(Client(enforce_csrf_checks=True), make_user(Role.REGISTRAR))
    assert client.post(reverse("accounts:sign_out")).status_code == 403


def test_the_server_is_alive(client: Client) -> None:
    assert client.get(reverse("web:health")).json() == {"status": "ok"}


def test_an_unknown_address_is_a_clear_404(client: Client) -> None:
    assert client.get("/no/such/page/").status_code == 404


def test_a_hall_serves_its_own_pages_and_nothing_else(client: Client, settings) -> None:
    settings.HALL_ONLY = True
    sign_in(client, make_user(Role.INSTITUTION_HEAD))
    assert client.get("/").headers["Location"] == reverse("hall:batches")
    page = client.get(reverse("hall:batches"))
    assert page.status_code == 200
    assert {entry["url"] for entry in page.context["nav"]} >= {reverse("hall:batches")}
    assert client.get(reverse("exams:batches")).status_code == 404
    assert client.get(reverse("itembank:items")).status_code == 404
