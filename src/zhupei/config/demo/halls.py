"""The machines of the demonstration's halls: laid out, measured, the server examined, a rehearsal on the record.

What a client's page would have posted is invented and judged like any other. The server that is examined is the one
that builds the demonstration. The rehearsal's report was measured once with ``zhupei rehearse --seats 220 --json``; it names
its machine.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from zhupei.delivery.rehearsal.bundles import people
from zhupei.exams import actions as exams
from zhupei.exams.passes import read_request, write_request
from zhupei.hall import actions as hall
from zhupei.hall.actions import machines
from zhupei.hall.models import Machine
from zhupei.hall.readiness.judging import measured
from zhupei.hall.readiness.queries import exam_rooms, seat_order
from zhupei.hall.rehearsals import close_stage
from zhupei.hall.rehearsals import stage as rehearsal_stage
from zhupei.institutions.api import Site
from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS
from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key

from .clockwork import Story, moment
from .institutions import House, Stage
from .props import rng

REPORT = Path(__file__).with_name("rehearsal.json")
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36"
AGENTS = (
    CHROME,
    CHROME,
    f"{CHROME} QIHU 360SE",
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)",
)
XP = "Mozilla/5.0 (Windows NT 5.1; rv:52.0) Gecko/20100101 Firefox/52.0"
# machines count from 0 in the order of rooms and seats
UNMEASURED = frozenset((44, 45, 98, 186, 215))
CAMERA_MISSING, SLOW_LINE, OLD_WINDOWS = 12, 63, 139
CAMERA_UNPLACED, CLOCK_OFF, SCRIPT_OFF = frozenset((27, 118)), frozenset((71, 72, 160)), 204


def _agent(n: int, dice: random.Random) -> str:
    return XP if n == OLD_WINDOWS else dice.choice(AGENTS)


def _posted(n: int, dice: random.Random) -> dict[str, str]:
    """The form of the measuring page as the ``n``-th machine of the hall would send it."""
    if n == SCRIPT_OFF:
        return {"camera_above": "yes"}
    line = (8.1, 9.4) if n == SLOW_LINE else (91.0, 95.0)
    fields = {
        "script": "yes",
        "storage": "yes",
        "trip_ms": f"{dice.uniform(0.6, 2.4):.2f}",
        "jitter_ms": f"{dice.uniform(0.1, 0.9):.2f}",
        "loss": "0",
        "down_mbps": f"{dice.uniform(*line):.1f}",
        "up_mbps": f"{dice.uniform(*line):.1f}",
        "offset_s": f"{34 + dice.random() if n in CLOCK_OFF else dice.uniform(-0.9, 0.9):.2f}",
        "width": "1366",
        "height": "768",
        "camera": "no" if n == CAMERA_MISSING else "yes",
        "camera_allowed": "granted",
        "restore_card": "yes",
    }
    return fields if n in CAMERA_UNPLACED else fields | {"camera_above": "yes"}


def _in_order(site: Site) -> list[Machine]:
    rooms = {room.pk: n for n, room in enumerate(exam_rooms(site.pk))}
    rows = Machine.objects.filter(site_id_ref=site.pk)
    return sorted(rows, key=lambda one: (rooms[one.room_id_ref], *seat_order(one)))


def equip(
    stage: Stage,
    house: House,
    *,
    measure: int,
    broken: int | None = None,
    examine: bool = False,
    rehearse: bool = False,
) -> Story:
    """Machines entered the day before yesterday, the first ``measure`` of them measured yesterday, then server and rehearsal."""
    site, head = house.hall, stage.act(house.login("hall"))
    assert site is not None
    yesterday = clock.local(stage.present).date() - timedelta(days=1)
    yield moment(yesterday - timedelta(days=1), 16, house.unit.number)
    machines.lay_out(site, by=head)
    rows = _in_order(site)
    if broken is not None:
        one = rows[broken]
        data = machines.MachineData(one.row, one.place, one.role, in_order=False, fault="主板故障，已送修")
        machines.edit_machine(one, data, by=head)
    first = moment(yesterday, 13, 30)
    for n, machine in enumerate(rows[:measure]):
        if n == broken or n in UNMEASURED:
            continue
        yield first + timedelta(seconds=18 * n)
        dice = rng("machine", house.unit.number, n)
        agent = _agent(n, dice)
        figures = measured(_posted(n, dice), agent=agent, cookies=True)
        machines.keep_check(machine, figures, by=replace(ANONYMOUS, ip=f"10.40.1.{n + 10}", agent=agent))
    if examine:
        yield moment(yesterday, 14, 50)
        machines.check_server(site, by=head)
    if rehearse:
        yield from _rehearse(stage, house, site)


def _rehearse(stage: Stage, house: House, site: Site) -> Story:
    """A rehearsal played by the command, put on the record."""
    report = json.loads(REPORT.read_text())
    head = stage.act(house.login("hall"))
    at = moment(clock.local(stage.present).date() - timedelta(days=1), 15)
    yield at
    row = hall.prepare_rehearsal(site_id=site.pk, seats=report["candidates"], minutes=1, by=head)
    try:
        _play(report)
        rehearsal_stage().keep_report(json.dumps(report).encode())
        hall.keep_rehearsal(row, by=head)
    finally:
        close_stage()


def _play(report: dict[str, Any]) -> None:
    """What the players of ``report`` did, at the engine's door: so the server's own counts are those that it tells."""
    plan, engine = rehearsal_stage().plan, rehearsal_stage().engine()
    assert plan is not None
    assert engine is not None
    first, second = plan.rules.subjects
    each, more = divmod(report["acknowledged"], report["candidates"])
    for one in people(plan):
        engine.start(one.candidate_id)
        for slot in engine.slots_of(one.candidate_id, first)[: each + (one.place <= more)]:
            engine.save(one.candidate_id, first, slot.key, slot.option_ids[:1])
        engine.turn_to(one.candidate_id, second)
        last = engine.hand_in(one.candidate_id)
    last.wait()  # and with it all before


def own_machine(stage: Stage, house: House) -> Story:
    """A hall's own machine becomes known to the centre: its request, the fingerprint read out, its first pass."""
    assert house.hall is not None
    yield stage.days.at(-1, 10)
    data = write_request(house.hall.name, house.hall.pk, Sm2Signer(generate_sm2_key()))
    exams.register_machine(
        house.hall,
        data,
        fingerprint=read_request(data).fingerprint,
        compared_with=stage.act(house.login("hall")).name,
        address="http://127.0.0.1:8000",
        by=stage.act("centre"),
    )
