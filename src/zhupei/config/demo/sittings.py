"""A test in the hall: the bundle comes in, people are checked in, sit, and are scored; what they answer is simulated.

Simulated candidates use the engine's own door. They know the key, which nobody else ever sees, and miss it as often as
their ability says.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime, timedelta

from zhupei.delivery.api import Bundle, Candidate, Key, Slot
from zhupei.exams import api as exams
from zhupei.exams.api import Batch
from zhupei.hall import actions as hall_actions
from zhupei.hall import api as hall
from zhupei.hall.api import HallBatch
from zhupei.kernel import clock
from zhupei.people.api import Person

from .clockwork import Story
from .institutions import House, Stage
from .props import rng

CHECKLIST = ("computers", "spares", "network", "cameras", "clocks", "power", "readers")
SUBJECTS = ("general", "professional")


def answer(slot: Slot, key: Key, ability: float, dice: random.Random) -> list[str]:
    """What somebody of this ability chooses: the right answer, or one that is surely wrong.

    Two throws of the dice for each slot, whatever it holds: the marks do not depend on which items were drawn.
    """
    knows, which = dice.random() < ability, dice.random()
    if knows:
        return list(key.right)
    if slot.kind == "multiple" and len(key.right) > 1:
        missed = int(which * len(key.right))
        return [one for n, one in enumerate(key.right) if n != missed]
    wrong = [one for one in slot.option_ids if one not in key.right]
    return [wrong[int(which * len(wrong))]]


def acts_of(
    bundle: Bundle, candidate: Candidate, start: datetime, minutes: float, share: float, dice: random.Random
) -> Iterator[tuple[datetime, str, tuple[str, ...]]]:
    """What one candidate does, in order: (moment, verb, values). ``share``: how much of both papers he gets done."""
    ability = min(max(dice.gauss(0.8, 0.12), 0.3), 0.98)
    slots = [(subject, slot) for subject in SUBJECTS for slot in candidate.papers[subject].slots()]
    count = round(len(slots) * share)
    pace = timedelta(minutes=minutes) / (len(slots) + 2)
    at = start
    yield at, "start", ()
    now = SUBJECTS[0]
    for subject, slot in slots[:count]:
        at += pace
        if subject != now:
            now = subject
            yield at, "turn", (subject,)
        yield at, "save", (subject, slot.key, *answer(slot, bundle.keys[slot.key], ability, dice))
    if count == len(slots):
        yield at + pace, "hand_in", ()


def do(candidate_id: str, verb: str, values: tuple[str, ...]) -> None:
    """One act at the engine's door."""
    engine = hall.engine()
    if verb == "start":
        engine.start(candidate_id)
    elif verb == "turn":
        engine.turn_to(candidate_id, values[0])
    elif verb == "save":
        engine.save(candidate_id, values[0], values[1], values[2:])
    else:
        engine.hand_in(candidate_id).wait()  # what came before is on disk too: one journal, in order
        engine.shown(candidate_id)


def prepare(stage: Stage, host: House, batch: Batch, first: datetime) -> Generator[datetime, None, HallBatch]:
    """Key released by two, bundle taken in and opened, checklist, invigilators on duty. Ends with the hall's row."""
    act = stage.act
    room, head = act(host.login("room")), act(host.login("hall"))
    yield first - timedelta(minutes=52)
    exams.release_bundle(batch, by=act("centre"))
    yield first - timedelta(minutes=50)
    exams.release_bundle(batch, by=act("approver"))
    yield first - timedelta(minutes=48)
    row = hall.take_in(exams.bundle_file(batch), by=room)
    hall.check_day(row, dict.fromkeys(CHECKLIST, True), by=room)
    yield first - timedelta(minutes=45)
    row = hall.open_batch(row, by=head)
    yield first - timedelta(minutes=40)
    states = hall.room_states(row, hall.bundle_of(row))
    free = list(host.invigilators)
    for state in states:
        for _n in range(state.needed):
            hall.take_on_duty(row, state.room.id, by=act(free.pop(0)))
    return row


def admit(
    stage: Stage, host: House, row: HallBatch, candidate: Candidate, number: str, by_document: bool
) -> None:
    """One person at the desk: card read, or a document and a second person."""
    room, head = stage.act(host.login("room")), stage.act(host.login("hall"))
    if by_document:
        check = hall.check_in(
            row, candidate.candidate_id, method="document", reason="身份证消磁，核验临时身份证明。", by=room
        )
        hall.decide_check_in(check, accept=True, reason="本人无误。", by=head)
        return
    found = hall.find_candidate(row, number, by=room)
    hall.check_in(row, candidate.candidate_id, method="card", card=found.card, by=room)


def people_of(batch: Batch) -> dict[str, Person]:
    """Candidate key → person."""
    return {str(one.pk): one.person for one in batch.candidates.select_related("person")}


def hold(
    stage: Stage, host: House, batch: Batch, key: str, *, absent: int = 0, voided: bool = False
) -> Story:
    """A past test from the release of its key to its return at the centre."""
    dice = rng("test", key)
    first = batch.slots.all()[0].starts_at
    row = yield from prepare(stage, host, batch, first)
    bundle = hall.bundle_of(row)
    people = people_of(batch)
    there: Sequence[Candidate] = bundle.candidates[absent:]
    for n, candidate in enumerate(there):
        yield first - timedelta(minutes=35) + timedelta(seconds=n * 1500 // max(len(there), 1))
        admit(stage, host, row, candidate, people[candidate.candidate_id].identity_number, n % 17 == 11)
    yield first
    head = stage.act(host.login("hall"))
    hall.open_room(row, bundle.sessions[0].id, by=head)
    acts: list[tuple[datetime, int, str, tuple[str, ...]]] = []
    for n, candidate in enumerate(there):
        own = rng("candidate", key, n)
        start = first + timedelta(seconds=20 + own.randint(0, 120))
        share = 0.2 if voided and n == 1 else 1.0
        acts += [
            (at, n, verb, values)
            for at, verb, values in acts_of(bundle, candidate, start, own.uniform(55, 112), share, own)
        ]
    for candidate in there:
        hall.engine().enter(
            candidate.slip_no, candidate.id_hash, address=f"10.40.1.{1 + dice.randrange(200)}"
        )
    for at, n, verb, values in sorted(acts, key=lambda one: one[0]):
        yield at
        do(there[n].candidate_id, verb, values)
    if voided:
        yield first + timedelta(minutes=114)
        _void(stage, host, row, there[1].candidate_id)
    yield first + timedelta(minutes=122)
    hall.close_batch(row, by=head)
    yield first + timedelta(minutes=128)
    hall.make_return(row, by=stage.act(host.login("room")))


def _void(stage: Stage, host: House, row: HallBatch, candidate_id: str) -> None:
    room, head = stage.act(host.login("room")), stage.act(host.login("hall"))
    hall.add_incident(
        row, kind="device", text="监考发现考生使用手机，当场收缴并拍照。", candidate_key=candidate_id, by=room
    )
    proposal = hall.propose(row, candidate_id, "void", reason="测试中使用手机，违反测试纪律。", by=room)
    hall.decide(proposal, accept=True, reason="属实。", by=head)


def hold_now(stage: Stage, host: House, batch: Batch, guest: Person, present: datetime) -> Story:
    """The test that goes on now. ``guest`` is checked in and has not begun; of the others some sit, some are done."""
    first = batch.slots.all()[0].starts_at
    row = yield from prepare(stage, host, batch, first)
    bundle, people = hall.bundle_of(row), people_of(batch)
    own = next(one for one in bundle.candidates if people[one.candidate_id].pk == guest.pk)
    others = [one for one in bundle.candidates if one is not own]
    room, head = stage.act(host.login("room")), stage.act(host.login("hall"))
    came = [own, *others[2:]]  # one is absent, one waits at the desk
    for n, candidate in enumerate(came):
        yield first - timedelta(minutes=34) + timedelta(seconds=n * 1500 // len(came))
        admit(stage, host, row, candidate, people[candidate.candidate_id].identity_number, n % 7 == 5)
    yield first
    hall.open_room(row, bundle.sessions[0].id, by=head)
    span = (present - first) / timedelta(minutes=1)
    acts: list[tuple[datetime, Candidate, str, tuple[str, ...]]] = []
    for n, candidate in enumerate(others[2:]):
        dice = rng("open", n)
        if n % 5 == 4:
            continue  # signed in by nobody yet, like the guest
        hall.engine().enter(candidate.slip_no, candidate.id_hash, address=f"10.40.1.{n + 10}")
        done = n % 5 == 1
        share = 1.0 if done else dice.uniform(0.25, 0.8)
        minutes = span * (dice.uniform(0.75, 0.9) if done else 0.9 / share)
        acts += [
            (at, candidate, verb, values)
            for at, verb, values in acts_of(
                bundle, candidate, first + timedelta(seconds=15), minutes, share, dice
            )
        ]
    for at, candidate, verb, values in sorted(acts, key=lambda one: one[0]):
        yield min(at, present)
        do(candidate.candidate_id, verb, values)
    sitting = next((n for n in range(len(others) - 2) if n % 5 not in (1, 4)), None)
    if sitting is not None:
        text = "请勿左顾右盼，请独立作答。"
        hall_actions.warn(row, others[2 + sitting].candidate_id, text, by=stage.act(host.invigilators[0]))
    if len(others) > 1:
        hall.check_in(
            row,
            others[1].candidate_id,
            method="document",
            alike=False,
            reason="证件照与本人差异较大，请第二人核验。",
            by=room,
        )
    assert clock.now() <= present
