"""The staff door: what the hall's people do. Every act returns when it is on disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from zhupei.delivery.engine.checks import need, refuse, two_persons
from zhupei.delivery.engine.hand_in import HandIn
from zhupei.delivery.engine.people import Person
from zhupei.delivery.engine.replies import Receipt
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.events import State
from zhupei.delivery.tickets import Ticket

MAX_ADDED_SECONDS = 4 * 3600


class StaffDoor(HandIn):
    """Check-in, start, pause, time, seats, hand-in, voiding, incidents."""

    def admit(self, candidate_id: str, *, by: str, method: str, late_reason: str = "") -> None:
        """Identity is checked, the candidate may sit down (R049). Again: no effect.

        Refused with ``late_entry`` when the room has been open longer than the rules allow, unless
        ``late_reason`` is given.
        """
        need(by=by, method=method)
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state != "not_admitted":
                ticket = self._behind(None)
            else:
                ticket = self._admit(person, by, method, late_reason)
        ticket.wait()

    def _admit(self, person: Person, by: str, method: str, late_reason: str) -> Ticket[None]:
        candidate = person.candidate
        opened = self._hall.opened_tick(candidate.session_id, candidate.room_id)
        limit = person.bundle.rules.late_entry_minutes * 60_000
        if opened is not None and self._tick() - opened > limit and not late_reason:
            raise refuse("late_entry", f"the room was opened more than {limit // 60_000} minutes ago")
        return self._write(
            ev.Admitted(
                **self._stamp(),
                candidate_id=candidate.candidate_id,
                by=by,
                bundle_id=person.bundle.bundle_id,
                session_id=candidate.session_id,
                room_id=candidate.room_id,
                seat_no=candidate.seat_no,
                method=method,
                late_reason=late_reason,
            )
        )

    def open_session(self, session_id: str, room_id: str | None = None, *, by: str) -> None:
        """Let the candidates of a session start: one room, or all. Again: no effect."""
        need(by=by)
        with self._lock:
            self._ready()
            self._session(session_id, room_id)
            events: list[ev.Opened] = []
            if (session_id, room_id or "") not in self._hall.opened:
                events.append(ev.Opened(**self._stamp(), by=by, session_id=session_id, room_id=room_id or ""))
            ticket = self._write(*events)
        ticket.wait()

    def pause(
        self,
        *,
        reason: str,
        by: str,
        session_id: str | None = None,
        room_id: str | None = None,
        candidate_id: str | None = None,
    ) -> int:
        """Stop the clock of one candidate, a room or a session (power cut); returns how many were running.

        In a paused room nobody starts either, until it goes on. Where nobody was running nothing is paused.
        """
        need(by=by, reason=reason)
        with self._lock:
            self._ready()
            ids = self._chosen(session_id, room_id, candidate_id, "running")
            rooms = self._rooms(session_id, room_id) if session_id and candidate_id is None and ids else []
            stamp = self._stamp()
            ticket = self._write(
                *(
                    ev.Paused(**stamp, by=by, reason=reason, session_id=of, room_id=room)
                    for of, room in rooms
                ),
                *(ev.Paused(**stamp, by=by, reason=reason, candidate_id=one) for one in ids),
            )
        ticket.wait()
        return len(ids)

    def resume(
        self,
        *,
        by: str,
        session_id: str | None = None,
        room_id: str | None = None,
        candidate_id: str | None = None,
        but: Collection[str] = (),
    ) -> int:
        """Let paused candidates go on with the time they had left; returns how many go on.

        Named by room or session, those who have not started yet may start again; the candidates ``but`` stay paused.
        """
        need(by=by)
        with self._lock:
            self._ready()
            ids = [one for one in self._chosen(session_id, room_id, candidate_id, "paused") if one not in but]
            rooms = self._rooms(session_id, room_id) if session_id and candidate_id is None else []
            stamp = self._stamp()
            ticket = self._write(
                *(
                    ev.Resumed(**stamp, by=by, session_id=of, room_id=room)
                    for of, room in rooms
                    if (of, room) in self._hall.paused
                ),
                *(ev.Resumed(**stamp, by=by, candidate_id=one) for one in ids),
            )
            for one in ids:
                self._seen[one] = stamp["tick"]
        ticket.wait()
        return len(ids)

    def _chosen(
        self, session_id: str | None, room_id: str | None, candidate_id: str | None, state: State
    ) -> list[str]:
        """Sittings in ``state`` of a candidate, or of a session and optionally one of its rooms."""
        if candidate_id is not None:
            self._known(candidate_id, state)
            return [candidate_id]
        if session_id is None:
            raise refuse("value_missing", "name a session or a candidate", 422)
        self._session(session_id, room_id)
        return [
            one.candidate_id
            for one in self._hall.sittings.values()
            if one.state == state and one.session_id == session_id and room_id in (None, one.room_id)
        ]

    def _rooms(self, session_id: str, room_id: str | None) -> list[tuple[str, str]]:
        """One room of a session, or all of them."""
        rooms = self._session(session_id, room_id).rooms
        return [(session_id, room.id) for room in rooms if room_id in (None, room.id)]

    def add_time(
        self,
        candidate_id: str,
        seconds: int,
        reason: str,
        *,
        by: str,
        approved_by: str,
        proposal: str = "",
        act: str = "",
    ) -> None:
        """Compensation or individual extra time before hand-in (R040); ``approved_by`` is another person than
        ``by``.

        ``proposal`` names one of ``proposals()``; a proposal is granted at most once. ``act`` names the decision: the same one
        again has no effect, so whoever does not know whether it was kept may repeat it.
        """
        need(by=by, approved_by=approved_by, reason=reason)
        two_persons(by, approved_by)
        if not 0 < seconds <= MAX_ADDED_SECONDS:
            raise refuse("seconds_range", f"between 1 and {MAX_ADDED_SECONDS} seconds", 422)
        with self._lock:
            self._ready()
            self._known(candidate_id, "admitted", "running", "paused")
            done = bool(act) and (candidate_id, act) in self._hall.added
            if proposal and not done:
                found = self._hall.proposals.get(proposal)
                if found is None or found.candidate_id != candidate_id:
                    raise refuse("proposal_unknown", "no such proposal for this candidate", 404)
                if found.applied:
                    raise refuse("proposal_applied", "this fault was compensated already")
            added = ev.TimeAdded(
                **self._stamp(),
                candidate_id=candidate_id,
                by=by,
                seconds=seconds,
                reason=reason,
                approved_by=approved_by,
                proposal=proposal,
                act=act,
            )
            ticket = self._behind(None) if done else self._write(added)
        ticket.wait()

    def move_seat(self, candidate_id: str, room_id: str, seat_no: str, *, reason: str, by: str) -> None:
        """To another machine with time and answers (I04). The old machine's page ends; the candidate signs in
        anew."""
        need(by=by, reason=reason, seat_no=seat_no)
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id, "admitted", "running", "paused")
            if all(room.id != room_id for room in person.bundle.rooms):
                raise refuse("room_unknown", "no such room in this bundle", 404)
            for other in self._people.values():
                one = other.candidate
                if one.candidate_id == candidate_id or one.session_id != person.candidate.session_id:
                    continue
                if (room_id, seat_no) == self._place(one) and self._state(one.candidate_id) not in (
                    "submitted",
                    "voided",
                ):
                    raise refuse("seat_taken", f"seat {seat_no} is another candidate's")
            self._tokens.pop(sitting.token_digest, None)
            ticket = self._write(
                ev.SeatMoved(
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

    def allow_entry(self, candidate_id: str, *, reason: str, by: str) -> None:
        """Let a candidate who has started sign in once more (browser closed, card restored). The next sign-in
        takes over."""
        need(by=by, reason=reason)
        with self._lock:
            self._ready()
            self._known(candidate_id, "admitted", "running", "paused", "submitted")
            ticket = self._write(
                ev.EntryAllowed(**self._stamp(), candidate_id=candidate_id, by=by, reason=reason)
            )
        ticket.wait()

    def force_hand_in(self, candidate_id: str, *, reason: str, by: str) -> Receipt:
        """Hand in for the candidate what is held. Again: the first receipt."""
        need(by=by, reason=reason)
        with self._lock:
            self._ready()
            self._known(candidate_id, "running", "paused", "submitted")
            ticket = self._submit(candidate_id, "forced", by=by, reason=reason)
        return ticket.wait()

    def void(self, candidate_id: str, reason: str, *, by: str, by2: str) -> None:
        """Void the sitting for a breach (违规违纪); two different persons. Again for the same reason: no effect."""
        need(by=by, by2=by2, reason=reason)
        two_persons(by, by2)
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id, "admitted", "running", "paused", "submitted", "voided")
            if sitting.state == "voided":
                if sitting.void_reason != reason:
                    raise refuse("wrong_state", "the sitting is voided")
                ticket = self._behind(None)
            else:
                ticket = self._write(
                    ev.Voided(**self._stamp(), candidate_id=candidate_id, by=by, by2=by2, reason=reason)
                )
        ticket.wait()

    def warn(self, candidate_id: str, text: str, *, by: str) -> None:
        """Show a warning on the candidate's page until it is read; kept in the record, changes nothing else."""
        need(by=by, text=text)
        with self._lock:
            self._ready()
            self._known(candidate_id, "admitted", "running", "paused")
            ticket = self._write(ev.Warned(**self._stamp(), candidate_id=candidate_id, by=by, text=text))
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
        need(by=by, kind=kind, text=text)
        with self._lock:
            self._ready()
            if candidate_id:
                self._person(candidate_id)
            ticket = self._write(
                ev.IncidentNoted(
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
