"""Who sits in which session and on which seat: chance decides, a stored seed proves it (I06, R052)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zhupei.kernel.crypto import sm3
from zhupei.kernel.schedule import Interval, overlaps
from zhupei.kernel.seats import plan_seats


@dataclass(frozen=True)
class Sitter:
    """A candidate to be placed. ``busy``: when the same person sits elsewhere."""

    key: int
    person: int
    busy: tuple[Interval, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a candidate sits: keys of the session and the room, and the seat from 1."""

    key: int
    session: int
    room: int
    seat: int


class NoPlace(ValueError):
    """A person for whom no session is left; ``person`` is the key."""

    def __init__(self, person: int) -> None:
        super().__init__(str(person))
        self.person = person


def part_of(seed: bytes, name: str) -> bytes:
    """A seed of its own for one part of the plan."""
    return bytes.fromhex(sm3(seed + name.encode()))


def place(
    sitters: Sequence[Sitter],
    sessions: Sequence[tuple[int, Interval]],
    rooms: Sequence[tuple[int, int]],
    capacity: int,
    seed: bytes,
) -> list[Place]:
    """A session, room and seat for every sitter; the same input and seed give the same plan.

    Sessions are filled in their order up to ``capacity``; who comes into which is random, except that nobody sits in two
    sessions that overlap, so people who are bound elsewhere choose first. Raises ``NoPlace``.
    """
    shuffled = [
        key for key, _room, _seat in plan_seats([s.key for s in sitters], [("all", len(sitters))], seed)
    ]
    rank = {key: n for n, key in enumerate(shuffled)}
    times = {sitter.key: sitter for sitter in sitters}
    twice: dict[int, int] = {}
    for sitter in sitters:
        twice[sitter.person] = twice.get(sitter.person, 0) + 1
    order = sorted(sitters, key=lambda s: (not s.busy and twice[s.person] == 1, rank[s.key]))
    taken: dict[int, list[int]] = {session: [] for session, _when in sessions}
    bound: dict[int, list[Interval]] = {}
    for sitter in order:
        mine = [*times[sitter.key].busy, *bound.get(sitter.person, [])]
        for session, when in sessions:
            if len(taken[session]) < capacity and not any(overlaps(when, other) for other in mine):
                taken[session].append(sitter.key)
                bound.setdefault(sitter.person, []).append(when)
                break
        else:
            raise NoPlace(sitter.person)
    places = []
    for session, keys in taken.items():
        for key, room, seat in plan_seats(keys, list(rooms), part_of(seed, f"session {session}")):
            places.append(Place(key, session, room, seat))
    return places
