"""Applications for the item bank and test batches, in every state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet

from zhupei.certificates.api import consume_news
from zhupei.exams import actions
from zhupei.exams.api import BankApplication, Batch, Result, ResultState
from zhupei.hours.api import ready_for_test
from zhupei.kernel import clock, crypto
from zhupei.training.api import Enrolment

from . import sittings
from .classes import Course, accepted
from .clockwork import Story, moment
from .institutions import House, Stage
from .learners import Learner
from .props import RARE_NAMES, seal, signature

MINUTES = 150


@dataclass
class Test:
    """A test to be. Days are working days from today; ``until`` is how far it comes."""

    key: str
    house: House  # who applies
    host: House  # in whose hall
    course: Course
    day: int
    apply_at: int
    until: str  # preparing, locked, ready, open, returned, confirmed
    lock_at: int = 0
    draw_at: int = 0
    resits: Test | None = None  # who failed there comes again, four at most
    absent: int = 0
    voided: bool = False
    starts_at: datetime | None = None
    guest: Learner | None = None
    batch: Batch | None = None
    returning: list[Enrolment] = field(default_factory=list)


def session_of(stage: Stage, test: Test) -> tuple[datetime, datetime]:
    """The one session of a test: 9:30 to 12:00, or what ``starts_at`` says, never past midnight."""
    start = test.starts_at or stage.days.at(test.day, 9, 30)
    end = start + timedelta(minutes=MINUTES)
    midnight = moment(clock.local(start).date() + timedelta(days=1), 0)
    return start, min(end, midnight - timedelta(minutes=1))


def fill_in(
    stage: Stage,
    house: House,
    host: House,
    sessions: Sequence[tuple[datetime, datetime]],
    count: int,
    *,
    complete: bool = True,
) -> BankApplication:
    """Annex 4 as the exam officer fills it in."""
    officer, head = stage.act(house.login("exam")), stage.act(house.login("head"))
    assert host.hall is not None
    data = actions.ApplicationData(
        hall=host.hall,
        clients_available=200,
        lead=officer.name,
        lead_mobile=f"1991{house.unit.number:07d}",
        contact=head.name,
        contact_mobile=f"1992{house.unit.number:07d}",
        rows=[(stage.posts["101"], count)],
        sessions=sessions,
        signed_by=head.name if complete else "",
        signed_on=clock.today() if complete else None,
        signature=actions.Upload(signature(), "签名.png", "image/png") if complete else None,
        seal=actions.Upload(seal(), "公章.png", "image/png") if complete else None,
    )
    return actions.save_application(None, data, by=officer)


def application(stage: Stage, house: House, host: House, day: int, at: int, end: str) -> Story:
    """An application alone, up to the state ``end``."""
    start = stage.days.at(day, 14)
    sessions = [(start, start + timedelta(minutes=MINUTES))]
    officer, centre = stage.act(house.login("exam")), stage.act("centre")
    yield stage.days.at(at, 10, 15)
    row = fill_in(stage, house, host, sessions, 20 + day, complete=end != "draft")
    if end == "draft":
        return
    reason = "受台风影响原定测试顺延，恳请受理。" if end == "late" else ""
    row = actions.submit_application(row, pledged=True, late_reason=reason, by=officer)
    if end in ("submitted", "late"):
        return
    yield stage.days.at(at, 16, 30)
    if end == "withdrawn":
        actions.withdraw_application(row, reason="培训延期，另行申请。", by=officer)
        return
    if end == "returned":
        actions.return_application(row, opinion="该场次机位已满，请改报其他时间。", by=centre)
        return
    batch = actions.schedule(row, sessions, opinion="同意。", by=centre)
    if end == "cancelled":
        yield stage.days.at(at + 2, 11)
        actions.cancel_batch(batch, reason="考点停电检修，本批次取消。", by=stage.act("approver"))


def run(stage: Stage, test: Test) -> Story:
    """A test from its application on, as far as ``test.until``."""
    days, act, house = stage.days, stage.act, test.house
    officer, centre = act(house.login("exam")), act("centre")
    yield days.at(test.apply_at, 10, house.unit.number)
    if test.resits is not None and test.resits.batch is not None:
        failed = Result.objects.filter(
            candidate__batch=test.resits.batch, passed=False, state=ResultState.CONFIRMED
        )
        test.returning = [one.candidate.enrolment for one in failed.order_by("pk")[:4]]
    session = session_of(stage, test)
    row = fill_in(stage, house, test.host, [session], test.course.ready + len(test.returning))
    row = actions.submit_application(row, pledged=True, by=officer)
    yield days.at(test.apply_at + 1, 9, 30)
    test.batch = batch = actions.schedule(row, [session], opinion="同意按申请时间测试。", by=centre)
    yield days.at(test.apply_at + 1, 15)
    filing = actions.file_with_office(row, by=centre)
    if test.until == "preparing":
        yield days.at(test.lock_at, 10)
        ready = _ready(test)
        actions.add_candidates(batch, [one.pk for one in ready[: max(len(ready) // 2, 1)]], by=officer)
        return
    yield days.at(test.apply_at + 2, 11)
    actions.receive_filing(filing, f"宣教备〔{batch.year}〕{batch.sequence:03d}", by=act("city"))
    yield days.at(test.lock_at, 10)
    actions.add_candidates(batch, [one.pk for one in [*_ready(test), *test.returning]], by=officer)
    seed = bytes.fromhex(crypto.sm3(f"zhupei-demo:{test.key}".encode()))
    batch = actions.lock_batch(batch, seed=seed, by=officer)
    if test.until == "locked":
        return
    yield days.at(test.draw_at, 15)
    actions.draw_batch(batch, by=centre)
    batch.refresh_from_db()
    if test.until == "ready":
        return
    if test.until == "open":
        assert test.guest is not None
        yield from sittings.hold_now(stage, test.host, batch, test.guest.person, stage.present)
        return
    yield from sittings.hold(stage, test.host, batch, test.key, absent=test.absent, voided=test.voided)
    if test.until == "returned":
        yield clock.now() + timedelta(hours=2)
        doubtful = batch_results(batch).filter(passed=True, state=ResultState.PROVISIONAL)[0]
        actions.doubt_result(doubtful, reason="与邻座答案高度一致，待复核录像。", by=centre)
        return
    yield days.at(test.day + 3, 10)
    actions.confirm_batch(batch, by=act("approver"))
    yield clock.now() + timedelta(minutes=2)
    consume_news()
    if test.voided:
        yield days.at(test.day + 7, 10)
        passed = (
            batch_results(batch)
            .filter(passed=True, state=ResultState.CONFIRMED)
            .select_related("candidate__person")
        )
        result = next(
            (one for one in passed if one.candidate.person.name not in (*RARE_NAMES, "DUPONT·CLAIRE")),
            passed[0],
        )
        proposal = actions.propose_void(result, reason="事后查实系他人替考。", by=centre)
        yield days.at(test.day + 8, 9)
        actions.decide_void(proposal, accept=True, reason="录像与证件照比对属实。", by=act("approver"))
        yield clock.now() + timedelta(minutes=2)
        consume_news()


def batch_results(batch: Batch) -> QuerySet[Result]:
    """The results of a batch in the order of their slips."""
    return Result.objects.filter(candidate__batch=batch).order_by("candidate__slip_no")


def _ready(test: Test) -> list[Enrolment]:
    enrolments = accepted(test.course)
    ready = ready_for_test([one.pk for one in enrolments])
    return [one for one in enrolments if one.pk in ready]
