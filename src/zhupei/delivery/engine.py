"""The engine: decides what may happen, writes it to the journal, and tells it once it is on disk.

One engine holds all sittings of one hall in memory, in one process, under one lock. Two doors lead in:

- the **staff door** (Django views of the hall room, any thread): ``load``, ``admit``, ``open_session``,
  ``pause`` ...; these calls return when what they did is on disk;
- the **candidate door** (the ASGI application): ``enter``, ``start``, ``save`` ...; these return a ``Ticket``
  at once, whose value may be told when it is on disk.

Events are applied to the state when they are decided and journalled in the same order. If the journal fails,
nothing of it was acknowledged; the state is folded anew from disk before the next act, and candidates' pages
send their answers again.

**Start and restart.** ``Engine(journal)`` folds the journal. Papers and keys are never in the journal: after
a restart the hall room loads the bundle again (``load`` is idempotent) and all sittings go on with the time
they had left.

**Refusals** are ``zhupei.kernel.errors.Refusal`` with a code of ``texts.REFUSALS`` (HTTP status in
``status``); the message is plain English with the fact in it, pages translate by code.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from zhupei.delivery import formats as f
from zhupei.delivery.formats import AnyEvent, Bundle, Candidate, Paper, SittingScore, Slot, State
from zhupei.delivery.journal import Journal, JournalError
from zhupei.delivery.scoring import score_sitting
from zhupei.delivery.state import Hall, Proposal, Sitting
from zhupei.delivery.tickets import Ticket
from zhupei.kernel import clock as kernel_clock
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal

TICK_EVERY_MS = 2_000  # how much time a crash can give back to the candidates, at most
GAP_MS = 45_000  # silence of a page that had been heard: three heartbeats missed
RETRY_S = 1.0  # after a failed write, how long to wait before folding anew
LATE_MS = 20_000  # a page not heard for so long is shown as late
MAX_ADDED_SECONDS = 4 * 3600
MAX_CHOSEN = 26
GENERATION_SPAN = 1_000_000_000
LOAD_SPAN = 10_000


class Clock(Protocol):
    """What time it is: ``zhupei.kernel.clock`` itself, or a stand-in for tests and drills."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class SubjectProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one subject is: slots answered of all, and whether it takes no more answers."""

    subject: str
    title: str
    answered: int
    total: int
    marked: int
    closed: bool


class SeatStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate as the invigilator sees him. Times in whole seconds; None: not yet.

    ``link``: ``none`` (not signed in, or over), ``ok``, ``late`` (over 20 s silent), ``lost`` (over 45 s). A
    page without script is heard only when it is turned, so ``late`` there means nothing; ``script`` says
    which it is.
    """

    candidate_id: str
    slip_no: str
    name: str
    room_id: str
    seat_no: str
    session_id: str
    state: State
    signed_in: bool
    may_enter: bool
    subject: str
    progress: tuple[SubjectProgress, ...]
    last_save_age_s: int | None
    last_seen_age_s: int | None
    link: str
    script: bool
    remaining_s: int | None
    added_s: int
    windows_left: int
    submit_kind: str | None = None
    started_at: int | None = None
    submitted_at: int | None = None
    marks: dict[str, str] | None = None
    """subject → marks as text, once handed in."""
    passed: bool | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The engine itself. ``journal_ok`` false: the last write failed, the state is not yet folded anew."""

    journal_ok: bool
    generation: int
    tick_ms: int
    free_bytes: int
    bundles: tuple[str, ...]
    states: dict[str, int]


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a save. ``kept``: this answer is the one held; otherwise ``answer`` is the newer one that
    is.

    ``rev`` is the ``seq`` of what is held.
    """

    rev: int
    kept: bool
    answer: tuple[str, ...]
    remaining_s: int
    remaining_ms: int
    deadline_version: int
    state: State


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a heartbeat: the server's word on state and time."""

    state: State
    remaining_s: int
    remaining_ms: int
    deadline_version: int
    subject: str
    opened: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof of a start or a hand-in; asking again gives the same one. Moments: milliseconds since 1970 UTC."""

    candidate_id: str
    state: State
    started_at: int | None = None
    submitted_at: int | None = None
    submit_kind: str | None = None
    scores: SittingScore | None = None


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in: the token for the candidate's cookie, told once and kept only as a digest."""

    candidate_id: str
    token: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the candidate's own pages may show."""

    candidate: Candidate
    bundle: Bundle
    state: State
    room_name: str
    seat_no: str
    opened: bool
    subject: str
    closed: frozenset[str]
    remaining_ms: int
    deadline_version: int
    answers: dict[tuple[str, str], tuple[str, ...]]
    marked: frozenset[tuple[str, str]]
    may_hand_in_after_s: int
    receipt: Receipt


class _Paper:
    """A loaded paper with its slots by key."""

    __slots__ = ("paper", "slots")

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.slots: dict[str, Slot] = {slot.key: slot for slot in paper.slots()}


class _Loaded:
    """A candidate with the bundle it came in."""

    __slots__ = ("bundle", "candidate", "papers")

    def __init__(self, bundle: Bundle, candidate: Candidate) -> None:
        self.bundle, self.candidate = bundle, candidate
        order = [subject for subject in bundle.rules.subjects if subject in candidate.papers]
        self.papers = {subject: _Paper(candidate.papers[subject]) for subject in order}


def _refuse(code: str, message: str, status: int = 409) -> Refusal:
    return Refusal(code, message, status=status)


class Engine:
    """All sittings of one hall. Close it to stop its thread and release its folder."""

    def __init__(
        self,
        journal: Journal,
        *,
        data_dir: Path | str,
        clock: Clock = kernel_clock,
        ticking: bool = True,
    ) -> None:
        """``ticking`` False leaves the automatic hand-in to calls of ``tick()`` (tests)."""
        self._journal, self._clock = journal, clock
        self._dir = Path(data_dir)
        self._dir.mkdir(parents=True, exist_ok=True)
        self._lock_file = self._lock_folder()
        self._lock = threading.RLock()
        self._bundles: dict[str, Bundle] = {}
        self._people: dict[str, _Loaded] = {}
        self._slips: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._script: set[str] = set()
        self._loads: dict[str, int] = {}
        self._failed = False
        self._retry_at = clock.monotonic()
        self._closed = threading.Event()
        self._hall = Hall()
        self._base_tick = 0
        self._base_monotonic = clock.monotonic()
        self._ticked = 0
        self._fold()
        self._begin()
        self._thread: threading.Thread | None = None
        if ticking:
            self._thread = threading.Thread(target=self._run, name="exam-ticks", daemon=True)
            self._thread.start()

    # --- life ---------------------------------------------------------------------------------------------

    def _lock_folder(self) -> int:
        handle = os.open(self._dir / "engine.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise _refuse("engine_running", f"another engine already runs on {self._dir}") from None
        return handle

    def _fold(self) -> None:
        """State from disk. Engine time goes on from the last entry."""
        hall = Hall()
        for entry in self._journal.replay():
            hall.apply(entry.event)
        self._hall = hall
        self._tokens = {
            one.token_digest: one.candidate_id for one in hall.sittings.values() if one.token_digest
        }

    def _begin(self) -> None:
        self._base_tick, self._base_monotonic = self._hall.last_tick, self._clock.monotonic()
        now = self._now_ms()
        self._write(
            f.EngineStarted(
                at=now,
                tick=self._tick(),
                generation=self._hall.generation + 1,
                down_ms=max(now - self._hall.last_at, 0) if self._hall.last_at else 0,
            )
        ).wait()
        for one in self._hall.sittings.values():
            self._seen[one.candidate_id] = self._base_tick

    def _run(self) -> None:
        while not self._closed.wait(0.5):
            with contextlib.suppress(JournalError):
                self.tick()

    def close(self) -> None:
        """Stop ticking, write out, close the journal."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._journal.close()
        os.close(self._lock_file)

    # --- time and writing ---------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _tick(self) -> int:
        return self._base_tick + int((self._clock.monotonic() - self._base_monotonic) * 1000)

    def _stamp(self) -> dict[str, Any]:
        return {"at": self._now_ms(), "tick": self._tick()}

    def _write(self, *events: AnyEvent) -> Ticket[None]:
        """Apply and journal. Called with the lock held, so both orders are the same."""
        for event in events:
            self._hall.apply(event)
        future = self._journal.append(events)
        future.add_done_callback(self._watch)
        return Ticket(None, future)

    def _watch(self, future: Any) -> None:
        if future.exception() is not None:
            self._failed = True

    def _ready(self) -> None:
        """Before every act: if the journal failed, fold the state anew from what is on disk."""
        if not self._failed:
            return
        moment = self._clock.monotonic()
        if moment < self._retry_at:
            raise JournalError("the journal failed a moment ago")
        self._retry_at = moment + RETRY_S
        tick = self._tick()
        self._journal.settle()
        self._failed = False
        self._fold()
        self._hall.last_tick = max(self._hall.last_tick, tick)

    def tick(self) -> list[str]:
        """Hand in every sitting whose deadline and grace have passed; returns their candidates. Runs twice a
        second."""
        with self._lock:
            self._ready()
            tick = self._tick()
            due = [
                one.candidate_id
                for one in self._hall.sittings.values()
                if one.overdue(tick) and one.candidate_id in self._people
            ]
            tickets: list[Ticket[Any]] = [self._submit(candidate_id, "auto") for candidate_id in due]
            running = any(one.state == "running" for one in self._hall.sittings.values())
            if running and not due and tick - self._ticked >= TICK_EVERY_MS:
                self._ticked = tick
                tickets.append(self._write(f.Ticked(**self._stamp())))
        for ticket in tickets:
            ticket.wait()
        return due

    # --- the staff door -----------------------------------------------------------------------------------

    def load(self, bundle: Bundle) -> None:
        """Take a bundle into memory (checked first). The same bundle again is welcome, a changed one is
        refused."""
        f.check_bundle(bundle)
        mark = f.digest(bundle.digests)
        with self._lock:
            self._ready()
            known = self._hall.bundles.get(bundle.bundle_id)
            if known is not None and known != mark:
                raise _refuse(
                    "bundle_changed", f"bundle {bundle.bundle_id} was loaded before with other content"
                )
            for candidate in bundle.candidates:
                other = self._people.get(candidate.candidate_id)
                slip = self._slips.get(candidate.slip_no)
                if (other is not None and other.bundle.bundle_id != bundle.bundle_id) or (
                    slip is not None and slip != candidate.candidate_id
                ):
                    raise _refuse(
                        "candidate_known", f"candidate {candidate.slip_no} is in another loaded bundle"
                    )
            for candidate in bundle.candidates:
                self._people[candidate.candidate_id] = _Loaded(bundle, candidate)
                self._slips[candidate.slip_no] = candidate.candidate_id
            self._bundles[bundle.bundle_id] = bundle
            if known is not None:
                return
            ticket = self._write(
                f.Loaded(**self._stamp(), bundle_id=bundle.bundle_id, batch_no=bundle.batch_no, digest=mark)
            )
        ticket.wait()

    def unload(self, bundle_id: str) -> None:
        """Forget a bundle's papers and keys. Refused while one of its candidates is sitting."""
        with self._lock:
            ids = [key for key, one in self._people.items() if one.bundle.bundle_id == bundle_id]
            if any(self._state(one) in ("running", "paused") for one in ids):
                raise _refuse("sitting_running", "candidates of this bundle are still sitting")
            for one in ids:
                self._slips.pop(self._people.pop(one).candidate.slip_no, None)
            self._bundles.pop(bundle_id, None)

    def bundles(self) -> list[Bundle]:
        """The loaded bundles."""
        with self._lock:
            return list(self._bundles.values())

    def _person(self, candidate_id: str) -> _Loaded:
        try:
            return self._people[candidate_id]
        except KeyError:
            raise _refuse("candidate_unknown", "no such candidate in the loaded bundles", 404) from None

    def _known(self, candidate_id: str, *states: State) -> tuple[_Loaded, Sitting]:
        person = self._person(candidate_id)
        sitting = self._hall.sittings.get(candidate_id) or Sitting(candidate_id)
        if states and sitting.state not in states:
            raise _refuse("wrong_state", f"the sitting is {sitting.state}")
        return person, sitting

    def admit(self, candidate_id: str, *, by: str, method: str, late_reason: str = "") -> None:
        """Identity is checked, the candidate may sit down (R049). Again: no effect.

        Refused with ``late_entry`` when the room has been open longer than the rules allow, unless
        ``late_reason`` is given.
        """
        _need(by=by, method=method)
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state != "not_admitted":
                return
            candidate = person.candidate
            opened = self._hall.opened_tick(candidate.session_id, candidate.room_id)
            limit = person.bundle.rules.late_entry_minutes * 60_000
            if opened is not None and self._tick() - opened > limit and not late_reason:
                raise _refuse("late_entry", f"the room was opened more than {limit // 60_000} minutes ago")
            ticket = self._write(
                f.Admitted(
                    **self._stamp(),
                    candidate_id=candidate_id,
                    by=by,
                    bundle_id=person.bundle.bundle_id,
                    session_id=candidate.session_id,
                    room_id=candidate.room_id,
                    seat_no=candidate.seat_no,
                    method=method,
                    late_reason=late_reason,
                )
            )
        ticket.wait()

    def open_session(self, session_id: str, room_id: str | None = None, *, by: str) -> None:
        """Let the candidates of a session start: one room, or all. Again: no effect."""
        _need(by=by)
        with self._lock:
            self._ready()
            self._session(session_id, room_id)
            if (session_id, room_id or "") in self._hall.opened:
                return
            ticket = self._write(
                f.Opened(**self._stamp(), by=by, session_id=session_id, room_id=room_id or "")
            )
        ticket.wait()

    def _session(self, session_id: str, room_id: str | None = None) -> Bundle:
        for bundle in self._bundles.values():
            if any(one.id == session_id for one in bundle.sessions):
                if room_id and all(room.id != room_id for room in bundle.rooms):
                    raise _refuse("room_unknown", "no such room in this bundle", 404)
                return bundle
        raise _refuse("session_unknown", "no such session in the loaded bundles", 404)

    def _chosen(
        self, session_id: str | None, room_id: str | None, candidate_id: str | None, state: State
    ) -> list[str]:
        """Sittings in ``state`` of a candidate, or of a session and optionally one of its rooms."""
        if candidate_id is not None:
            self._known(candidate_id, state)
            return [candidate_id]
        if session_id is None:
            raise _refuse("value_missing", "name a session or a candidate", 422)
        self._session(session_id, room_id)
        return [
            one.candidate_id
            for one in self._hall.sittings.values()
            if one.state == state and one.session_id == session_id and room_id in (None, one.room_id)
        ]

    def pause(
        self,
        *,
        reason: str,
        by: str,
        session_id: str | None = None,
        room_id: str | None = None,
        candidate_id: str | None = None,
    ) -> int:
        """Stop the clock of one candidate, a room or a session (power cut); returns how many were running."""
        _need(by=by, reason=reason)
        with self._lock:
            self._ready()
            ids = self._chosen(session_id, room_id, candidate_id, "running")
            stamp = self._stamp()
            ticket = self._write(*(f.Paused(**stamp, candidate_id=one, by=by, reason=reason) for one in ids))
        ticket.wait()
        return len(ids)

    def resume(
        self,
        *,
        by: str,
        session_id: str | None = None,
        room_id: str | None = None,
        candidate_id: str | None = None,
    ) -> int:
        """Let paused candidates go on with the time they had left; returns how many were paused."""
        _need(by=by)
        with self._lock:
            self._ready()
            ids = self._chosen(session_id, room_id, candidate_id, "paused")
            stamp = self._stamp()
            ticket = self._write(*(f.Resumed(**stamp, candidate_id=one, by=by) for one in ids))
            for one in ids:
                self._seen[one] = stamp["tick"]
        ticket.wait()
        return len(ids)

    def add_time(
        self,
        candidate_id: str,
        seconds: int,
        reason: str,
        *,
        by: str,
        approved_by: str,
        proposal: str = "",
    ) -> None:
        """Compensation or individual extra time before hand-in (R040); ``approved_by`` is another person than
        ``by``.

        ``proposal`` names one of ``proposals()``; a proposal is granted at most once.
        """
        _need(by=by, approved_by=approved_by, reason=reason)
        _two(by, approved_by)
        if not 0 < seconds <= MAX_ADDED_SECONDS:
            raise _refuse("seconds_range", f"between 1 and {MAX_ADDED_SECONDS} seconds", 422)
        with self._lock:
            self._ready()
            self._known(candidate_id, "admitted", "running", "paused")
            if proposal:
                found = self._hall.proposals.get(proposal)
                if found is None or found.candidate_id != candidate_id:
                    raise _refuse("proposal_unknown", "no such proposal for this candidate", 404)
                if found.applied:
                    raise _refuse("proposal_applied", "this fault was compensated already")
            ticket = self._write(
                f.TimeAdded(
                    **self._stamp(),
                    candidate_id=candidate_id,
                    by=by,
                    seconds=seconds,
                    reason=reason,
                    approved_by=approved_by,
                    proposal=proposal,
                )
            )
        ticket.wait()

    def proposals(self, session_id: str | None = None) -> list[Proposal]:
        """Faults that may deserve compensation, oldest first. Those ``applied`` are for the record."""
        with self._lock:
            return [
                Proposal(
                    id=one.id,
                    cause=one.cause,
                    seconds=one.seconds,
                    at=one.at,
                    candidate_id=one.candidate_id,
                    applied=one.applied,
                )
                for one in self._hall.proposals.values()
                if session_id is None
                or not one.candidate_id
                or self._hall.sittings[one.candidate_id].session_id == session_id
            ]

    def move_seat(self, candidate_id: str, room_id: str, seat_no: str, *, reason: str, by: str) -> None:
        """To another machine with time and answers (I04). The old machine's page ends; the candidate signs in
        anew."""
        _need(by=by, reason=reason, seat_no=seat_no)
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id, "admitted", "running", "paused")
            if all(room.id != room_id for room in person.bundle.rooms):
                raise _refuse("room_unknown", "no such room in this bundle", 404)
            for other in self._people.values():
                one = other.candidate
                if one.candidate_id == candidate_id or one.session_id != person.candidate.session_id:
                    continue
                if (room_id, seat_no) == self._place(one) and self._state(one.candidate_id) not in (
                    "submitted",
                    "voided",
                ):
                    raise _refuse("seat_taken", f"seat {seat_no} is another candidate's")
            self._tokens.pop(sitting.token_digest, None)
            ticket = self._write(
                f.SeatMoved(
                    **self._stamp(),
                    candidate_id=candidate_id,
                    by=by,
                    room_id=room_id,
                    seat_no=seat_no,
                    from_room_id=sitting.room_id,
                    from_seat_no=sitting.seat_no,
                    reason=reason,
                )
            )
        ticket.wait()

    def _state(self, candidate_id: str) -> State:
        found = self._hall.sittings.get(candidate_id)
        return found.state if found is not None else "not_admitted"

    def _place(self, candidate: Candidate) -> tuple[str, str]:
        found = self._hall.sittings.get(candidate.candidate_id)
        if found is None or not found.seat_no:
            return candidate.room_id, candidate.seat_no
        return found.room_id, found.seat_no

    def allow_entry(self, candidate_id: str, *, reason: str, by: str) -> None:
        """Let a candidate who has started sign in once more (browser closed, card restored). The next sign-in
        takes over."""
        _need(by=by, reason=reason)
        with self._lock:
            self._ready()
            self._known(candidate_id, "admitted", "running", "paused", "submitted")
            ticket = self._write(
                f.EntryAllowed(**self._stamp(), candidate_id=candidate_id, by=by, reason=reason)
            )
        ticket.wait()

    def force_hand_in(self, candidate_id: str, *, reason: str, by: str) -> Receipt:
        """Hand in for the candidate what is held. Again: the first receipt."""
        _need(by=by, reason=reason)
        with self._lock:
            self._ready()
            self._known(candidate_id, "running", "paused", "submitted")
            ticket = self._submit(candidate_id, "forced", by=by, reason=reason)
        return ticket.wait()

    def void(self, candidate_id: str, reason: str, *, by: str, by2: str) -> None:
        """Void the sitting for a breach (违规违纪); two different persons."""
        _need(by=by, by2=by2, reason=reason)
        _two(by, by2)
        with self._lock:
            self._ready()
            self._known(candidate_id, "admitted", "running", "paused", "submitted")
            ticket = self._write(
                f.Voided(**self._stamp(), candidate_id=candidate_id, by=by, by2=by2, reason=reason)
            )
        ticket.wait()

    def record_incident(
        self,
        kind: str,
        text: str,
        *,
        by: str,
        candidate_id: str = "",
        session_id: str = "",
        room_id: str = "",
        evidence: Sequence[str] = (),
    ) -> None:
        """Something happened; ``evidence`` are digests of files stored elsewhere."""
        _need(by=by, kind=kind, text=text)
        with self._lock:
            self._ready()
            if candidate_id:
                self._person(candidate_id)
            ticket = self._write(
                f.IncidentNoted(
                    **self._stamp(),
                    candidate_id=candidate_id,
                    by=by,
                    kind=kind,
                    text=text,
                    session_id=session_id,
                    room_id=room_id,
                    evidence=tuple(evidence),
                )
            )
        ticket.wait()

    def status(self, session_id: str, room_id: str | None = None) -> list[SeatStatus]:
        """Every candidate of a session, by room and seat: those absent too."""
        with self._lock:
            self._ready()
            self._session(session_id, room_id)
            tick = self._tick()
            rows = [
                self._seat_status(person, tick)
                for person in self._people.values()
                if person.candidate.session_id == session_id
            ]
        rows = [row for row in rows if room_id in (None, row.room_id)]
        return sorted(rows, key=lambda row: (row.room_id, len(row.seat_no), row.seat_no))

    def seat(self, candidate_id: str) -> SeatStatus:
        """One candidate as ``status`` shows him."""
        with self._lock:
            self._ready()
            return self._seat_status(self._person(candidate_id), self._tick())

    def is_open(self, session_id: str, room_id: str) -> bool:
        """True once ``open_session`` let this room start."""
        with self._lock:
            return self._hall.opened_tick(session_id, room_id) is not None

    def _seat_status(self, person: _Loaded, tick: int) -> SeatStatus:
        candidate = person.candidate
        sitting = self._hall.sittings.get(candidate.candidate_id) or Sitting(candidate.candidate_id)
        room_id, seat_no = self._place(candidate)
        progress = tuple(
            SubjectProgress(
                subject=subject,
                title=one.paper.title,
                answered=sitting.answered(subject),
                total=len(one.slots),
                marked=sum(1 for (of, _), (on, _) in sitting.marks.items() if of == subject and on),
                closed=subject in sitting.closed,
            )
            for subject, one in person.papers.items()
        )
        seen = self._seen.get(candidate.candidate_id)
        live = sitting.state in ("admitted", "running", "paused") and bool(sitting.token_digest)
        link = "none"
        if live and seen is not None:
            silent = tick - seen
            link = "lost" if silent > GAP_MS else "late" if silent > LATE_MS else "ok"
        scores = sitting.scores
        return SeatStatus(
            candidate_id=candidate.candidate_id,
            slip_no=candidate.slip_no,
            name=candidate.name,
            room_id=room_id,
            seat_no=seat_no,
            session_id=candidate.session_id,
            state=sitting.state,
            signed_in=bool(sitting.token_digest),
            may_enter=sitting.may_enter,
            subject=sitting.subject,
            progress=progress,
            last_save_age_s=_age(tick, sitting.saved_tick),
            last_seen_age_s=_age(tick, seen) if live else None,
            link=link,
            script=candidate.candidate_id in self._script,
            remaining_s=_seconds(sitting.remaining(tick)) if sitting.state in ("running", "paused") else None,
            added_s=sitting.added_ms // 1000,
            windows_left=sitting.windows_left,
            submit_kind=sitting.submit_kind,
            started_at=sitting.started_at,
            submitted_at=sitting.submitted_at,
            marks={subject: str(one.marks) for subject, one in scores.subjects.items()} if scores else None,
            passed=scores.passed if scores and sitting.state == "submitted" else None,
        )

    def result(self, candidate_id: str) -> SittingScore | None:
        """The hall's scores once handed in; None before, and for a voided sitting."""
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id)
            return sitting.scores if sitting.state == "submitted" else None

    def health(self) -> Health:
        with self._lock:
            states: dict[str, int] = {}
            for one in self._hall.sittings.values():
                states[one.state] = states.get(one.state, 0) + 1
            return Health(
                journal_ok=not self._failed,
                generation=self._hall.generation,
                tick_ms=self._tick(),
                free_bytes=shutil.disk_usage(self._dir).free,
                bundles=tuple(self._bundles),
                states=states,
            )

    def build_return(
        self,
        bundle_id: str,
        *,
        closed_by: str,
        checkins: Iterable[f.CheckIn] = (),
        captures: Iterable[f.Capture] = (),
    ) -> f.Return:
        """Everything the centre needs about one bundle. Refused while one of its candidates is sitting."""
        _need(closed_by=closed_by)
        with self._lock:
            self._ready()
            bundle = self._bundles.get(bundle_id)
            if bundle is None:
                raise _refuse("bundle_unknown", "this bundle is not loaded", 404)
            ids = {candidate.candidate_id for candidate in bundle.candidates}
            sitting = [one for one in ids if self._state(one) in ("running", "paused")]
            if sitting:
                raise _refuse(
                    "sitting_running", f"{len(sitting)} candidates of this bundle are still sitting"
                )
            records = tuple(self._record(candidate) for candidate in bundle.candidates)
            sessions = {session.id for session in bundle.sessions}
            incidents = tuple(
                one
                for one in self._hall.incidents
                if one.candidate_id in ids
                or one.session_id in sessions
                or not (one.candidate_id or one.session_id)
            )
            created = self._now_ms()
        self._journal.settle()
        events = tuple(
            entry
            for entry in self._journal.replay()
            if entry.event.candidate_id in ids
            or (not entry.event.candidate_id and _concerns(entry.event, bundle_id, sessions))
        )
        return f.complete_return(
            f.Return(
                return_id=secrets.token_hex(8),
                bundle_id=bundle_id,
                batch_no=bundle.batch_no,
                hall_id=bundle.hall.id,
                bundle_digests=bundle.digests,
                events=events,
                sittings=records,
                checkins=tuple(checkins),
                captures=tuple(captures),
                incidents=incidents,
                created_at=created,
                closed_by=closed_by,
            )
        )

    def _record(self, candidate: Candidate) -> f.SittingRecord:
        sitting = self._hall.sittings.get(candidate.candidate_id) or Sitting(candidate.candidate_id)
        room_id, seat_no = self._place(candidate)
        return f.SittingRecord(
            candidate_id=candidate.candidate_id,
            slip_no=candidate.slip_no,
            session_id=candidate.session_id,
            room_id=room_id,
            seat_no=seat_no,
            state=sitting.state,
            answers=sitting.given(),
            papers={subject: paper.digest for subject, paper in candidate.papers.items()},
            scores=sitting.scores,
            started_at=sitting.started_at,
            submitted_at=sitting.submitted_at,
            shown_at=sitting.shown_at,
            submit_kind=sitting.submit_kind,
            used_ms=sitting.used_ms,
            added_seconds=sitting.added_ms // 1000,
            window_left=sitting.windows_left,
            void_reason=sitting.void_reason,
        )

    # --- the candidate door -------------------------------------------------------------------------------

    def enter(self, slip_no: str, id_hash: str, *, address: str = "") -> Ticket[Sign]:
        """Sign a candidate in at a machine. Needs the check-in first; after the start only on the
        invigilator's word.

        Refused with ``not_recognised`` (no such slip and ID, never says which), ``not_admitted``,
        ``entry_taken``.
        """
        with self._lock:
            self._ready()
            candidate_id = self._slips.get(slip_no)
            person = self._people.get(candidate_id) if candidate_id else None
            if person is None or not secrets.compare_digest(
                person.candidate.id_hash.encode(), id_hash.encode()
            ):
                raise _refuse("not_recognised", "slip number and ID number do not belong together", 403)
            _, sitting = self._known(person.candidate.candidate_id)
            if sitting.state == "not_admitted":
                raise _refuse("not_admitted", "not checked in yet", 403)
            if sitting.state in ("running", "paused") and not sitting.may_enter:
                raise _refuse("entry_taken", "another machine is signed in for this candidate")
            token = secrets.token_urlsafe(32)
            mark = sm3(token.encode())
            self._tokens.pop(sitting.token_digest, None)
            self._tokens[mark] = sitting.candidate_id
            self._seen[sitting.candidate_id] = self._tick()
            return self._write(
                f.Entered(
                    **self._stamp(), candidate_id=sitting.candidate_id, token_digest=mark, address=address
                )
            ).holding(Sign(candidate_id=sitting.candidate_id, token=token))

    def whose(self, token: str) -> str:
        """The candidate of a token; ``Refusal("not_signed_in")`` if it is none, or no more."""
        candidate_id = self._tokens.get(sm3(token.encode())) if token else None
        if candidate_id is None or candidate_id not in self._people:
            raise _refuse("not_signed_in", "sign in first", 403)
        return candidate_id

    def view(self, candidate_id: str) -> View:
        """Everything the candidate's own pages show, as one consistent picture."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            tick = self._tick()
            self._seen[candidate_id] = tick
            room_id, seat_no = self._place(person.candidate)
            rooms = {room.id: room.name for room in person.bundle.rooms}
            return View(
                candidate=person.candidate,
                bundle=person.bundle,
                state=sitting.state,
                room_name=rooms.get(room_id, room_id),
                seat_no=seat_no,
                opened=self._hall.opened_tick(person.candidate.session_id, room_id) is not None,
                subject=sitting.subject,
                closed=sitting.closed,
                remaining_ms=sitting.remaining(tick),
                deadline_version=sitting.version,
                answers={at: held.answer for at, held in sitting.answers.items() if held.answer},
                marked=frozenset(at for at, (on, _) in sitting.marks.items() if on),
                may_hand_in_after_s=_seconds(self._hand_in_wait(person, sitting, tick)),
                receipt=self._receipt(sitting),
            )

    def _receipt(self, sitting: Sitting) -> Receipt:
        return Receipt(
            candidate_id=sitting.candidate_id,
            state=sitting.state,
            started_at=sitting.started_at,
            submitted_at=sitting.submitted_at,
            submit_kind=sitting.submit_kind,
            scores=sitting.scores,
        )

    def start(self, candidate_id: str) -> Ticket[Receipt]:
        """Start the candidate's time. Again: the first receipt."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state in ("running", "paused", "submitted"):
                return Ticket(self._receipt(sitting))
            if sitting.state != "admitted":
                raise _refuse("wrong_state", f"the sitting is {sitting.state}")
            if self._hall.opened_tick(sitting.session_id, sitting.room_id) is None:
                raise _refuse("not_open", "the invigilator has not opened the test")
            rules = person.bundle.rules
            ticket = self._write(
                f.Started(
                    **self._stamp(),
                    candidate_id=candidate_id,
                    budget_ms=(rules.minutes * 60 + person.candidate.extra_seconds) * 1000,
                    grace_ms=rules.grace_seconds * 1000,
                    subjects=tuple(person.papers),
                )
            )
            return ticket.holding(self._receipt(sitting))

    def next_seq(self, candidate_id: str) -> int:
        """A base for the sequence numbers of one page load: higher than any given out before, also before a
        restart."""
        with self._lock:
            load = self._loads.get(candidate_id, 0) + 1
            self._loads[candidate_id] = load
            return self._hall.generation * GENERATION_SPAN + load * LOAD_SPAN

    def save(
        self,
        candidate_id: str,
        subject: str,
        key: str,
        answer: Sequence[str] | None,
        seq: int | None = None,
        *,
        marked: bool | None = None,
    ) -> Ticket[Ack]:
        """Keep one answer (option ids; empty takes it back; None leaves it) and/or the mark for later.

        ``seq`` None: newer than all before (plain form posts). Packets may come twice or late: the highest
        ``seq`` wins, an equal one is acknowledged as what is held. Accepted until deadline and grace, and
        within the grace of a pause.
        """
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            chosen = self._check_save(person, sitting, subject, key, answer)
            if seq is None:
                seq = max(self.next_seq(candidate_id), sitting.max_seq + 1)
            loads = self._loads.get(candidate_id, 0) + 1
            if not 0 < seq < self._hall.generation * GENERATION_SPAN + loads * LOAD_SPAN:
                raise _refuse("value_wrong", "sequence number out of range", 422)
            self._seen[candidate_id] = self._tick()
            events: list[AnyEvent] = []
            held = sitting.answers.get((subject, key))
            if chosen is not None and (held is None or seq > held.seq):
                events.append(
                    f.Saved(
                        **self._stamp(),
                        candidate_id=candidate_id,
                        subject=subject,
                        key=key,
                        answer=chosen,
                        seq=seq,
                    )
                )
            if marked is not None and seq > sitting.marks.get((subject, key), (False, 0))[1]:
                events.append(
                    f.Marked(
                        **self._stamp(),
                        candidate_id=candidate_id,
                        subject=subject,
                        key=key,
                        on=marked,
                        seq=seq,
                    )
                )
            # Also with nothing to write: an equal packet may still be on its way to the disk, so wait behind
            # it.
            ticket = self._write(*events)
            held = sitting.answers.get((subject, key))
            left = sitting.remaining(self._tick())
            return ticket.holding(
                Ack(
                    rev=held.seq if held else 0,
                    kept=chosen is None or (held is not None and held.answer == chosen),
                    answer=held.answer if held else (),
                    remaining_s=_seconds(left),
                    remaining_ms=max(left, 0),
                    deadline_version=sitting.version,
                    state=sitting.state,
                )
            )

    def _check_save(
        self, person: _Loaded, sitting: Sitting, subject: str, key: str, answer: Sequence[str] | None
    ) -> tuple[str, ...] | None:
        paper = person.papers.get(subject)
        slot = paper.slots.get(key) if paper is not None else None
        if slot is None:
            raise _refuse("item_unknown", "this item is not on your paper", 404)
        tick = self._tick()
        if sitting.state == "submitted":
            raise _refuse("submitted", "the test was handed in")
        if sitting.state == "paused":
            if tick - (sitting.paused_tick or 0) > sitting.grace_ms:
                raise _refuse("paused", "the test is paused")
        elif sitting.state != "running":
            raise _refuse("wrong_state", f"the sitting is {sitting.state}")
        elif sitting.overdue(tick):
            raise _refuse("time_over", "time is over")
        if subject in sitting.closed:
            raise _refuse("subject_closed", "this subject was finished")
        if person.bundle.rules.order == "sequence" and subject != sitting.subject:
            raise _refuse("subject_not_open", "this subject is not open yet")
        if answer is None:
            return None
        if (
            len(answer) > MAX_CHOSEN
            or len(set(answer)) != len(answer)
            or not set(answer) <= set(slot.option_ids)
        ):
            raise _refuse("value_wrong", "an option that is not on this paper", 422)
        if slot.kind != "multiple" and len(answer) > 1:
            raise _refuse("value_wrong", "only one option can be chosen here", 422)
        return tuple(option for option in slot.option_ids if option in answer)

    def heartbeat(self, candidate_id: str, *, left_window_ms: int | None = None) -> Ticket[Pulse]:
        """A page with script is alive. ``left_window_ms``: it reports having lost focus for so long."""
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id)
            tick = self._tick()
            events: list[AnyEvent] = []
            silent = tick - self._seen.get(candidate_id, tick)
            if sitting.state == "running" and silent > GAP_MS:
                events.append(f.Heartbeat(**self._stamp(), candidate_id=candidate_id, gap_ms=silent))
            if left_window_ms is not None and sitting.state == "running":
                away = min(max(left_window_ms, 0), 24 * 3600 * 1000)
                events.append(f.WindowLeft(**self._stamp(), candidate_id=candidate_id, away_ms=away))
            self._seen[candidate_id] = tick
            self._script.add(candidate_id)
            pulse = Pulse(
                state=sitting.state,
                remaining_s=_seconds(sitting.remaining(tick)),
                remaining_ms=max(sitting.remaining(tick), 0),
                deadline_version=sitting.version,
                subject=sitting.subject,
                opened=self._hall.opened_tick(sitting.session_id, sitting.room_id) is not None,
            )
            return self._write(*events).holding(pulse) if events else Ticket(pulse)

    def turn_to(self, candidate_id: str, subject: str) -> Ticket[None]:
        """Go on to another subject. In ``sequence`` that closes the present one; again: no effect."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.subject == subject:
                return Ticket(None)
            if sitting.state != "running" or sitting.overdue(self._tick()):
                raise _refuse("wrong_state", f"the sitting is {sitting.state}")
            if subject not in person.papers:
                raise _refuse("subject_unknown", "no such subject on this test", 404)
            closes = ""
            if person.bundle.rules.order == "sequence":
                order = list(person.papers)
                if order.index(subject) != order.index(sitting.subject) + 1:
                    raise _refuse("subject_closed", "this subject was finished")
                closes = sitting.subject
            return self._write(
                f.SubjectTurned(**self._stamp(), candidate_id=candidate_id, subject=subject, closes=closes)
            )

    def _hand_in_wait(self, person: _Loaded, sitting: Sitting, tick: int) -> int:
        """Milliseconds until the rules let the candidate hand in."""
        return max(person.bundle.rules.min_minutes_before_hand_in * 60_000 - sitting.used(tick), 0)

    def hand_in(self, candidate_id: str) -> Ticket[Receipt]:
        """Hand both subjects in and score them (R038). Again: the first receipt.

        Refused with ``too_early`` before the rules' time, ``subject_left`` while a subject has not been
        opened.
        """
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state == "submitted":
                return Ticket(self._receipt(sitting), self._journal.append(()))
            if sitting.state != "running":
                raise _refuse("wrong_state", f"the sitting is {sitting.state}")
            tick = self._tick()
            over = sitting.remaining(tick) <= 0
            if not over and self._hand_in_wait(person, sitting, tick):
                raise _refuse("too_early", "it is too early to hand in")
            last = list(person.papers)[-1]
            if not over and person.bundle.rules.order == "sequence" and sitting.subject != last:
                raise _refuse("subject_left", "there is another subject to sit first")
            return self._submit(candidate_id, "auto" if over else "hand")

    def _submit(
        self, candidate_id: str, kind: f.SubmitKind, *, by: str = "", reason: str = ""
    ) -> Ticket[Receipt]:
        person, sitting = self._known(candidate_id)
        if sitting.state == "submitted":
            return Ticket(self._receipt(sitting), self._journal.append(()))
        papers = {subject: one.paper for subject, one in person.papers.items()}
        scores = score_sitting(papers, person.bundle.keys, sitting.given(), person.bundle.rules)
        ticket = self._write(
            f.Submitted(
                **self._stamp(), candidate_id=candidate_id, by=by, kind=kind, scores=scores, reason=reason
            )
        )
        return ticket.holding(self._receipt(sitting))

    def shown(self, candidate_id: str) -> Ticket[None]:
        """The result page went out; the first time is recorded (R038)."""
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id)
            if sitting.state != "submitted" or sitting.shown_at is not None:
                return Ticket(None)
            return self._write(f.ResultShown(**self._stamp(), candidate_id=candidate_id))

    def paper_id(self, candidate_id: str, subject: str) -> str:
        """The id of the candidate's own paper in ``subject``."""
        one = self._person(candidate_id).papers.get(subject)
        if one is None:
            raise _refuse("item_unknown", "this item is not on your paper", 404)
        return one.paper.paper_id

    def void_reason(self, candidate_id: str) -> str:
        """Why the sitting was voided ("" if it was not)."""
        with self._lock:
            return self._known(candidate_id)[1].void_reason

    def page_of(self, candidate_id: str, subject: str) -> Paper:
        """The candidate's own paper in ``subject``, if it may be seen now."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state != "running":
                raise _refuse(
                    "paused" if sitting.state == "paused" else "wrong_state", f"it is {sitting.state}"
                )
            one = person.papers.get(subject)
            if one is None:
                raise _refuse("subject_unknown", "no such subject on this test", 404)
            if subject in sitting.closed:
                raise _refuse("subject_closed", "this subject was finished")
            if person.bundle.rules.order == "sequence" and subject != sitting.subject:
                raise _refuse("subject_not_open", "this subject is not open yet")
            return one.paper


def _need(**values: str) -> None:
    for name, value in values.items():
        if not value.strip():
            raise Refusal("value_missing", f"{name} is needed", field=name, status=422)


def _two(first: str, second: str) -> None:
    if first.strip() == second.strip():
        raise _refuse("two_persons", "two different persons are needed", 422)


def _age(tick: int, then: int | None) -> int | None:
    return None if then is None else max(tick - then, 0) // 1000


def _seconds(milliseconds: int) -> int:
    """Whole seconds, rounded up: what a countdown shows."""
    return max(-(-milliseconds // 1000), 0)


def _concerns(event: AnyEvent, bundle_id: str, sessions: set[str]) -> bool:
    """Whether an event of the whole hall belongs in the return of a bundle."""
    if isinstance(event, f.Loaded):
        return event.bundle_id == bundle_id
    if isinstance(event, (f.Opened, f.IncidentNoted)):
        return not event.session_id or event.session_id in sessions
    return isinstance(event, f.EngineStarted)
