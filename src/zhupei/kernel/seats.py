"""Random seat plans (R052): nobody chooses, everybody can check. The seed is drawn once, kept, and shown
after."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

SEED_BYTES = 16

C = TypeVar("C", bound=Hashable)
R = TypeVar("R")


class CannotSeat(ValueError):
    """No plan. ``code``: ``over_capacity``, ``duplicate_candidate`` or ``short_seed``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def plan_seats(
    candidate_ids: Iterable[C], rooms: Sequence[tuple[R, int]], seed: bytes
) -> list[tuple[C, R, int]]:
    """Seat every candidate: (candidate, room, seat number from 1), in the order of rooms and seats.

    Rooms are filled in the order given, each from seat 1; who gets which of these seats is uniform. The
    same candidates, rooms and ``seed`` (at least 16 random bytes) give the same plan, whatever the
    candidates' order. Raises ``CannotSeat``.
    """
    people = sorted(candidate_ids, key=str)
    if len(seed) < SEED_BYTES:
        raise CannotSeat("short_seed")
    if len(set(people)) != len(people):
        raise CannotSeat("duplicate_candidate")
    if len(people) > sum(seats for _, seats in rooms):
        raise CannotSeat("over_capacity")
    _shuffle(people, seed)
    places = ((room, seat) for room, seats in rooms for seat in range(1, seats + 1))
    return [(person, room, seat) for person, (room, seat) in zip(people, places, strict=False)]


def _shuffle(items: list[C], seed: bytes) -> None:
    """Fisher–Yates in place; draw number k is SHA-256(seed, k as 8 bytes) as an integer, drawn again where
    the remainder would favour small numbers. No library's generator, whose output may change with a
    version."""
    counter = 0
    for i in range(len(items) - 1, 0, -1):
        span = i + 1
        limit = 2**256 - 2**256 % span
        while True:
            block = hashlib.sha256(seed + counter.to_bytes(8, "big")).digest()
            counter += 1
            draw = int.from_bytes(block, "big")
            if draw < limit:
                break
        j = draw % span
        items[i], items[j] = items[j], items[i]
