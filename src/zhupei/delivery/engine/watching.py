"""Watching: what the staff sees of seats, faults, results and the engine itself. Changes nothing.

Seats and results are told once they are on disk: what is printed or closed on their word must not be taken back.
"""

from __future__ import annotations

import shutil

from zhupei.delivery.engine.core import GAP_MS, Core
from zhupei.delivery.engine.people import Person
from zhupei.delivery.engine.replies import Health, SeatStatus, SubjectProgress, age, seconds
from zhupei.delivery.formats.scores import SittingScore
from zhupei.delivery.state import Proposal, Sitting

LATE_MS = 20_000  # a page not heard for so long is shown as late


class Watching(Core):
    """Part of the staff door: looking on."""

    def status(self, session_id: str, room_id: str | None = None) -> list[SeatStatus]:
        """Every candidate of a session, by room and seat: those absent too."""
        with self._lock:
            self._ready()
            bundle = self._session(session_id, room_id)
            tick = self._tick()
            rows = [
                self._seat_status(self._people[one.candidate_id], tick)
                for one in bundle.candidates
                if one.session_id == session_id
            ]
            ticket = self._behind(None)
        ticket.wait()
        rows = [row for row in rows if room_id in (None, row.room_id)]
        return sorted(rows, key=lambda row: (row.room_id, len(row.seat_no), row.seat_no))

    def seat(self, candidate_id: str) -> SeatStatus:
        """One candidate as ``status`` shows him."""
        with self._lock:
            self._ready()
            ticket = self._behind(self._seat_status(self._person(candidate_id), self._tick()))
        return ticket.wait()

    def is_open(self, session_id: str, room_id: str) -> bool:
        """True once ``open_session`` let this room start."""
        with self._lock:
            return self._hall.opened_tick(session_id, room_id) is not None

    def is_paused(self, session_id: str, room_id: str | None = None) -> bool:
        """True while nobody may start in a room (or in any room of the session) because it is paused."""
        with self._lock:
            return any(at[0] == session_id and room_id in (None, at[1]) for at in self._hall.paused)

    def _seat_status(self, person: Person, tick: int) -> SeatStatus:
        candidate = person.candidate
        sitting = self._hall.sittings.get(candidate.candidate_id) or Sitting(candidate.candidate_id)
        room_id, seat_no = self._place(candidate)
        progress = tuple(
            SubjectProgress(
                subject=subject,
                title=one.paper.title,
                answered=sitting.answered(subject),
                total=len(one.slots),
                marked=sum(1 for (of, _), (on, _) in sitting.marks.items() if on and of == subject),
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
            last_save_age_s=age(tick, sitting.saved_tick),
            last_seen_age_s=age(tick, seen) if live else None,
            link=link,
            script=candidate.candidate_id in self._script,
            remaining_s=seconds(sitting.remaining(tick)) if sitting.state in ("running", "paused") else None,
            added_s=sitting.added_ms // 1000,
            windows_left=sitting.windows_left,
            warnings=len(sitting.warnings),
            warnings_read=sitting.warnings_read,
            submit_kind=sitting.submit_kind,
            started_at=sitting.started_at,
            submitted_at=sitting.submitted_at,
            marks={subject: str(one.marks) for subject, one in scores.subjects.items()} if scores else None,
            passed=scores.passed if scores and sitting.state == "submitted" else None,
        )

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

    def result(self, candidate_id: str) -> SittingScore | None:
        """The hall's scores once handed in; None before, and for a voided sitting."""
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id)
            ticket = self._behind(sitting.scores if sitting.state == "submitted" else None)
        return ticket.wait()

    def health(self) -> Health:
        free_bytes = shutil.disk_usage(self._dir).free  # a sick disk may take its time
        with self._lock:
            states: dict[str, int] = {}
            for one in self._hall.sittings.values():
                states[one.state] = states.get(one.state, 0) + 1
            return Health(
                journal_ok=not self._failed,
                generation=self._hall.generation,
                tick_ms=self._tick(),
                free_bytes=free_bytes,
                bundles=tuple(self._bundles),
                states=states,
            )
