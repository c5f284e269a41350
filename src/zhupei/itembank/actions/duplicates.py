"""Searching the bank for items that ask the same, and what people decide of the pairs."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import alike, events
from zhupei.itembank.choices import RunState, Verdict
from zhupei.itembank.models import DuplicatePair, DuplicateRun
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role

from .register import add_enemies

GIVEN_UP = timedelta(minutes=30)
"""After this a search that did not end counts as broken off."""


@transaction.atomic
def start_duplicate_run(*, by: Actor) -> DuplicateRun:
    """Note that the bank is to be searched; the job ``jobs.seek_duplicates`` does it. ``Conflict`` while one is running."""
    by.require(Role.BANK_KEEPER)
    now = clock.now()
    going = DuplicateRun.objects.filter(state__in=(RunState.QUEUED, RunState.RUNNING))
    if going.filter(created_at__gt=now - GIVEN_UP).exists():
        raise Conflict("run_running", _("A search is running already. Its result comes to this page."))
    going.update(state=RunState.FAILED, finished_at=now)
    run = DuplicateRun.objects.create(created_by=by.name[:100], created_at=now)
    record(events.DUPLICATES_SOUGHT, by=by, on=run)
    return run


def run_duplicates(run_id: int) -> int:
    """Search the bank and keep the pairs found; returns how many. Progress is written on the run as it goes.

    A pair that a person decided on stays decided while both items stay in the versions compared; pairs that are alike no
    more and were not decided on go.
    """
    run = DuplicateRun.objects.get(pk=run_id)
    if run.state != RunState.QUEUED:
        return run.pair_count
    rows = DuplicateRun.objects.filter(pk=run_id)
    rows.update(state=RunState.RUNNING)
    try:
        found = alike.pairs_in_bank(lambda done, total: rows.update(done=done, total=total))
        _keep(found)
    except Exception:
        rows.update(state=RunState.FAILED, finished_at=clock.now())
        raise
    rows.update(state=RunState.FINISHED, finished_at=clock.now(), pair_count=len(found))
    return len(found)


@transaction.atomic
def _keep(found: list[alike.Pair]) -> None:
    known = {(row.first_id, row.second_id): row for row in DuplicatePair.objects.all()}
    new, changed, seen = [], [], set()
    for pair in found:
        seen.add((pair.first, pair.second))
        row = known.get((pair.first, pair.second))
        if row is None:
            row = DuplicatePair(first_id=pair.first, second_id=pair.second)
            new.append(row)
        else:
            changed.append(row)
        versions = (pair.first_version, pair.second_version)
        if (row.first_version, row.second_version) != versions and row.verdict == Verdict.DIFFERENT:
            row.verdict, row.decided_by, row.decided_at = Verdict.OPEN, "", None
        row.first_version, row.second_version = versions
        row.likeness, row.reason = pair.percent, pair.reason
    DuplicatePair.objects.bulk_create(new, batch_size=500)
    DuplicatePair.objects.bulk_update(
        changed,
        ["first_version", "second_version", "likeness", "reason", "verdict", "decided_by", "decided_at"],
        batch_size=500,
    )
    stale = [row.pk for key, row in known.items() if key not in seen and row.verdict == Verdict.OPEN]
    for start in range(0, len(stale), 500):
        DuplicatePair.objects.filter(pk__in=stale[start : start + 500]).delete()


@transaction.atomic
def decide_pair(pair: DuplicatePair, verdict: str, *, by: Actor) -> DuplicatePair:
    """Remember what two alike items are: ``different``, or ``enemies``, which also keeps them out of one paper.

    Raises ``Conflict`` when it was decided already, ``Refusal`` for enemies of different subjects.
    """
    by.require(Role.BANK_KEEPER)
    pair = (
        DuplicatePair.objects.select_for_update(of=("self",))
        .select_related("first", "second")
        .get(pk=pair.pk)
    )
    if pair.verdict != Verdict.OPEN:
        raise Conflict("pair_decided", _("This pair was decided on already."))
    if verdict == Verdict.ENEMIES:
        add_enemies(pair.first, pair.second, reason=_("They ask nearly the same."), by=by)
    pair.verdict, pair.decided_by, pair.decided_at = verdict, by.name[:100], clock.now()
    pair.save(update_fields=["verdict", "decided_by", "decided_at"])
    for item, other in ((pair.first, pair.second), (pair.second, pair.first)):
        record(events.PAIR_DECIDED, by=by, on=item, after={"other": other.uid, "verdict": verdict})
    return pair
