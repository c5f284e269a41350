"""First sign-in codes for halls' own machines: made by the centre, shown to their owner alone, wiped in time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher
from django.db import connection
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_actor, make_filed_staff, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.config import settings as shipped
from zhupei.evidence.api import read
from zhupei.exams import actions, passes
from zhupei.exams.models import FirstSecret, HallMachine, HallPassOut
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Forbidden
from zhupei.kernel.roles import Role
from zhupei.notices.api import Notice
from zhupei.organisations.api import end_role, memberships_of

from .test_halls import make_hall

pytestmark = pytest.mark.django_db


def issue(machine: HallMachine) -> dict[str, str]:
    """The hashes of a new pass, by account."""
    row = actions.issue_pass(machine, by=make_actor(Role.CENTRE_OFFICER))
    assert row.file is not None
    return {one.login: one.first_secret for one in passes.read_pass(read(row.file)).people}


@pytest.mark.req("I08")
def test_a_pass_holds_a_slow_salted_hash_and_the_table_no_plain_code(settings: Any) -> None:
    settings.PASSWORD_HASHERS = shipped.PASSWORD_HASHERS
    hall = make_hall()
    head = make_user(Role.HALL_TECHNICAL_HEAD, hall.batch.hall.institution.organisation)
    hashed = issue(hall.machine)[head.login]
    row = FirstSecret.objects.get(user=head)
    assert len(row.secret) == 20
    assert check_password(row.secret, hashed)
    hasher = identify_hasher(hashed)
    assert hasher.algorithm == "argon2"
    assert hasher.decode(hashed)["memory_cost"] >= 64 << 10  # type: ignore[attr-defined]
    file = hall.machine.passes.latest("pk").file
    assert file is not None
    assert row.secret.encode() not in read(file)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM exams_firstsecret")
        assert row.secret not in str(cursor.fetchall())


@pytest.mark.req("I09")
def test_a_code_is_shown_to_its_owner_alone_and_each_reading_is_on_record() -> None:
    hall = make_hall()
    unit = hall.batch.hall.institution.organisation
    staff = make_filed_staff(unit)
    head, owner = staff[Role.HALL_TECHNICAL_HEAD], staff[Role.ROOM_ADMINISTRATOR]
    issue(hall.machine)
    row = FirstSecret.objects.get(user=owner)
    notice = Notice.objects.get(user=owner, kind="exams.first_secret")
    assert row.secret not in notice.title + notice.text
    url = reverse("exams:first_secret", args=[row.pk])
    assert sign_in(Client(), head).post(url).status_code == 404
    for other in (as_actor(head), make_actor(Role.CENTRE_APPROVER), SYSTEM):
        with pytest.raises(Forbidden):
            actions.read_first_secret(row, by=other)
    client = sign_in(Client(), owner)
    page = client.get(notice.url).content.decode()
    assert hall.batch.hall.name in page
    assert url in page
    assert client.get(url).status_code == 405
    answer = client.post(url)
    shown = re.search(r'fs-2">([\d ]+)<', answer.content.decode())
    assert shown is not None
    assert shown[1].replace(" ", "") == row.secret
    assert answer.headers["Cache-Control"] == "no-store"
    event = AuditEvent.objects.get(code="exams.first_secret_read")
    assert event.actor_id == owner.pk
    assert row.secret not in f"{event.before}{event.after}{event.reason}"
    assert row.secret not in sign_in(Client(), head).get(reverse("exams:first_secrets")).content.decode()


def test_a_renewed_pass_keeps_codes_and_wipes_those_of_whoever_left() -> None:
    hall = make_hall()
    unit = hall.batch.hall.institution.organisation
    stays, leaves = make_user(Role.INVIGILATOR, unit), make_user(Role.INVIGILATOR, unit)
    first = issue(hall.machine)
    for one in memberships_of(leaves.pk):
        end_role(one, by=SYSTEM)
    fresh = make_user(Role.INVIGILATOR, unit)
    second = issue(hall.machine)
    assert second[stays.login] == first[stays.login]
    assert fresh.login in second
    kept = set(FirstSecret.objects.values_list("user_id", flat=True))
    assert {stays.pk, fresh.pk} <= kept
    assert leaves.pk not in kept
    assert Notice.objects.filter(user=stays, kind="exams.first_secret").count() == 1


def test_codes_are_wiped_when_the_pass_is_over_or_the_key_ends() -> None:
    hall = make_hall()
    owner = make_user(Role.INVIGILATOR, hall.batch.hall.institution.organisation)
    issue(hall.machine)
    assert actions.forget_first_secrets() == 0
    row = FirstSecret.objects.get(user=owner)
    client, url = sign_in(Client(), owner), reverse("exams:first_secret", args=[row.pk])
    newest = HallPassOut.objects.latest("pk")
    newest.valid_to = clock.today() - timedelta(days=1)
    newest.save()
    assert client.post(url).status_code == 404
    assert actions.forget_first_secrets()
    assert not FirstSecret.objects.exists()
    issue(hall.machine)
    key = hall.machine.key
    actions.end_hall_key(key, reason="丢失", by=make_actor(Role.CENTRE_OFFICER))
    assert actions.forget_first_secrets()
    assert not FirstSecret.objects.exists()
