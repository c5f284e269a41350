"""What surrounds the items: enemies, laws and standards, pictures, calibrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import events, media
from zhupei.itembank.models import EnemyPair, Item, ItemCalibration, ItemVersion, Standard
from zhupei.itembank.standards import link_standards
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role


@transaction.atomic
def add_enemies(one: Item, other: Item, *, reason: str = "", by: Actor) -> EnemyPair:
    """Keep two items out of one paper from the next release on. A second call changes nothing.

    Raises ``Refusal`` for an item against itself or items of two subjects, which never meet.
    """
    by.require(Role.ITEM_AUTHOR, Role.ITEM_REVIEWER, Role.BANK_KEEPER)
    if one.pk == other.pk:
        raise Refusal("enemy_itself", _("An item is no enemy of itself. Choose another."), field="other")
    if one.subject != other.subject:
        raise Refusal(
            "enemy_subject", _("Items of different subjects never stand in one paper."), field="other"
        )
    first, second = sorted((one, other), key=lambda item: item.pk)
    pair, created = EnemyPair.objects.get_or_create(
        first=first,
        second=second,
        defaults={
            "reason": reason.strip()[:200],
            "created_by": by.name[:100],
            "created_at": clock.now(),
        },
    )
    if created:
        for item, enemy in ((first, second), (second, first)):
            record(events.ENEMIES_SET, by=by, on=item, after={"enemy": enemy.uid}, reason=pair.reason)
    return pair


@transaction.atomic
def remove_enemies(one: Item, other: Item, *, by: Actor) -> None:
    """Let two items stand in one paper again, from the next release on."""
    by.require(Role.ITEM_REVIEWER, Role.BANK_KEEPER)
    first, second = sorted((one, other), key=lambda item: item.pk)
    if not EnemyPair.objects.filter(first=first, second=second).delete()[0]:
        raise Conflict("not_enemies", _("These items are no enemies (any more)."))
    for item, enemy in ((first, second), (second, first)):
        record(events.ENEMIES_LIFTED, by=by, on=item, before={"enemy": enemy.uid})


@transaction.atomic
def save_standard(
    row: Standard | None,
    *,
    code: str,
    title: str,
    in_force_from: date | None,
    in_force_to: date | None,
    replaced_by: str = "",
    by: Actor,
) -> Standard:
    """Enter or change a law or standard; items that cite it are found anew, and flagged when it is out of force."""
    by.require(Role.BANK_KEEPER, Role.ITEM_REVIEWER)
    code, title = code.strip(), title.strip()
    if not code or not title:
        raise Refusal("standard_empty", _("A standard has a code and a title."), field="code")
    if in_force_from and in_force_to and in_force_to < in_force_from:
        raise Refusal(
            "standard_dates", _("The last day lies before the first. Correct the dates."), field="in_force_to"
        )
    before = None
    if row is None:
        row = Standard()
    else:
        row = Standard.objects.select_for_update().get(pk=row.pk)
        before = {"code": row.code, "to": row.in_force_to.isoformat() if row.in_force_to else ""}
    row.code, row.title, row.in_force_from, row.in_force_to = code, title, in_force_from, in_force_to
    row.replaced_by = replaced_by.strip()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Refusal(
            "standard_code", _("This code stands in the register already."), field="code", status=409
        ) from None
    if before is None or before["code"] != code:
        link_standards()
    record(
        events.STANDARD_SAVED,
        by=by,
        on=row,
        before=before,
        after={"code": code, "to": in_force_to.isoformat() if in_force_to else ""},
    )
    return row


@transaction.atomic
def add_picture(raw: bytes, *, alt: str, by: Actor) -> str:
    """Keep a picture and return the markup that shows it. Raises ``Refusal`` for what is no picture we take in."""
    by.require(Role.ITEM_AUTHOR)
    if not alt.strip():
        raise Refusal(
            "picture_alt", _("Say in words what the picture shows, for those who cannot see it."), field="alt"
        )
    bag = media.MediaBag()
    try:
        markup = bag.add(raw, alt)
    except media.BadPicture:
        raise Refusal(
            "picture_bad",
            _("This is no picture that we take in: PNG, JPEG, GIF, BMP or WebP, up to 5 MB."),
            field="picture",
        ) from None
    for row in media.keep(bag.pictures.values(), by=by):
        record(events.PICTURE_KEPT, by=by, on=row, after={"digest": row.digest})
    return markup


@dataclass(frozen=True)
class Measured:
    """What the answers say of one version: see ``ItemCalibration``."""

    uid: str
    version: int
    facility: Decimal
    n: int
    model: str = ""
    a: Decimal | None = None
    b: Decimal | None = None
    fits: bool = True


@transaction.atomic
def record_calibration(rows: Sequence[Measured], *, by: Actor) -> int:
    """Append what a calibration measured; it counts from the next release on. Returns how many rows found their version."""
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER)
    found: dict[tuple[str, int], int] = {}
    uids = sorted({row.uid for row in rows})
    for start in range(0, len(uids), 500):
        versions = ItemVersion.objects.filter(item__uid__in=uids[start : start + 500])
        for pk, uid, number in versions.values_list("pk", "item__uid", "number"):
            found[uid, number] = pk
    now = clock.now()
    new = [
        ItemCalibration(
            version_id=found[row.uid, row.version],
            facility=row.facility,
            n=row.n,
            model=row.model,
            a=row.a,
            b=row.b,
            fits=row.fits,
            recorded_at=now,
        )
        for row in rows
        if (row.uid, row.version) in found
    ]
    ItemCalibration.objects.bulk_create(new, batch_size=1000)
    record(events.CALIBRATED, by=by, on=None, after={"items": len(new)})
    return len(new)
