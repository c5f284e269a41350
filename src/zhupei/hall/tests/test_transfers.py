"""A hall on its own machine: its pass, what it fetches and sends over a line that breaks. Centre and hall share the test's
database; ``zhupei bench cutoff`` plays both with a database each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_filed_staff,
    make_hall_return,
    make_institution,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.accounts.api import User
from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import Retention, store
from zhupei.exams import api as exams
from zhupei.exams import machines, passes
from zhupei.exams.actions import end_hall_key, register_machine
from zhupei.exams.models import HallMachine, ReturnIn
from zhupei.hall import actions
from zhupei.hall.models import CentreLink, HallBatch, StaffFiling, Transfer
from zhupei.hall.queries import missing_filings
from zhupei.hall.uplink import link
from zhupei.hall.uplink.centre import Centre, CentreRefused, CentreUnreachable
from zhupei.institutions.api import Institution, Room, Site
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key, sm3
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import memberships_of
from zhupei.rulebook.api import parameter

pytestmark = pytest.mark.django_db


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code, str(caught.value)
    return caught.value


# ── the pass ────────────────────────────────────────────────────────────────────────────────────────────

CENTRE_KEY = Sm2Signer(generate_sm2_key())


def a_pass(**change: Any) -> bytes:
    """A pass for this machine, as a centre elsewhere would sign it. ``signer``: who signs."""
    signer = change.pop("signer", CENTRE_KEY)
    people = (
        passes.PassPerson(
            login="keeper",
            name="周敏",
            roles=("hall_technical_head", "exam_officer"),
            filings=(
                passes.PassFiling(
                    role="hall_technical_head",
                    trained_on=date(2026, 1, 5),
                    training="考场岗位培训",
                    filing_no="备1",
                    filed_at=clock.now(),
                ),
            ),
        ),
        passes.PassPerson(login="watch", name="李文", roles=("invigilator",)),
    )
    values: dict[str, Any] = {
        "serial": 7,
        "issued_at": clock.now(),
        "valid_to": clock.today() + timedelta(days=180),
        "centre_name": "重庆市建设岗位培训中心",
        "centre_key": CENTRE_KEY.public_key,
        "centre_address": "https://centre.test",
        "hall_key": exams.machine_signer().public_key,
        "unit": passes.PassUnit(
            organisation_id=4711,
            institution_id=815,
            name="某建设集团",
            type="contractor",
            uscc="91500000MA00000001",
            division_code="500105",
            address="江北区",
        ),
        "site": passes.PassSite(
            id=333,
            name="一号考场",
            address="江北区",
            division_code="500105",
            exam_clients=100,
            spare_clients=10,
            valid_to=date(2099, 1, 1),
            rooms=(
                passes.PassRoom(id=51, name="A101", seats=60),
                passes.PassRoom(id=52, name="A102", seats=50),
            ),
        ),
        "people": people,
        "parameters": (
            passes.PassParameter(
                key="check_in_opens_minutes", value=45, effective_from=date(2019, 1, 1), effective_to=None
            ),
        ),
    }
    return passes.write_pass(passes.HallPass(**{**values, **change}), signer)


MARK = envelope.fingerprint(CENTRE_KEY.public_key)


def install(data: bytes | None = None, **more: Any) -> CentreLink:
    return actions.install_pass(data or a_pass(), by=SYSTEM, **{"fingerprint": envelope.spoken(MARK), **more})


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


def test_first_passwords_are_set_with_a_code_given_face_to_face() -> None:
    make_rulebook()
    refused("no_pass", lambda: actions.give_code("keeper", by=SYSTEM))
    install()
    code = actions.give_code("keeper", by=SYSTEM)
    page = Client()
    values = {
        "login": "keeper",
        "code": code,
        "password": "Kran-und-Beton-2026",
        "again": "Kran-und-Beton-2026",
    }
    assert page.post(reverse("accounts:new_password"), {**values, "code": "000000"}).status_code == 422
    assert page.post(reverse("accounts:new_password"), values).status_code == 302
    keeper = User.objects.get(login="keeper")
    assert keeper.check_password("Kran-und-Beton-2026")
    client = sign_in(Client(), keeper)
    shown = client.get(reverse("hall:centre")).content.decode()
    assert "watch" in shown
    assert envelope.spoken(MARK) in shown
    assert ">keeper<" not in shown  # has one already
    answer = client.post(reverse("hall:code"), {"login": "watch"})
    assert answer.status_code == 200
    assert client.post(reverse("hall:code"), {"login": "keeper"}).status_code == 409
    assert client.post(reverse("hall:code"), {"login": "nobody"}).status_code == 404
    assert (
        client.post(reverse("hall:code"), {"login": make_user(Role.CENTRE_OFFICER).login}).status_code == 404
    )
    assert actions.give_code("keeper", by=SYSTEM)  # at the console a forgotten one too
    refused("role_missing", lambda: actions.give_code("watch", by=make_actor(Role.INVIGILATOR)))
    assert AuditEvent.objects.filter(code="hall.code_given").count() == 3
    assert code not in str(list(AuditEvent.objects.values_list("after", flat=True)))


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
    call_command("hall_setup", "--code", "keeper")
    assert capsys.readouterr().out.strip().isdigit()
    call_command("hall_setup", "--status")
    assert "Pass 7" in capsys.readouterr().out


# ── the line ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Line:
    """The line to a centre in the same process. ``breaks_after``: bytes of one answer that still come; ``lost``: the centre's
    answers do not come back; ``dead``: nothing goes through."""

    breaks_after: int | None = None
    dead: bool = False
    lost: bool = False
    forge: bool = False
    calls: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.raw_path.decode()}")
        if self.dead:
            raise httpx.ConnectError("no route")
        headers = {"HTTP_AUTHORIZATION": request.headers["authorization"]}
        if "range" in request.headers:
            headers["HTTP_RANGE"] = request.headers["range"]
        answer = Client().generic(request.method, request.url.raw_path.decode(), request.content, **headers)
        if self.lost:
            raise httpx.ReadError("reset")
        content = answer.content.replace(b"open", b"done") if self.forge else answer.content
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), stream=Broken(content, self.breaks_after)
        )


class Broken(httpx.SyncByteStream):
    def __init__(self, data: bytes, after: int | None) -> None:
        self.data, self.after = data, after

    def __iter__(self) -> Iterator[bytes]:
        whole = self.data if self.after is None else self.data[: self.after]
        for n in range(0, len(whole), 700):
            yield whole[n : n + 700]
        if self.after is not None and self.after < len(self.data):
            raise httpx.ReadError("reset")


@dataclass
class Day:
    """A hall with a pass, a batch whose bundle waits at the centre, a line."""

    batch: exams.Batch
    keeper: Actor
    user: User
    line: Line

    @property
    def bundle_id(self) -> str:
        return str(self.batch.bundle.bundle_id)

    def fetched(self) -> HallBatch:
        actions.ask_centre(by=self.keeper)
        actions.fetch_bundle(self.bundle_id, by=self.keeper)
        while actions.run_next():
            pass
        return HallBatch.objects.get(bundle_id=self.bundle_id)

    def returned(self) -> HallBatch:
        """The hall's return, as a file that its machine signed."""
        row = self.fetched()
        data = make_hall_return(self.batch, signer=exams.machine_signer())
        row.return_file = store(
            data,
            name="x.zpr",
            content_type="x",
            purpose="hall.return",
            retention=Retention.ARCHIVE,
            by=SYSTEM,
        )
        row.state = "returned"
        row.save()
        return row


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    machines.forget()
    machines.centre_fingerprint.cache_clear()
    make_rulebook()
    batch = make_batch(state="released")
    unit = batch.hall.institution.organisation
    request, mark = actions.make_request("考场")
    machine = register_machine(
        batch.hall,
        request,
        fingerprint=mark,
        compared_with="张工",
        address="http://centre.test",
        by=make_actor(Role.CENTRE_OFFICER),
    )
    issued = machine.passes.get()
    CentreLink.objects.create(
        serial=issued.pk,
        issued_at=issued.issued_at,
        valid_to=issued.valid_to,
        site_id_ref=batch.hall_id,
        organisation_id=unit.pk,
        centre_name="中心",
        centre_key=exams.centre_public_key(),
        centre_address="http://centre.test",
        file=issued.file,
        installed_by="",
        installed_at=clock.now(),
    )
    make_filed_staff(unit)
    user = make_user(Role.HALL_TECHNICAL_HEAD, unit)
    keeper = Actor(user.pk, user.display_name, frozenset({Role.HALL_TECHNICAL_HEAD}), unit.pk, unit.name)
    line = Line()
    transport = httpx.MockTransport(line)
    monkeypatch.setattr("zhupei.hall.actions.transfers.Centre", partial(Centre, transport=transport))
    with clock.frozen(batch.slots.all()[0].starts_at - timedelta(minutes=20)):
        yield Day(batch, keeper, user, line)


@pytest.mark.req("I08")
def test_a_bundle_comes_over_a_line_that_breaks_and_goes_on_at_the_same_byte(day: Day) -> None:
    whole = exams.bundle_file(day.batch)
    refused("role_missing", lambda: actions.ask_centre(by=make_actor(Role.INVIGILATOR)))
    actions.ask_centre(by=day.keeper)
    refused("bundle_unknown", lambda: actions.fetch_bundle("ZP-other", by=day.keeper))
    row = actions.fetch_bundle(day.bundle_id, by=day.keeper)
    day.line.breaks_after = len(whole) // 3
    assert actions.run_next()
    row.refresh_from_db()
    assert (row.state, row.done) == ("waiting", len(whole) // 3)
    assert row.problem
    assert not actions.run_next()  # not due yet
    day.line.dead = True
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        assert actions.run_next()
    row.refresh_from_db()
    assert (row.state, row.done, row.tries) == ("waiting", len(whole) // 3, 2)
    day.line.dead, day.line.breaks_after = False, None
    Transfer.objects.update(state="running")  # the carrier was killed in the middle, and starts again
    assert actions.requeue() == 1
    day.line.calls.clear()
    assert actions.run_next()
    row.refresh_from_db()
    assert (row.state, row.done) == ("done", len(whole))
    assert len(day.line.calls) == 1
    taken = [one.after["from"] for one in AuditEvent.objects.filter(code="exams.bundle_taken").order_by("pk")]
    assert taken == [0, len(whole) // 3]
    batch = HallBatch.objects.get()
    assert (batch.file.digest, batch.state, batch.taken_in_by) == (
        sm3(whole),
        "sealed",
        f"{day.keeper.organisation_name} {day.keeper.name}",
    )
    assert actions.waiting_at_centre() == []


def test_a_long_bundle_comes_in_several_answers(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhupei.exams.actions.halls.PIECE", 9000)
    size = len(exams.bundle_file(day.batch))
    assert day.fetched().file.digest == sm3(exams.bundle_file(day.batch))
    assert len([call for call in day.line.calls if day.bundle_id in call]) == -(-size // 9000)
    assert AuditEvent.objects.filter(code="exams.bundle_taken").count() == 1


def test_staff_are_reported_at_the_centre_not_on_the_halls_machine(day: Day) -> None:
    def report() -> Any:
        return actions.report_staff(
            day.user.pk, "hall_technical_head", trained_on=clock.today(), training="x", by=day.keeper
        )

    refused("at_the_centre", report)
    CentreLink.objects.all().delete()
    assert report()


def test_a_bundle_that_was_changed_on_its_way_is_thrown_away(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions.ask_centre(by=day.keeper)
    row = actions.fetch_bundle(day.bundle_id, by=day.keeper)
    piece = Centre.piece
    monkeypatch.setattr(Centre, "piece", lambda *a: (bytes([one[0] ^ 1]) + one[1:] for one in piece(*a)))
    actions.run_next()
    row.refresh_from_db()
    assert (row.state, row.done) == ("failed", 0)
    assert not HallBatch.objects.exists()
    monkeypatch.undo()


@pytest.mark.req("I08")
def test_the_key_comes_over_the_line_once_released_or_is_typed(day: Day) -> None:
    row = day.fetched()
    day.line.dead = True
    gone = refused("centre_unreachable", lambda: actions.open_by_centre(row, by=day.keeper))
    assert "电话" in str(gone.message)
    client = sign_in(Client(), day.user)
    assert client.post(reverse("hall:open", args=[row.pk])).status_code == 503
    day.line.dead = False
    day.batch.bundle.released_at, kept = None, day.batch.bundle.released_at
    day.batch.bundle.save()
    assert refused("key_not_released", lambda: actions.open_by_centre(row, by=day.keeper)).status == 409
    day.batch.bundle.released_at = kept
    day.batch.bundle.save()
    refused("role_missing", lambda: actions.open_by_centre(row, by=make_actor(Role.INVIGILATOR)))
    assert client.post(reverse("hall:open", args=[row.pk])).status_code == 302
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.req("R042")
def test_a_return_goes_over_a_line_that_loses_answers_and_the_verdict_comes_back(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhupei.hall.actions.transfers.PIECE", 2000)
    row = day.returned()
    assert row.return_file is not None
    assert row.return_file.size > 4000
    after = day.batch.slots.all()[0].ends_at + timedelta(minutes=10)
    with clock.frozen(after):
        sent = actions.send_return(row, by=day.keeper)
        day.line.lost = True
        actions.run_next()
        sent.refresh_from_db()
        assert sent.state == "waiting"
        day.line.lost = False
        centre = Centre(CentreLink.objects.get(), httpx.MockTransport(day.line))
        data = exams_read(row)
        centre.put_piece(
            row.bundle_id, sent.digest, sent.size, 0, data[:2000]
        )  # arrived, its answer was lost
    with clock.frozen(after + timedelta(minutes=2)):
        assert actions.run_next()
        sent.refresh_from_db()
        assert (sent.state, sent.verdict["sittings"], sent.verdict["differences"]) == ("done", 3, 0)
        offsets = [call.split("offset=")[1] for call in day.line.calls if "offset=" in call]
        assert offsets[:2] == ["0", "2000"]
        client = sign_in(Client(), day.user)
        assert "中心已接收" in client.get(reverse("hall:batch", args=[row.pk])).content.decode()
        assert actions.send_return(row, by=day.keeper) == sent  # twice: nothing happens
        assert not actions.run_next()
    assert ReturnIn.objects.get().digest == row.return_file.digest


def exams_read(row: HallBatch) -> bytes:
    from zhupei.evidence.api import read

    assert row.return_file is not None
    return read(row.return_file)


def test_an_answer_that_the_centre_did_not_sign_decides_nothing(day: Day) -> None:
    row = day.returned()
    day.line.forge = True  # somebody on the line says that it is all done
    sent = actions.send_return(row, by=day.keeper)
    actions.run_next()
    sent.refresh_from_db()
    assert (sent.state, sent.verdict) == ("waiting", {})
    stranger = CentreLink.objects.get()
    stranger.centre_key = CENTRE_KEY.public_key
    with Centre(stranger, httpx.MockTransport(Line())) as centre, pytest.raises(CentreRefused) as caught:
        centre.bundles()
    assert caught.value.code == "signature_invalid"  # signed for another centre
    silent = httpx.MockTransport(
        lambda request: httpx.Response(200, stream=Broken(b"<html>router</html>", None))
    )
    with Centre(CentreLink.objects.get(), silent) as centre, pytest.raises(CentreUnreachable):
        centre.bundles()
    endless = httpx.MockTransport(lambda request: httpx.Response(200, stream=Broken(b"x" * (3 << 20), None)))
    with Centre(CentreLink.objects.get(), endless) as centre, pytest.raises(CentreUnreachable):
        centre.bundles()


def test_what_the_centre_refuses_is_said_and_can_be_tried_again(day: Day) -> None:
    row = day.returned()
    end_hall_key(HallMachine.objects.get().key, reason="x", by=make_actor(Role.CENTRE_OFFICER))
    sent = actions.send_return(row, by=day.keeper)
    actions.run_next()
    sent.refresh_from_db()
    assert sent.state == "failed"
    assert sent.problem
    client = sign_in(Client(), day.user)
    shown = client.get(reverse("hall:batches")).content.decode()
    assert "停用" in sent.problem
    assert sent.problem in shown
    url = reverse("hall:transfer_go_on", args=[sent.pk])
    answer = client.post(url, {"batch": row.pk})
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("hall:batch", args=[row.pk]))
    assert client.post(reverse("hall:transfer_stop", args=[sent.pk])).status_code == 302
    assert not actions.run_next()
    sent.refresh_from_db()
    assert sent.state == "stopped"
    assert client.post(reverse("hall:transfer_stop", args=[sent.pk])).status_code == 409
    other = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD))
    assert other.get(reverse("hall:transfer", args=[sent.pk])).status_code == 404


def test_a_transfer_that_is_stopped_in_the_middle_stops(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    actions.ask_centre(by=day.keeper)
    row = actions.fetch_bundle(day.bundle_id, by=day.keeper)
    monkeypatch.setattr("zhupei.hall.actions.transfers.FLUSH", 1000)
    piece = Centre.piece

    def stopping(*args: Any) -> Iterator[bytes]:
        for one in piece(*args):
            yield one
            Transfer.objects.update(state="stopped")

    monkeypatch.setattr(Centre, "piece", stopping)
    actions.run_next()
    row.refresh_from_db()
    assert row.state == "stopped"
    assert 0 < row.done < row.size


def test_the_pages_lead_through_it_and_say_what_to_do_without_a_line(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry = "zhupei.config.management.commands.carry.close_old_connections"
    monkeypatch.setattr(carry, lambda: None)  # the test's own connection stays
    client = sign_in(Client(), day.user)
    day.line.dead = True
    answer = client.post(reverse("hall:ask"), follow=True)
    assert "电话" in answer.content.decode()
    day.line.dead = False
    answer = client.post(reverse("hall:ask"), follow=True).content.decode()
    fetch = reverse("hall:fetch", args=[day.bundle_id])
    assert fetch in answer
    shown = client.post(fetch, follow=True).content.decode()
    row = Transfer.objects.get()
    assert f'hx-get="{reverse("hall:transfer", args=[row.pk])}"' in shown
    call_command("carry", "--once")
    assert "hx-get" not in client.get(reverse("hall:transfer", args=[row.pk])).content.decode()
    batch = HallBatch.objects.get()
    page = client.get(reverse("hall:batch", args=[batch.pk])).content.decode()
    assert reverse("hall:open", args=[batch.pk]) in page
    assert reverse("hall:key", args=[batch.pk]) in page
    again = client.post(
        reverse("hall:upload"), {"file": SimpleUploadedFile("x.zpb", exams.bundle_file(day.batch))}
    )
    assert again.status_code == 302  # the same bytes, carried
    assert HallBatch.objects.count() == 1


def test_where_the_centre_runs_here_nothing_of_it_is_shown() -> None:
    make_rulebook()
    batch = make_batch(state="ready")
    client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, batch.hall.institution.organisation))
    page = client.get(reverse("hall:batches")).content.decode()
    assert reverse("hall:ask") not in page
    assert reverse("hall:take_in", args=[batch.pk]) in page
    assert client.post(reverse("hall:ask")).status_code == 409
    assert link.bundle_verifier().public_key == exams.centre_public_key()
    assert link.return_signer(batch.hall_id).public_key == exams.local_hall_signer(batch.hall_id).public_key
