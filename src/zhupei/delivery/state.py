"""The state of a hall, folded from its journal. Pure: no input, no output, no clock of its own.

**Replay.** ``Hall.apply(event)`` is total and deterministic: the same journal gives the same state, and an
event that does not fit (a second start, an older answer, anything after hand-in) changes nothing. The engine
decides first whether an event is allowed, then applies and journals it; after a crash it applies the journal
again.

**Time.** Deadlines use ``tick``: milliseconds of the engine's own clock, which runs on the monotonic clock of
the machine while the program runs and stands still while it doesn't, or cannot serve (``Stalled``). So a wall
clock that jumps changes nothing, and a restart finds each sitting with the time it had left: downtime of the
server never costs a candidate anything, nor does waiting for the papers of his bundle to be loaded again (``Loaded``
gives back what passed since the restart). A sitting's time is ``base + added - used``; ``used`` grows only while it
is ``running``.
``version`` counts the changes of a deadline (start, pause, resume, time added) so that a page knows when to
take a new one.

**Answers.** For each slot the answer with the highest ``seq`` is held; arrival order does not matter, and the
same packet twice is the same as once. The first start and the first hand-in stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import Any

import msgspec

from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.events import AnyEvent, State, SubmitKind
from zhupei.delivery.formats.scores import SittingScore

NO_ANSWER: tuple[str, ...] = ()


class Held(msgspec.Struct, gc=False):
    """The answer held for one slot; ``seq`` decides, ``tick`` says when it came."""

    answer: tuple[str, ...]
    seq: int
    tick: int


@dataclass(slots=True)
class Sitting:
    """One candidate's test. Times in milliseconds; ``*_at`` is civil time, ``*_tick`` engine time."""

    candidate_id: str
    bundle_id: str = ""
    session_id: str = ""
    room_id: str = ""
    seat_no: str = ""
    state: State = "not_admitted"
    admitted_at: int | None = None
    token_digest: str = ""
    carry_digest: str = ""
    may_enter: bool = True
    subjects: tuple[str, ...] = ()
    subject: str = ""
    closed: frozenset[str] = frozenset()
    base_ms: int = 0
    added_ms: int = 0
    grace_ms: int = 0
    used_ms: int = 0
    since_tick: int | None = None
    paused_tick: int | None = None
    version: int = 0
    answers: dict[tuple[str, str], Held] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)
    """subject → how many slots have an answer."""
    marks: dict[tuple[str, str], tuple[bool, int]] = field(default_factory=dict)
    max_seq: int = 0
    saved_tick: int | None = None
    started_at: int | None = None
    submitted_at: int | None = None
    submit_kind: SubmitKind | None = None
    scores: SittingScore | None = None
    shown_at: int | None = None
    windows_left: int = 0
    away_ms: int = 0
    void_reason: str = ""
    warnings: list[str] = field(default_factory=list)
    warnings_read: int = 0

    def warning(self) -> str:
        """The oldest warning that was not read yet, or ""."""
        return self.warnings[self.warnings_read] if self.warnings_read < len(self.warnings) else ""

    def warning_no(self) -> int:
        """The number of that warning, from 1; 0 if there is none."""
        return self.warnings_read + 1 if self.warnings_read < len(self.warnings) else 0

    def used(self, tick: int) -> int:
        """Milliseconds of the candidate's time gone at ``tick``."""
        running = tick - self.since_tick if self.since_tick is not None else 0
        return self.used_ms + max(running, 0)

    def remaining(self, tick: int) -> int:
        """Milliseconds left at ``tick``; negative once the deadline has passed."""
        return self.base_ms + self.added_ms - self.used(tick)

    def overdue(self, tick: int) -> bool:
        """True once deadline and grace have passed."""
        return self.state == "running" and self.remaining(tick) + self.grace_ms <= 0

    def given(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """The raw answers, by subject and slot; emptied ones are left out."""
        result: dict[str, dict[str, tuple[str, ...]]] = {subject: {} for subject in self.subjects}
        for (subject, key), held in self.answers.items():
            if held.answer:
                result.setdefault(subject, {})[key] = held.answer
        return result

    def answered(self, subject: str) -> int:
        return self.filled.get(subject, 0)

    def is_marked(self, subject: str, key: str) -> bool:
        return self.marks.get((subject, key), (False, 0))[0]

    def _stop_clock(self, tick: int) -> None:
        self.used_ms = self.used(tick)
        self.since_tick = None


@dataclass(slots=True)
class Proposal:
    """A fault that may deserve compensation. ``applied``: the program already gave it (the clock stood
    still)."""

    id: str
    cause: str
    seconds: int
    at: int
    candidate_id: str = ""
    applied: bool = False


@dataclass(slots=True)
class Hall:
    """Everything the journal says."""

    sittings: dict[str, Sitting] = field(default_factory=dict)
    opened: dict[tuple[str, str], int] = field(default_factory=dict)
    """(session, room or "" for all) → tick of opening."""
    paused: set[tuple[str, str]] = field(default_factory=set)
    """(session, room) in which nobody may start until it goes on."""
    bundles: dict[str, str] = field(default_factory=dict)
    """bundle id → digest over its digests."""
    away: dict[str, int] = field(default_factory=dict)
    """bundle id → the tick of the restart since which its papers were not loaded; its sittings stand still."""
    proposals: dict[str, Proposal] = field(default_factory=dict)
    added: set[tuple[str, str]] = field(default_factory=set)
    """(candidate, decision) by which time was added."""
    incidents: list[ev.IncidentNoted] = field(default_factory=list)
    due: dict[str, int] = field(default_factory=dict)
    """running candidate → the tick at which his deadline and grace have passed."""
    generation: int = 0
    last_tick: int = 0
    last_at: int = 0

    def sitting(self, candidate_id: str) -> Sitting:
        """The sitting of a candidate, made on first mention."""
        found = self.sittings.get(candidate_id)
        if found is None:
            found = self.sittings[candidate_id] = Sitting(candidate_id)
        return found

    def opened_tick(self, session_id: str, room_id: str) -> int | None:
        """When a room was opened for a session, or None."""
        ticks = [self.opened[at] for at in ((session_id, room_id), (session_id, "")) if at in self.opened]
        return min(ticks) if ticks else None

    def apply(self, event: AnyEvent) -> None:
        """Take one event in."""
        if event.tick > self.last_tick:
            self.last_tick = event.tick
        self.last_at = event.at
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)


def _engine_started(hall: Hall, event: ev.EngineStarted) -> None:
    hall.generation = max(hall.generation, event.generation)
    for bundle_id in hall.bundles:
        hall.away.setdefault(bundle_id, event.tick)
    _down(hall, f"down-{event.generation}", event.down_ms, event.at)


def _stalled(hall: Hall, event: ev.Stalled) -> None:
    _down(hall, f"stalled-{event.tick}", event.down_ms, event.at)


def _down(hall: Hall, name: str, down_ms: int, at: int) -> None:
    if hall.due and down_ms > 0:
        hall.proposals[name] = Proposal(
            id=name, cause="server_down", seconds=down_ms // 1000, at=at, applied=True
        )


def _loaded(hall: Hall, event: ev.Loaded) -> None:
    hall.bundles.setdefault(event.bundle_id, event.digest)
    waited = event.tick - hall.away.pop(event.bundle_id, event.tick)
    stood = [
        one
        for one in hall.sittings.values()
        if one.bundle_id == event.bundle_id and one.since_tick is not None
    ]
    if waited <= 0 or not stood:
        return
    for sitting in stood:
        assert sitting.since_tick is not None
        sitting.since_tick += waited
        _set_due(hall, sitting)
    _down(hall, f"unloaded-{event.bundle_id}-{event.tick}", waited, event.at)


def _opened(hall: Hall, event: ev.Opened) -> None:
    hall.opened.setdefault((event.session_id, event.room_id), event.tick)


def _admitted(hall: Hall, event: ev.Admitted) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state != "not_admitted":
        return
    sitting.state = "admitted"
    sitting.admitted_at = event.at
    sitting.bundle_id, sitting.session_id = event.bundle_id, event.session_id
    sitting.room_id, sitting.seat_no = event.room_id, event.seat_no


def _entered(hall: Hall, event: ev.Entered) -> None:
    sitting = hall.sitting(event.candidate_id)
    sitting.token_digest, sitting.carry_digest = event.token_digest, event.carry_digest
    sitting.may_enter = sitting.state == "admitted"


def _entry_allowed(hall: Hall, event: ev.EntryAllowed) -> None:
    hall.sitting(event.candidate_id).may_enter = True


def _started(hall: Hall, event: ev.Started) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state != "admitted":
        return
    sitting.state = "running"
    sitting.may_enter = False
    sitting.subjects, sitting.subject = event.subjects, event.subjects[0]
    sitting.base_ms, sitting.grace_ms = event.budget_ms, event.grace_ms
    sitting.since_tick, sitting.started_at = event.tick, event.at
    sitting.version += 1
    _set_due(hall, sitting)


def _turned(hall: Hall, event: ev.SubjectTurned) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state not in ("running", "paused") or event.subject in sitting.closed:
        return
    if event.subject in sitting.subjects:
        sitting.subject = event.subject
        if event.closes:
            sitting.closed |= {event.closes}


def _saved(hall: Hall, event: ev.Saved) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state not in ("running", "paused"):
        return
    at = (event.subject, event.key)
    held = sitting.answers.get(at)
    if held is None:
        subject = intern(event.subject)  # one text each for all candidates
        held = sitting.answers[(subject, intern(event.key))] = Held((), 0, 0)
    if event.seq > held.seq:
        sitting.filled[event.subject] = (
            sitting.filled.get(event.subject, 0) + bool(event.answer) - bool(held.answer)
        )
        held.answer, held.seq, held.tick = event.answer, event.seq, event.tick
        sitting.saved_tick = event.tick
    sitting.max_seq = max(sitting.max_seq, event.seq)


def _marked(hall: Hall, event: ev.Marked) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state not in ("running", "paused"):
        return
    at = (event.subject, event.key)
    if event.seq > sitting.marks.get(at, (False, 0))[1]:
        sitting.marks[at] = (event.on, event.seq)
    sitting.max_seq = max(sitting.max_seq, event.seq)


def _heartbeat(hall: Hall, event: ev.Heartbeat) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state not in ("running", "paused"):
        return
    name = f"link-{event.candidate_id}-{event.tick}"
    hall.proposals[name] = Proposal(
        id=name, cause="link_lost", seconds=event.gap_ms // 1000, at=event.at, candidate_id=event.candidate_id
    )


def _window_left(hall: Hall, event: ev.WindowLeft) -> None:
    sitting = hall.sitting(event.candidate_id)
    sitting.windows_left += 1
    sitting.away_ms += event.away_ms


def _paused(hall: Hall, event: ev.Paused) -> None:
    if not event.candidate_id:
        hall.paused.add((event.session_id, event.room_id))
        return
    sitting = hall.sitting(event.candidate_id)
    if sitting.state != "running":
        return
    sitting._stop_clock(event.tick)
    sitting.state, sitting.paused_tick = "paused", event.tick
    sitting.version += 1
    _set_due(hall, sitting)


def _resumed(hall: Hall, event: ev.Resumed) -> None:
    if not event.candidate_id:
        hall.paused.discard((event.session_id, event.room_id))
        return
    sitting = hall.sitting(event.candidate_id)
    if sitting.state != "paused":
        return
    sitting.state, sitting.since_tick, sitting.paused_tick = "running", event.tick, None
    sitting.version += 1
    _set_due(hall, sitting)
    _end_pause(hall, sitting)


def _set_due(hall: Hall, sitting: Sitting) -> None:
    """After every change of a clock: so the engine asks twice a second for the earliest moment, not for every sitting."""
    if sitting.state == "running" and sitting.since_tick is not None:
        left = sitting.base_ms + sitting.added_ms - sitting.used_ms + sitting.grace_ms
        hall.due[sitting.candidate_id] = sitting.since_tick + left
    else:
        hall.due.pop(sitting.candidate_id, None)


def _end_pause(hall: Hall, sitting: Sitting) -> None:
    """A pause of rooms ends with the last one whose clock it stopped (he went on, or his test is over)."""
    session_id = sitting.session_id
    if all(at[0] != session_id for at in hall.paused):
        return
    if not any(one.state == "paused" and one.session_id == session_id for one in hall.sittings.values()):
        hall.paused = {at for at in hall.paused if at[0] != session_id}


def _time_added(hall: Hall, event: ev.TimeAdded) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state in ("submitted", "voided"):
        return
    if event.act:
        if (event.candidate_id, event.act) in hall.added:
            return
        hall.added.add((event.candidate_id, event.act))
    sitting.added_ms += event.seconds * 1000
    sitting.version += 1
    _set_due(hall, sitting)
    if event.proposal in hall.proposals:
        hall.proposals[event.proposal].applied = True


def _seat_moved(hall: Hall, event: ev.SeatMoved) -> None:
    sitting = hall.sitting(event.candidate_id)
    sitting.room_id, sitting.seat_no = event.room_id, event.seat_no
    sitting.token_digest, sitting.carry_digest, sitting.may_enter = "", "", True


def _submitted(hall: Hall, event: ev.Submitted) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state not in ("running", "paused"):
        return
    sitting._stop_clock(event.tick)
    sitting.state, sitting.paused_tick = "submitted", None
    sitting.submitted_at, sitting.submit_kind, sitting.scores = event.at, event.kind, event.scores
    _set_due(hall, sitting)
    _end_pause(hall, sitting)


def _shown(hall: Hall, event: ev.ResultShown) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.shown_at is None:
        sitting.shown_at = event.at


def _voided(hall: Hall, event: ev.Voided) -> None:
    sitting = hall.sitting(event.candidate_id)
    if sitting.state == "voided":
        return
    sitting._stop_clock(event.tick)
    sitting.state, sitting.paused_tick, sitting.void_reason = "voided", None, event.reason
    _set_due(hall, sitting)
    _end_pause(hall, sitting)


def _warned(hall: Hall, event: ev.Warned) -> None:
    hall.sitting(event.candidate_id).warnings.append(event.text)


def _warning_read(hall: Hall, event: ev.WarningRead) -> None:
    sitting = hall.sitting(event.candidate_id)
    sitting.warnings_read = min(max(sitting.warnings_read, event.count), len(sitting.warnings))


def _incident(hall: Hall, event: ev.IncidentNoted) -> None:
    hall.incidents.append(event)


_HANDLERS: dict[type, Any] = {
    ev.EngineStarted: _engine_started,
    ev.Stalled: _stalled,
    ev.Loaded: _loaded,
    ev.Opened: _opened,
    ev.Admitted: _admitted,
    ev.Entered: _entered,
    ev.EntryAllowed: _entry_allowed,
    ev.Started: _started,
    ev.SubjectTurned: _turned,
    ev.Saved: _saved,
    ev.Marked: _marked,
    ev.Heartbeat: _heartbeat,
    ev.WindowLeft: _window_left,
    ev.Paused: _paused,
    ev.Resumed: _resumed,
    ev.TimeAdded: _time_added,
    ev.SeatMoved: _seat_moved,
    ev.Submitted: _submitted,
    ev.ResultShown: _shown,
    ev.Voided: _voided,
    ev.Warned: _warned,
    ev.WarningRead: _warning_read,
    ev.IncidentNoted: _incident,
}
