"""What the consoles show: a session at one moment, its rooms, seats and alarms. Facts alone, in no language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from zhupei.delivery import api as delivery
from zhupei.delivery.api import SeatStatus
from zhupei.hall.choices import HOLDS, IncidentKind
from zhupei.hall.models import HallBatch, Proposal
from zhupei.hall.process import OPEN_STATES, engine, failed_loads
from zhupei.hall.queries import bundle_of, session_of
from zhupei.hall.readiness.queries import SEAT_FORM, seat_plan
from zhupei.hall.space import CAPTURE_FLOOR
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.numbers import invigilators_needed
from zhupei.rulebook.api import parameter

STATES = ("not_admitted", "admitted", "running", "paused", "submitted", "voided")
SITTING = ("running", "paused")
QUIET_S = 10 * 60
"""Seconds without a save, while the time runs, after which somebody goes and looks: nobody thinks that long over one item."""
ENDING_S = 10 * 60
"""Seconds left from which on unanswered items matter: enough to tell the candidate, and for him to answer."""
MANY_UNANSWERED = 5
"""One item of so many, unanswered then, is an alarm; a few hard ones are left open on purpose."""
LEFT_OFTEN = 3
"""Times out of the exam page that call for a look: once or twice happens by accident."""
LOW_DISK = 2 * 1024**3
"""Free bytes at which somebody still has time to make room, before photos stop (``CAPTURE_FLOOR``)."""
MAX_COLUMNS = 20
"""Computers beside each other that a map can show; those recorded further right are drawn below."""
STEADY_S = 1.5
"""Seconds within which two moments are the same one: the engine rounds to whole seconds."""

Place: TypeAlias = tuple[int, int, str]
"""Row, column and role of a computer in its room."""


@dataclass(frozen=True)
class Tile:
    """A seat as the map draws it. ``ends`` and ``saved`` are moments of ``clock.monotonic()``."""

    key: str
    seat_no: str
    name: str
    state: str
    given: int
    total: int
    ends: float | None
    left: int | None
    saved: float | None
    link: str
    windows: int
    unread: bool
    waits: bool
    marks: tuple[str, ...]
    held: bool = False
    alarm: int = 0

    @property
    def sits(self) -> bool:
        return self.state in SITTING

    @property
    def share(self) -> int:
        """Answered, in hundredths of all items."""
        return 100 * self.given // self.total if self.total else 0

    def left_at(self, moment: float) -> int | None:
        """Whole seconds left."""
        return self.left if self.ends is None else max(round(self.ends - moment), 0)

    def saved_ago(self, moment: float) -> int | None:
        """Whole seconds since the last save."""
        return None if self.saved is None else max(round(moment - self.saved), 0)


@dataclass(frozen=True)
class Alarm:
    """Something that asks for somebody. ``level``: 3 act at once, 2 see to it soon, 1 keep an eye on it.

    ``since`` is a moment of ``clock.monotonic()``; ``n`` and ``of`` mean what the alarm's code says.
    """

    level: int
    code: str
    room_id: str = ""
    room: str = ""
    seat_no: str = ""
    key: str = ""
    name: str = ""
    n: int = 0
    of: int = 0
    who: str = ""
    row: int = 0
    since: float | None = None

    @property
    def id(self) -> str:
        return f"{self.code}-{self.room_id}-{self.key}-{self.row}"


@dataclass(frozen=True)
class RoomLook:
    """One room in use."""

    id: str
    name: str
    tiles: tuple[Tile, ...]
    counts: tuple[tuple[str, int], ...]
    staff: tuple[str, ...]
    needed: int
    is_open: bool
    alarms: tuple[Alarm, ...]
    places: tuple[tuple[str, Place], ...]

    def count(self, *states: str) -> int:
        """How many seats are in one of these states."""
        return sum(n for state, n in self.counts if state in states)


@dataclass(frozen=True)
class Look:
    """A session at one moment (``moment``: ``clock.monotonic()``)."""

    moment: float
    batch_pk: int
    session_id: str
    rooms: tuple[RoomLook, ...]
    alarms: tuple[Alarm, ...]
    """Those of the whole hall first, then those of the rooms; worst first."""

    def room(self, room_id: str) -> RoomLook | None:
        """The room of this id, if somebody has a seat there."""
        return next((one for one in self.rooms if one.id == room_id), None)


def look(batch: HallBatch, session_id: str, before: Look | None = None) -> Look:
    """A session as it stands now. ``before``: the look a moment ago, whose moments are kept while nothing has happened.

    While the journal fails the seats are those of ``before``; without one a ``Refusal`` (503) says it.
    """
    bundle = bundle_of(batch)
    session_of(bundle, session_id)
    moment, running = clock.monotonic(), engine()
    health = running.health()
    try:
        with told():
            seats = running.status(session_id)
    except Refusal:
        if before is None:
            raise
        others = [one for one in before.alarms if one.code != "journal"]
        return replace(before, moment=moment, alarms=(Alarm(3, "journal"), *others))
    rows = list(batch.proposals.filter(decided_at=None).order_by("pk"))
    duty = list(batch.staff.filter(left_at=None).order_by("arrived_at", "pk"))
    per, each = int(parameter("invigilators_per")), int(parameter("invigilators_each"))
    rule = parameter("invigilators_rule")
    gaps, stopped = _gaps(session_id), held(batch)
    known = {tile.key: tile for room in before.rooms for tile in room.tiles} if before else {}
    silent = {one.key: one.since for one in before.alarms if one.since is not None} if before else {}
    rooms = []
    for room in bundle.rooms:
        here = [one for one in seats if one.room_id == room.id]
        if not here:
            continue
        former = before.room(room.id) if before else None
        staff = tuple(one.name for one in duty if str(one.room_id_ref) == room.id)
        tiles = [_tile(one, moment, known.get(one.candidate_id), stopped) for one in here]
        counts = Counter(tile.state for tile in tiles)
        needed = invigilators_needed(len(tiles), per=per, each=each, rule=rule)
        alarms = [*_staff(room, counts, len(staff), needed)]
        if waiting := sum(tile.state == "paused" and not tile.held for tile in tiles):
            alarms.append(Alarm(2, "room_paused", room.id, room.name, n=waiting))
        for one, tile in zip(here, tiles, strict=True):
            key = tile.key
            alarms += _seat(room, one, tile, moment, silent.get(key), gaps.get(key, 0))
            if tile.held:
                alarms.append(
                    Alarm(2, "held", room.id, room.name, seat_no=tile.seat_no, key=key, name=tile.name)
                )
            alarms += (_proposed(room, tile, row) for row in rows if row.candidate_key == key)
        worst: dict[str, int] = {}
        for alarm in alarms:
            worst[alarm.key] = max(worst.get(alarm.key, 0), alarm.level)
        rooms.append(
            RoomLook(
                id=room.id,
                name=room.name,
                tiles=tuple(replace(tile, alarm=worst.get(tile.key, 0)) for tile in tiles),
                counts=tuple((state, counts[state]) for state in STATES if counts[state]),
                staff=staff,
                needed=needed,
                is_open=running.is_open(session_id, room.id),
                alarms=_sorted(alarms),
                places=former.places if former else _places(batch, room),
            )
        )
    return Look(
        moment=moment,
        batch_pk=batch.pk,
        session_id=session_id,
        rooms=tuple(rooms),
        alarms=_sorted(
            [*_unloaded(batch), *_health(health), *(alarm for one in rooms for alarm in one.alarms)]
        ),
    )


def held(batch: HallBatch) -> dict[str, str]:
    """Candidates whose time was stopped by name and who were not let go on since → why."""
    last: dict[str, tuple[str, str]] = {}
    rows = batch.incidents.filter(kind__in=(*HOLDS, IncidentKind.RESUMED)).order_by("pk")
    for key, kind, text in rows.values_list("candidate_key", "kind", "text"):
        last[key] = (kind, text)
    return {key: text for key, (kind, text) in last.items() if kind in HOLDS}


def _gaps(session_id: str) -> dict[str, int]:
    """Seconds of each candidate's longest fault that no time was given for."""
    gaps: dict[str, int] = {}
    for fault in engine().proposals(session_id):
        if fault.candidate_id and not fault.applied:
            gaps[fault.candidate_id] = max(gaps.get(fault.candidate_id, 0), fault.seconds)
    return gaps


def _proposed(room: delivery.Room, tile: Tile, row: Proposal) -> Alarm:
    return Alarm(
        2,
        f"proposed_{row.kind}",
        room.id,
        room.name,
        tile.seat_no,
        tile.key,
        tile.name,
        n=row.seconds,
        who=row.proposed_by,
        row=row.pk,
    )


def _sorted(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    return tuple(sorted(alarms, key=lambda one: (-one.level, bool(one.room_id))))


def _steady(value: float | None, former: float | None) -> float | None:
    """``former`` while the two are the same moment but for rounding."""
    if value is not None and former is not None and abs(value - former) <= STEADY_S:
        return former
    return value


def _tile(one: SeatStatus, moment: float, former: Tile | None, stopped: Container[str]) -> Tile:
    ends = moment + one.remaining_s if one.state == "running" and one.remaining_s is not None else None
    saved = moment - one.last_save_age_s if one.last_save_age_s is not None else None
    return Tile(
        key=one.candidate_id,
        seat_no=one.seat_no,
        name=one.name,
        state=one.state,
        given=sum(part.answered for part in one.progress),
        total=sum(part.total for part in one.progress),
        ends=_steady(ends, former.ends if former else None),
        left=one.remaining_s if one.state == "paused" else None,
        saved=_steady(saved, former.saved if former else None),
        link=one.link if one.script else "",
        windows=one.windows_left,
        unread=one.warnings > one.warnings_read,
        waits=one.state == "admitted" and one.signed_in,
        marks=tuple((one.marks or {}).values()),
        held=one.state == "paused" and one.candidate_id in stopped,
    )


def _health(health: delivery.Health) -> Iterable[Alarm]:
    if not health.journal_ok:
        yield Alarm(3, "journal")
    if health.free_bytes < LOW_DISK:
        yield Alarm(3 if health.free_bytes < CAPTURE_FLOOR else 2, "disk", n=health.free_bytes // 1024**2)


def _unloaded(batch: HallBatch) -> Iterable[Alarm]:
    """The other batches of this hall whose bundle did not load after a restart: nobody can sit there."""
    if failed := failed_loads():
        rows = HallBatch.objects.filter(
            pk__in=failed, state__in=OPEN_STATES, organisation_id=batch.organisation_id
        )
        for pk, batch_no in rows.order_by("pk").values_list("pk", "batch_no"):
            yield Alarm(3, "not_loaded", who=batch_no, row=pk)


def _staff(room: delivery.Room, counts: Counter[str], there: int, needed: int) -> Iterable[Alarm]:
    sitting = counts["running"] + counts["paused"]
    if there < needed and (sitting or counts["admitted"]):
        yield Alarm(3 if sitting else 2, "staff", room.id, room.name, n=there, of=needed)


def _seat(
    room: delivery.Room, one: SeatStatus, tile: Tile, moment: float, silent_since: float | None, gap: int
) -> Iterable[Alarm]:
    """What asks for somebody at one seat. ``gap``: seconds of the longest fault that was not made good."""
    alarm = partial(
        Alarm, room_id=room.id, room=room.name, seat_no=one.seat_no, key=one.candidate_id, name=one.name
    )
    if gap and one.state in ("admitted", *SITTING):
        yield alarm(2, "fault", n=gap)
    if one.state != "running":
        return
    unanswered, quiet = tile.total - tile.given, _quiet_s(one)
    if not one.signed_in:
        yield alarm(3, "entry")
    elif tile.link == "lost":
        yield alarm(3, "link_lost", since=_steady(moment - (one.last_seen_age_s or 0), silent_since))
    elif quiet >= QUIET_S and unanswered:
        yield alarm(2, "quiet", n=quiet // 60)
    if (tile.left_at(moment) or 0) <= ENDING_S and unanswered * MANY_UNANSWERED >= tile.total > 0:
        yield alarm(2, "ending", n=unanswered, of=tile.total)
    if one.windows_left >= LEFT_OFTEN:
        yield alarm(1, "windows", n=one.windows_left)


def _quiet_s(one: SeatStatus) -> int:
    """Seconds without a save while the test runs."""
    if one.last_save_age_s is not None:
        return one.last_save_age_s
    if one.started_at is None:
        return 0
    return max(int(clock.now().timestamp() - one.started_at / 1000), 0)


def _places(batch: HallBatch, room: delivery.Room) -> tuple[tuple[str, Place], ...]:
    """Where each computer stands: as it was recorded, else in rows as long as the seating assumes."""
    found = seat_plan(batch.site_id_ref, int(room.id)) if room.id.isdigit() else {}
    if not found:
        length = max(int(parameter("seats_in_row")), 1)
        found = {format(n + 1, SEAT_FORM): (n // length + 1, n % length + 1, "") for n in range(room.seats)}
    return tuple(found.items())


@dataclass(frozen=True)
class Cell:
    """A place in the room: a candidate's seat, a free computer, or a gap (no ``seat_no``)."""

    seat_no: str = ""
    role: str = ""
    tile: Tile | None = None


def rows_of(room: RoomLook) -> list[list[Cell]]:
    """The room as it stands, from the first row in which somebody sits to the last; all rows are of one length.

    Seats of which nobody recorded where they stand follow below.
    """
    places, tiles = dict(room.places), {tile.seat_no: tile for tile in room.tiles}
    grid: dict[int, dict[int, Cell]] = {}
    rest = []
    for seat_no in {**places, **dict.fromkeys(tiles)}:
        row, column, role = places.get(seat_no, (0, 0, ""))
        cell = Cell(seat_no, role, tiles.get(seat_no))
        if row < 1 or not 1 <= column <= MAX_COLUMNS or column in grid.get(row, {}):
            rest.append(cell)
        else:
            grid.setdefault(row, {})[column] = cell
    used = [row for row in grid if any(cell.tile for cell in grid[row].values())]
    rows = [grid[row] for row in sorted(grid) if min(used) <= row <= max(used)] if used else []
    width = max((max(row) for row in rows), default=MAX_COLUMNS // 2)
    drawn = [[row.get(column, Cell()) for column in range(1, width + 1)] for row in rows]
    odd = [cell for cell in rest if cell.tile]
    for start in range(0, len(odd), width):
        part = odd[start : start + width]
        drawn.append(part + [Cell()] * (width - len(part)))
    return drawn
