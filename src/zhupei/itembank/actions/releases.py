"""Freezing the bank."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import events
from zhupei.itembank.models import BankRelease
from zhupei.itembank.queries import latest_release, publishable
from zhupei.itembank.rules import release_digest
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role


@transaction.atomic
def make_release(*, note: str, by: Actor) -> BankRelease:
    """Freeze the published versions under a number and a digest (R033). Papers are drawn from a release only.

    If nothing changed since the latest release, that one is returned. Raises ``Refusal`` when nothing is published.
    """
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER)
    rows = list(publishable().values_list("pk", "item__uid", "number", "digest"))
    if not rows:
        raise Refusal(
            "nothing_published", _("No item is published yet. Publish reviewed items first."), status=409
        )
    digest = release_digest([(uid, number, one) for _pk, uid, number, one in rows])
    latest = latest_release()
    if latest is not None and latest.digest == digest:
        return latest
    release = BankRelease.objects.create(
        number=latest.number + 1 if latest else 1,
        released_at=clock.now(),
        released_by=by.name[:100],
        digest=digest,
        note=note.strip()[:200],
    )
    through = BankRelease.versions.through
    through.objects.bulk_create(
        [through(bankrelease_id=release.pk, itemversion_id=pk) for pk, _uid, _number, _digest in rows],
        batch_size=1000,
    )
    record(
        events.RELEASE_MADE,
        by=by,
        on=release,
        after={"number": release.number, "digest": digest, "items": len(rows)},
    )
    return release
