"""What a hall's own machine and its centre send each other, over a line that breaks. Both share the test's database here;
``zhupei bench cutoff`` plays both with a database each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_filed_staff,
    make_hall_return,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.accounts.api import User
from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import Retention, store
from zhupei.exams import api as exams
from zhupei.exams import machines
from zhupei.exams.actions import end_hall_key, register_machine
from zhupei.exams.models import HallMachine, ReturnIn
from zhupei.hall import actions
from zhupei.hall.models import CentreLink, HallBatch, Transfer
from zhupei.hall.tests.days import refused
from zhupei.hall.tests.passes import CENTRE_KEY
from zhupei.hall.uplink import link
from zhupei.hall.uplink.centre import Centre, CentreRefused, CentreUnreachable
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import sm3
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


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
