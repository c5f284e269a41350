"""The demonstration city: whole, in every state, with accounts that sign in and a test that can be sat at once."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pyotp
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from zhupei.accounts.models import User
from zhupei.audit.models import AuditEvent
from zhupei.audit.queries import verify_chain
from zhupei.certificates.models import Certificate
from zhupei.config.demo import SMALL, Report, build_city
from zhupei.config.demo.cast import PASSWORD
from zhupei.exams.models import ReturnIn
from zhupei.hall import api as hall
from zhupei.hours.api import verify_ledger
from zhupei.institutions.models import Institution
from zhupei.kernel import clock, uscc
from zhupei.kernel.roles import STAFF
from zhupei.organisations.models import Membership
from zhupei.people.models import Person

EVERY_STATE = {
    "institutions": "draft district_review city_review returned registered published blocked",
    "sites": "draft submitted returned approved",
    "plans": "draft submitted late returned received superseded withdrawn",
    "classes": "enrolling running finished archived cancelled",
    "enrolments": "applied accepted returned cancelled",
    "applications": "draft submitted late returned scheduled filed withdrawn",
    "batches": "preparing locked ready released returned confirmed cancelled",
    "results": "provisional doubtful confirmed void",
    "certificates": "valid revoked",
    "hour_entries": "attendance manual reversal",
    "machines": "exam spare",
    "client_checks": "ok warn fail",
    "rehearsals": "kept",
    "incidents": "device warning",
}


@pytest.fixture
def demonstration(settings: Any, tmp_path: Path) -> Any:
    settings.DEMO = True
    settings.HALL_DATA = tmp_path / "hall"
    hall.close_engine()
    yield settings
    hall.close_engine()


def signs_in(login: str) -> bool:
    """Whether the account gets in with the shared password and the code that the page shows."""
    client = Client()
    answer = client.post(reverse("accounts:sign_in"), {"login": login, "password": PASSWORD}, follow=True)
    secret = User.objects.get(login=login).totp_secret
    code = pyotp.TOTP(secret).at(clock.now())
    assert code in answer.content.decode(), login
    client.post(reverse("accounts:second_factor"), {"code": code})
    return "_auth_user_id" in client.session


def check_states(report: Report) -> None:
    for kind, states in EVERY_STATE.items():
        missing = set(states.split()) - set(report.counts[kind])
        assert not missing, f"{kind}: {missing}"
    held = set(Membership.objects.values_list("role", flat=True))
    assert held == {str(role) for role in STAFF}


def check_records() -> None:
    assert verify_chain().whole
    assert verify_ledger().differences == []
    assert not [row for row in ReturnIn.objects.all() if row.differences]
    moments = list(AuditEvent.objects.order_by("pk").values_list("at", flat=True))
    assert moments == sorted(moments)  # a year, told in its order
    assert moments[-1] <= clock.now()
    assert all(not uscc.check(code) for code in Institution.objects.values_list("uscc", flat=True))
    assert {"㛃", "𠮷"} <= {c for name in Person.objects.values_list("name", flat=True) for c in name}


def check_open_test(report: Report) -> None:
    """The guest signs in at a machine, starts, and answers: nothing is left to do for the staff."""
    engine = hall.engine()  # a fresh one, as the server starts it
    row = hall.HallBatch.objects.get(state="open")
    states = {one.state for one in engine.status(hall.bundle_of(row).sessions[0].id)}
    assert states == {"not_admitted", "admitted", "running", "submitted"}
    assert row.checkins.filter(decision="pending").count() == 1
    slip, number = report.open_test["slip_no"], report.open_test["id_number"]
    sign = engine.enter(slip, hall.identify(number)).wait()
    assert engine.start(sign.candidate_id).wait().state == "running"
    slot = next(engine.page_of(sign.candidate_id, "general").slots())
    assert engine.save(sign.candidate_id, "general", slot.key, [slot.option_ids[0]]).wait().kept


@pytest.mark.django_db
def test_the_city_stands(demonstration: Any) -> None:
    out = StringIO()
    call_command("demo", "--scale", "small", "--json", stdout=out)
    result = json.loads(out.getvalue().strip().splitlines()[-1])
    assert result["people"] == SMALL.learners
    assert result["open_test"]["slip_no"] in out.getvalue()
    report = Report(result, [], [], result["open_test"])
    check_states(report)
    check_records()
    check_open_test(report)
    assert Certificate.objects.filter(state="valid").count() >= 2

    staff = list(User.objects.filter(is_learner=False).order_by("pk"))
    with clock.frozen(clock.now()):  # the codes of one half-minute, however long it takes
        assert [one.login for one in staff if not signs_in(one.login)] == []
    learner = Client()
    learner.post(reverse("accounts:sign_in"), {"login": report.open_test["id_number"], "password": PASSWORD})
    assert "_auth_user_id" in learner.session

    with pytest.raises(CommandError, match="not empty"):
        call_command("demo", "--scale", "small", stdout=StringIO())
    quiet = StringIO()
    call_command("demo", "--if-empty", stdout=quiet)
    assert quiet.getvalue().startswith("The demo city is loaded.")


@pytest.mark.django_db
def test_refused_outside_a_demonstration(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="not marked as a demonstration"):
        call_command("demo", stdout=StringIO())
    assert not User.objects.exists()


@pytest.mark.django_db
def test_refused_over_the_journal_of_another_hall(
    demonstration: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = hall.engine()
    health = engine.health()
    monkeypatch.setattr(type(engine), "health", lambda _self: type(health)(
        journal_ok=True, generation=1, tick_ms=0, free_bytes=0, bundles=(), states={"submitted": 1}
    ))  # fmt: skip
    with pytest.raises(Exception, match="another exam hall"):
        build_city(SMALL)
    assert not User.objects.exists()
