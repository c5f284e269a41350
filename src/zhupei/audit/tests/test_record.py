from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_user, sign_in

from zhupei.audit.api import record, register, seal, verify_chain
from zhupei.audit.models import AuditEvent
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db
CODE = "accounts.signed_in"


def three() -> list[AuditEvent]:
    events = [
        record(CODE, by=SYSTEM, after={"n": n, "mark": Decimal("59.5")}, reason="中文") for n in range(3)
    ]
    seal()
    return events


@pytest.mark.req("R052")
def test_an_event_says_who_for_whom_what_and_from_where() -> None:
    by = make_actor(Role.REGISTRAR)
    event = record(
        CODE, by=by, on=make_user(Role.TEACHER), before={"state": "a"}, after={"state": "b"}, reason="why"
    )
    event.refresh_from_db()
    assert (event.actor_id, event.organisation_id, event.actor_roles) == (
        by.user_id,
        by.organisation_id,
        "registrar",
    )
    assert (event.object_type, event.before, event.after) == ("accounts.user", {"state": "a"}, {"state": "b"})


def test_a_whole_chain_verifies() -> None:
    assert verify_chain().count == 0
    three()
    report = verify_chain()
    assert (report.whole, report.count) == (True, 3)


def test_a_changed_row_is_found() -> None:
    events = three()
    AuditEvent.objects.filter(pk=events[1].pk).update(reason="forged")
    assert verify_chain().broken_at == events[1].pk


def test_a_missing_row_is_found() -> None:
    events = three()
    events[1].delete()
    assert verify_chain().broken_at == events[2].pk


def test_a_missing_end_is_found() -> None:
    three()[-1].delete()
    assert not verify_chain().whole


def test_an_unregistered_code_is_an_error_and_a_code_is_registered_once() -> None:
    with pytest.raises(KeyError):
        record("no.such_code", by=SYSTEM)
    with pytest.raises(ValueError, match="twice"):
        register(CODE, "again")


def test_the_auditor_searches_and_checks(client: Client, django_assert_max_num_queries) -> None:
    three()
    sign_in(client, make_user(Role.AUDITOR))
    with django_assert_max_num_queries(9):
        page = client.get(reverse("audit:search"), {"code": CODE})
    assert len(page.context["page"].items) == 3
    assert not client.get(reverse("audit:search"), {"q": "nobody"}).context["page"].items
    assert client.get(reverse("audit:event", args=[AuditEvent.objects.first().pk])).status_code == 200
    client.post(reverse("audit:verify"))
    AuditEvent.objects.update(reason="forged")
    response = client.post(reverse("audit:verify"), follow=True)
    assert "error" in [m.level_tag for m in response.context["messages"]]


@pytest.mark.django_db(transaction=True)
def test_an_event_is_sealed_right_after_its_commit_and_gone_with_a_rollback() -> None:
    event = record(CODE, by=SYSTEM)
    event.refresh_from_db()
    assert event.position == 1
    with transaction.atomic():
        record(CODE, by=SYSTEM)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == 1
    assert verify_chain().whole
