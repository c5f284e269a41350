"""A plan, and all that follows from it: the halls' bundles, the candidates' slip and ID numbers, the keys.

Everything is a function of the plan, so a client that is told the plan knows who sits where and what is right.
"""

from __future__ import annotations

import random
import secrets
import struct
import zlib
from typing import Any

import msgspec

from zhupei.delivery.formats.base import digest
from zhupei.delivery.formats.bundles import Bundle, Candidate, Party, Room, Rules, Session, complete
from zhupei.delivery.formats.papers import Child, Option, Paper, Section, Unit
from zhupei.delivery.rehearsal.bank import SECTIONS, TITLES, Bank, make_bank
from zhupei.kernel import clock
from zhupei.kernel.crypto import hmac_sm3
from zhupei.kernel.errors import Refusal

MAX_SEATS, MAX_HALLS, MAX_MINUTES = 1000, 100, 480
ROOM_SEATS = 50
PHOTO = "rehearsal"
CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is read wrongly from a screen


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal consists of. ``code`` lets clients in; ``bank`` is the digest of the items, so that two versions of the
    program notice each other. ``made_at``: milliseconds since 1970 UTC."""

    id: str
    code: str
    seed: str
    seats: int
    halls: int
    rules: Rules
    bank: str
    made_at: int
    seconds: float = 60.0
    """How long clients answer."""
    every: float = 5.0
    """Seconds between two answers of a candidate."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate as the plan knows him. ``place``: his number over all halls, from 1."""

    place: int
    hall: int
    seat: int
    candidate_id: str
    slip_no: str
    id_number: str
    name: str


def make_plan(
    *,
    seats: int = 220,
    halls: int = 1,
    minutes: int = 120,
    seconds: float = 60.0,
    every: float = 5.0,
    seed: str = "",
    rules: Rules | None = None,
) -> Plan:
    """A new plan with a code of its own. ``seats``: in each hall. Raises ``Refusal("rehearsal_size")``."""
    if not (
        0 < seats <= MAX_SEATS
        and 0 < halls <= MAX_HALLS
        and 0 < minutes <= MAX_MINUTES
        and 1 <= seconds <= minutes * 60
        and 0.05 <= every <= 3600
    ):
        raise Refusal(
            "rehearsal_size",
            f"1 to {MAX_SEATS} seats, 1 to {MAX_HALLS} halls, 1 to {MAX_MINUTES} minutes, answering within them",
            status=422,
        )
    seed = seed or secrets.token_hex(8)
    return Plan(
        id=secrets.token_hex(4),
        code="".join(secrets.choice(CODE_LETTERS) for _ in range(8)),
        seed=seed,
        seats=seats,
        halls=halls,
        rules=msgspec.structs.replace(rules or Rules(), minutes=minutes, subjects=tuple(TITLES)),
        bank=bank_mark(seed),
        made_at=int(clock.now().timestamp() * 1000),
        seconds=seconds,
        every=every,
    )


def bank_mark(seed: str) -> str:
    """The digest of the items that follow from ``seed``."""
    bank = make_bank(seed)
    return digest([bank.keys, {subject: list(kinds.values()) for subject, kinds in bank.units.items()}])


def people(plan: Plan) -> list[Person]:
    """Everybody, hall by hall."""
    return [person(plan, place) for place in range(1, plan.seats * plan.halls + 1)]


def person(plan: Plan, place: int) -> Person:
    """The candidate of a place, from 1."""
    hall, seat = (place - 1) // plan.seats + 1, (place - 1) % plan.seats + 1
    number = int(hmac_sm3(plan.seed.encode(), f"id/{place}".encode())[:8], 16)
    return Person(
        place=place,
        hall=hall,
        seat=seat,
        candidate_id=f"{plan.id}-{place}",
        slip_no=f"YL{plan.id.upper()}{place:05d}",
        id_number=f"999999{1960 + number % 45}{number // 45 % 12 + 1:02d}{number // 540 % 28 + 1:02d}{place % 10000:04d}",
        name=f"演练考生{place:05d}",
    )


def identify(plan: Plan, id_number: str) -> str:
    """What the rehearsal's candidates are recognised by: the keyed digest of the ID number."""
    return hmac_sm3(plan.seed.encode(), id_number.strip().upper().encode())


def _shuffled(options: tuple[Option, ...], rng: random.Random) -> tuple[Option, ...]:
    return tuple(rng.sample(options, len(options)))


def make_paper(plan: Plan, one: Person, subject: str, bank: Bank) -> Paper:
    """A candidate's own paper: drawn, with units and options in an order of its own."""
    seed = f"{plan.seed}/{one.place}/{subject}"
    rng = random.Random(seed)  # noqa: S311 - reproducible on purpose, and no test
    units: list[Unit] = []
    for kind, _, count, _ in SECTIONS:
        for unit in rng.sample(bank.units[subject][kind], count):
            changes: dict[str, Any] = {}
            if kind == "case":
                changes["children"] = tuple(
                    child if child.kind == "true_false" else _reordered(child, rng) for child in unit.children
                )
            elif kind != "true_false":
                changes["options"] = _shuffled(unit.options, rng)
            units.append(msgspec.structs.replace(unit, **changes) if changes else unit)
    sections = tuple(
        Section(kind=kind, title=title, count=count, marks_each=marks)
        for kind, title, count, marks in SECTIONS
    )
    return Paper(
        paper_id=f"{one.candidate_id}-{subject}",
        candidate_id=one.candidate_id,
        subject=subject,
        title=TITLES[subject],
        seed=seed,
        algorithm="rehearsal-1",
        bank_version=plan.bank[:16],
        sections=sections,
        units=tuple(units),
        full_mark=plan.rules.full_mark,
    )


def _reordered(child: Child, rng: random.Random) -> Child:
    return msgspec.structs.replace(child, options=_shuffled(child.options, rng))


def session_id(plan: Plan, hall: int) -> str:
    """The session of a hall."""
    return f"{plan.id}-S{hall}"


def make_bundle(plan: Plan, hall: int) -> Bundle:
    """The bundle of one hall: rooms of 50, two papers for each candidate. The same plan gives the same bundle."""
    bank = make_bank(plan.seed)
    rooms = tuple(
        Room(id=str(no), name=f"第{no}考室", seats=ROOM_SEATS)
        for no in range(1, (plan.seats - 1) // ROOM_SEATS + 2)
    )
    candidates = []
    for seat in range(1, plan.seats + 1):
        one = person(plan, (hall - 1) * plan.seats + seat)
        candidates.append(
            Candidate(
                candidate_id=one.candidate_id,
                slip_no=one.slip_no,
                name=one.name,
                id_masked=f"{one.id_number[:3]}***********{one.id_number[-4:]}",
                id_hash=identify(plan, one.id_number),
                post_code="101",
                post_name="土建施工员",
                room_id=str((seat - 1) // ROOM_SEATS + 1),
                seat_no=f"{(seat - 1) % ROOM_SEATS + 1:02d}",
                session_id=session_id(plan, hall),
                papers={subject: make_paper(plan, one, subject, bank) for subject in TITLES},
                photo=PHOTO,
            )
        )
    used = {
        slot.key for candidate in candidates for paper in candidate.papers.values() for slot in paper.slots()
    }
    return complete(
        Bundle(
            bundle_id=f"{plan.id}-H{hall}",
            batch_no=f"演练{plan.id}",
            institution=Party(id="rehearsal", name="演练"),
            hall=Party(id=str(hall), name=f"演练考场 {hall}"),
            sessions=(
                Session(
                    id=session_id(plan, hall),
                    starts_at=plan.made_at,
                    ends_at=plan.made_at + plan.rules.minutes * 60_000,
                    title="演练",
                ),
            ),
            rooms=rooms,
            rules=plan.rules,
            candidates=tuple(candidates),
            keys={key: bank.keys[key] for key in sorted(used)},
            photos={PHOTO: picture()},
            created_at=plan.made_at,
            notice="这是一次演练：人员、试题均为虚构，成绩无效。",
        )
    )


def picture(width: int = 120, height: int = 164) -> bytes:
    """A grey PNG of the size of a candidate's photo, about 15 KB: noise over a plain ground."""
    rng = random.Random("picture")  # noqa: S311 - no secret
    rows = b"".join(b"\0" + bytes(160 + rng.getrandbits(6) for _ in range(width)) for _ in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
