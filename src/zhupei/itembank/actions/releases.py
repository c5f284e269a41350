"""Freezing the bank."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import events
from zhupei.itembank.models import BankRelease, EnemyPair, ItemCalibration, ItemVersion, ReleasedVersion
from zhupei.itembank.queries import calibrations_of, latest_release, publishable
from zhupei.itembank.rules import release_digest
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

MEASURED_FROM = 100
"""Answers from which a measured facility counts more than the author's judgement (its standard error is then under 0.05)."""


def _released(version: ItemVersion, measured: ItemCalibration | None) -> ReleasedVersion:
    row = ReleasedVersion(version=version, share=version.difficulty)
    if measured is not None and measured.n >= MEASURED_FROM:
        row.share = measured.facility
        if measured.fits:
            row.a, row.b = measured.a, measured.b
    return row


@transaction.atomic
def make_release(*, note: str, by: Actor) -> BankRelease:
    """Freeze the published versions under a number and a digest (R033). Papers are drawn from a release only.

    If nothing changed since the latest release, that one is returned. Raises ``Refusal`` when nothing is published.
    """
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER)
    rows = list(publishable())
    if not rows:
        raise Refusal(
            "nothing_published", _("No item is published yet. Publish reviewed items first."), status=409
        )
    held = {version.item_id for version in rows}
    enemies = sorted(
        sorted(pair)
        for *pair, first, second in EnemyPair.objects.values_list(
            "first__uid", "second__uid", "first_id", "second_id"
        )
        if first in held and second in held
    )
    measured = calibrations_of(rows)
    released = [_released(version, measured.get(version.pk)) for version in rows]
    digest = release_digest(
        [(r.version.item.uid, r.version.number, r.version.digest, r.share, r.a, r.b) for r in released],
        enemies,
    )
    latest = latest_release()
    if latest is not None and latest.digest == digest:
        return latest
    try:
        with transaction.atomic():
            release = BankRelease.objects.create(
                number=latest.number + 1 if latest else 1,
                released_at=clock.now(),
                released_by=by.name[:100],
                digest=digest,
                enemies=enemies,
                note=note.strip()[:200],
            )
    except IntegrityError:
        raise Conflict("release_raced", _("Somebody made a release just now. Look at it first.")) from None
    for row in released:
        row.release = release
    ReleasedVersion.objects.bulk_create(released, batch_size=1000)
    record(
        events.RELEASE_MADE,
        by=by,
        on=release,
        after={"number": release.number, "digest": digest, "items": len(rows)},
    )
    return release
