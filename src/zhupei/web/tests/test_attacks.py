"""What no page has to think of: NUL, numbers that no column holds, cursors of other lists."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.accounts.models import User
from zhupei.audit.models import AuditEvent
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import Post
from zhupei.web.forms import ManyField, row_numbers, with_added_row
from zhupei.web.paging import page_by_key

pytestmark = pytest.mark.django_db


def test_a_cursor_of_another_list_shows_the_first_page() -> None:
    for _ in range(2):
        make_user(Role.REGISTRAR)
    page = page_by_key(User.objects.all(), RequestFactory().get("/"), order=("login", "pk"), size=1)
    assert page.next_url
    for rows, order in (
        (AuditEvent.objects.all(), ("-at", "-pk")),
        (User.objects.all(), ("created_at", "pk")),
    ):
        other = page_by_key(rows, RequestFactory().get("/" + page.next_url), order=order)
        assert other.previous_url == ""


@pytest.mark.parametrize("data", [{"reason": "a\0b"}, {"a\0b": "x"}, {"reason": ["x", "\0"]}])
def test_nul_is_turned_away_before_any_page(client: Client, data: dict[str, object]) -> None:
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    account = make_user(Role.REGISTRAR)
    assert client.post(reverse("accounts:close", args=[account.pk]), data).status_code == 400
    assert client.get(reverse("accounts:users"), {"q": "a\0b"}).status_code == 400
    account.refresh_from_db()
    assert account.is_active


def test_a_row_number_beyond_64_bits_is_no_page(client: Client) -> None:
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    for pk in (2**63, 10**40):
        assert client.get(reverse("accounts:user", args=[pk])).status_code == 404


def test_only_digits_that_fit_are_row_numbers() -> None:
    assert row_numbers(["1", "007", "²", "٣", "-1", "", " 2", "9" * 19, "9" * 5000]) == [1, 7]
    rows = RequestFactory().post("/", {"rows-TOTAL_FORMS": "²"}).POST
    assert with_added_row(rows, "rows")["rows-TOTAL_FORMS"] == "1"


def test_a_choice_of_many_refuses_what_is_no_row_number() -> None:
    from django.core.exceptions import ValidationError

    field = ManyField(Post.objects.all())
    for value in (["9" * 30], ["²"], ["x"], "x"):
        with pytest.raises(ValidationError):
            field.clean(value)


@pytest.mark.parametrize("chosen", ["²", "9" * 30, "", "-1"])
def test_acting_for_what_is_no_organisation_is_refused(client: Client, chosen: str) -> None:
    sign_in(client, make_user(Role.REGISTRAR))
    assert client.post(reverse("organisations:act_as"), {"membership": chosen}).status_code == 403
