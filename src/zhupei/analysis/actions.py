"""Every write of item analysis: asking for a run, carrying it out, settling an alarm."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.exams.api import Batch, analysable, responses
from zhupei.itembank.api import Measured, record_calibration
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post, Subject

from . import classical, events, irt, queries
from .choices import ALARMS, OPEN, RUN, Flag, RunKind, RunState
from .gathering import Gatherer, Scope, Table, gather, tables
from .judging import LEAST, Finding, distribution, judge, scale, told
from .models import AnalysisRun, Calibration, ItemStatistics, Report, Settlement

log = logging.getLogger(__name__)

ASKERS = (Role.BANK_KEEPER, Role.CENTRE_APPROVER)
STUCK = timedelta(hours=2)
"""A run that began so long ago was cut off (the server was stopped) and gives way to a new one."""


def _who(by: Actor) -> str:
    return f"{by.organisation_name} {by.name}".strip()


def _enqueue(run: AnalysisRun) -> None:
    from .jobs import carry_out  # the job calls back here

    transaction.on_commit(lambda: carry_out.enqueue(run.pk))


def _request(by: Actor, **scope: Any) -> AnalysisRun:
    where = {name: value for name, value in scope.items() if name != "kind"}
    for stuck in AnalysisRun.objects.filter(state__in=OPEN, created_at__lt=clock.now() - STUCK, **where):
        _fail(stuck, "cut_off")
    try:
        with transaction.atomic():
            run = AnalysisRun.objects.create(requested_by=_who(by), created_at=clock.now(), **scope)
    except IntegrityError:
        raise Conflict("running", _("This is being reckoned already. Wait for its end.")) from None
    record(events.REQUESTED, by=by, on=run, after={"kind": run.kind})
    _enqueue(run)
    return run


@transaction.atomic
def request_batch(batch: Batch, *, by: Actor) -> AnalysisRun:
    """Have a batch analysed once its answers are in, before its results are confirmed or after.

    Raises ``Refusal`` while there are no answers, or while it is being reckoned already.
    """
    if by != SYSTEM:
        by.require(*ASKERS)
    if not analysable().filter(pk=batch.pk).exists():
        raise Conflict("no_answers", _("The answers of this batch are not in yet."))
    return _request(by, kind=RunKind.BATCH, batch=batch)


@transaction.atomic
def request_calibration(post: Post, subject: str, *, by: Actor) -> AnalysisRun:
    """Have all confirmed batches of a post and subject analysed together and put on one scale."""
    if by != SYSTEM:
        by.require(*ASKERS)
    if subject not in Subject.values:
        raise Refusal("subject_unknown", _("There is no such subject."), field="subject")
    return _request(by, kind=RunKind.CALIBRATION, post=post, subject=subject)


def catch_up() -> int:
    """Have every newly confirmed batch analysed; returns how many."""
    count = 0
    for batch in queries.not_analysed()[:20]:
        try:
            request_batch(batch, by=SYSTEM)
            count += 1
        except Conflict:
            continue
    return count


def calibrate_all() -> int:
    """Have every post and subject calibrated whose answers are other than at the last time; returns how many."""
    count = 0
    for post, subject in queries.scopes():
        last = AnalysisRun.objects.filter(post=post, subject=subject, latest=True).first()
        new = AnalysisRun(kind=RunKind.CALIBRATION, post=post, subject=subject)
        if last is not None and last.digest == queries.input_digest(queries.batches_of(new)):
            continue
        try:
            request_calibration(post, subject, by=SYSTEM)
            count += 1
        except Conflict:
            continue
    return count


# --- carrying out --------------------------------------------------------------------------------------------


def _fail(run: AnalysisRun, code: str) -> None:
    with transaction.atomic():
        if AnalysisRun.objects.select_for_update().get(pk=run.pk).state not in OPEN:
            return
        run.state = RUN.after(run.state, "fail")
        run.error, run.finished_at = code[:200], clock.now()
        run.save(update_fields=["state", "error", "finished_at"])
        record(events.FAILED, by=SYSTEM, on=run, after={"code": run.error})


@transaction.atomic
def _begin(pk: int) -> AnalysisRun | None:
    run = (
        AnalysisRun.objects.select_for_update(of=("self",))
        .select_related("batch", "post")
        .filter(pk=pk, state=RunState.QUEUED)
        .first()
    )
    if run is not None:
        run.state, run.started_at = RUN.after(run.state, "begin"), clock.now()
        run.save(update_fields=["state", "started_at"])
    return run


def carry_out(pk: int) -> bool:
    """Reckon a run that waits; False if it does not wait (any more). What goes wrong is kept with the run, and logged."""
    run = _begin(pk)
    if run is None:
        return False
    try:
        _reckon(run)
    except Refusal as refusal:
        _fail(run, refusal.code)
    except Exception:
        log.exception("analysis run %d", pk)
        _fail(run, "internal")
    return run.state == RunState.FINISHED


class _Progress:
    """Percent done, written as it grows so that a page can show it."""

    def __init__(self, run: AnalysisRun) -> None:
        self.run = run

    def to(self, percent: float) -> None:
        if int(percent) > self.run.progress:
            self.run.progress = min(int(percent), 99)
            AnalysisRun.objects.filter(pk=self.run.pk).update(progress=self.run.progress)


def _read(run: AnalysisRun, batches: Sequence[Batch], progress: _Progress) -> dict[Scope, Table]:
    """The answers of a run's batches; reading takes the first six tenths of the time."""
    gathered: dict[Scope, Gatherer] = {}
    for done, batch in enumerate(batches):
        papers = responses(batch, confirmed_only=run.kind == RunKind.CALIBRATION)
        if run.kind == RunKind.CALIBRATION:
            papers = (one for one in papers if (one.post_id, one.subject) == (run.post_id, run.subject))
        gather(papers, gathered)
        progress.to(60 * (done + 1) / len(batches))
    return tables(gathered)


def _reckon(run: AnalysisRun) -> None:
    progress = _Progress(run)
    batches = queries.batches_of(run)
    run.digest = queries.input_digest(batches)
    found: list[tuple[Scope, Table, irt.Fit | None, list[Finding]]] = []
    by_scope = _read(run, batches, progress)
    for done, (scope, table) in enumerate(by_scope.items()):
        fit, exposure = None, None
        if run.post is not None:
            fit = scale(table)
            seen = queries.exposures(run.post, run.subject)
            exposure = {one.item.uid: one.ratio for one in seen if one.ratio is not None}
        progress.to(60 + 30 * (done + 0.5) / len(by_scope))
        found.append(
            (scope, table, fit, judge(table, fit=fit, exposure=exposure, over_time=run.post is not None))
        )
        progress.to(60 + 30 * (done + 1) / len(by_scope))
    with transaction.atomic():
        if AnalysisRun.objects.select_for_update().get(pk=run.pk).state != RunState.RUNNING:
            raise Conflict("cut_off")  # it took so long that it was given up
        _write(run, found, len(batches))


def _report(run: AnalysisRun, scope: Scope, table: Table) -> Report:
    rely = classical.reliability(table.answers)
    enough = rely.n >= LEAST
    return Report(
        run=run,
        post_id=scope[0],
        subject=scope[1],
        n=rely.n,
        passed=sum(one.passed for one in table.people),
        mean=told(rely.mean),
        sd=told(rely.sd),
        reliability=told(rely.alpha) if enough else None,
        sem=told(rely.sem) if enough else None,
        distribution=distribution(table.answers.scores),
    )


def _statistics(
    run: AnalysisRun, scope: Scope, one: Finding, settled: dict[tuple[str, int], set[str]]
) -> ItemStatistics:
    question = one.question
    new = {flag for flag in one.flags if flag in ALARMS} - settled.get(
        (question.key, question.version), set()
    )
    return ItemStatistics(
        run=run,
        post_id=scope[0],
        subject=scope[1],
        key=question.key,
        item_uid=question.item_uid,
        version=question.version,
        kind=question.kind,
        n=one.n,
        facility=one.facility,
        discrimination=one.discrimination,
        options=one.options,
        dif=one.dif,
        months=one.months,
        drift=one.drift,
        drift_p=one.drift_p,
        exposure=one.exposure,
        flags=f",{','.join(one.flags)}," if one.flags else "",
        alarm=one.alarm,
        waiting=bool(new),
    )


def _calibrations(run: AnalysisRun, table: Table, fit: irt.Fit) -> list[Calibration]:
    return [
        Calibration(
            run=run,
            key=question.key,
            item_uid=question.item_uid,
            version=question.version,
            model=fit.model,
            n=int(fit.n[k]),
            **{
                name: round(float(getattr(fit, name)[k]), 5)
                for name in ("a", "b", "se_a", "se_b", "infit", "outfit")
            },
        )
        for k, question in enumerate(table.questions)
        if np.isfinite(
            [getattr(fit, name)[k] for name in ("a", "b", "se_a", "se_b", "infit", "outfit")]
        ).all()
    ]


def _measured(findings: Sequence[Finding], rows: Sequence[Calibration]) -> list[Measured]:
    """One row an item version for the bank. A case has the mean facility of its children and no place on the scale."""
    scaled = {(row.key, row.version): row for row in rows}
    by_item: dict[tuple[str, int], list[Finding]] = {}
    for one in findings:
        by_item.setdefault((one.question.item_uid, one.question.version), []).append(one)
    measured = []
    for (uid, version), parts in sorted(by_item.items()):
        n = min(part.n for part in parts)
        if n < LEAST:
            continue
        row = scaled.get((uid, version))
        bad = {Flag.KEY, Flag.NEGATIVE, Flag.MISFIT}
        measured.append(
            Measured(
                uid=uid,
                version=version,
                facility=queries.decimal(sum(part.facility for part in parts) / len(parts)),
                n=n,
                model=row.model if row else "",
                a=queries.decimal(row.a) if row else None,
                b=queries.decimal(row.b) if row else None,
                fits=all(bad.isdisjoint(part.flags) for part in parts),
            )
        )
    return measured


def _settled() -> dict[tuple[str, int], set[str]]:
    found: dict[tuple[str, int], set[str]] = {}
    for key, version, flags in Settlement.objects.values_list("key", "version", "flags"):
        found.setdefault((key, version), set()).update(flags.strip(",").split(","))
    return found


def _write(
    run: AnalysisRun, found: Sequence[tuple[Scope, Table, irt.Fit | None, list[Finding]]], batches: int
) -> None:
    """Keep what was found in place of what was found before; hand the calibration down to the bank."""
    earlier = AnalysisRun.objects.filter(batch=run.batch, post=run.post, subject=run.subject, latest=True)
    ItemStatistics.objects.filter(run__in=earlier).delete()
    earlier.update(latest=False)
    settled = _settled()
    measured: list[Measured] = []
    for scope, table, fit, findings in found:
        _report(run, scope, table).save()
        rows = [_statistics(run, scope, one, settled) for one in findings]
        ItemStatistics.objects.bulk_create(rows, batch_size=500)
        run.persons += len(table.people) if run.post_id else 0
        run.items += len(rows)
        run.answers += len(table.answers.item)
        run.alarms += sum(row.alarm for row in rows)
        if run.post_id:
            scaled = _calibrations(run, table, fit) if fit is not None else []
            Calibration.objects.bulk_create(scaled, batch_size=500)
            measured += _measured(findings, scaled)
            if fit is not None:
                run.model, run.log_likelihood = fit.model, fit.log_likelihood
                run.aic, run.bic = fit.aic, fit.bic
    if run.batch_id:
        run.persons = max((len(table.people) for _scope, table, _fit, _findings in found), default=0)
    if measured:
        record_calibration(measured, by=SYSTEM)
    run.state, run.progress, run.latest = RUN.after(run.state, "finish"), 100, True
    run.finished_at = clock.now()
    run.save()
    record(
        events.FINISHED,
        by=SYSTEM,
        on=run,
        after={
            "batches": batches,  # whose answers and keys were read
            "people": run.persons,
            "items": run.items,
            "alarms": run.alarms,
            "model": run.model,
            "digest": run.digest,
        },
    )


# --- people --------------------------------------------------------------------------------------------------


def note_reading(row: ItemStatistics, *, by: Actor) -> None:
    """Record that somebody reads an item's figures: they show which options are right."""
    by.require(*ASKERS, Role.ITEM_REVIEWER)
    record(events.READ, by=by, on=row)


@transaction.atomic
def settle(row: ItemStatistics, *, opinion: str, by: Actor) -> Settlement:
    """Say what was found and decided on an item's alarms; they wait no more, as long as no other comes up.

    Raises ``Refusal`` without an opinion, ``Conflict`` when nothing waits.
    """
    by.require(Role.BANK_KEEPER)
    row = ItemStatistics.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if not row.waiting:
        raise Conflict("wrong_state", _("Nothing waits here (any more)."))
    if not opinion.strip():
        raise Refusal("no_opinion", _("Say what you found and decided."), field="opinion")
    flags = ",".join(flag for flag in row.flag_list if flag in ALARMS)
    settlement = Settlement.objects.create(
        key=row.key,
        version=row.version,
        flags=flags,
        opinion=opinion.strip(),
        person=_who(by),
        person_id=by.user_id,
        at=clock.now(),
    )
    same = ItemStatistics.objects.filter(key=row.key, version=row.version, waiting=True)
    for other in same:
        if {flag for flag in other.flag_list if flag in ALARMS} <= set(flags.split(",")):
            other.waiting = False
            other.save(update_fields=["waiting"])
    record(events.SETTLED, by=by, on=row, after={"flags": flags}, reason=opinion.strip()[:500])
    return settlement
