"""What all doors stand on: the state in memory under one lock, the clock, and writing to the journal."""

from __future__ import annotations

import fcntl
import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from zhupei.delivery.engine.checks import refuse
from zhupei.delivery.engine.people import Person
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.bundles import Bundle, Candidate
from zhupei.delivery.formats.events import AnyEvent, State
from zhupei.delivery.journal import Journal, JournalError
from zhupei.delivery.state import Hall, Sitting
from zhupei.delivery.tickets import Ticket
from zhupei.kernel import clock as kernel_clock

GAP_MS = 45_000  # silence of a page that had been heard: three heartbeats missed
RETRY_S = 1.0  # after a failed write, how long to wait before folding anew


class Clock(Protocol):
    """What time it is: ``zhupei.kernel.clock`` itself, or a stand-in for tests and drills."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class Core:
    """The hall in memory, folded from the journal; the lock is held from a decision to its journalling."""

    def __init__(
        self,
        journal: Journal,
        *,
        data_dir: Path | str,
        clock: Clock = kernel_clock,
    ) -> None:
        self._journal, self._clock = journal, clock
        self._dir = Path(data_dir)
        self._dir.mkdir(parents=True, exist_ok=True)
        self._lock_file = self._lock_folder()
        self._lock = threading.RLock()
        self._bundles: dict[str, Bundle] = {}
        self._people: dict[str, Person] = {}
        self._slips: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._carries: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._script: set[str] = set()
        self._loads: dict[str, int] = {}
        self._failed = False
        self._retry_at = clock.monotonic()
        self._closed = False
        journal.on_failure = self._lost
        self._hall = Hall()
        self._base_tick = 0
        self._base_monotonic = clock.monotonic()
        try:
            self._fold()
            self._begin()
        except BaseException:
            os.close(self._lock_file)
            raise

    # --- life -------------------------------------------------------------------------------------------------

    def _lock_folder(self) -> int:
        handle = os.open(self._dir / "engine.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise refuse("engine_running", f"another engine already runs on {self._dir}") from None
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
        self._carries = {
            one.carry_digest: one.candidate_id for one in hall.sittings.values() if one.carry_digest
        }

    def _begin(self) -> None:
        self._base_tick, self._base_monotonic = self._hall.last_tick, self._clock.monotonic()
        now = self._now_ms()
        self._write(
            ev.EngineStarted(
                at=now,
                tick=self._tick(),
                generation=self._hall.generation + 1,
                down_ms=max(now - self._hall.last_at, 0) if self._hall.last_at else 0,
            )
        ).wait()
        for one in self._hall.sittings.values():
            self._seen[one.candidate_id] = self._base_tick

    def close(self) -> None:
        """Write out, close the journal, release the folder."""
        if self._closed:
            return
        self._closed = True
        self._journal.close()
        os.close(self._lock_file)

    # --- time and writing -------------------------------------------------------------------------------------

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
        return Ticket(None, self._journal.append(events))

    def _lost(self) -> None:
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
        self._fold()
        self._failed = False
        self._hall.last_tick = max(self._hall.last_tick, tick)

    # --- who and where ----------------------------------------------------------------------------------------

    def _person(self, candidate_id: str) -> Person:
        try:
            return self._people[candidate_id]
        except KeyError:
            raise refuse("candidate_unknown", "no such candidate in the loaded bundles", 404) from None

    def _known(self, candidate_id: str, *states: State) -> tuple[Person, Sitting]:
        person = self._person(candidate_id)
        sitting = self._hall.sittings.get(candidate_id) or Sitting(candidate_id)
        if states and sitting.state not in states:
            raise refuse("wrong_state", f"the sitting is {sitting.state}")
        return person, sitting

    def _state(self, candidate_id: str) -> State:
        found = self._hall.sittings.get(candidate_id)
        return found.state if found is not None else "not_admitted"

    def _place(self, candidate: Candidate) -> tuple[str, str]:
        found = self._hall.sittings.get(candidate.candidate_id)
        if found is None or not found.seat_no:
            return candidate.room_id, candidate.seat_no
        return found.room_id, found.seat_no

    def _session(self, session_id: str, room_id: str | None = None) -> Bundle:
        for bundle in self._bundles.values():
            if any(one.id == session_id for one in bundle.sessions):
                if room_id and all(room.id != room_id for room in bundle.rooms):
                    raise refuse("room_unknown", "no such room in this bundle", 404)
                return bundle
        raise refuse("session_unknown", "no such session in the loaded bundles", 404)
