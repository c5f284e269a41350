"""The end of a test in the hall: closed, and the signed return for the centre (I03)."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.evidence.api import Retention, read, store
from zhupei.exams import api as exams
from zhupei.hall import events
from zhupei.hall.choices import HALL_BATCH, CheckInDecision, HallBatchState
from zhupei.hall.keys import key_of
from zhupei.hall.models import HallBatch, Incident
from zhupei.hall.process import engine
from zhupei.hall.queries import board_rows, bundle_of, moment
from zhupei.hall.uplink.link import return_signer
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict

from .common import HEADS, RETURNERS, locked, named, require, require_open, who

log = logging.getLogger(__name__)


@transaction.atomic
def close_batch(hall_batch: HallBatch, *, by: Actor) -> HallBatch:
    """Close a batch in the hall: nothing more is written, the return can be made.

    Refused while somebody is sitting (whose time is over is handed in first), a session is still to come, or a second person
    has still to decide something.
    """
    require(hall_batch, *HEADS, *RETURNERS, by=by)
    row = locked(hall_batch)
    require_open(row)
    state = HALL_BATCH.after(row.state, "close")
    bundle = bundle_of(row)
    with told():
        engine().tick()
    later = [one for one in bundle.sessions if (moment(one.starts_at) or clock.now()) > clock.now()]
    if later:
        text = _("%(session)s of this batch has not been held yet.") % {
            "session": later[0].title or later[0].id
        }
        raise Conflict("session_to_come", text)
    rows = board_rows(row)
    now_ms = int(clock.now().timestamp() * 1000)
    sitting = [  # whoever is checked in and waits for the start counts until the session is over
        one
        for one in rows
        if one["state"] in ("running", "paused") or (one["state"] == "admitted" and one["ends_at"] > now_ms)
    ]
    if sitting:
        seats = _(", ").join(f"{one['room_name']} {one['seat']}" for one in sitting[:10])
        text = _(
            "%(n)d candidates are checked in or still sit: %(seats)s. Wait until they have handed in or their time is over."
        ) % {
            "n": len(sitting),
            "seats": seats,
        }
        raise Conflict("sitting_running", text)
    if row.checkins.filter(decision=CheckInDecision.PENDING).exists():
        raise Conflict("check_in_pending", _("A check-in still waits for a second person. Decide it first."))
    if row.proposals.filter(decided_at=None).exists():
        raise Conflict("proposal_open", _("A proposal still waits for a second person. Decide it first."))
    row.state, row.closed_by, row.closed_at, row.board = state, who(by), clock.now(), rows
    row.save(update_fields=["state", "closed_by", "closed_at", "board"])
    row.staff.filter(left_at=None).update(left_at=clock.now())
    done = sum(one["state"] == "submitted" for one in rows)
    record(
        events.CLOSED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"state": state, "candidates": len(rows), "handed_in": done},
    )
    with told():  # refused if somebody began since the seats were looked at
        engine().close_bundle(row.bundle_id)
    return row


def _check_ins(row: HallBatch) -> list[delivery.CheckIn]:
    return [
        delivery.CheckIn(
            candidate_id=one.candidate_key,
            at=int(one.at.timestamp() * 1000),
            method=one.method,
            decision=one.decision,
            by=named(one.by_1, one.by_1_id),
            by2=named(one.by_2, one.by_2_id) if one.by_2 else "",
            reason=" / ".join(text for text in (one.reason, one.second_reason, one.late_reason) if text),
            photo=one.photo.digest if one.photo else "",
        )
        for one in row.checkins.select_related("photo").order_by("pk")
    ]


def _captures(row: HallBatch) -> list[delivery.Capture]:
    """Every photo that a check-in or an incident of the return names: incidents of the whole hall are in each batch's return."""
    incidents = Incident.objects.filter(
        Q(hall_batch=row) | Q(candidate_key="", hall_batch__site_id_ref=row.site_id_ref)
    )
    captures = [
        (one.candidate_key, one.at, "check_in", one.photo)
        for one in row.checkins.select_related("photo").order_by("pk")
    ]
    captures += [
        (one.candidate_key, one.at, "incident", one.photo)
        for one in incidents.select_related("photo").order_by("pk")
    ]
    return [
        delivery.Capture(
            candidate_id=key, at=int(at.timestamp() * 1000), kind=kind, digest=photo.digest, size=photo.size
        )
        for key, at, kind, photo in captures
        if photo is not None
    ]


@transaction.atomic
def _seal(hall_batch: HallBatch, by: Actor) -> HallBatch:
    row = locked(hall_batch)
    if row.state == HallBatchState.RETURNED:
        return row
    state = HALL_BATCH.after(
        row.state, "return", message=_("Close the batch first; then the return can be made.")
    )
    bundle_of(row)
    with told():
        content = engine().build_return(
            row.bundle_id, closed_by=row.closed_by, checkins=_check_ins(row), captures=_captures(row)
        )
    data = delivery.seal_return(content, bundle_key=key_of(row), signer=return_signer(row.site_id_ref))
    row.return_file = store(
        data,
        name=f"{row.batch_no}.zpr",
        content_type="application/octet-stream",
        purpose="hall.return",
        retention=Retention.ARCHIVE,
        organisation_id=row.organisation_id,
        by=by,
    )
    row.state, row.returned_at, row.sealed_key = state, clock.now(), ""
    row.save(update_fields=["return_file", "state", "returned_at", "sealed_key"])
    record(
        events.RETURN_MADE,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"state": state, "digest": row.return_file.digest, "counts": content.counts},
    )
    return row


def make_return(hall_batch: HallBatch, *, by: Actor) -> bytes:
    """The sealed and signed return of a closed batch. Made once; asked again, the same file.

    Where the centre runs in the same installation it is handed over at once, by the door through which a carried file comes
    too; a refusal there leaves the return made and ready to be carried.
    """
    require(hall_batch, *RETURNERS, by=by)
    row = _seal(hall_batch, by)
    assert row.return_file is not None
    data = read(row.return_file)
    with told():
        engine().unload(row.bundle_id)
    batch = (
        exams.Batch.objects.filter(bundle__bundle_id=row.bundle_id)
        .select_related("hall__institution")
        .first()
    )
    if batch is not None:
        exams.receive_return(batch, data, by=by)
    return data


@transaction.atomic
def take_return(hall_batch: HallBatch, *, by: Actor) -> bytes:
    """Download the return to carry it; kept in the record."""
    require(hall_batch, *RETURNERS, by=by)
    if hall_batch.return_file is None:
        raise Conflict("no_return", _("Close the batch first; then the return can be made."))
    record(events.RETURN_TAKEN, by=by, on=hall_batch, organisation_id=hall_batch.organisation_id)
    return read(hall_batch.return_file)


@transaction.atomic
def note_scores_printed(hall_batch: HallBatch, room: str, *, by: Actor) -> None:
    """Keep in the record that a room's score list was taken out as PDF."""
    if by is not SYSTEM:
        record(
            events.SCORES_PRINTED,
            by=by,
            on=hall_batch,
            organisation_id=hall_batch.organisation_id,
            after={"room": room},
        )
