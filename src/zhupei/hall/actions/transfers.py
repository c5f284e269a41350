"""Bundles from the centre and returns to it, over a line that may break at any byte. Each goes on where it stopped."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import read
from zhupei.hall import events
from zhupei.hall.choices import HallBatchState, TransferKind, TransferState
from zhupei.hall.models import CentreLink, HallBatch, Transfer
from zhupei.hall.uplink.centre import PIECE, Centre, CentreRefused, CentreUnreachable
from zhupei.hall.uplink.link import centre_link
from zhupei.kernel import clock, crypto
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

from .bundles import open_batch, take_in
from .common import BRINGERS, RETURNERS, person, require

log = logging.getLogger(__name__)

BEAT = timedelta(seconds=60)  # a transfer that gave no sign for so long was left by a process that died
PAUSES = (5, 10, 20, 40, 60)  # seconds until the next try; the last one again and again
MAX_ANEW = 3
FLUSH = 256 * 1024


def _link() -> CentreLink:
    known = centre_link()
    if known is None:
        raise Conflict(
            "centre_here", _("The centre runs in this installation; nothing has to be fetched or sent.")
        )
    return known


def by_file() -> str:
    """What to do when the line is dead."""
    return _(
        "Without a line: bring the bundle and take the return as files, and have the released key read out by telephone."
    )


# --- asked by people ------------------------------------------------------------------------------------------


def ask_centre(*, by: Actor) -> CentreLink:
    """Ask the centre which bundles wait for this hall. Raises ``CentreUnreachable``, ``CentreRefused``."""
    known = _link()
    by.require(*BRINGERS, organisation_id=known.organisation_id)
    with Centre(known) as centre:
        rows = centre.bundles()
    known.known, known.asked_at = rows, clock.now()
    with transaction.atomic():
        known.save(update_fields=["known", "asked_at"])
        record(
            events.CENTRE_ASKED,
            by=by,
            on=known,
            organisation_id=known.organisation_id,
            after={"bundles": len(rows)},
        )
    return known


def waiting_at_centre() -> list[dict[str, Any]]:
    """The bundles that the centre named when last asked, and that are neither here nor on their way."""
    known = centre_link()
    if known is None:
        return []
    here = set(HallBatch.objects.values_list("bundle_id", flat=True))
    here |= set(Transfer.objects.filter(kind=TransferKind.BUNDLE).values_list("bundle_id", flat=True))
    return [row for row in known.known if row["bundle_id"] not in here]


@transaction.atomic
def _begin(
    kind: TransferKind,
    bundle_id: str,
    *,
    role_of: frozenset[Role],
    hall_batch: HallBatch | None,
    by: Actor,
    **values: Any,
) -> Transfer:
    known = _link()
    row = Transfer.objects.select_for_update().filter(kind=kind, bundle_id=bundle_id).first()
    now = clock.now()
    if row is None:
        row = Transfer.objects.create(
            kind=kind,
            bundle_id=bundle_id,
            hall_batch=hall_batch,
            next_at=now,
            asked_by=by.name[:100],
            asked_by_id=person(by),
            asked_by_role=sorted(by.roles & role_of)[0],
            unit_name=by.organisation_name[:200],
            organisation_id=known.organisation_id,
            asked_at=now,
            **values,
        )
    elif row.state in (TransferState.STOPPED, TransferState.FAILED, TransferState.WAITING):
        row.state, row.problem, row.tries, row.next_at = TransferState.WAITING, "", 0, now
        row.save(update_fields=["state", "problem", "tries", "next_at"])
    else:
        return row
    record(
        events.TRANSFER_BEGUN,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"kind": kind, "digest": row.digest, "from": row.done},
    )
    return row


def fetch_bundle(bundle_id: str, *, by: Actor) -> Transfer:
    """Have a bundle fetched that the centre named; or go on with one that was stopped. Runs by itself from here on."""
    known = _link()
    by.require(*BRINGERS, organisation_id=known.organisation_id)
    told = next((one for one in known.known if one["bundle_id"] == bundle_id), None)
    if told is None:
        raise Refusal(
            "bundle_unknown", _("The centre has not named such a bundle. Ask it again."), status=404
        )
    return _begin(
        TransferKind.BUNDLE,
        bundle_id,
        role_of=frozenset(BRINGERS),
        hall_batch=None,
        by=by,
        batch_no=told["batch_no"][:20],
        digest=told["digest"],
        size=told["size"],
    )


def send_return(hall_batch: HallBatch, *, by: Actor) -> Transfer:
    """Have the return of a batch sent to the centre; or go on with one that was stopped. Runs by itself from here on."""
    _link()
    require(hall_batch, *RETURNERS, by=by)
    file = hall_batch.return_file
    if hall_batch.state != HallBatchState.RETURNED or file is None:
        raise Conflict("no_return", _("Close the batch first; then the return can be made."))
    return _begin(
        TransferKind.RETURN,
        hall_batch.bundle_id,
        role_of=frozenset(RETURNERS),
        hall_batch=hall_batch,
        by=by,
        batch_no=hall_batch.batch_no,
        digest=file.digest,
        size=file.size,
    )


@transaction.atomic
def stop_transfer(row: Transfer, *, by: Actor) -> Transfer:
    """Let a transfer rest until somebody has it go on."""
    by.require(*BRINGERS, organisation_id=row.organisation_id)
    row = Transfer.objects.select_for_update().get(pk=row.pk)
    if not row.under_way:
        raise Conflict("wrong_state")
    row.state = TransferState.STOPPED
    row.save(update_fields=["state"])
    record(
        events.TRANSFER_STOPPED, by=by, on=row, organisation_id=row.organisation_id, after={"at": row.done}
    )
    return row


def open_by_centre(hall_batch: HallBatch, *, by: Actor) -> HallBatch:
    """Open a sealed bundle with the key that the centre releases over the network (I08). Raises ``Refusal``: not released yet, or
    the centre cannot be reached: then the key is told by telephone."""
    require(hall_batch, *BRINGERS, by=by)
    if hall_batch.state != HallBatchState.SEALED:
        return open_batch(hall_batch, by=by)
    known = _link()
    try:
        with Centre(known) as centre:
            key = centre.key(hall_batch.bundle_id)
    except CentreUnreachable as gone:
        text = _("%(problem)s Have the released key read out by telephone, and type it under “Type the key”.")
        raise Refusal(gone.code, text % {"problem": gone.message}, status=503) from gone
    record(events.KEY_FETCHED, by=by, on=hall_batch, organisation_id=hall_batch.organisation_id)
    return open_batch(hall_batch, key=key, by=by)


def verdict_of(hall_batch: HallBatch) -> dict[str, Any]:
    """What the centre said of a batch's return that was sent over the network; empty before."""
    row = Transfer.objects.filter(
        hall_batch=hall_batch, kind=TransferKind.RETURN, state=TransferState.DONE
    ).first()
    return dict(row.verdict) if row else {}


# --- run by the carrier (``zhupei carry``) --------------------------------------------------------------------


def requeue() -> int:
    """What a carrier that died left in the middle goes on; returns how many. For the start of the one carrier there is."""
    return Transfer.objects.filter(state=TransferState.RUNNING).update(
        state=TransferState.WAITING, next_at=clock.now()
    )


@transaction.atomic
def _claim() -> Transfer | None:
    now = clock.now()
    ready = Q(state=TransferState.WAITING, next_at__lte=now) | Q(
        state=TransferState.RUNNING, beat_at__lt=now - BEAT
    )
    row = Transfer.objects.select_for_update(of=("self",)).filter(ready).order_by("next_at", "pk").first()
    if row is not None:
        row.state, row.beat_at = TransferState.RUNNING, now
        row.save(update_fields=["state", "beat_at"])
    return row


class _Stopped(Exception):
    """Somebody stopped the transfer."""


def _moved(row: Transfer, done: int) -> None:
    """Note how far it is; raises ``_Stopped`` when somebody has stopped it."""
    row.done = done
    going = Transfer.objects.filter(pk=row.pk, state=TransferState.RUNNING)
    if not going.update(done=done, beat_at=clock.now(), problem="", tries=0):
        Transfer.objects.filter(pk=row.pk).update(done=done)
        raise _Stopped


def run_next() -> bool:
    """Take the next transfer that is due as far as the line carries it; False when none was due."""
    row = _claim()
    known = centre_link()
    if row is None or known is None:
        return False
    try:
        with Centre(known) as centre:
            if row.kind == TransferKind.BUNDLE:
                _fetch(row, centre)
            else:
                _send(row, centre)
    except _Stopped:
        pass
    except CentreRefused as no:
        if no.status in (409, 422, 429) and no.code in (
            "other_offset",
            "body_damaged",
            "too_often",
            "digest_differs",
        ):
            _try_again(row, str(no.message))
        elif no.status >= 500:
            _try_again(row, CentreUnreachable(str(no.status)).message)
        else:
            _fail(row, str(no.message))
    except CentreUnreachable as gone:
        _try_again(row, gone.message)
    except Refusal as refusal:
        _fail(row, str(refusal.message))
    except Exception:
        log.exception("transfer %s", row)
        _try_again(row, _("Something went wrong on this machine; its log says what."))
    return True


def _try_again(row: Transfer, why: str) -> None:
    pause = PAUSES[min(row.tries, len(PAUSES) - 1)]
    Transfer.objects.filter(pk=row.pk, state=TransferState.RUNNING).update(
        state=TransferState.WAITING,
        problem=why,
        tries=F("tries") + 1,
        next_at=clock.now() + timedelta(seconds=pause),
    )


def _fail(row: Transfer, why: str) -> None:
    Transfer.objects.filter(pk=row.pk, state=TransferState.RUNNING).update(
        state=TransferState.FAILED, problem=why
    )


@transaction.atomic
def _finish(row: Transfer, by: Actor, **values: Any) -> None:
    row = Transfer.objects.select_for_update(of=("self",)).get(pk=row.pk)
    row.state, row.done, row.problem, row.finished_at = TransferState.DONE, row.size, "", clock.now()
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=["state", "done", "problem", "finished_at", *values])
    record(
        events.TRANSFER_DONE,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"kind": row.kind, "digest": row.digest, "size": row.size, "verdict": row.verdict},
    )


def _asker(row: Transfer) -> Actor:
    """Who had it begun, in whose name it ends."""
    return Actor(
        user_id=row.asked_by_id,
        name=row.asked_by,
        roles=frozenset({Role(row.asked_by_role)}),
        organisation_id=row.organisation_id,
        organisation_name=row.unit_name,
    )


def _part(row: Transfer) -> Path:
    folder = Path(settings.HALL_DATA) / "transfers"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{row.pk}-{row.digest[:16]}.part"


def _fetch(row: Transfer, centre: Centre) -> None:
    """Go on with a bundle: what is on the disk counts, the whole is checked against the digest that the centre named."""
    path = _part(row)
    for _anew in range(MAX_ANEW):
        with path.open("ab") as file:
            there = file.tell()
            if there > row.size:
                file.truncate(0)
                there = 0
            while there < row.size:
                there = _fetch_piece(row, centre, file, there)
        data = path.read_bytes()
        if crypto.sm3(data) == row.digest:
            batch = take_in(data, by=_asker(row))
            _finish(row, _asker(row), hall_batch=batch)
            path.unlink(missing_ok=True)
            return
        path.unlink()
        _moved(row, 0)
    raise Refusal("digest_differs", _("The bundle arrives damaged again and again. Bring it as a file."))


def _fetch_piece(row: Transfer, centre: Centre, file: Any, there: int) -> int:
    begun = noted = there
    try:
        for chunk in centre.piece(row.bundle_id, there):
            file.write(chunk[: row.size - there])
            there = min(there + len(chunk), row.size)
            if there - noted >= FLUSH:
                noted = _kept(row, file, there)
    finally:  # what came before the line broke counts as well
        if there != noted:
            with suppress(_Stopped):
                _kept(row, file, there)
    if there == begun:
        raise CentreUnreachable(_("the line broke off"))
    _moved(row, there)
    return there


def _kept(row: Transfer, file: Any, there: int) -> int:
    file.flush()
    os.fsync(file.fileno())
    _moved(row, there)
    return there


def _send(row: Transfer, centre: Centre) -> None:
    """Go on with a return where the centre says; its last answer is the verdict."""
    assert row.hall_batch is not None
    assert row.hall_batch.return_file is not None
    data = read(row.hall_batch.return_file)
    state = centre.return_state(row.bundle_id, row.digest)
    while state.get("state") != "done":
        offset = state.get("offset")
        if not isinstance(offset, int) or not 0 <= offset <= row.size:
            raise CentreUnreachable(_("the answer makes no sense"))
        _moved(row, offset)
        state = centre.put_piece(row.bundle_id, row.digest, row.size, offset, data[offset : offset + PIECE])
    kept = ("received_at", "sittings", "differences", "digest")
    verdict = {name: state[name] for name in kept if isinstance(state.get(name), int | str)}
    _finish(row, _asker(row), verdict=verdict)
