"""The whole city, from founding to the present moment."""

from __future__ import annotations

import time as wall
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.test.utils import override_settings
from django.utils.translation import override

from zhupei.accounts.api import User
from zhupei.analysis.api import calibrate_all, catch_up
from zhupei.audit.models import AuditEvent
from zhupei.certificates.api import Certificate, CertificateState
from zhupei.exams.api import BankApplication, Batch, Candidate, Result
from zhupei.exams.models import HallMachine
from zhupei.hall import api as hall
from zhupei.hall.models import ClientCheck, Incident, Machine, Rehearsal, ServerCheck
from zhupei.hours.models import HourEntry
from zhupei.institutions.api import Institution, Site, Teacher
from zhupei.itembank.api import Item, load_demo_bank, make_release
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal
from zhupei.organisations.api import Organisation
from zhupei.papers.api import load_default_blueprints
from zhupei.people.api import Person
from zhupei.rulebook.api import current_rule_set, load_rulebook
from zhupei.rulebook.models import RuleSet
from zhupei.training.api import ClassState, Enrolment, TrainingClass, TrainingPlan
from zhupei.training.models import Punch

from . import batches, classes, halls
from .batches import Test
from .cast import PASSWORD, Account, one_hash
from .classes import Course
from .clockwork import Days, Story, Timeline, moment, travelling
from .institutions import EXTRA, UNITS, Stage, found, register
from .learners import LEARNER, Deck, Learner, arrive
from .scale import Scale

BEGIN = -150  # working days: when the city is founded
RULE_FROM = date(2019, 1, 1)
SILENT = "zhupei.config.demo.city.Silent"


class DemoRefused(Exception):
    """The demonstration cannot be built here; the text says why."""


class Silent:
    """Sends no message: the codes of the demonstration are used at once."""

    def send(self, phone: str, text: str) -> None:
        """Nothing goes out."""


@dataclass
class Report:
    """What was built."""

    counts: dict[str, Any]
    accounts: list[Account]
    guests: list[dict[str, str]]
    open_test: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)
    password: str = PASSWORD


def is_empty() -> bool:
    """True if nobody and nothing was ever entered: only the rule may be loaded."""
    return not (User.objects.exists() or Organisation.objects.exists() or Person.objects.exists())


def build_city(scale: Scale, say: Callable[[str], None] = lambda _line: None) -> Report:
    """Build the demonstration city in an empty database. Raises ``DemoRefused`` where it must not be built."""
    if not settings.DEMO:
        raise DemoRefused(
            "This installation is not marked as a demonstration. Set ZHUPEI_DEMO=1 (zhupei init --demo writes it) to load one."
        )
    if not is_empty():
        raise DemoRefused(
            "The database is not empty; the demo city is loaded into an empty one only (make fresh clears it)."
        )
    with (
        override("zh-hans"),
        override_settings(SMS_SENDER=SILENT),
        one_hash(),
        travelling(lambda present: present - timedelta(days=365)) as machine,
    ):
        try:
            if hall.engine().health().states:
                raise DemoRefused(
                    f"{settings.HALL_DATA} holds the journal of another exam hall. Remove that folder first."
                )
        except Refusal as refusal:
            raise DemoRefused(str(refusal.message)) from None
        hall.close_engine()
        try:
            return _build(scale, machine, say)
        finally:
            hall.close_engine()


def _build(scale: Scale, machine: Any, say: Callable[[str], None]) -> Report:
    seconds: dict[str, float] = {}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        started = wall.perf_counter()
        with transaction.atomic():
            result = act()
        seconds[name] = round(wall.perf_counter() - started, 1)
        say(f"{name} … {seconds[name]:.1f} s")
        return result

    if not RuleSet.objects.exists():
        timed("rule", lambda: load_rulebook(RULE_FROM, by=SYSTEM))
    days = Days(clock.local(machine.present).date())
    machine.go(days.at(BEGIN, 9))
    current_rule_set()
    stage: Stage = timed("offices", lambda: found(days, machine.present))

    def bank() -> None:
        load_default_blueprints(by=stage.act("keeper"))
        load_demo_bank(by=stage.act("keeper"))
        make_release(note="演示题库首次发布", by=stage.act("keeper"))

    timed("item bank", bank)
    line = Timeline(machine, say)
    for unit in UNITS:
        if scale.extra_institutions or unit.number not in EXTRA:
            begin = {"draft": -6, "submit": -5, "vet": -9, "return": -20, "register": -14}.get(
                unit.until, BEGIN + unit.number % 4
            )
            line.tell("institutions", register(stage, unit, begin))
    people: list[Learner] = []
    for index in range(scale.learners):
        line.tell("learners", arrive(stage, index, people, BEGIN + 28))
    line.tell("learners", _enrol(stage, scale, people, line))
    line.run()
    for kind, value in line.seconds.items():
        seconds[kind] = round(value, 1)
        say(f"{kind} … {value:.1f} s, {line.steps[kind]} steps")
    catch_up()
    calibrate_all()  # else the figures of items come only with the first night
    report = _report(stage, people)
    report.seconds = seconds
    return report


def _enrol(stage: Stage, scale: Scale, people: list[Learner], line: Timeline) -> Story:
    """Once everybody is there: who goes into which class, and the tests that follow."""
    yield stage.days.at(BEGIN + 45, 8)
    people.sort(key=lambda one: one.index)
    line.tell("classes", _classes(stage, scale, people, line))


def _classes(stage: Stage, scale: Scale, people: list[Learner], line: Timeline) -> Story:
    yield stage.days.at(BEGIN + 45, 9)
    house, days = stage.houses, stage.days
    guest = next(one for one in people if one.index == LEARNER)
    builders = Deck([one for one in people if one is not guest])
    others = Deck([one for one in reversed(people) if one is not guest])
    sizes = scale.classes

    def built(key: str, number: int, size: int, last: int, **options: Any) -> Course:
        learners = builders.take(size)
        return Course(key, house[number], "101", learners, days.teaching(last, 5), last - 12, **options)

    short = 2 if scale.learners > 100 else 1
    c1 = built("C1", 1, sizes[0], -58, until="archive", short=short, corrected=True)
    c2 = built("C2", 2, sizes[1], -33, until="archive", short=short, excepted=True)
    c3 = built("C3", 3, sizes[2], -5, short=1)
    c4 = built("C4", 1, sizes[3] - 1, -3, hand=True)
    c4.learners = [guest, *c4.learners]
    c5 = built("C5", 2, sizes[4], -4)
    c6 = built("C6", 4, sizes[5], -3, hand=True)
    c7 = built("C7", 1, sizes[6], -3, short=1)
    courses = [c1, c2, c3, c4, c5, c6, c7]
    present = clock.local(stage.present)
    now = [present.date() + timedelta(days=n) for n in range(-2, 3)]
    soon = [days.day(n) for n in range(8, 13)]
    half = scale.other_class
    courses += [
        Course("R1", house[1], "106", others.take(half), now, -14, "run"),
        Course("R2", house[3], "111", others.take(half), now, -14, "run", hand=True),
        Course("E1", house[1], "101", builders.take(half), soon, -7, "enrol"),
        Course("E2", house[2], "114", others.take(half), soon, -7, "enrol"),
        Course("E3", house[4], "106", others.take(max(half // 2, 2)), soon, -8, "enrol"),
        Course("K1", house[3], "114", others.take(max(half // 4, 2)), soon, -10, "cancel"),
    ]
    for course in courses:
        line.tell("classes", classes.run(stage, course))
    for number, post, first, at, end in (
        (1, "109", 9, -1, "draft"),
        (2, "106", 10, -1, "submitted"),
        (3, "109", 3, -1, "late"),
        (2, "111", 11, -3, "returned"),
        (4, "101", 12, -6, "received"),
        (4, "114", 14, -4, "changed"),
        (1, "114", 15, -5, "withdrawn"),
    ):
        line.tell("plans", classes.single_plan(stage, house[number], post, first, at, end))
    start = max(
        min(present - timedelta(minutes=25), moment(present.date(), 21, 45)), moment(present.date(), 0)
    )
    t1 = Test("B1", house[1], house[1], c1, -55, -68, "confirmed", -56, -56, absent=1, voided=True)
    t2 = Test("B2", house[2], house[2], c2, -30, -43, "confirmed", -31, -31)
    tests = [
        t1,
        t2,
        Test("B3", house[3], house[3], c3, -2, -15, "returned", -4, -3, absent=1, voided=True),
        Test("B4", house[1], house[1], c4, 0, -13, "open", -2, -1, resits=t1, starts_at=start, guest=guest),
        Test("B5", house[2], house[2], c5, 2, -12, "ready", -2, -1, resits=t2),
        Test("B6", house[4], house[1], c6, 4, -9, "locked", -1),
        Test("B7", house[1], house[3], c7, 8, -5, "preparing", -1),
    ]
    for test in tests:
        line.tell("tests", batches.run(stage, test))
    line.tell("halls", halls.equip(stage, house[1], measure=220, examine=True, rehearse=True))
    line.tell("halls", halls.equip(stage, house[2], measure=60, broken=33))
    line.tell("halls", halls.own_machine(stage, house[3]))
    for number, host, day, at, end in (
        (3, 3, 20, -1, "draft"),
        (1, 2, 15, -1, "submitted"),
        (2, 2, 7, -1, "late"),
        (4, 1, 16, -6, "returned"),
        (3, 1, 12, -4, "scheduled"),
        (2, 3, 14, -5, "withdrawn"),
        (2, 2, 6, -9, "cancelled"),
    ):
        line.tell("applications", batches.application(stage, house[number], house[host], day, at, end))


def _by_state(model: Any, name: str = "state") -> dict[str, int]:
    return dict(model.objects.order_by(name).values_list(name).annotate(n=Count("pk")))


def _report(stage: Stage, people: list[Learner]) -> Report:
    counts = {
        "organisations": Organisation.objects.count(),
        "accounts": User.objects.count(),
        "institutions": _by_state(Institution),
        "sites": _by_state(Site),
        "teachers": Teacher.objects.count(),
        "people": Person.objects.count(),
        "plans": _by_state(TrainingPlan),
        "classes": _by_state(TrainingClass),
        "enrolments": _by_state(Enrolment),
        "punches": Punch.objects.count(),
        "hour_entries": _by_state(HourEntry, "source"),
        "items": Item.objects.count(),
        "applications": _by_state(BankApplication),
        "batches": _by_state(Batch),
        "candidates": Candidate.objects.count(),
        "results": _by_state(Result),
        "certificates": _by_state(Certificate),
        "machines": _by_state(Machine, "role"),
        "client_checks": _by_state(ClientCheck, "verdict"),
        "server_checks": ServerCheck.objects.count(),
        "rehearsals": _by_state(Rehearsal),
        "hall_machines": HallMachine.objects.count(),
        "incidents": _by_state(Incident, "kind"),
        "audit_events": AuditEvent.objects.count(),
    }
    guest = next(one for one in people if one.index == LEARNER)
    seat = Candidate.objects.select_related("batch", "room", "batch__hall").get(
        person=guest.person, batch__state="released", removed_at=None
    )
    open_test = {
        "batch": str(seat.batch),
        "hall": seat.batch.hall.name,
        "room": seat.room.name if seat.room else "",
        "seat": str(seat.seat),
        "name": guest.person.name,
        "slip_no": seat.slip_no or "",
        "id_number": guest.person.identity_number,
    }
    guests = [_guest(guest.person, "考试进行中，可直接入场作答")]
    with_account = Person.objects.exclude(user=None)
    for text, rows in (
        ("持有效证书", with_account.filter(certificates__state=CertificateState.VALID)),
        ("证书已注销", with_account.filter(certificates__state=CertificateState.REVOKED)),
        (
            "成绩待确认",
            with_account.filter(candidacies__batch__state="returned", candidacies__result__isnull=False),
        ),
        ("今日上课", with_account.filter(enrolments__training_class__state=ClassState.RUNNING)),
        ("待报名审核", with_account.filter(enrolments__state="applied")),
    ):
        person = rows.order_by("pk").first()
        if person is not None:
            guests.append(_guest(person, text))
    return Report(counts, _in_order(stage.act.accounts), guests, open_test)


def _in_order(accounts: list[Account]) -> list[Account]:
    """Offices first, in the order in which they were opened, then each institution's together."""
    first: dict[str, tuple[int, int]] = {}
    for n, one in enumerate(accounts):
        number = int("".join(c for c in one.login if c.isdigit()) or 0) if one.login.startswith("head") else 0
        first.setdefault(one.organisation, (number, n if number == 0 else 0))
    return sorted(accounts, key=lambda one: first[one.organisation])


def _guest(person: Person, text: str) -> dict[str, str]:
    return {"id_number": person.identity_number, "name": person.name, "at": text}
