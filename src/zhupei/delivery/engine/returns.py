"""Returns: everything the centre needs about one bundle, once nobody of it is sitting."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from zhupei.delivery.engine.checks import need, refuse
from zhupei.delivery.engine.core import Core
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.bundles import Candidate
from zhupei.delivery.formats.events import AnyEvent
from zhupei.delivery.formats.returns import Capture, CheckIn, Return, SittingRecord, complete_return
from zhupei.delivery.state import Hall, Sitting


class Returns(Core):
    """Part of the staff door: closing a bundle."""

    def build_return(
        self,
        bundle_id: str,
        *,
        closed_by: str,
        checkins: Iterable[CheckIn] = (),
        captures: Iterable[Capture] = (),
    ) -> Return:
        """Everything the centre needs about one bundle. Refused while one of its candidates is sitting."""
        need(closed_by=closed_by)
        with self._lock:
            self._ready()
            bundle = self._bundles.get(bundle_id)
            if bundle is None:
                raise refuse("bundle_unknown", "this bundle is not loaded", 404)
            ids = {candidate.candidate_id for candidate in bundle.candidates}
            sitting = [one for one in ids if self._state(one) in ("running", "paused")]
            if sitting:
                raise refuse("sitting_running", f"{len(sitting)} candidates of this bundle are still sitting")
            sessions = {session.id for session in bundle.sessions}
            ticket = self._behind(self._now_ms())
        created = ticket.wait()
        events = tuple(
            entry
            for entry in self._journal.replay()
            if entry.event.candidate_id in ids
            or (not entry.event.candidate_id and concerns(entry.event, bundle_id, sessions))
        )
        hall = Hall()  # the records tell what these entries do, even if others come while they are read
        for entry in events:
            hall.apply(entry.event)
        if any(one.state in ("running", "paused") for one in hall.sittings.values()):
            raise refuse("sitting_running", "a candidate of this bundle has begun meanwhile")
        records = tuple(_record(candidate, hall) for candidate in bundle.candidates)
        incidents = tuple(hall.incidents)
        return complete_return(
            Return(
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


def _record(candidate: Candidate, hall: Hall) -> SittingRecord:
    sitting = hall.sittings.get(candidate.candidate_id) or Sitting(candidate.candidate_id)
    seated = bool(sitting.seat_no)
    return SittingRecord(
        candidate_id=candidate.candidate_id,
        slip_no=candidate.slip_no,
        session_id=candidate.session_id,
        room_id=sitting.room_id if seated else candidate.room_id,
        seat_no=sitting.seat_no if seated else candidate.seat_no,
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


def concerns(event: AnyEvent, bundle_id: str, sessions: set[str]) -> bool:
    """Whether an event of the whole hall belongs in the return of a bundle."""
    if isinstance(event, ev.Loaded):
        return event.bundle_id == bundle_id
    if isinstance(event, (ev.Opened, ev.Paused, ev.Resumed, ev.IncidentNoted)):
        return not event.session_id or event.session_id in sessions
    return isinstance(event, (ev.EngineStarted, ev.Stalled))
