"""Halls on their own machines: registered by voice, given a pass, served with bundle and key, their return taken in pieces."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, read, store
from zhupei.exams import events, keys, passes
from zhupei.exams.choices import BatchState
from zhupei.exams.machines import Call
from zhupei.exams.models import (
    Batch,
    BundleOut,
    HallKey,
    HallMachine,
    HallPassOut,
    ReturnIn,
    ReturnUpload,
)
from zhupei.exams.queries import exam_rooms
from zhupei.institutions.api import Site
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import Actor
from zhupei.kernel.crypto import equal, sm3
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import Membership, Organisation, OrganisationKind, in_force
from zhupei.rulebook.api import parameters_from

from .applications import CENTRE_ROLES
from .bundles import bundle_file, bundle_key, register_hall_key
from .first_secrets import first_secrets_for
from .returns import receive_return

PASS_DAYS = 180
PIECE = 1 << 20
MAX_RETURN = 256 << 20
MAX_OPEN_UPLOADS = 3
OLD_SECONDS = 60 * 86400
ON_DUTY = (Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR, Role.INVIGILATOR, Role.EXAM_OFFICER)
UNDER_WAY = (BatchState.READY, BatchState.RELEASED)


class FiledPost(NamedTuple):
    """A filing of a hall's staff (R146–R148), as the room that keeps them tells it."""

    user_id: int
    role: str
    trained_on: Any
    training: str
    filing_no: str
    filed_at: Any


filing_sources: list[Callable[[int], Iterable[FiledPost]]] = []
"""Rooms above that keep the filings of a hall's staff: organisation → filings in force."""


# --- registration and passes ---------------------------------------------------------------------------------


def check_address(text: str) -> str:
    """The address under which halls reach the centre, without its last slash. Raises ``Refusal``."""
    text = text.strip().rstrip("/")
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path
        or parts.query
        or len(text) > 200
    ):
        raise Refusal("bad_address", _("Write the address as https://name, with no path."), field="address")
    if settings.HTTPS and parts.scheme != "https":
        raise Refusal("bad_address", _("The address must begin with https://."), field="address")
    return text


@transaction.atomic
def register_machine(
    hall: Site, data: bytes, *, fingerprint: str, compared_with: str, address: str, by: Actor
) -> HallMachine:
    """Register a hall's own machine by its request, and issue its first pass.

    ``fingerprint`` is what was heard on the telephone from ``compared_with``, a person of the hall whose voice is known. It must
    be that of the key in the file, which may have come by any way. The same request again issues a new pass.
    Raises ``Refusal``.
    """
    by.require(*CENTRE_ROLES)
    request = passes.read_request(data)
    if not equal(envelope.heard(fingerprint), request.fingerprint):
        text = _(
            "This is not the fingerprint of the key in the file. If it was read out rightly, the file is not that machine's: do "
            "not register it, and tell the security officer."
        )
        raise Refusal("fingerprint_differs", text, field="fingerprint")
    if not compared_with.strip():
        raise Refusal("no_name", _("Write who read the fingerprint out."), field="compared_with")
    address = check_address(address)
    if HallKey.objects.filter(public_key=request.public_key).exclude(hall=hall).exists():
        text = _("This key is another hall's. Each hall's machine makes a key of its own.")
        raise Conflict("key_of_another_hall", text)
    key = register_hall_key(hall, request.public_key, by=by)
    machine, created = HallMachine.objects.get_or_create(
        key=key,
        defaults={
            "fingerprint": request.fingerprint,
            "compared_with": compared_with.strip()[:100],
            "centre_address": address,
        },
    )
    if machine.centre_address != address:
        machine.centre_address = address
        machine.save(update_fields=["centre_address"])
    if created:
        record(
            events.MACHINE_REGISTERED,
            by=by,
            on=machine,
            organisation_id=hall.institution.organisation_id,
            after={
                "fingerprint": machine.fingerprint,
                "compared_with": machine.compared_with,
                "address": address,
            },
        )
    issue_pass(machine, by=by)
    return machine


def _people(machine: HallMachine, organisation_id: int) -> tuple[passes.PassPerson, ...]:
    rows = (
        Membership.objects.filter(
            in_force(clock.today()), organisation_id=organisation_id, role__in=ON_DUTY, user__is_active=True
        )
        .select_related("user")
        .order_by("user__login", "role")
    )
    filed: dict[int, list[passes.PassFiling]] = {}
    for source in filing_sources:
        for one in source(organisation_id):
            filing = passes.PassFiling(
                role=one.role,
                trained_on=one.trained_on,
                training=one.training,
                filing_no=one.filing_no,
                filed_at=one.filed_at,
            )
            filed.setdefault(one.user_id, []).append(filing)
    held: dict[int, list[Membership]] = {}
    for row in rows:
        held.setdefault(row.user_id, []).append(row)
    hashes = first_secrets_for(machine, [mine[0].user for mine in held.values()])
    return tuple(
        passes.PassPerson(
            login=mine[0].user.login,
            name=mine[0].user.display_name,
            roles=tuple(one.role for one in mine),
            first_secret=hashes[user_id],
            filings=tuple(filed.get(user_id, ())),
        )
        for user_id, mine in held.items()
    )


@transaction.atomic
def issue_pass(machine: HallMachine, *, by: Actor) -> HallPassOut:
    """Sign a pass for a registered machine with what holds today: rooms, staff, filings, numbers of the rule."""
    by.require(*CENTRE_ROLES)
    machine = (
        HallMachine.objects.select_for_update(of=("self",))
        .select_related("key__hall__institution")
        .get(pk=machine.pk)
    )
    if machine.key.ended_at is not None:
        raise Conflict("key_ended", _("This key was ended. Make a new one on the hall's server."))
    hall, owner, today = machine.key.hall, machine.key.hall.institution, clock.today()
    centre = Organisation.objects.filter(kind=OrganisationKind.CENTRE).order_by("pk").first()
    row = HallPassOut.objects.create(
        machine=machine,
        issued_by=f"{by.organisation_name} {by.name}".strip(),
        issued_at=clock.now(),
        valid_to=today + timedelta(days=PASS_DAYS),
    )
    content = passes.HallPass(
        serial=row.pk,
        issued_at=row.issued_at,
        valid_to=row.valid_to,
        centre_name=centre.name if centre else "",
        centre_key=keys.centre_public_key(),
        centre_address=machine.centre_address,
        hall_key=machine.key.public_key,
        unit=passes.PassUnit(
            organisation_id=owner.organisation_id,
            institution_id=owner.pk,
            name=owner.full_name,
            type=owner.type,
            uscc=owner.uscc,
            division_code=owner.division_code,
            address=owner.address,
        ),
        site=passes.PassSite(
            id=hall.pk,
            name=hall.name,
            address=hall.address,
            division_code=hall.division_code,
            exam_clients=hall.exam_clients,
            spare_clients=hall.spare_clients,
            valid_to=hall.valid_to,
            rooms=tuple(
                passes.PassRoom(id=room.pk, name=room.name, seats=room.seats) for room in exam_rooms(hall)
            ),
        ),
        people=_people(machine, owner.organisation_id),
        parameters=tuple(
            passes.PassParameter(key=key, value=value, effective_from=start, effective_to=end)
            for key, value, start, end in parameters_from(today)
        ),
    )
    row.file = store(
        passes.write_pass(content, keys.centre_signer()),
        name=f"{hall.name}.zph",
        content_type="application/octet-stream",
        purpose="exams.hall_pass",
        retention=Retention.ARCHIVE,
        organisation_id=owner.organisation_id,
        by=by,
    )
    row.save(update_fields=["file"])
    record(
        events.PASS_ISSUED,
        by=by,
        on=row,
        organisation_id=owner.organisation_id,
        after={"digest": row.file.digest, "people": len(content.people), "rooms": len(content.site.rooms)},
    )
    return row


@transaction.atomic
def take_pass(row: HallPassOut, *, by: Actor) -> bytes:
    """Download a pass; kept in the record."""
    by.require(*CENTRE_ROLES)
    assert row.file is not None
    record(events.PASS_TAKEN, by=by, on=row, organisation_id=row.file.organisation_id)
    return read(row.file)


# --- what a machine asks --------------------------------------------------------------------------------------


def _batch_for(call: Call, bundle_id: str) -> Batch:
    """The batch of a bundle of this machine's own hall; ``Refusal`` 404 for any other, whether there is one or not."""
    row = (
        BundleOut.objects.filter(bundle_id=bundle_id, batch__hall_id=call.machine.key.hall_id)
        .exclude(batch__state=BatchState.CANCELLED)
        .select_related("batch__hall__institution", "batch__institution")
        .first()
    )
    if row is None:
        text = _("The centre has no such bundle for this hall. It may have been cancelled: ask the centre.")
        raise Refusal("bundle_unknown", text, status=404)
    return row.batch


@transaction.atomic
def bundles_for(call: Call) -> list[dict[str, Any]]:
    """The bundles of this machine's hall whose test is still to be held or returned; the call is kept in the record."""
    rows = (
        BundleOut.objects.filter(batch__hall_id=call.machine.key.hall_id, batch__state__in=UNDER_WAY)
        .select_related("batch__institution", "file")
        .prefetch_related("batch__slots")
        .order_by("sealed_at", "pk")
    )
    found = [
        {
            "bundle_id": row.bundle_id,
            "batch_no": str(row.batch),
            "institution": row.batch.institution.full_name,
            "digest": row.digest,
            "size": row.file.size,
            "sealed_at": row.sealed_at.isoformat(),
            "first_session": min(slot.starts_at for slot in row.batch.slots.all()).isoformat(),
            "released": row.released_at is not None,
        }
        for row in rows
    ]
    record(
        events.HALL_ASKED,
        by=call.actor,
        on=call.machine,
        after={"bundles": len(found)},
    )
    return found


_sent_to: dict[
    tuple[int, str], int
] = {}  # of this one server process: where the last piece that was asked for ended


def bundle_piece(call: Call, bundle_id: str, start: int, end: int) -> tuple[bytes, int]:
    """Bytes ``start`` to ``end`` (excluded, at most ``PIECE`` of them) of a bundle, and the bundle's size.

    A download that begins, or goes on where the last one did not end, is kept in the record. ``Refusal`` 416 beyond the end.
    """
    batch = _batch_for(call, bundle_id)
    data = bundle_file(batch)
    if not 0 <= start < len(data) or end <= start:
        raise Refusal("beyond_the_end", _("The bundle ends before that."), status=416)
    end = min(end, start + PIECE, len(data))
    if start == 0 or _sent_to.get((call.machine.pk, bundle_id)) != start:
        record(
            events.BUNDLE_TAKEN,
            by=call.actor,
            on=batch,
            organisation_id=batch.institution.organisation_id,
            after={"machine": call.machine.fingerprint, "from": start},
        )
    if len(_sent_to) > 10_000:
        _sent_to.clear()
    _sent_to[call.machine.pk, bundle_id] = end
    return data[start:end], len(data)


def key_context(bundle_id: str) -> bytes:
    """What a bundle's key is sealed as."""
    return f"bundle key {bundle_id}".encode()


@transaction.atomic
def key_for(call: Call, bundle_id: str) -> str:
    """The released key of a bundle, sealed to the calling machine's own key; ``Refusal`` before two persons released it (I08)."""
    batch = _batch_for(call, bundle_id)
    key = bundle_key(batch)
    if batch.state != BatchState.RELEASED:
        raise Conflict(
            "batch_over",
            _("The return of this batch has been received; its key is given to no one any more."),
        )
    record(
        events.KEY_TAKEN,
        by=call.actor,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        after={"machine": call.machine.fingerprint},
    )
    return envelope.seal_to(call.machine.key.public_key, key, context=key_context(bundle_id))


# --- the return, in pieces ------------------------------------------------------------------------------------


def _part(batch: Batch, digest: str) -> Path:
    folder: Path = settings.DATA / "incoming"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"return-{batch.pk}-{digest[:32]}.part"


def _forget_old_parts() -> None:
    """Remove what was begun long ago and never finished; it can be sent again."""
    for old in (settings.DATA / "incoming").glob("return-*.part"):
        if time.time() - old.stat().st_mtime > OLD_SECONDS:
            old.unlink(missing_ok=True)


def _verdict(row: ReturnIn) -> dict[str, Any]:
    return {
        "state": "done",
        "digest": row.digest,
        "received_at": row.received_at.isoformat(),
        "sittings": row.sittings,
        "differences": row.difference_count,
    }


def _taken_in(batch: Batch, digest: str) -> dict[str, Any] | None:
    """What became of this return if it is here already, by whatever way; ``Conflict`` if another one is."""
    row = ReturnIn.objects.filter(batch=batch).first()
    if row is None:
        return None
    if row.digest != digest:
        raise Conflict(
            "return_exists", _("Another return of this batch was received already. It is not replaced.")
        )
    return _verdict(row)


def return_state(call: Call, bundle_id: str, digest: str) -> dict[str, Any]:
    """How much of a return is here: ``state`` open with ``offset``, refused with the centre's words, or done with the verdict."""
    batch = _batch_for(call, bundle_id)
    done = _taken_in(batch, digest)
    if done is not None:
        return done
    upload = ReturnUpload.objects.filter(batch=batch, digest=digest).first()
    if upload is None:
        return {"state": "open", "offset": 0}
    return {"state": "open", "offset": upload.received, **upload.verdict}


def take_piece(
    call: Call, bundle_id: str, *, digest: str, size: int, offset: int, data: bytes
) -> dict[str, Any]:
    """Take in the next piece of a return; with the last one the whole is checked against ``digest`` and received.

    Pieces come in order: one that does not begin where the last ended is not written, and the answer says where to go on
    (``Refusal`` 409 ``other_offset``). Safe against two senders, a server that dies in the middle, and the same return twice.
    """
    batch = _batch_for(call, bundle_id)
    done = _taken_in(batch, digest)
    if done is not None:
        return done
    if not 0 < size <= MAX_RETURN:
        raise Refusal("too_large", _("This file is too large for a return."), status=413)
    if len(data) > PIECE or offset < 0 or offset + len(data) > size:
        raise Refusal("beyond_the_end", _("This piece goes beyond the end of the file."), status=416)
    received = _append(call, batch, digest, size, offset, data)
    if received < size:
        return {"state": "open", "offset": received}
    return _finish(call, batch, digest)


@transaction.atomic
def _append(call: Call, batch: Batch, digest: str, size: int, offset: int, data: bytes) -> int:
    now = clock.now()
    Batch.objects.select_for_update().get(pk=batch.pk)  # one writer for each batch
    upload = ReturnUpload.objects.filter(batch=batch, digest=digest).first()
    if upload is None:
        if ReturnUpload.objects.filter(batch=batch).count() >= MAX_OPEN_UPLOADS:
            text = _(
                "Several different returns of this batch were begun. Ask the centre; bring the file there."
            )
            raise Conflict("too_many_returns", text)
        _forget_old_parts()
        upload = ReturnUpload.objects.create(
            machine=call.machine, batch=batch, digest=digest, size=size, begun_at=now, moved_at=now
        )
        record(
            events.RETURN_BEGUN,
            by=call.actor,
            on=batch,
            organisation_id=batch.institution.organisation_id,
            after={"machine": call.machine.fingerprint, "digest": digest, "size": size},
        )
    path = _part(batch, digest)
    there = path.stat().st_size if path.exists() else 0
    if upload.received > there:  # the file was lost: begin anew
        upload.received = 0
    if (upload.size, upload.received) != (size, offset):
        there_it_goes_on = {"offset": [str(upload.received)]}
        raise Refusal("other_offset", _("Go on where the centre says."), fields=there_it_goes_on, status=409)
    with path.open("r+b" if path.exists() else "xb") as file:
        file.seek(offset)
        file.truncate()
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    upload.received, upload.moved_at, upload.verdict = offset + len(data), now, {}
    upload.save(update_fields=["received", "moved_at", "verdict"])
    return upload.received


def _finish(call: Call, batch: Batch, digest: str) -> dict[str, Any]:
    path = _part(batch, digest)
    done = None if path.exists() else _taken_in(batch, digest)
    if done is not None:  # another sender was a moment earlier
        return done
    data = path.read_bytes()
    uploads = ReturnUpload.objects.filter(batch=batch, digest=digest)
    if sm3(data) != digest:
        uploads.update(received=0)
        text = _("The file arrived damaged. It is sent again from its beginning.")
        raise Refusal("digest_differs", text, status=422)
    try:
        row = receive_return(batch, data, by=call.actor)
    except Refusal as refusal:
        verdict = {"state": "refused", "code": refusal.code, "message": str(refusal.message)}
        uploads.update(verdict=verdict)
        raise
    ReturnUpload.objects.filter(batch=batch).update(received=0)
    path.unlink(missing_ok=True)
    uploads.update(verdict=_verdict(row))
    return _verdict(row)
