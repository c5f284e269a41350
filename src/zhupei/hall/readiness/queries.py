"""Reads of a hall's machines: where they stand, which are spare, what was measured, how ready the hall is."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Max

from zhupei.hall.models.machines import ClientCheck, Machine, MachineRole, MeasuringCode, ServerCheck, Verdict
from zhupei.hall.process import running_engine
from zhupei.institutions.api import Room, RoomKind, Site, SiteKind, spare_needed
from zhupei.kernel import clock
from zhupei.rulebook.api import parameter
from zhupei.web.fields import purpose_key

SEAT_FORM = "02d"
FRESH = timedelta(days=7)  # a measurement older than this no longer counts
CODE_FIGURES = 6


def seat_order(machine: Machine) -> tuple[int, str]:
    """Seats in the order of their numbers, whatever their length."""
    return len(machine.seat_no), machine.seat_no


def seat_plan(site_id: int, room_id: int) -> dict[str, tuple[int, int, str]]:
    """Where the machines of a room stand: seat number → (row, place in the row, role), rows from the front, all from 1.

    Empty if nobody has entered the machines of this room yet.
    """
    rows = sorted(Machine.objects.filter(site_id_ref=site_id, room_id_ref=room_id), key=seat_order)
    return {one.seat_no: (one.row, one.place, one.role) for one in rows}


def spares(site_id: int) -> list[tuple[int, str]]:
    """The spare machines of a hall that are in order: (room id, seat number), by room and seat (R136)."""
    rows = Machine.objects.filter(site_id_ref=site_id, role=MachineRole.SPARE, in_order=True)
    return [
        (one.room_id_ref, one.seat_no) for one in sorted(rows, key=lambda m: (m.room_id_ref, *seat_order(m)))
    ]


def out_of_order(site_id: int) -> set[tuple[int, str]]:
    """The machines of a hall that may not be used: (room id, seat number)."""
    rows = Machine.objects.filter(site_id_ref=site_id, in_order=False)
    return set(rows.values_list("room_id_ref", "seat_no"))


def exam_rooms(site_id: int) -> list[Room]:
    """The exam rooms of a hall that are in use, by name."""
    rows = Room.objects.filter(site_id=site_id, kind=RoomKind.EXAM_ROOM, is_active=True)
    return list(rows.order_by("name", "pk"))


# ── the code of the day ─────────────────────────────────────────────────────────────────────────────────


def _code(site_id: int, day: date, turn: int) -> str:
    mac = hmac.digest(purpose_key("measuring-code"), f"{site_id}|{day.isoformat()}|{turn}".encode(), sha256)
    return format(int.from_bytes(mac[:8], "big") % 10**CODE_FIGURES, f"0{CODE_FIGURES}d")


def turn_of(site_id: int) -> int:
    """How often the code of a hall was changed by hand."""
    return MeasuringCode.objects.filter(site_id_ref=site_id).values_list("turn", flat=True).first() or 0


def code_of_day(site_id: int) -> str:
    """Six figures with which the machines of a hall open the measuring page today."""
    return _code(site_id, clock.today(), turn_of(site_id))


def site_of_code(code: str) -> tuple[int, int] | None:
    """The hall whose code of the day this is, and its turn; None if it is nobody's. Halls without machines have none."""
    turns = dict(MeasuringCode.objects.values_list("site_id_ref", "turn"))
    today, found = clock.today(), None
    for site_id in Machine.objects.order_by("site_id_ref").values_list("site_id_ref", flat=True).distinct():
        right = _code(site_id, today, turns.get(site_id, 0))
        if hmac.compare_digest(right.encode(), code.encode()) and found is None:
            found = site_id, turns.get(site_id, 0)
    return found


# ── what was measured ───────────────────────────────────────────────────────────────────────────────────


def newest_checks(site_id: int, room_id: int | None = None) -> dict[tuple[int, str], ClientCheck]:
    """The newest measurement of every seat of a hall (or of one room): (room id, seat number) → row."""
    rows = ClientCheck.objects.filter(site_id_ref=site_id)
    if room_id is not None:
        rows = rows.filter(room_id_ref=room_id)
    newest = rows.order_by().values("room_id_ref", "seat_no").annotate(pk_max=Max("pk")).values("pk_max")
    found = ClientCheck.objects.filter(pk__in=newest)
    return {(one.room_id_ref, one.seat_no): one for one in found}


STANDINGS = ("good", "doubtful", "bad", "unmeasured", "broken")


def standing_of(machine: Machine, check: ClientCheck | None) -> str:
    """``good``, ``doubtful``, ``bad``; ``unmeasured`` also when the last measurement is too old; ``broken``: out of order."""
    if not machine.in_order:
        return "broken"
    if check is None or check.at < clock.now() - FRESH:
        return "unmeasured"
    return {Verdict.OK: "good", Verdict.FAIL: "bad"}.get(Verdict(check.verdict), "doubtful")


@dataclass(frozen=True)
class Readiness:
    """How ready a hall is before a test. Counts of machines; ``needed`` are the rule's (R135, R136)."""

    site: Site
    exam: int
    spare: int
    exam_needed: int
    spare_needed: int
    standings: dict[str, int]
    points: dict[str, int]
    server: ServerCheck | None

    @property
    def machines(self) -> int:
        return sum(self.standings.values())

    @property
    def measured(self) -> int:
        return sum(self.standings[name] for name in ("good", "doubtful", "bad"))

    @property
    def to_measure(self) -> int:
        return self.machines - self.standings["broken"]

    @property
    def enough_exam(self) -> bool:
        return self.exam >= self.exam_needed

    @property
    def enough_spare(self) -> bool:
        return self.spare >= self.spare_needed

    @property
    def server_fresh(self) -> bool:
        return self.server is not None and self.server.at >= clock.now() - FRESH


def readiness(site: Site) -> Readiness:
    """The record of a hall as it stands now. Only machines in order count, spares on top of the exam machines (J11, J12)."""
    machines = list(Machine.objects.filter(site_id_ref=site.pk))
    checks = newest_checks(site.pk)
    standings = Counter(standing_of(one, checks.get((one.room_id_ref, one.seat_no))) for one in machines)
    usable = Counter(one.role for one in machines if one.in_order)
    exam = usable[MachineRole.EXAM]
    points = Counter(code for check in checks.values() for code in failing(check))
    return Readiness(
        site=site,
        exam=exam,
        spare=usable[MachineRole.SPARE],
        exam_needed=int(parameter("hall_min_clients")),
        spare_needed=spare_needed(exam),
        standings={name: standings[name] for name in STANDINGS},
        points=dict(points),
        server=ServerCheck.objects.filter(site_id_ref=site.pk).order_by("-pk").first(),
    )


def failing(check: ClientCheck, *codes: str) -> list[str]:
    """The points of a measurement that are not in order; of ``codes`` only, if given."""
    bad = (Verdict.WARN, Verdict.FAIL)
    rows: Iterable[dict[str, Any]] = check.findings
    return [one["code"] for one in rows if one.get("verdict") in bad and (not codes or one["code"] in codes)]


def a_test_runs() -> bool:
    """True while somebody sits on the engine of this process (or is paused): nothing may be measured then."""
    engine = running_engine()
    if engine is None:
        return False
    states = engine.health().states
    return bool(states.get("running") or states.get("paused"))


def is_hall(site: Site) -> bool:
    """True for exam halls; teaching sites have no machines."""
    return bool(site.kind == SiteKind.HALL)
