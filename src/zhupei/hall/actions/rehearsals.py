"""Rehearsals: prepare, start for everybody, put on the record (R117, R131)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _
from msgspec.structs import replace

from zhupei.audit.api import record
from zhupei.delivery.api import MAX_SEATS, browser_figures, command_figures, kept_in, make_plan, usage
from zhupei.hall import events
from zhupei.hall.models import Rehearsal, RehearsalSource, RehearsalState
from zhupei.hall.process import running_engine
from zhupei.hall.rehearsals import settle_memory, stage
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal

from .common import BRINGERS, person, who

LEAD_S = 10.0  # from the word to the common start: every client has asked again by then
HOLD = timedelta(hours=2)  # how long another unit's rehearsal is left in peace
ANSWERING_MAX = 30  # minutes


def _no_test_now() -> None:
    """Raises ``Conflict`` while candidates of a real test are sitting on this server."""
    engine = running_engine()
    states = engine.health().states if engine is not None else {}
    if states.get("running") or states.get("paused"):
        text = _(
            "A test is being sat on this server. A rehearsal would slow it; wait until all have handed in."
        )
        raise Conflict("test_running", text)


@transaction.atomic
def prepare_rehearsal(*, site_id: int | None, seats: int, minutes: int, by: Actor) -> Rehearsal:
    """Make a rehearsal for ``seats`` computers that answer for ``minutes``; it takes the place of the one before.

    Refused during a test, while another unit's rehearsal is on, and for sizes that no hall has.
    """
    by.require(*BRINGERS)
    person(by)
    assert by.organisation_id is not None  # whoever holds one of these roles acts for a unit
    if not 1 <= seats <= MAX_SEATS:
        text = _("Between 1 and %(max)d computers can take part.") % {"max": MAX_SEATS}
        raise Refusal("rehearsal_seats", text, field="seats")
    if not 1 <= minutes <= ANSWERING_MAX:
        text = _("A rehearsal answers for 1 to %(max)d minutes.") % {"max": ANSWERING_MAX}
        raise Refusal("rehearsal_minutes", text, field="minutes")
    _no_test_now()
    now = clock.now()
    open_ones = Rehearsal.objects.select_for_update().filter(
        state__in=(RehearsalState.PREPARED, RehearsalState.STARTED)
    )
    plan = stage().plan
    for one in open_ones:
        is_on = plan is not None and one.plan_id == plan.id and one.prepared_at > now - HOLD
        if is_on and one.organisation_id != by.organisation_id:
            text = _("Another unit rehearses on this server now. Try again once it has finished.")
            raise Conflict("rehearsal_other", text)
        one.state = RehearsalState.REPLACED
        one.save(update_fields=["state"])
    plan = make_plan(seats=seats, seconds=minutes * 60.0)
    row = Rehearsal.objects.create(
        plan_id=plan.id,
        organisation_id=by.organisation_id,
        site_id_ref=site_id,
        parameters={
            "seats": seats,
            "minutes": minutes,
            "every_s": plan.every,
            "test_minutes": plan.rules.minutes,
        },
        prepared_by=who(by),
        prepared_at=now,
    )
    record(
        events.REHEARSAL_PREPARED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"seats": seats, "minutes": minutes},
    )
    stage().prepare(plan)
    settle_memory()
    return row


def _locked(rehearsal: Rehearsal, by: Actor) -> Rehearsal:
    by.require(*BRINGERS, organisation_id=rehearsal.organisation_id)
    person(by)
    return Rehearsal.objects.select_for_update().get(pk=rehearsal.pk)


def is_on_stage(rehearsal: Rehearsal) -> bool:
    """True if it is this one that the server holds now."""
    plan = stage().plan
    return plan is not None and plan.id == rehearsal.plan_id


def _require_on_stage(row: Rehearsal) -> None:
    if not is_on_stage(row):
        text = _("This server no longer holds this rehearsal. Prepare a new one.")
        raise Conflict("rehearsal_gone", text)


@transaction.atomic
def start_rehearsal(rehearsal: Rehearsal, *, by: Actor) -> Rehearsal:
    """All computers that have joined start ten seconds from now. Again: no effect."""
    row = _locked(rehearsal, by)
    _require_on_stage(row)
    if row.state == RehearsalState.STARTED:
        return row
    if row.state != RehearsalState.PREPARED:
        raise Conflict("rehearsal_over", _("This rehearsal is over. Prepare a new one."))
    _no_test_now()
    row.state, row.started_at = RehearsalState.STARTED, clock.now()
    row.save(update_fields=["state", "started_at"])
    record(events.REHEARSAL_STARTED, by=by, on=row, organisation_id=row.organisation_id)
    stage().go(LEAD_S)
    return row


def results_now(rehearsal: Rehearsal, *, accounted: bool = False) -> tuple[RehearsalSource, dict[str, Any]]:
    """What was measured so far: the command's report if one was handed over, otherwise what the computers told.

    A command's report that this program cannot read is left aside, and ``unreadable`` says so. ``accounted``: with what the
    journal holds now, which takes the server's time and so waits until the end.
    ``Conflict`` when the server no longer holds this rehearsal.
    """
    _require_on_stage(rehearsal)
    current = stage()
    plan = current.plan
    assert plan is not None
    records = current.account()[0] if accounted else None
    try:
        report = current.report()
    except msgspec.MsgspecError:  # of an older form, or damaged: what the computers told is still there
        report = None
    if report is not None:
        if records is not None:
            report = replace(report, kept=kept_in(records))
        return RehearsalSource.COMMAND, command_figures(report, rss_mb=usage().rss_mb)
    figures = browser_figures(plan, current.seats(), records, rss_mb=usage().rss_mb)
    return RehearsalSource.BROWSERS, figures | {"unreadable": (current.folder / "report.json").exists()}


@transaction.atomic
def keep_rehearsal(rehearsal: Rehearsal, *, by: Actor) -> Rehearsal:
    """Put what was measured on the hall's record, passed or not. Once."""
    row = _locked(rehearsal, by)
    if row.state == RehearsalState.KEPT:
        raise Conflict("rehearsal_kept", _("The result is on the record already."))
    if row.state == RehearsalState.REPLACED:
        raise Conflict("rehearsal_over", _("This rehearsal is over. Prepare a new one."))
    source, figures = results_now(row, accounted=True)
    if not figures.get("candidates"):
        raise Conflict(
            "rehearsal_empty", _("No computer has finished yet; there is nothing to put on the record.")
        )
    row.source, row.results, row.passed = source, figures, bool(figures.get("passed"))
    row.state, row.kept_by, row.kept_at = RehearsalState.KEPT, who(by), clock.now()
    row.save(update_fields=["source", "results", "passed", "state", "kept_by", "kept_at"])
    record(
        events.REHEARSAL_KEPT,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={
            "passed": row.passed,
            "source": source,
            "candidates": figures["candidates"],
            "contradictions": [one["name"] for one in figures["contradictions"]],
        },
    )
    return row
