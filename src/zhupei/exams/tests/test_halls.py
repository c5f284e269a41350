"""Halls on their own machines, as the centre serves them: registration by voice, passes, signed calls, returns in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_filed_staff,
    make_hall_return,
    make_institution,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import read
from zhupei.exams import actions, keys, machines, passes
from zhupei.exams.models import Batch, HallCall, HallKey, HallMachine, ReturnIn, ReturnUpload
from zhupei.kernel import clock, crypto, envelope
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key, sm3
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db
ROOT = "/exams/halls/bundles/"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    machines.forget()
    machines.centre_fingerprint.cache_clear()


def new_key() -> Sm2Signer:
    return Sm2Signer(generate_sm2_key())


def registered(hall: Any, signer: Sm2Signer) -> HallMachine:
    data = passes.write_request("考场", 0, signer)
    mark = envelope.spoken(envelope.fingerprint(signer.public_key)).upper()
    return actions.register_machine(
        hall,
        data,
        fingerprint=mark,
        compared_with="张工",
        address="http://centre.test/",
        by=make_actor(Role.CENTRE_OFFICER),
    )


@dataclass
class Hall:
    """A hall's own machine, as far as the centre meets it."""

    batch: Batch
    signer: Sm2Signer
    machine: HallMachine

    @property
    def bundle_id(self) -> str:
        return str(self.batch.bundle.bundle_id)

    def call(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        signer: Sm2Signer | None = None,
        change: Callable[[str], str] = str,
        sent: bytes | None = None,
        **headers: str,
    ) -> Any:
        header, _nonce = machines.credentials(
            signer or self.signer, method, target, body, centre=machines.centre_fingerprint()
        )
        headers = {"HTTP_AUTHORIZATION": change(header), **headers}
        return Client().generic(method, target, body if sent is None else sent, **headers)


def make_hall(state: str = "released") -> Hall:
    make_rulebook()
    batch = make_batch(state=state)
    signer = new_key()
    return Hall(batch, signer, registered(batch.hall, signer))


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code, str(caught.value)
    return caught.value


# ── registration ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("I08")
def test_a_machine_is_registered_only_by_the_fingerprint_that_was_read_out() -> None:
    make_rulebook()
    hall, signer = make_site(make_institution(), kind="hall"), new_key()
    data = passes.write_request("一号考场", 0, signer)
    mark = envelope.fingerprint(signer.public_key)
    values: dict[str, Any] = {"fingerprint": mark, "compared_with": "张工", "address": "https://centre.test"}
    officer = make_actor(Role.CENTRE_OFFICER)

    def act(**change: Any) -> Any:
        given = {**values, "by": officer, **change}
        return actions.register_machine(hall, given.pop("data", data), **given)

    refused("role_missing", lambda: act(by=make_actor(Role.HALL_TECHNICAL_HEAD)))
    refused("fingerprint_differs", lambda: act(fingerprint=envelope.fingerprint(new_key().public_key)))
    refused("fingerprint_differs", lambda: act(fingerprint=mark[:-1]))
    refused("no_name", lambda: act(compared_with=" "))
    for address in ("ftp://x", "https://", "https://x/path", "javascript:1"):
        refused("bad_address", lambda address=address: act(address=address))
    changed = json.loads(data)
    other = json.dumps({**changed, "public_key": new_key().public_key}).encode()
    refused("request_forged", lambda: act(data=other))
    refused("request_forged", lambda: act(data=json.dumps({**changed, "hall_name": "别的"}).encode()))
    for junk in (
        b"",
        b"[]",
        b"{" * 5000,
        data + b" " * 9000,
        b"\xff\xfe",
        json.dumps({**changed, "x": 1}).encode(),
    ):
        refused("not_a_request", lambda junk=junk: act(data=junk))
    assert not HallKey.objects.exists()
    machine = act()
    assert act() == machine
    assert machine.passes.count() == 2
    other_hall = make_site(make_institution(), kind="hall")
    refused("key_of_another_hall", lambda: actions.register_machine(other_hall, data, by=officer, **values))


def test_the_pages_register_a_machine_and_give_its_pass() -> None:
    make_rulebook()
    hall, signer = make_site(make_institution(), kind="hall"), new_key()
    client = sign_in(Client(), make_user(Role.CENTRE_APPROVER))
    url = reverse("exams:machine_new")
    file = passes.write_request("考场", 0, signer)
    form = {"hall": hall.pk, "fingerprint": "0" * 32, "compared_with": "张工", "address": "http://testserver"}
    answer = client.post(url, {**form, "file": SimpleUploadedFile("a.json", file)})
    assert answer.status_code == 422
    assert not HallMachine.objects.exists()
    form["fingerprint"] = envelope.spoken(envelope.fingerprint(signer.public_key))
    answer = client.post(url, {**form, "file": SimpleUploadedFile("a.json", file)})
    assert answer.status_code == 302, answer.content.decode()
    machine = HallMachine.objects.get()
    page = client.get(reverse("exams:machine", args=[machine.pk])).content.decode()
    assert envelope.spoken(machine.fingerprint) in page
    assert client.post(reverse("exams:machine_pass", args=[machine.pk])).status_code == 302
    newest = machine.passes.latest("pk")
    data = client.get(reverse("exams:pass_file", args=[newest.pk])).content
    assert passes.read_pass(data).serial == newest.pk
    assert hall.name in client.get(reverse("exams:keys")).content.decode()


@pytest.mark.req("R146", "R148")
def test_a_pass_tells_hall_staff_filings_and_numbers_and_no_secret() -> None:
    hall = make_hall()
    unit = hall.batch.hall.institution.organisation
    staff = make_filed_staff(unit)
    watch = make_user(Role.INVIGILATOR, unit)
    make_user(Role.REGISTRAR, unit)  # works there, but not on the day of a test
    head = staff[Role.HALL_TECHNICAL_HEAD]
    head.totp_secret = "JBSWY3DPEHPK3PXP"
    head.save()
    row = actions.issue_pass(hall.machine, by=make_actor(Role.CENTRE_OFFICER))
    assert row.file is not None
    data = read(row.file)
    content = passes.read_pass(data)
    assert content.site.id == hall.batch.hall_id
    assert [(one.name, one.seats) for one in content.site.rooms] == [
        (one.name, one.seats) for one in hall.batch.hall.rooms.order_by("name")
    ]
    people = {one.login: one for one in content.people}
    assert set(people) >= {head.login, watch.login}
    assert not any("registrar" in one.roles for one in content.people)
    assert [one.role for one in people[head.login].filings] == ["hall_technical_head"]
    numbers = {one.key: one.value for one in content.parameters}
    assert numbers["check_in_opens_minutes"] == 60
    assert (content.centre_key, content.hall_key) == (keys.centre_public_key(), hall.signer.public_key)
    for secret in (head.password, head.totp_secret, "13812345678"):
        assert secret.encode() not in data


def test_a_pass_that_was_touched_is_refused() -> None:
    hall = make_hall()
    row = hall.machine.passes.get()
    assert row.file is not None
    data = read(row.file)
    content = passes.read_pass(data)
    for n in (20, len(data) // 2, len(data) - 5):
        damaged = data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :]
        assert refused_code(damaged) in ("pass_damaged", "pass_forged")
    for junk in (b"", b"ZPHPASS\n", data[:40], data + b"x", b"ZPHPASS\n\xff\xff\xff\xff", b"x" * (2 << 20)):
        assert refused_code(junk) in ("pass_damaged", "not_a_pass")
    forged = passes.write_pass(content, new_key())  # somebody else's signature under the centre's name
    assert refused_code(forged) == "pass_forged"
    newer = passes.write_pass(msgspec.structs.replace(content, format=9), keys.centre_signer())
    assert refused_code(newer) == "version_unknown"


def refused_code(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        passes.read_pass(data)
    assert str(caught.value.message)
    return caught.value.code


# ── who calls ───────────────────────────────────────────────────────────────────────────────────────────


def test_only_a_fresh_call_signed_by_a_registered_machine_is_answered() -> None:
    hall = make_hall()

    def code(answer: Any, status: int) -> str:
        assert answer.status_code == status, answer.content
        return str(answer.json()["code"])

    assert code(Client().get(ROOT), 401) == "unsigned"
    assert code(Client().get(ROOT, headers={"Authorization": "Zhupei-Hall x 1 2 3 4"}), 401) == "unsigned"
    assert code(hall.call("GET", ROOT, signer=new_key()), 401) == "machine_unknown"
    assert (
        code(hall.call("GET", ROOT, change=lambda h: h[:-1] + ("0" if h[-1] != "0" else "1")), 401)
        == "signature_invalid"
    )
    signed_elsewhere = machines.credentials(hall.signer, "GET", ROOT, b"", centre="0" * 32)[0]
    assert code(hall.call("GET", ROOT, change=lambda _: signed_elsewhere), 401) == "signature_invalid"
    for_another_page = machines.credentials(
        hall.signer, "GET", ROOT + "x/", b"", centre=machines.centre_fingerprint()
    )[0]
    assert code(hall.call("GET", ROOT, change=lambda _: for_another_page), 401) == "signature_invalid"
    assert code(hall.call("GET", ROOT, sent=b"more"), 422) == "body_damaged"
    with clock.frozen(clock.now() - timedelta(minutes=7)):
        old = machines.credentials(hall.signer, "GET", ROOT, b"", centre=machines.centre_fingerprint())[0]
    assert code(hall.call("GET", ROOT, change=lambda _: old), 401) == "clock_off"
    header = machines.credentials(hall.signer, "GET", ROOT, b"", centre=machines.centre_fingerprint())[0]
    answer = hall.call("GET", ROOT, change=lambda _: header)
    assert answer.status_code == 200
    nonce = header.split(" ")[3]
    assert keys.centre_verifier().verify(
        machines.answer_text(nonce, 200, answer.content), answer.headers[machines.ANSWER_SIGNATURE]
    )
    assert code(hall.call("GET", ROOT, change=lambda _: header), 401) == "replayed"
    assert AuditEvent.objects.filter(code="exams.hall_turned_away").count() == 1
    actions.end_hall_key(hall.machine.key, reason="verloren", by=make_actor(Role.CENTRE_OFFICER))
    assert code(hall.call("GET", ROOT), 401) == "key_ended"


def test_a_stranger_who_keeps_calling_is_made_to_wait_and_a_hall_is_not() -> None:
    hall = make_hall()
    codes = [Client().get(ROOT).status_code for _n in range(32)]
    assert codes == [401] * 30 + [429] * 2
    machines.forget()
    assert {hall.call("GET", ROOT).status_code for _n in range(35)} == {200}


def test_nonces_are_kept_only_as_long_as_their_time_is_accepted() -> None:
    hall = make_hall()
    hall.call("GET", ROOT)
    with clock.frozen(clock.now() + timedelta(minutes=20)):
        hall.call("GET", ROOT)
    assert HallCall.objects.count() == 1


# ── bundle and key ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("I08")
def test_a_hall_gets_its_own_bundles_in_pieces_and_no_other_halls() -> None:
    hall = make_hall("ready")
    other = make_batch(state="ready")
    found = hall.call("GET", ROOT).json()
    assert [row["bundle_id"] for row in found["bundles"]] == [hall.bundle_id]
    assert found["bundles"][0]["released"] is False
    data = actions.bundle_file(hall.batch)
    assert (found["bundles"][0]["size"], found["bundles"][0]["digest"]) == (len(data), sm3(data))
    got = b""
    while len(got) < len(data):
        answer = hall.call(
            "GET", f"{ROOT}{hall.bundle_id}/", HTTP_RANGE=f"bytes={len(got)}-{len(got) + 9999}"
        )
        assert answer.status_code == 206
        assert answer.headers["Content-Range"].endswith(f"/{len(data)}")
        got += answer.content
    assert got == data
    taken = AuditEvent.objects.filter(code="exams.bundle_taken")
    assert [one.after["from"] for one in taken] == [0]
    hall.call("GET", f"{ROOT}{hall.bundle_id}/", HTTP_RANGE="bytes=500-")  # went on after a break
    assert [one.after["from"] for one in taken.all()] == [0, 500]
    for beyond in (f"bytes={len(data)}-", f"bytes={10**11}-", "bytes=-5", "bytes=5-2", "x"):
        assert hall.call("GET", f"{ROOT}{hall.bundle_id}/", HTTP_RANGE=beyond).status_code == 416
    for page in ("", "key/", f"return/?digest={'0' * 64}"):
        assert hall.call("GET", f"{ROOT}{other.bundle.bundle_id}/{page}").status_code == 404
        assert hall.call("GET", f"{ROOT}ZP-none/{page}").status_code == 404


@pytest.mark.req("I08")
def test_the_key_is_given_after_its_release_alone_and_sealed_to_the_machine() -> None:
    hall = make_hall("ready")
    url = f"{ROOT}{hall.bundle_id}/key/"
    answer = hall.call("GET", url)
    assert (answer.status_code, answer.json()["code"]) == (409, "key_not_released")
    with clock.frozen(hall.batch.slots.all()[0].starts_at - timedelta(minutes=30)):
        actions.release_bundle(hall.batch, by=make_actor(Role.CENTRE_OFFICER))
        assert hall.call("GET", url).status_code == 409
        actions.release_bundle(hall.batch, by=make_actor(Role.CENTRE_APPROVER))
        answer = hall.call("GET", url)
    key = actions.bundle_key(hall.batch)
    sealed = answer.json()["sealed_key"]
    context = actions.key_context(hall.bundle_id)
    assert key.hex() not in answer.content.decode()
    assert envelope.open_sealed(hall.signer._private_key.hex(), sealed, context=context) == key
    for private, other in ((generate_sm2_key(), context), (hall.signer._private_key.hex(), b"other")):
        with pytest.raises(crypto.DecryptionFailed):
            envelope.open_sealed(private, sealed, context=other)
    assert AuditEvent.objects.get(code="exams.key_taken").after == {"machine": hall.machine.fingerprint}


# ── the return ──────────────────────────────────────────────────────────────────────────────────────────


class Sender:
    """A return sent by hand."""

    def __init__(self, hall: Hall, data: bytes) -> None:
        self.hall, self.data, self.digest = hall, data, sm3(data)

    def put(self, offset: int, piece: bytes, **more: Any) -> Any:
        size = more.pop("size", len(self.data))
        target = f"{ROOT}{self.hall.bundle_id}/return/piece/?digest={self.digest}&size={size}&offset={offset}"
        return self.hall.call("PUT", target, piece, **more)

    def state(self) -> dict[str, Any]:
        answer = self.hall.call("GET", f"{ROOT}{self.hall.bundle_id}/return/?digest={self.digest}")
        assert answer.status_code == 200, answer.content
        return dict(answer.json())


@pytest.fixture
def sender() -> Iterator[Sender]:
    hall = make_hall()
    data = make_hall_return(hall.batch, signer=hall.signer)
    with clock.frozen(hall.batch.slots.all()[0].ends_at + timedelta(minutes=10)):
        yield Sender(hall, data)


@pytest.mark.req("R042")
def test_a_return_arrives_in_pieces_and_is_scored_once(sender: Sender) -> None:
    data, half = sender.data, len(sender.data) // 2
    assert sender.state() == {"state": "open", "offset": 0}
    damaged = sender.put(0, data[:half], sent=b"?" + data[1:half])
    assert (damaged.status_code, damaged.json()["code"]) == (422, "body_damaged")
    assert sender.state()["offset"] == 0
    assert sender.put(0, data[:half]).json() == {"state": "open", "offset": half}
    again = sender.put(0, data[:half])  # the other of two senders, or an answer that was lost
    assert (again.status_code, again.json()["offset"]) == (409, half)
    gap = sender.put(half + 5, data[half + 5 :])
    assert (gap.status_code, gap.json()["offset"]) == (409, half)
    assert sender.put(half, data[half:] + b"more").status_code == 416
    assert not ReturnIn.objects.exists()
    done = sender.put(half, data[half:]).json()
    assert (done["state"], done["sittings"], done["differences"], done["digest"]) == (
        "done",
        3,
        0,
        sender.digest,
    )
    assert sender.put(half, data[half:]).json() == done == sender.state() == sender.put(0, data[:3]).json()
    row = ReturnIn.objects.get()
    assert read(row.file) == data
    assert AuditEvent.objects.filter(code="exams.return_received").count() == 1
    other = Sender(sender.hall, make_hall_return(sender.hall.batch, signer=sender.hall.signer, wrong=2))
    answer = other.put(0, other.data)
    assert (answer.status_code, answer.json()["code"]) == (409, "return_exists")


def test_a_return_that_is_damaged_or_another_halls_is_not_taken_in(sender: Sender) -> None:
    whole = Sender(sender.hall, sender.data)
    whole.digest = "0" * 64
    answer = whole.put(0, sender.data)
    assert (answer.status_code, answer.json()["code"]) == (422, "digest_differs")
    assert whole.state()["offset"] == 0
    foreign = Sender(sender.hall, make_hall_return(sender.hall.batch, signer=new_key()))
    answer = foreign.put(0, foreign.data)
    assert (answer.status_code, answer.json()["code"]) == (422, "signature_invalid")
    assert foreign.state()["state"] == "refused"
    again = foreign.put(
        len(foreign.data), b""
    )  # asked again, judged again: what was wrong may have been put right
    assert again.json()["code"] == "signature_invalid"
    assert not ReturnIn.objects.exists()
    third = Sender(sender.hall, sender.data)
    third.digest = "1" * 64
    assert third.put(0, b"x").status_code == 200
    assert sender.put(0, b"x").json()["code"] == "too_many_returns"
    ReturnUpload.objects.exclude(digest=foreign.digest).delete()
    assert sender.put(0, sender.data).json()["state"] == "done"


def test_what_lies_on_the_disk_counts_not_what_the_row_says(sender: Sender) -> None:
    half = len(sender.data) // 2
    sender.put(0, sender.data[:half])
    path = actions.halls._part(sender.hall.batch, sender.digest)
    path.write_bytes(path.read_bytes()[: half // 2])  # lost with the server's disk cache
    answer = sender.put(half, sender.data[half:])
    assert (answer.status_code, answer.json()["offset"]) == (409, 0)
    assert sender.put(0, sender.data).json()["state"] == "done"
    for size in (0, 10**11):
        assert Sender(sender.hall, b"x").put(0, b"x", size=size).status_code in (409, 413)


def test_a_carried_return_is_known_to_the_network_too(sender: Sender) -> None:
    actions.receive_return(sender.hall.batch, sender.data, by=SYSTEM)
    assert sender.state()["state"] == "done"
    assert sender.put(0, sender.data).json()["differences"] == 0
