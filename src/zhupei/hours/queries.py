"""Reading the ledger: sums, who is ready for the test, and proof that nothing was changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from django.db.models import Sum

from zhupei.kernel.crypto import hmac_sm3
from zhupei.kernel.digests import canonical_json
from zhupei.rulebook.api import Post, decimal_parameter
from zhupei.web.fields import purpose_key

from .models import GENESIS, HourEntry, HourException, Ledger

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
NEEDED = "min_training_hours_per_post"


def needed_hours() -> Decimal:
    """How many class hours a post needs before the test (R022)."""
    return decimal_parameter(NEEDED)


def post_names() -> dict[str, str]:
    """The name of every post by code, also of those no longer offered."""
    return dict(Post.objects.values_list("code", "name"))


@cache
def _key() -> bytes:
    return purpose_key("hours-ledger", 32)


def digest_of(entry: HourEntry) -> str:
    """The keyed digest of an entry: all of it but the digest, the previous digest included."""
    content: dict[str, Any] = {
        "person": entry.person_id,
        "enrolment": entry.enrolment_id,
        "organisation": entry.organisation_id,
        "post": entry.post_code,
        "hours": Decimal(entry.hours),
        "source": str(entry.source),
        "source_key": entry.source_key,
        "note": entry.note,
        "occurred_on": entry.occurred_on,
        "reverses": entry.reverses_id,
        "entered_by": entry.entered_by,
        "entered_at": entry.entered_at,
        "previous": entry.previous_digest,
    }
    return hmac_sm3(_key(), canonical_json(content))


def seal_of(ledger: Ledger) -> str:
    """The keyed digest of what a ledger's head says."""
    content: dict[str, Any] = {
        "enrolment": ledger.enrolment_id,
        "person": ledger.person_id,
        "organisation": ledger.organisation_id,
        "post": ledger.post_code,
        "entries": ledger.entries,
        "accepted": Decimal(ledger.accepted),
        "head": ledger.head,
    }
    return hmac_sm3(_key(), canonical_json(content))


def accepted_hours_of(ids: Iterable[int]) -> dict[int, Decimal]:
    """The accepted hours of each enrolment (0 where there are none), in one query."""
    wanted = list(ids)
    sums = (
        HourEntry.objects.filter(enrolment_id__in=wanted).values_list("enrolment_id").annotate(Sum("hours"))
    )
    return {**dict.fromkeys(wanted, ZERO), **{pk: Decimal(total).quantize(CENT) for pk, total in sums}}


def accepted_hours(enrolment_id: int) -> Decimal:
    """The accepted hours of one enrolment."""
    return accepted_hours_of([enrolment_id])[enrolment_id]


def has_exception(enrolment_id: int) -> bool:
    """True if the centre allowed the test with fewer hours."""
    return HourException.objects.filter(enrolment_id=enrolment_id).exists()


def ready_for_test(ids: Iterable[int]) -> set[int]:
    """Those of the enrolments that may be placed in a test: enough accepted hours, or an exception (R022)."""
    wanted, needed = list(ids), needed_hours()
    ready = {pk for pk, hours in accepted_hours_of(wanted).items() if hours >= needed}
    return ready | set(
        HourException.objects.filter(enrolment_id__in=wanted).values_list("enrolment_id", flat=True)
    )


@dataclass(frozen=True)
class Difference:
    """One thing that does not fit: in which enrolment, at which entry (None: the ledger's head), and what."""

    enrolment_id: int
    entry_id: int | None
    what: str


@dataclass(frozen=True)
class LedgerReport:
    """Outcome of a verification of all ledgers."""

    entries: int
    ledgers: int
    differences: list[Difference] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.differences


def verify_ledger() -> LedgerReport:
    """Recompute every chain, seal and sum and compare them with what is stored.

    An entry is read once, in the order in which it was appended; memory grows with the number of enrolments only.
    """
    heads: dict[int, tuple[int, Decimal, str]] = {}
    differences: list[Difference] = []
    hours_of: dict[int, tuple[int, Decimal]] = {}  # entries that a later one reverses are needed once more
    reversed_ids = set(HourEntry.objects.exclude(reverses=None).values_list("reverses_id", flat=True))
    entries = 0
    for entry in HourEntry.objects.order_by("pk").iterator(chunk_size=2000):
        entries += 1
        count, total, head = heads.get(entry.enrolment_id, (0, ZERO, GENESIS))
        if entry.previous_digest != head:
            differences.append(
                Difference(entry.enrolment_id, entry.pk, "an entry before this one is missing or moved")
            )
        if digest_of(entry) != entry.digest:
            differences.append(Difference(entry.enrolment_id, entry.pk, "the entry was changed"))
        if entry.pk in reversed_ids:
            hours_of[entry.pk] = (entry.enrolment_id, Decimal(entry.hours))
        if entry.reverses_id is not None and hours_of.get(entry.reverses_id) != (
            entry.enrolment_id,
            -Decimal(entry.hours),
        ):
            differences.append(
                Difference(entry.enrolment_id, entry.pk, "the reversal does not fit what it reverses")
            )
        heads[entry.enrolment_id] = (count + 1, total + entry.hours, entry.digest)
    ledgers = 0
    for ledger in Ledger.objects.order_by("pk").iterator(chunk_size=2000):
        ledgers += 1
        found = heads.pop(ledger.enrolment_id, (0, ZERO, GENESIS))
        if seal_of(ledger) != ledger.seal:
            differences.append(Difference(ledger.enrolment_id, None, "the ledger's head was changed"))
        if found != (ledger.entries, Decimal(ledger.accepted), ledger.head):
            differences.append(
                Difference(
                    ledger.enrolment_id, None, "entries and head differ: an entry is missing at the end"
                )
            )
    differences += [Difference(pk, None, "entries without a ledger") for pk in heads]
    return LedgerReport(entries, ledgers, differences)
