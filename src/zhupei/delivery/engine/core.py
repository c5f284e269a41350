"""What all doors stand on: the state in memory under one lock, the clock, and writing to the journal."""

from __future__ import annotations

import fcntl
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from zhupei.delivery.engine.checks import refuse
from zhupei.delivery.engine.people import Person
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.bundles import Bundle, Candidate
from zhupei.delivery.formats.events import AnyEvent, State
from zhupei.delivery.journal import Batch, Journal, JournalError
from zhupei.delivery.state import Hall, Sitting
from zhupei.delivery.tickets import Ticket
from zhupei.kernel import clock as kernel_clock

log = logging.getLogger("zhupei.delivery")
T = TypeVar("T")

GAP_MS = 45_000  # silence of a page that had been heard: three heartbeats missed
RETRY_S = 1.0  # after a failed write, how long to wait before folding anew
STALL_S = 5.0  # a fault of the server that lasts longer costs the candidates no time


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
        self._shut: set[str] = set()  # loaded bundles of which nobody starts any more
        self._tokens: dict[str, str] = {}
        self._carries: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._script: set[str] = set()
        self._loads: dict[str, int] = {}
        self._latest: Batch  # what was written last: behind it, all is on disk
        self._failed = False
        self._lost_tick = 0
        self._lost_at = 0.0
        self._mends_itself = True
        self._retry_at = clock.monotonic()
        self._real: Callable[[], float] = time.monotonic
        self._alive = math.inf  # when the clockwork last turned; none turns yet
        self._alive_tick = 0
        self._probe: tuple[Ticket[None], float, float, int] = (Ticket(None), 0.0, 0.0, 0)
        self._closed = False
        journal.on_failure = self._lost
        self._hall = Hall()
        self._base = (0, clock.monotonic())  # engine time and the moment it belongs to
        try:
            self._take(self._folded())
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

    def _folded(self) -> Hall:
        """The state that is on disk."""
        hall = Hall()
        for entry in self._journal.replay():
            hall.apply(entry.event)
        return hall

    def _take(self, hall: Hall) -> None:
        self._hall = hall
        self._tokens = {
            one.token_digest: one.candidate_id for one in hall.sittings.values() if one.token_digest
        }
        self._carries = {
            one.carry_digest: one.candidate_id for one in hall.sittings.values() if one.carry_digest
        }
        for bundle_id in [one for one in self._bundles if not self._is_loaded(one)]:
            self._drop(bundle_id)  # its loading was not kept: its clocks would go by what is not on disk

    def _is_loaded(self, bundle_id: str) -> bool:
        """Whether the journal says that a bundle was loaded since the start of the engine."""
        return bundle_id in self._hall.bundles and bundle_id not in self._hall.away

    def _drop(self, bundle_id: str) -> None:
        """Forget a bundle's papers and people; what the journal says of them stays."""
        bundle = self._bundles.pop(bundle_id, None)
        for one in bundle.candidates if bundle is not None else ():
            self._people.pop(one.candidate_id, None)
            self._slips.pop(one.slip_no, None)
        self._shut.discard(bundle_id)

    def _begin(self) -> None:
        self._base = (self._hall.last_tick, self._clock.monotonic())
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
            self._seen[one.candidate_id] = self._hall.last_tick

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
        """Engine time. Called with the lock held: notices that the whole process stood still."""
        if self._real() - self._alive > STALL_S and not self._failed:
            self._thaw()
        return self._elapsed()

    def _elapsed(self) -> int:
        tick, since = self._base
        return tick + int((self._clock.monotonic() - since) * 1000)

    def _thaw(self) -> None:
        """The clockwork has not turned for seconds: the process was frozen, and candidates with it. Engine time goes on from
        where it was, before anybody's time can be over."""
        down_ms = int((self._real() - self._alive) * 1000)
        self._alive = self._real()
        self._base = (max(self._hall.last_tick, self._alive_tick), self._clock.monotonic())
        self._probe = (self._probe[0], self._alive, self._clock.monotonic(), self._elapsed())
        log.error("the exam server stood still for %.1f s; the candidates get it back", down_ms / 1000)
        if self._hall.due:
            self._write(ev.Stalled(**self._stamp(), down_ms=down_ms))

    def _nobody_can_sit(self) -> bool:
        """True if sittings run whose bundles are not loaded (again), and no others."""
        return bool(self._hall.due) and not any(one in self._people for one in self._hall.due)

    def _stood_till_now(self) -> None:
        """Nobody could sit since the last entry: engine time goes on from there. With the lock held."""
        down_ms = self._elapsed() - self._hall.last_tick
        self._base = (self._hall.last_tick, self._clock.monotonic())
        self._alive_tick = self._hall.last_tick
        if down_ms > STALL_S * 1000:
            self._write(ev.Stalled(**self._stamp(), down_ms=down_ms))

    def _stamp(self) -> dict[str, Any]:
        return {"at": self._now_ms(), "tick": self._tick()}

    def _write(self, *events: AnyEvent) -> Ticket[None]:
        """Apply and journal. Called with the lock held, so both orders are the same."""
        for event in events:
            self._hall.apply(event)
        if events:
            self._latest = self._journal.append(events)
        return Ticket(None, self._latest)

    def _behind(self, value: T) -> Ticket[T]:
        """``value`` read from memory: to be told once everything that it may rest on is on disk. With the lock held."""
        return Ticket(value, self._latest)

    def _watch_disk(self) -> None:
        """By the clockwork, with the lock held: a disk that has not answered for seconds counts as failed, until it does."""
        probe, real, moment, tick = self._probe
        if probe.done:
            self._probe = (self._behind(None), self._real(), self._clock.monotonic(), self._elapsed())
        elif self._real() - real > STALL_S and not self._failed:
            log.error("the journal has not answered for %.0f s", STALL_S)
            self._lost_tick, self._lost_at = tick, moment
            self._failed = True

    def _lost(self) -> None:
        """In the journal's thread, when a batch has failed."""
        if not self._failed:
            self._lost_tick, self._lost_at = self._elapsed(), self._clock.monotonic()
            self._failed = True

    def _ready(self) -> None:
        """Before every act. While the journal fails all are refused, at once where a thread mends it (``Clockwork``): the event
        loop must not wait."""
        if not self._failed:
            return
        if not self._mends_itself:
            raise JournalError("the journal failed a moment ago")
        self._mend()

    def _mend(self) -> None:
        """Fold the state anew from what is on disk, prove that the journal writes again, and go on. Raises ``JournalError``.

        If that took seconds, engine time stood still: nobody could save meanwhile.
        """
        moment = self._clock.monotonic()
        if moment < self._retry_at:
            raise JournalError("the journal failed a moment ago")
        self._retry_at = moment + RETRY_S
        with self._lock:  # whoever was in the middle of an act has ended it; nobody begins another
            pass
        self._journal.settle()
        hall = self._folded()
        gaps = self._lost_gaps(hall)
        for gap in gaps:
            hall.apply(gap)
        moment = self._clock.monotonic()
        down_ms, tick = int((moment - self._lost_at) * 1000), self._elapsed()
        stood = down_ms > STALL_S * 1000
        if stood:
            tick = max(hall.last_tick, self._lost_tick)
        at = self._now_ms()
        event = ev.Stalled(at=at, tick=tick, down_ms=down_ms) if stood else ev.Ticked(at=at, tick=tick)
        hall.apply(event)
        batch = self._journal.append([*gaps, event])
        Ticket(None, batch).wait()
        with self._lock:
            self._latest = batch
            if stood:
                self._base = (tick, moment)
            self._take(hall)
            if self._alive < math.inf:
                self._alive, self._alive_tick = self._real(), self._elapsed()
            self._failed = False

    def _lost_gaps(self, hall: Hall) -> list[ev.Heartbeat]:
        """The silences of candidates' machines that are noted in memory and not in ``hall``: nobody hears of them twice."""
        return [
            ev.Heartbeat(
                at=one.at,
                tick=int(name.rpartition("-")[2]),
                candidate_id=one.candidate_id,
                gap_ms=one.seconds * 1000,
            )
            for name, one in self._hall.proposals.items()
            if one.candidate_id and name not in hall.proposals
        ]

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
