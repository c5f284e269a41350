"""A hall's own machine takes in its pass, and says when something is too old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_batch, make_institution, make_rulebook, sign_in

from zhupei.accounts.api import User
from zhupei.exams import api as exams
from zhupei.exams import passes
from zhupei.hall import actions
from zhupei.hall.models import CentreLink, StaffFiling
from zhupei.hall.queries import missing_filings
from zhupei.hall.tests.days import refused
from zhupei.hall.tests.passes import CENTRE_KEY, MARK, a_pass, install
from zhupei.hall.uplink import link
from zhupei.institutions.api import Institution, Room, Site
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import Actor
from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key
from zhupei.kernel.roles import Role
from zhupei.organisations.api import memberships_of
from zhupei.rulebook.api import parameter

pytestmark = pytest.mark.django_db


def test_the_first_pass_needs_the_centres_fingerprint_and_fills_the_database() -> None:
    make_rulebook()
    refused("fingerprint_differs", lambda: install(fingerprint=""))
    refused(
        "fingerprint_differs",
        lambda: install(fingerprint=envelope.fingerprint(exams.machine_signer().public_key)),
    )
    assert not CentreLink.objects.exists()
    assert not Site.objects.exists()
    row = install()
    site = Site.objects.select_related("institution").get()
    assert (site.pk, site.institution.organisation_id, row.site_id_ref) == (333, 4711, 333)
    assert set(site.rooms.values_list("pk", "name", "seats")) == {(51, "A101", 60), (52, "A102", 50)}
    assert parameter("check_in_opens_minutes") == 45
    keeper = User.objects.get(login="keeper")
    assert not keeper.has_usable_password()
    assert (keeper.totp_secret, keeper.phone) == ("", "")
    assert {one.role for one in memberships_of(keeper.pk)} == {"hall_technical_head", "exam_officer"}
    assert missing_filings(4711) == [Role.ROOM_ADMINISTRATOR]
    assert link.bundle_verifier().public_key == CENTRE_KEY.public_key
    assert link.return_signer(333).public_key == exams.machine_signer().public_key


def test_a_newer_pass_is_believed_by_its_signature_and_changes_what_changed() -> None:
    make_rulebook()
    first = a_pass()
    install(first)
    assert install(first) == install(first, fingerprint="")
    site = passes.read_pass(first).site
    rooms = (passes.PassRoom(id=52, name="A101", seats=40), passes.PassRoom(id=53, name="B1", seats=9))
    people = (
        passes.PassPerson(login="keeper", name="周敏", roles=("room_administrator",)),
        passes.PassPerson(login="fresh", name="王芳", roles=("hall_technical_head",)),
    )
    newer = a_pass(serial=8, site=msgspec.structs.replace(site, name="新考场", rooms=rooms), people=people)
    keeper = Actor(1, "周敏", frozenset({Role.HALL_TECHNICAL_HEAD}), 4711, "某建设集团")
    actions.install_pass(newer, by=keeper)
    assert Site.objects.get().name == "新考场"
    assert set(Room.objects.filter(is_active=True).values_list("pk", "name", "seats")) == {
        (52, "A101", 40),
        (53, "B1", 9),
    }
    roles = {
        one.login: {m.role for m in memberships_of(one.pk)} for one in User.objects.filter(is_learner=False)
    }
    assert roles == {"keeper": {"room_administrator"}, "watch": set(), "fresh": {"hall_technical_head"}}
    assert not StaffFiling.objects.exclude(filed_at=None).exists()  # no longer filed as what she no longer is
    refused("pass_older", lambda: install(first))


def test_a_pass_of_another_centre_machine_or_hall_changes_nothing() -> None:
    make_rulebook()
    stranger = Sm2Signer(generate_sm2_key())
    install()
    other_centre = {"centre_key": stranger.public_key, "signer": stranger, "serial": 9}
    mark = envelope.fingerprint(stranger.public_key)
    refused("pass_of_another_centre", lambda: install(a_pass(**other_centre), fingerprint=mark))
    refused("pass_forged", lambda: install(a_pass(signer=stranger, serial=9)))
    refused("pass_of_another_machine", lambda: install(a_pass(hall_key=stranger.public_key, serial=9)))
    refused("pass_over", lambda: install(a_pass(valid_to=clock.today() - timedelta(days=1), serial=9)))
    site = passes.read_pass(a_pass()).site
    refused(
        "pass_of_another_hall", lambda: install(a_pass(site=msgspec.structs.replace(site, id=334), serial=9))
    )
    for role in (Role.ROOM_ADMINISTRATOR, Role.CENTRE_OFFICER):
        refused("role_missing", lambda role=role: actions.install_pass(a_pass(serial=9), by=make_actor(role)))
    refused(
        "pass_of_another_hall",
        lambda: actions.install_pass(a_pass(serial=9), by=make_actor(Role.HALL_TECHNICAL_HEAD)),
    )
    assert CentreLink.objects.get().serial == 7


def test_a_machine_with_other_institutions_or_tests_takes_no_pass() -> None:
    make_rulebook()
    make_institution()
    refused("not_a_hall_machine", install)
    Institution.objects.all()
    make_batch()
    refused("not_a_hall_machine", install)
    assert not CentreLink.objects.exists()


def test_what_is_too_old_is_said_in_words() -> None:
    make_rulebook()
    assert link.warnings() == []
    row = install()
    assert link.warnings() == []
    for day, words in ((-1, "已于"), (10, "将于")):
        row.valid_to = clock.today() + timedelta(days=day)
        row.save()
        (text,) = link.warnings()
        assert words in text
    row.valid_to, row.issued_at = clock.today() + timedelta(days=90), clock.now() - timedelta(days=90)
    row.save()
    assert len(link.warnings()) == 1
    client = sign_in(Client(), User.objects.get(login="keeper"))
    assert link.warnings()[0] in client.get(reverse("hall:batches")).content.decode()


def test_the_command_makes_the_request_and_takes_the_pass(tmp_path: Any, capsys: Any) -> None:
    with pytest.raises(CommandError, match="prepare"):
        call_command("hall_setup")
    make_rulebook()
    out = tmp_path / "request.json"
    call_command("hall_setup", "--name", "一号考场", "--out", str(out))
    request = exams.read_request(out.read_bytes())
    assert request.public_key == exams.machine_signer().public_key
    assert envelope.spoken(request.fingerprint) in capsys.readouterr().out
    path = tmp_path / "hall.zph"
    path.write_bytes(a_pass())
    with pytest.raises(CommandError, match="fingerprint"):
        call_command("hall_setup", str(path))
    with pytest.raises(CommandError):
        call_command("hall_setup", str(path), "--centre-fingerprint", "0" * 32)
    call_command("hall_setup", str(path), "--centre-fingerprint", MARK)
    assert "keeper" in capsys.readouterr().out
    call_command("hall_setup", "--status")
    assert "Pass 7" in capsys.readouterr().out
