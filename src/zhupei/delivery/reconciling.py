"""The centre's check of a hall's return from the journal up (R032, R038, R040, R049, R050). Pure.

A return says twice how each sitting went: in its journal, entry by entry, and in the records drawn up at the end. Here the
journal is folded anew with the engine's own rules (``state.Hall.apply``); every entry is held against the rules before it is
applied, and what comes out is held against the records and against the bundle. A hall that alters one of the two disagrees
with itself; one that alters both must still keep to the clock, the order of things and the signatures. What no return can show
is an entry that was never kept: numbers have gaps in honest journals too, because other batches share them.

A fault is told once, where it happened: the fold then goes on as if the entry had been right, and what merely follows from
another state (hand-in, scores, time used) is not told again.

**Slack.** The engine looks at its clock a moment before it stamps an entry, so ``SLACK_MS`` are allowed on answers; and it hands
in by itself twice a second, all who are due in one go, so ``HAND_IN_MS`` are allowed on the time used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.base import Frozen, digest
from zhupei.delivery.formats.bundles import Bundle, Candidate
from zhupei.delivery.formats.events import AnyEvent, Entry
from zhupei.delivery.formats.papers import Slot
from zhupei.delivery.formats.returns import Return, SittingRecord, return_counts
from zhupei.delivery.state import Hall, Sitting

SLACK_MS = 1_000
HAND_IN_MS = 30_000
MAX_ADDED_SECONDS = 4 * 3600
MAX_TEXT = 120
CARD_METHODS = frozenset({"card", "id_card"})
DIGEST_FIGURES = 64

What: TypeAlias = Literal[
    "counts",  # the manifest is not that of the content
    "missing",  # a candidate of the bundle of whom no record tells
    "twice",  # ... of whom two records tell
    "foreign",  # something about somebody, or a place, that is not in the bundle
    "order",  # entries out of order or repeated
    "clock",  # the engine's clock goes back from one entry to the next
    "loaded",  # the journal does not say that this bundle, with this content, was loaded
    "unfit",  # an entry that cannot be, in the state in which the sitting was
    "not_admitted",  # started without having been admitted
    "no_check_in",  # admitted without an accepted check-in (R049)
    "one_name",  # a check-in by document or in doubt without two different names (R050)
    "late_entry",  # admitted too late, without a reason
    "not_open",  # started before the room was opened, or while it was paused
    "terms",  # started with other time, grace or subjects than the bundle says
    "answer",  # an answer that the paper does not allow
    "late_answer",  # an answer after deadline and grace
    "paused_answer",  # an answer in a pause, after the grace
    "ended_answer",  # an answer before the start or after the end
    "closed_answer",  # an answer in a subject that was closed, or not open yet
    "turn",  # a change of subject against the order of subjects
    "early",  # handed in before the rule allows, or by the clock while there was time
    "over_time",  # more time used than there was
    "added_unsigned",  # time added without two different names and a reason (R040)
    "void_unsigned",  # voided without two different names and a reason
    "forced_unsigned",  # handed in by the staff without a name and a reason
    "unsigned",  # another act of the staff without a name, or without its reason
    "move",  # a change of seat that does not begin where the candidate sat, or ends in no room of the bundle
    "identity",  # slip number or session of the record are not the bundle's
    "paper",  # another paper than the bundle's
    "state",
    "seat",
    "answers",
    "scores",
    "used",
    "added",
    "windows",
    "started_at",
    "submitted_at",
    "shown_at",
    "kind",
    "void_reason",
    "incident",  # an incident of the journal that is not listed, or the other way round
    "capture",  # a photo named by a check-in or an incident that is not listed with digest and size
]  # fmt: skip
MOMENTS: frozenset[str] = frozenset({"started_at", "submitted_at", "shown_at"})
"""Of these, both values are milliseconds since 1970 UTC."""


class Difference(Frozen, frozen=True, kw_only=True):
    """One thing that does not agree. ``hall``: what the hall says; ``centre``: what follows from journal, bundle or rules.

    Texts are cut to ``MAX_TEXT``; ``slip_no`` is "" where it is about no single candidate.
    """

    what: What
    slip_no: str = ""
    subject: str = ""
    hall: str = ""
    centre: str = ""


def reconcile(bundle: Bundle, content: Return) -> list[Difference]:
    """Everything in which a return disagrees with itself, with its bundle or with the rules; empty for an honest hall's.

    Signature, seal and that it belongs to this bundle are checked before, by whoever opened it. Scores are only compared with
    those of the journal: scoring the raw answers again is the caller's.
    """
    return _Comparison(bundle, content).made()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = ", ".join(map(str, value[:30]))
    return str(value)[:MAX_TEXT]


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"


def _two(first: str, second: str) -> bool:
    return bool(first.strip() and second.strip()) and first.strip() != second.strip()


def _tag(event: AnyEvent) -> str:
    return str(type(event).__struct_config__.tag)


class _Comparison:
    def __init__(self, bundle: Bundle, content: Return) -> None:
        self.bundle, self.content, self.rules = bundle, content, bundle.rules
        self.found: list[Difference] = []
        self.hall = Hall()
        self.people = {one.candidate_id: one for one in bundle.candidates}
        self.sessions = {one.id for one in bundle.sessions}
        self.rooms = {one.id for one in bundle.rooms}
        self.slots: dict[tuple[str, str], dict[str, Slot]] = {}
        self.accepted = {one.candidate_id: one for one in content.checkins if one.decision == "accepted"}
        self.loaded = self.unready = False

    def made(self) -> list[Difference]:
        if self.content.counts != return_counts(self.content):
            self.differ("counts")
        for entry in self._in_order():
            self._take(entry.event)
        if not self.loaded or self.unready:
            self.differ("loaded", centre=self.bundle.bundle_id)
        self._compare_records()
        self._compare_incidents()
        self._check_captures()
        return self.found

    def differ(
        self,
        what: What,
        candidate: Candidate | str = "",
        *,
        subject: str = "",
        hall: Any = "",
        centre: Any = "",
    ) -> None:
        slip_no = candidate.slip_no if isinstance(candidate, Candidate) else _text(candidate)
        self.found.append(
            Difference(
                what=what, slip_no=slip_no, subject=_text(subject), hall=_text(hall), centre=_text(centre)
            )
        )

    # --- the journal ------------------------------------------------------------------------------------------

    def _in_order(self) -> Iterable[Entry]:
        """The entries by number, each once; tells where they do not stand so."""
        seen: set[int] = set()
        highest = None
        kept = []
        for entry in self.content.events:
            if highest is not None and entry.no <= highest:
                self.differ("order", hall=entry.no, centre=f"> {highest}")
            highest = entry.no if highest is None else max(highest, entry.no)
            if entry.no not in seen:
                seen.add(entry.no)
                kept.append(entry)
        return sorted(kept, key=lambda entry: entry.no)

    def _take(self, event: AnyEvent) -> None:
        """Hold one entry against the rules, then apply it."""
        if event.tick < self.hall.last_tick:
            self.differ("clock", self._slip(event), hall=event.tick, centre=self.hall.last_tick)
        candidate = self.people.get(event.candidate_id)
        if candidate is None:
            if event.candidate_id or not self._ours(event):
                self.differ("foreign", hall=f"{_tag(event)} {event.candidate_id}")
                return
            if (
                isinstance(event, (ev.Opened, ev.Paused, ev.Resumed, ev.IncidentNoted))
                and not event.by.strip()
            ):
                self.differ("unsigned", hall=_tag(event))
            if isinstance(event, ev.Loaded):
                self._check_loaded(event)
            self.hall.apply(event)
            return
        if not self.loaded or self.bundle.bundle_id in self.hall.away:
            self.unready = True
        sitting = self.hall.sitting(event.candidate_id)
        check = _CHECKS.get(type(event))
        taken = check(self, candidate, sitting, event) if check is not None else event
        if taken is not None:
            self.hall.apply(taken)

    def _slip(self, event: AnyEvent) -> str:
        candidate = self.people.get(event.candidate_id)
        return candidate.slip_no if candidate is not None else ""

    def _ours(self, event: AnyEvent) -> bool:
        """Whether an event of the whole hall is about a session and room of this bundle, or about none."""
        if isinstance(event, ev.Loaded):
            return event.bundle_id == self.bundle.bundle_id
        if isinstance(event, (ev.EngineStarted, ev.Stalled, ev.Ticked)):
            return True
        if isinstance(event, (ev.Opened, ev.Paused, ev.Resumed)):
            return (not event.session_id or event.session_id in self.sessions) and (
                not event.room_id or event.room_id in self.rooms
            )
        return isinstance(event, ev.IncidentNoted) and (
            not event.session_id or event.session_id in self.sessions
        )

    def _check_loaded(self, event: ev.Loaded) -> None:
        self.loaded = True
        mark = digest(self.bundle.digests)
        if event.digest != mark or event.batch_no != self.bundle.batch_no:
            self.differ("loaded", hall=event.digest[:16], centre=mark[:16])

    def unfit(self, candidate: Candidate, sitting: Sitting, event: AnyEvent) -> AnyEvent | None:
        """Tell of an entry that cannot be in this state; it is not applied."""
        self.differ("unfit", candidate, hall=_tag(event), centre=sitting.state)
        return None

    def admitted(self, candidate: Candidate, sitting: Sitting, event: ev.Admitted) -> AnyEvent | None:
        if sitting.state != "not_admitted":
            return self.unfit(candidate, sitting, event)
        place = (event.session_id, event.room_id, event.seat_no)
        planned = (candidate.session_id, candidate.room_id, candidate.seat_no)
        if place != planned or event.bundle_id != self.bundle.bundle_id:
            self.differ("seat", candidate, hall=place, centre=planned)
        check = self.accepted.get(candidate.candidate_id)
        if check is None or not check.by.strip():
            self.differ("no_check_in", candidate)
        else:
            by_card = check.method in CARD_METHODS and event.method in CARD_METHODS and not check.by2
            if not by_card and not _two(check.by, check.by2):
                self.differ("one_name", candidate, hall=(check.by, check.by2))
        if not event.by.strip():
            self.differ("unsigned", candidate, hall=_tag(event))
        opened = self.hall.opened_tick(candidate.session_id, candidate.room_id)
        limit = self.rules.late_entry_minutes * 60_000
        if opened is not None and event.tick - opened > limit + SLACK_MS and not event.late_reason.strip():
            self.differ("late_entry", candidate, hall=_seconds(event.tick - opened), centre=_seconds(limit))
        session_id, room_id, seat_no = planned
        return msgspec.structs.replace(event, session_id=session_id, room_id=room_id, seat_no=seat_no)

    def started(self, candidate: Candidate, sitting: Sitting, event: ev.Started) -> AnyEvent | None:
        if sitting.state == "not_admitted":
            self.differ("not_admitted", candidate)
            sitting.state, sitting.session_id = "admitted", candidate.session_id
            sitting.room_id, sitting.seat_no = candidate.room_id, candidate.seat_no
        if sitting.state != "admitted":
            return self.unfit(candidate, sitting, event)
        at = (sitting.session_id, sitting.room_id)
        if self.hall.opened_tick(*at) is None or at in self.hall.paused:
            self.differ("not_open", candidate, hall=sitting.room_id)
        right = msgspec.structs.replace(
            event,
            budget_ms=(self.rules.minutes_for(candidate.papers) * 60 + candidate.extra_seconds) * 1000,
            grace_ms=self.rules.grace_seconds * 1000,
            subjects=tuple(one for one in self.rules.subjects if one in candidate.papers),
        )
        if event != right:
            self.differ("terms", candidate, hall=_terms(event), centre=_terms(right))
        return right

    def turned(self, candidate: Candidate, sitting: Sitting, event: ev.SubjectTurned) -> AnyEvent | None:
        if sitting.state != "running":
            return self.unfit(candidate, sitting, event)
        order = sitting.subjects
        good = event.subject in order
        if good and self.rules.order == "sequence":
            good = (
                event.closes == sitting.subject
                and order.index(event.subject) == order.index(sitting.subject) + 1
            )
        if not good:
            self.differ("turn", candidate, subject=event.subject, hall=event.closes, centre=sitting.subject)
        return event

    def saved(self, candidate: Candidate, sitting: Sitting, event: ev.Saved) -> AnyEvent:
        def differ(what: What, hall: Any = "", centre: Any = "") -> None:
            self.differ(
                what, candidate, subject=event.subject, hall=f"{event.key} {hall}".rstrip(), centre=centre
            )

        slot = self._slots(candidate, event.subject).get(event.key)
        chosen = event.answer
        if (
            slot is None
            or len(set(chosen)) != len(chosen)
            or not set(chosen) <= set(slot.option_ids)
            or (slot.kind != "multiple" and len(chosen) > 1)
        ):
            differ("answer", _text(chosen))
        if sitting.state == "paused":
            since = event.tick - (sitting.paused_tick or 0)
            if since > sitting.grace_ms + SLACK_MS:
                differ("paused_answer", _seconds(since), _seconds(sitting.grace_ms))
        elif sitting.state == "running":
            late = -sitting.remaining(event.tick)
            if late > sitting.grace_ms + SLACK_MS:
                differ("late_answer", f"+{_seconds(late)}", f"+{_seconds(sitting.grace_ms)}")
        else:
            differ("ended_answer", "", sitting.state)
            return event
        sequence = self.rules.order == "sequence"
        if event.subject in sitting.closed or (sequence and event.subject != sitting.subject):
            differ("closed_answer", "", sitting.subject)
        return event

    def _slots(self, candidate: Candidate, subject: str) -> dict[str, Slot]:
        at = (candidate.candidate_id, subject)
        if at not in self.slots:
            paper = candidate.papers.get(subject)
            self.slots[at] = {slot.key: slot for slot in paper.slots()} if paper is not None else {}
        return self.slots[at]

    def paused(self, candidate: Candidate, sitting: Sitting, event: ev.Paused) -> AnyEvent | None:
        if sitting.state != "running":
            return self.unfit(candidate, sitting, event)
        if not (event.by.strip() and event.reason.strip()):
            self.differ("unsigned", candidate, hall=_tag(event))
        return event

    def resumed(self, candidate: Candidate, sitting: Sitting, event: ev.Resumed) -> AnyEvent | None:
        if sitting.state != "paused":
            return self.unfit(candidate, sitting, event)
        if not event.by.strip():
            self.differ("unsigned", candidate, hall=_tag(event))
        return event

    def time_added(self, candidate: Candidate, sitting: Sitting, event: ev.TimeAdded) -> AnyEvent | None:
        if sitting.state not in ("admitted", "running", "paused"):
            return self.unfit(candidate, sitting, event)
        if not _two(event.by, event.approved_by) or not event.reason.strip():
            self.differ("added_unsigned", candidate, hall=(event.by, event.approved_by, event.reason))
        if not 0 < event.seconds <= MAX_ADDED_SECONDS:
            self.differ("added", candidate, hall=event.seconds, centre=f"1–{MAX_ADDED_SECONDS}")
        return event

    def moved(self, candidate: Candidate, sitting: Sitting, event: ev.SeatMoved) -> AnyEvent | None:
        if sitting.state not in ("admitted", "running", "paused"):
            return self.unfit(candidate, sitting, event)
        came, sat = (event.from_room_id, event.from_seat_no), (sitting.room_id, sitting.seat_no)
        if came != sat or event.room_id not in self.rooms:
            self.differ("move", candidate, hall=(*came, "→", event.room_id, event.seat_no), centre=sat)
        if not (event.by.strip() and event.reason.strip()):
            self.differ("unsigned", candidate, hall=_tag(event))
        return event

    def submitted(self, candidate: Candidate, sitting: Sitting, event: ev.Submitted) -> AnyEvent | None:
        if sitting.state not in ("running", "paused"):
            return self.unfit(candidate, sitting, event)
        left, used = sitting.remaining(event.tick), sitting.used(event.tick)
        if event.kind == "forced":
            if not (event.by.strip() and event.reason.strip()):
                self.differ("forced_unsigned", candidate, hall=(event.by, event.reason))
        elif event.kind == "auto":
            if left > 0:
                self.differ("early", candidate, hall=_seconds(used), centre=_seconds(used + left))
        elif used < (least := self.rules.min_minutes_before_hand_in * 60_000) and left > SLACK_MS:
            self.differ("early", candidate, hall=_seconds(used), centre=_seconds(least))
        return event

    def shown(self, candidate: Candidate, sitting: Sitting, event: ev.ResultShown) -> AnyEvent | None:
        if sitting.state != "submitted" or sitting.shown_at is not None:
            return self.unfit(candidate, sitting, event)
        return event

    def voided(self, candidate: Candidate, sitting: Sitting, event: ev.Voided) -> AnyEvent | None:
        if sitting.state in ("not_admitted", "voided"):
            return self.unfit(candidate, sitting, event)
        if not _two(event.by, event.by2) or not event.reason.strip():
            self.differ("void_unsigned", candidate, hall=(event.by, event.by2, event.reason))
        return event

    def signed(self, candidate: Candidate, sitting: Sitting, event: AnyEvent) -> AnyEvent:
        if not event.by.strip():
            self.differ("unsigned", candidate, hall=_tag(event))
        return event

    # --- the records ------------------------------------------------------------------------------------------

    def _compare_records(self) -> None:
        records: dict[str, list[SittingRecord]] = {}
        for record in self.content.sittings:
            if record.candidate_id in self.people:
                records.setdefault(record.candidate_id, []).append(record)
            else:
                self.differ("foreign", record.slip_no, hall=record.candidate_id)
        for candidate in self.bundle.candidates:
            told = records.get(candidate.candidate_id, [])
            if not told:
                self.differ("missing", candidate, centre=candidate.slip_no)
            else:
                if len(told) > 1:
                    self.differ("twice", candidate, hall=len(told), centre=1)
                self._compare_record(candidate, told[0])

    def _compare_record(self, candidate: Candidate, record: SittingRecord) -> None:
        sitting = self.hall.sittings.get(candidate.candidate_id) or Sitting(candidate.candidate_id)

        def compare(what: What, hall: Any, centre: Any) -> None:
            if hall != centre:
                self.differ(what, candidate, hall=hall, centre=centre)

        compare("identity", (record.slip_no, record.session_id), (candidate.slip_no, candidate.session_id))
        for subject in sorted(set(record.papers) | set(candidate.papers)):
            paper = candidate.papers.get(subject)
            shown, right = record.papers.get(subject, ""), paper.digest if paper is not None else ""
            if shown != right:
                self.differ("paper", candidate, subject=subject, hall=shown[:16], centre=right[:16])
        place = (
            (sitting.room_id, sitting.seat_no) if sitting.seat_no else (candidate.room_id, candidate.seat_no)
        )
        compare("seat", (record.room_id, record.seat_no), place)
        self._compare_answers(candidate, record, sitting)
        compare("added", record.added_seconds, sitting.added_ms // 1000)
        compare("windows", record.window_left, sitting.windows_left)
        compare("started_at", record.started_at, sitting.started_at)
        compare("shown_at", record.shown_at, sitting.shown_at)
        compare("state", record.state, sitting.state)
        limit = sitting.base_ms + sitting.added_ms + sitting.grace_ms
        if sitting.used_ms > limit + HAND_IN_MS:
            self.differ("over_time", candidate, hall=_seconds(sitting.used_ms), centre=_seconds(limit))
        if record.state == sitting.state:  # otherwise the rest only follows
            if record.used_ms != sitting.used_ms:
                self.differ(
                    "used", candidate, hall=_seconds(record.used_ms), centre=_seconds(sitting.used_ms)
                )
            compare("submitted_at", record.submitted_at, sitting.submitted_at)
            compare("kind", record.submit_kind, sitting.submit_kind)
            compare("void_reason", record.void_reason, sitting.void_reason)
            if record.scores != sitting.scores:
                hall, centre = (
                    {subject: str(one.marks) for subject, one in scores.subjects.items()} if scores else {}
                    for scores in (record.scores, sitting.scores)
                )
                self.differ("scores", candidate, hall=_marks(hall), centre=_marks(centre))

    def _compare_answers(self, candidate: Candidate, record: SittingRecord, sitting: Sitting) -> None:
        kept = sitting.given()
        for subject in sorted(set(record.answers) | set(kept)):
            theirs, ours = record.answers.get(subject, {}), kept.get(subject, {})
            if theirs == ours:
                continue
            for key in sorted(set(theirs) | set(ours)):
                if theirs.get(key, ()) != ours.get(key, ()):
                    self.differ(
                        "answers",
                        candidate,
                        subject=subject,
                        hall=f"{key}: {_text(theirs.get(key, ()))}",
                        centre=f"{key}: {_text(ours.get(key, ()))}",
                    )

    # --- incidents and captures -------------------------------------------------------------------------------

    def _compare_incidents(self) -> None:
        told, listed = (
            Counter(digest(one) for one in rows) for rows in (self.hall.incidents, self.content.incidents)
        )
        for rows, surplus, mine in (
            (self.hall.incidents, told - listed, True),
            (self.content.incidents, listed - told, False),
        ):
            for one in rows:
                mark = digest(one)
                if surplus[mark] > 0:
                    surplus[mark] -= 1
                    words = f"{one.kind}: {one.text}"
                    self.differ(
                        "incident",
                        self._slip(one),
                        hall="" if mine else words,
                        centre=words if mine else "",
                    )

    def _check_captures(self) -> None:
        listed = {one.digest for one in self.content.captures if one.size > 0}
        for capture in self.content.captures:
            if capture.candidate_id and capture.candidate_id not in self.people:
                self.differ("foreign", hall=f"capture {capture.candidate_id}")
            if len(capture.digest) != DIGEST_FIGURES or capture.size <= 0:
                self.differ("capture", hall=f"{capture.kind} {capture.digest[:16]} {capture.size}")
                listed.add(capture.digest)
        for check in self.content.checkins:
            if check.candidate_id not in self.people:
                self.differ("foreign", hall=f"check-in {check.candidate_id}")
            elif check.photo and check.photo not in listed:
                self.differ("capture", self.people[check.candidate_id], centre=check.photo[:16])
        for incident in self.hall.incidents:
            for mark in incident.evidence:
                if mark not in listed:
                    self.differ("capture", self._slip(incident), centre=mark[:16])


def _terms(event: ev.Started) -> str:
    return f"{_seconds(event.budget_ms)} + {_seconds(event.grace_ms)}; {_text(event.subjects)}"


def _marks(marks: dict[str, str]) -> str:
    return ", ".join(f"{subject} {value}" for subject, value in sorted(marks.items()))


_CHECKS: dict[type, Callable[..., Any]] = {
    ev.Admitted: _Comparison.admitted,
    ev.Started: _Comparison.started,
    ev.SubjectTurned: _Comparison.turned,
    ev.Saved: _Comparison.saved,
    ev.Paused: _Comparison.paused,
    ev.Resumed: _Comparison.resumed,
    ev.TimeAdded: _Comparison.time_added,
    ev.SeatMoved: _Comparison.moved,
    ev.Submitted: _Comparison.submitted,
    ev.ResultShown: _Comparison.shown,
    ev.Voided: _Comparison.voided,
    ev.EntryAllowed: _Comparison.signed,
    ev.Warned: _Comparison.signed,
    ev.IncidentNoted: _Comparison.signed,
}
