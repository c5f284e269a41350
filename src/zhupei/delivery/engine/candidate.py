"""The candidate door: sign-in, start, answers, hand-in. What is written comes as a ``Ticket``, told once it is on disk."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache

from zhupei.delivery.engine.checks import refuse
from zhupei.delivery.engine.core import GAP_MS
from zhupei.delivery.engine.hand_in import HandIn
from zhupei.delivery.engine.people import Person
from zhupei.delivery.engine.replies import Ack, Pulse, Receipt, Sign, View, seconds
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.bundles import is_person
from zhupei.delivery.formats.events import AnyEvent
from zhupei.delivery.formats.papers import MAX_OPTIONS, Paper, Slot
from zhupei.delivery.state import Sitting
from zhupei.delivery.tickets import Ticket
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal

MAX_TOKEN = 64  # characters; ours have 43
GENERATION_SPAN = 1_000_000_000
LOAD_SPAN = 10_000


@lru_cache(maxsize=32_768)
def _mark(token: str) -> str:
    """The digest under which a token is known. Remembered, because it is asked for with every request; whether the token
    holds is looked up each time."""
    return sm3(token.encode())


class CandidateDoor(HandIn):
    """What a candidate's machine may ask."""

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
            if person is None or not is_person(person.bundle, person.candidate, id_hash):
                raise refuse("not_recognised", "slip number and ID number do not belong together", 403)
            _, sitting = self._known(person.candidate.candidate_id)
            if sitting.state == "not_admitted":
                raise refuse("not_admitted", "not checked in yet", 403)
            if sitting.state in ("running", "paused") and not sitting.may_enter:
                raise refuse("entry_taken", "another machine is signed in for this candidate")
            return self._sign_in(sitting, address)

    def cross(self, carry: str, *, address: str = "") -> Ticket[Sign]:
        """Go on at this server with the carry token of a page whose server is gone. The old cookie ends.

        ``Refusal("not_signed_in")`` if the token is none, or no more.
        """
        with self._lock:
            self._ready()
            mark = sm3(carry.encode()) if carry else ""
            candidate_id = self._carries.get(mark, "")
            sitting = self._hall.sittings.get(candidate_id)
            if sitting is None or sitting.carry_digest != mark or candidate_id not in self._people:
                raise self._not_here(candidate_id)
            return self._sign_in(sitting, address)

    def _not_here(self, candidate_id: str | None) -> Refusal:
        """Why nobody is served by a token. Whose papers are still to be loaded after a restart waits, and keeps his page."""
        if (
            candidate_id
            and candidate_id not in self._people
            and self._state(candidate_id) in ("running", "paused")
        ):
            return refuse("not_ready", "the papers of this bundle are not loaded", 503)
        return refuse("not_signed_in", "sign in first", 403)

    def _sign_in(self, sitting: Sitting, address: str) -> Ticket[Sign]:
        token, carry = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        mark = sm3(token.encode())
        self._tokens.pop(sitting.token_digest, None)
        self._carries.pop(sitting.carry_digest, None)
        self._tokens[mark] = self._carries[sm3(carry.encode())] = sitting.candidate_id
        gap = self._heard(sitting, self._tick(), signs_in=True)
        self._script.discard(sitting.candidate_id)  # the new machine has yet to show one
        return self._write(
            *gap,
            ev.Entered(
                **self._stamp(),
                candidate_id=sitting.candidate_id,
                token_digest=mark,
                carry_digest=sm3(carry.encode()),
                address=address,
            ),
        ).holding(Sign(candidate_id=sitting.candidate_id, state=sitting.state, token=token, carry=carry))

    def _heard(self, sitting: Sitting, tick: int, *, signs_in: bool = False) -> list[ev.Heartbeat]:
        """The candidate's machine was heard. What to write down if a page with script had been silent for long, or any page
        before it signs in anew: whatever of it comes first after a fault, the fault is known (R040)."""
        candidate_id = sitting.candidate_id
        silent = tick - self._seen.get(candidate_id, tick)
        self._seen[candidate_id] = tick
        if silent <= GAP_MS or sitting.state != "running" or not (signs_in or candidate_id in self._script):
            return []
        return [ev.Heartbeat(at=self._now_ms(), tick=tick, candidate_id=candidate_id, gap_ms=silent)]

    def read_warning(self, candidate_id: str, count: int) -> Ticket[None]:
        """The candidate has read his first ``count`` warnings. Again: no effect."""
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id)
            if not sitting.warnings_read < count <= len(sitting.warnings):
                return self._behind(None)
            return self._write(ev.WarningRead(**self._stamp(), candidate_id=candidate_id, count=count))

    def serves(self) -> bool:
        """Whether the journal takes what candidates do, as far as is known."""
        return not self._failed

    def whose(self, token: str) -> str:
        """The candidate of a token; ``Refusal("not_signed_in")`` if it is none, or no more; ``not_ready`` before his papers
        are loaded again."""
        candidate_id = self._tokens.get(_mark(token)) if 0 < len(token) <= MAX_TOKEN else None
        if candidate_id is None or candidate_id not in self._people:
            raise self._not_here(candidate_id)
        return candidate_id

    def kept_view(self, candidate_id: str) -> Ticket[View]:
        """``view`` for pages that tell what is kept: once all that it shows is on disk."""
        with self._lock:
            return self._behind(self.view(candidate_id))

    def view(self, candidate_id: str) -> View:
        """Everything the candidate's own pages show, as one consistent picture of what was decided."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            tick = self._tick()
            if gap := self._heard(sitting, tick):
                self._write(*gap)
            room_id, seat_no = self._place(person.candidate)
            rooms = {room.id: room.name for room in person.bundle.rooms}
            return View(
                candidate=person.candidate,
                bundle=person.bundle,
                state=sitting.state,
                room_name=rooms.get(room_id, room_id),
                seat_no=seat_no,
                opened=self._may_start(person, room_id),
                test_closed=person.bundle.bundle_id in self._shut,
                room_paused=(person.candidate.session_id, room_id) in self._hall.paused,
                subject=sitting.subject,
                closed=sitting.closed,
                remaining_ms=sitting.remaining(tick),
                deadline_version=sitting.version,
                answers={at: held.answer for at, held in sitting.answers.items() if held.answer},
                marked=frozenset(at for at, (on, _) in sitting.marks.items() if on),
                may_hand_in_after_s=seconds(self._hand_in_wait(person, sitting, tick)),
                receipt=self._receipt(sitting),
                warning=sitting.warning(),
                warning_no=sitting.warning_no(),
            )

    def _may_start(self, person: Person, room_id: str) -> bool:
        at = (person.candidate.session_id, room_id)
        opened = self._hall.opened_tick(*at) is not None and person.bundle.bundle_id not in self._shut
        return opened and at not in self._hall.paused

    def start(self, candidate_id: str) -> Ticket[Receipt]:
        """Start the candidate's time. Again: the first receipt.

        Refused with ``test_closed`` after the test was closed, ``not_open`` before the invigilator opens the room,
        ``room_paused`` while it is paused.
        """
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state in ("running", "paused", "submitted"):
                # not told before the first start is on disk, which may still be on its way
                return self._behind(self._receipt(sitting))
            if sitting.state != "admitted":
                raise refuse("wrong_state", f"the sitting is {sitting.state}")
            if person.bundle.bundle_id in self._shut:
                raise refuse("test_closed", "the test was closed; nobody starts any more")
            if self._hall.opened_tick(sitting.session_id, sitting.room_id) is None:
                raise refuse("not_open", "the invigilator has not opened the test")
            if (sitting.session_id, sitting.room_id) in self._hall.paused:
                raise refuse("room_paused", "the room is paused; one may start once it goes on")
            rules = person.bundle.rules
            ticket = self._write(
                ev.Started(
                    **self._stamp(),
                    candidate_id=candidate_id,
                    budget_ms=(rules.minutes_for(person.papers) * 60 + person.candidate.extra_seconds) * 1000,
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
            tick = self._tick()
            chosen = self._check_save(person, sitting, subject, key, answer, tick)
            if seq is None:
                seq = max(self.next_seq(candidate_id), sitting.max_seq + 1)
            loads = self._loads.get(candidate_id, 0) + 1
            if not 0 < seq < self._hall.generation * GENERATION_SPAN + loads * LOAD_SPAN:
                raise refuse("value_wrong", "sequence number out of range", 422)
            now, at = self._now_ms(), (subject, key)
            events: list[AnyEvent] = [*self._heard(sitting, tick)]
            held = sitting.answers.get(at)
            if chosen is not None and (held is None or seq > held.seq):
                events.append(
                    ev.Saved(
                        at=now,
                        tick=tick,
                        candidate_id=candidate_id,
                        subject=subject,
                        key=key,
                        answer=chosen,
                        seq=seq,
                    )
                )
            if marked is not None and seq > sitting.marks.get(at, (False, 0))[1]:
                events.append(
                    ev.Marked(
                        at=now,
                        tick=tick,
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
            held = sitting.answers.get(at)
            left = sitting.remaining(tick)
            return ticket.holding(
                Ack(
                    rev=held.seq if held else 0,
                    kept=chosen is None or (held is not None and held.answer == chosen),
                    answer=held.answer if held else (),
                    remaining_s=seconds(left),
                    remaining_ms=max(left, 0),
                    deadline_version=sitting.version,
                    state=sitting.state,
                    warning=sitting.warning(),
                    warning_no=sitting.warning_no(),
                )
            )

    def _check_save(
        self,
        person: Person,
        sitting: Sitting,
        subject: str,
        key: str,
        answer: Sequence[str] | None,
        tick: int,
    ) -> tuple[str, ...] | None:
        paper = person.papers.get(subject)
        slot = paper.slots.get(key) if paper is not None else None
        if slot is None:
            raise refuse("item_unknown", "this item is not on your paper", 404)
        if sitting.state == "submitted":
            raise refuse("submitted", "the test was handed in")
        if sitting.state == "paused":
            if tick - (sitting.paused_tick or 0) > sitting.grace_ms:
                raise refuse("paused", "the test is paused")
        elif sitting.state != "running":
            raise refuse("wrong_state", f"the sitting is {sitting.state}")
        elif sitting.overdue(tick):
            raise refuse("time_over", "time is over")
        if subject in sitting.closed:
            raise refuse("subject_closed", "this subject was finished")
        if person.bundle.rules.order == "sequence" and subject != sitting.subject:
            raise refuse("subject_not_open", "this subject is not open yet")
        if answer is None:
            return None
        if (
            len(answer) > MAX_OPTIONS
            or len(set(answer)) != len(answer)
            or not set(answer) <= set(slot.option_ids)
        ):
            raise refuse("value_wrong", "an option that is not on this paper", 422)
        if slot.kind != "multiple" and len(answer) > 1:
            raise refuse("value_wrong", "only one option can be chosen here", 422)
        return tuple(option for option in slot.option_ids if option in answer)

    def heartbeat(self, candidate_id: str, *, left_window_ms: int | None = None) -> Ticket[Pulse]:
        """A page with script is alive. ``left_window_ms``: it reports having lost focus for so long."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            tick = self._tick()
            self._script.add(candidate_id)
            events: list[AnyEvent] = [*self._heard(sitting, tick)]
            if left_window_ms is not None and sitting.state == "running":
                away = min(max(left_window_ms, 0), 24 * 3600 * 1000)
                events.append(ev.WindowLeft(**self._stamp(), candidate_id=candidate_id, away_ms=away))
            pulse = Pulse(
                state=sitting.state,
                remaining_s=seconds(sitting.remaining(tick)),
                remaining_ms=max(sitting.remaining(tick), 0),
                deadline_version=sitting.version,
                subject=sitting.subject,
                opened=self._may_start(person, sitting.room_id),
                warning=sitting.warning(),
                warning_no=sitting.warning_no(),
            )
            return self._write(*events).holding(pulse)  # also with nothing to write: told once it is on disk

    def turn_to(self, candidate_id: str, subject: str) -> Ticket[None]:
        """Go on to another subject. In ``sequence`` that closes the present one; again: no effect."""
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.subject == subject:
                return self._behind(None)
            if sitting.state != "running" or sitting.overdue(self._tick()):
                raise refuse("wrong_state", f"the sitting is {sitting.state}")
            if subject not in person.papers:
                raise refuse("subject_unknown", "no such subject on this test", 404)
            closes = ""
            if person.bundle.rules.order == "sequence":
                order = list(person.papers)
                if order.index(subject) != order.index(sitting.subject) + 1:
                    raise refuse("subject_closed", "this subject was finished")
                closes = sitting.subject
            return self._write(
                ev.SubjectTurned(**self._stamp(), candidate_id=candidate_id, subject=subject, closes=closes)
            )

    def _hand_in_wait(self, person: Person, sitting: Sitting, tick: int) -> int:
        """Milliseconds until the rules let the candidate hand in."""
        return max(person.bundle.rules.min_minutes_before_hand_in * 60_000 - sitting.used(tick), 0)

    def hand_in(self, candidate_id: str, *, by_clock: bool = False) -> Ticket[Receipt]:
        """Hand both subjects in and score them (R038). Again: the first receipt.

        Refused with ``too_early`` before the rules' time, ``subject_left`` while a subject has not been
        opened. ``by_clock``: the page's own countdown has ended and nobody pressed anything; refused with ``too_early`` while
        there is time left, of which the page has not heard.
        """
        with self._lock:
            self._ready()
            person, sitting = self._known(candidate_id)
            if sitting.state == "submitted":
                return self._behind(self._receipt(sitting))
            if sitting.state != "running":
                raise refuse("wrong_state", f"the sitting is {sitting.state}")
            tick = self._tick()
            over = sitting.remaining(tick) <= 0
            if not over and (by_clock or self._hand_in_wait(person, sitting, tick)):
                raise refuse("too_early", "it is too early to hand in")
            last = list(person.papers)[-1]
            if not over and person.bundle.rules.order == "sequence" and sitting.subject != last:
                raise refuse("subject_left", "there is another subject to sit first")
            return self._submit(candidate_id, "auto" if over else "hand")

    def shown(self, candidate_id: str) -> Ticket[None]:
        """The result page went out; the first time is recorded (R038)."""
        with self._lock:
            self._ready()
            _, sitting = self._known(candidate_id)
            if sitting.state != "submitted" or sitting.shown_at is not None:
                return self._behind(None)
            return self._write(ev.ResultShown(**self._stamp(), candidate_id=candidate_id))

    def paper_id(self, candidate_id: str, subject: str) -> str:
        """The id of the candidate's own paper in ``subject``."""
        one = self._person(candidate_id).papers.get(subject)
        if one is None:
            raise refuse("item_unknown", "this item is not on your paper", 404)
        return one.paper.paper_id

    def slots_of(self, candidate_id: str, subject: str) -> tuple[Slot, ...]:
        """Everything that takes an answer on the candidate's own paper in ``subject``, in order."""
        one = self._person(candidate_id).papers.get(subject)
        if one is None:
            raise refuse("subject_unknown", "no such subject on this test", 404)
        return one.order

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
                raise refuse(
                    "paused" if sitting.state == "paused" else "wrong_state", f"it is {sitting.state}"
                )
            one = person.papers.get(subject)
            if one is None:
                raise refuse("subject_unknown", "no such subject on this test", 404)
            if subject in sitting.closed:
                raise refuse("subject_closed", "this subject was finished")
            if person.bundle.rules.order == "sequence" and subject != sitting.subject:
                raise refuse("subject_not_open", "this subject is not open yet")
            return one.paper
