"""The account at the end: what was acknowledged against what the hall holds, candidate by candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from zhupei.delivery.rehearsal.app import HallAccount
from zhupei.delivery.rehearsal.bank import TITLES, make_bank
from zhupei.delivery.rehearsal.bundles import Plan
from zhupei.delivery.rehearsal.player import Player, Run
from zhupei.delivery.rehearsal.record import Life, Record
from zhupei.delivery.rehearsal.wire import Client, Target, Unreachable

SLACK_S = 2.0  # a request's way, and the second in which a moment is read
CRASH_S = (
    2.5  # what a crash may give back of a candidate's time (engine.clockwork.TICK_EVERY_MS and a little)
)
SHOWN = 20


@dataclass
class Account:
    """``lost``: acknowledged answers that the record does not hold. ``faults``: all else that does not agree, in words."""

    acknowledged: int = 0
    lost: int = 0
    sittings: int = 0
    handed_in: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.lost and not self.faults


def expected_marks(player: Player, plan: Plan) -> dict[str, Decimal]:
    """Scores by subject from the acknowledged answers and the keys, computed here and not by the engine's function."""
    slots = make_bank(plan.seed).slots
    marks = dict.fromkeys(TITLES, Decimal(0))
    for (subject, key), (_, chosen) in player.acknowledged.items():
        if set(chosen) == set(slots[key].right):
            marks[subject] += slots[key].marks
    return marks


def account(players: Sequence[Player], records: Mapping[str, Record], life: Life, plan: Plan) -> Account:
    """Compare every player's notes with the record."""
    result = Account()
    for player in players:
        _compare(player, records.get(player.person.candidate_id), life, plan, result)
    return result


def _compare(player: Player, record: Record | None, life: Life, plan: Plan, result: Account) -> None:
    name = player.person.slip_no
    result.acknowledged += len(player.acknowledged)
    if record is None:
        result.lost += len(player.acknowledged)
        result.faults.append(f"{name}: not in the record")
        return
    for (subject, key), (seq, chosen) in player.acknowledged.items():
        held = record.answers.get(subject, {}).get(key)
        # one that was on its way when the last word came may be newer than what was acknowledged, never older
        if held is None or held[0] < seq or (held[0] == seq and set(held[1]) != set(chosen)):
            result.lost += 1
    if record.started:
        result.sittings += 1
    if player.state != "done":
        return  # it is among the errors already
    if record.started != 1:
        result.faults.append(f"{name}: started {record.started} times in the record")
    if record.submitted != 1:
        result.faults.append(f"{name}: handed in {record.submitted} times in the record")
        return
    result.handed_in += 1
    expected = {subject: str(marks) for subject, marks in expected_marks(player, plan).items()}
    told = player.receipt.scores.subjects if player.receipt and player.receipt.scores else {}
    for where, marks in (
        ("record", record.marks or {}),
        ("receipt", {code: one.marks for code, one in told.items()}),
    ):
        if {code: Decimal(value) for code, value in marks.items()} != {
            code: Decimal(value) for code, value in expected.items()
        }:
            result.faults.append(
                f"{name}: scores {marks} in the {where}, {expected} from the acknowledged answers"
            )
    used = (record.submitted_tick - record.started_tick) / 1000
    # the test's time runs from somewhere between press and paper to somewhere between press and receipt
    most = player.handed_at - player.started_at + SLACK_S
    least = (
        player.hands_in_at
        - player.papers_at
        - SLACK_S
        - life.down_ms / 1000
        - CRASH_S * max(life.starts - 1, 0)
    )
    if not least <= used <= most:
        result.faults.append(
            f"{name}: {used:.1f} s of the test's time used, {least:.1f} to {most:.1f} s are right"
        )


async def ask_account(target: Target, plan: Plan) -> tuple[dict[str, Record], Life]:
    """What the hall's journal on disk holds, as the hall itself reads it. Raises ``Unreachable``."""
    client = Client(target)
    records: dict[str, Record] = {}
    life = Life()
    try:
        for hall in range(1, plan.halls + 1):
            body = msgspec.json.encode({"code": plan.code, "hall": hall})
            answer = await client.send("POST", "/account.json", body)
            if answer.status != 200:
                raise Unreachable(f"/account.json: HTTP {answer.status}")
            found = msgspec.json.decode(answer.body, type=HallAccount)
            life = found.life
            records |= {one.candidate_id: one for one in found.records}
    finally:
        client.close()
    return records, life


def told(result: Account, run: Run) -> list[str]:
    """What is wrong, in a bounded number of lines."""
    lines = [*run.tally.errors, *result.faults]
    return lines[:SHOWN] + ([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])
