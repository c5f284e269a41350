"""The bundle comes in and is opened (I08, R048)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.evidence.api import Retention, store
from zhupei.exams import api as exams
from zhupei.hall import events
from zhupei.hall.choices import HALL_BATCH, CheckItem, HallBatchState
from zhupei.hall.keys import load_into, sealed
from zhupei.hall.models import DayCheck, HallBatch
from zhupei.hall.process import engine
from zhupei.hall.queries import loaded_bundle
from zhupei.hall.uplink.link import bundle_verifier
from zhupei.hall.words import told
from zhupei.institutions.api import Site
from zhupei.kernel import clock, crypto
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal

from .common import BRINGERS, DESK, locked, require, require_open, who


def take_in(data: bytes, *, by: Actor) -> HallBatch:
    """Take a sealed bundle into its hall. The same file again changes nothing, also when it comes twice at once.

    Raises ``Refusal`` when it is no bundle, was not signed by the centre, or is for a hall of another organisation.
    """
    try:
        return _take_in(data, by)
    except IntegrityError:  # somebody else was faster by a moment: now it is known
        return _take_in(data, by)


@transaction.atomic
def _take_in(data: bytes, by: Actor) -> HallBatch:
    if by is not SYSTEM:
        by.require(*BRINGERS)
    with told():
        header = delivery.read_bundle_header(data, verifier=bundle_verifier())
    site = None
    if header.hall_id.isdigit():
        site = Site.objects.select_related("institution").filter(pk=int(header.hall_id)).first()
    if site is None:
        text = _("Batch %(batch)s is for a hall that this installation does not know.") % {
            "batch": header.batch_no
        }
        raise Refusal("hall_unknown", text, field="file", status=409)
    organisation_id = site.institution.organisation_id
    if by is not SYSTEM and by.organisation_id != organisation_id:
        text = _("Batch %(batch)s is held in %(hall)s, which belongs to %(unit)s.") % {
            "batch": header.batch_no,
            "hall": site.name,
            "unit": site.institution.full_name,
        }
        raise Refusal("other_hall", text, field="file", status=403)
    known = (
        HallBatch.objects.select_for_update(of=("self",))
        .select_related("file")
        .filter(bundle_id=header.bundle_id)
        .first()
    )
    if known is not None:
        if known.file.digest == crypto.sm3(data):
            return known
        raise Conflict(
            "bundle_exists", _("Another file of this bundle was taken in before. It is not replaced.")
        )
    file = store(
        data,
        name=f"{header.batch_no}.zpb",
        content_type="application/octet-stream",
        purpose="hall.bundle",
        retention=Retention.ARCHIVE,
        organisation_id=organisation_id,
        by=by,
    )
    row = HallBatch.objects.create(
        bundle_id=header.bundle_id,
        batch_no=header.batch_no,
        organisation_id=organisation_id,
        site_id_ref=site.pk,
        file=file,
        counts=header.counts,
        taken_in_by=who(by),
        taken_in_at=clock.now(),
    )
    record(
        events.TAKEN_IN,
        by=by,
        on=row,
        organisation_id=organisation_id,
        after={"bundle": row.bundle_id, "digest": file.digest, "counts": header.counts},
    )
    return row


def parse_key(text: str) -> bytes:
    """The key as typed from the centre's page or heard over the telephone: eight groups with their check letters, or the bare
    32 figures; spaces, dashes, capitals and full-width figures as one likes. ``Refusal`` names the groups that are wrong."""
    try:
        return delivery.read_key(text, crypto.KEY_BYTES)
    except delivery.Misread as misread:
        if misread.groups:
            groups = _(", ").join(str(number) for number in misread.groups)
            text = _("Wrong in the key: group %(groups)s. Have the centre read out only this again.") % {
                "groups": groups
            }
        else:
            text = _(
                "The key has 8 groups: in each 4 figures from 0 to 9 and a to f, and a check letter. Type it as the centre's "
                "page shows it."
            )
        raise Refusal("bad_key", text, field="key") from None


@transaction.atomic
def open_batch(hall_batch: HallBatch, *, by: Actor, key: bytes | None = None) -> HallBatch:
    """Open the sealed bundle and load it into the engine (I08).

    Without ``key`` the centre's, once two persons have released it; with it, the one typed in a hall that has no line. An open or
    closed batch whose bundle is not loaded (after damage) is loaded again. Raises ``Refusal``: not released, wrong key, damaged.
    """
    require(hall_batch, *BRINGERS, by=by)
    row = locked(hall_batch)
    unloaded = row.state == HallBatchState.CLOSED and loaded_bundle(row) is None
    if row.state == HallBatchState.OPEN or unloaded:
        with told():
            load_into(engine(), row)
        return row
    state = HALL_BATCH.after(
        row.state, "open", message=_("This batch is closed in the hall; nothing can be changed any more.")
    )
    if key is None:
        out = exams.BundleOut.objects.select_related("batch").filter(bundle_id=row.bundle_id).first()
        if out is None:
            text = _(
                "This hall has no line to the centre. Type the key that the centre's two persons have released."
            )
            raise Refusal("key_needed", text, field="key", status=409)
        key = exams.bundle_key(out.batch)
    row.sealed_key = sealed(row, key)
    row.state, row.opened_by, row.opened_at = state, who(by), clock.now()
    row.save(update_fields=["sealed_key", "state", "opened_by", "opened_at"])
    record(events.OPENED, by=by, on=row, organisation_id=row.organisation_id, after={"state": state})
    with told():
        load_into(engine(), row)
    return row


@transaction.atomic
def check_day(
    hall_batch: HallBatch, results: Mapping[str, bool], *, note: str = "", by: Actor
) -> list[DayCheck]:
    """Note which points of the checklist are in order (R048). Each time adds rows; the last of a point counts."""
    require(hall_batch, *DESK, by=by)
    row = locked(hall_batch)
    if row.state != HallBatchState.SEALED:
        require_open(row)
    known = {str(item) for item in CheckItem}
    rows = [
        DayCheck(hall_batch=row, item=item, ok=ok, note=note.strip()[:200], by=who(by), at=clock.now())
        for item, ok in results.items()
        if item in known
    ]
    rows = DayCheck.objects.bulk_create(rows)
    record(
        events.DAY_CHECKED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={one.item: one.ok for one in rows},
        reason=note.strip(),
    )
    return rows
