"""The journal: everything that can happen in a hall, one struct each, and an entry with its place."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from zhupei.delivery.formats.base import Frozen
from zhupei.delivery.formats.scores import SittingScore

SubmitKind: TypeAlias = Literal["hand", "auto", "forced"]
State: TypeAlias = Literal["not_admitted", "admitted", "running", "paused", "submitted", "voided"]


class Event(Frozen, frozen=True, kw_only=True, tag_field="type"):
    """One thing that happened. ``at``: civil time for the record; ``tick``: engine time, which decides (see
    ``state``).

    ``by`` names the member of staff who did it ("" when the candidate or the program did). ``candidate_id``
    is "" for events of the whole hall.
    """

    at: int
    tick: int
    candidate_id: str = ""
    by: str = ""


class EngineStarted(Event, frozen=True, kw_only=True, tag="engine_started"):
    """The program came up. ``down_ms``: wall time since the last entry, for the record; no sitting lost time
    in it."""

    generation: int
    down_ms: int = 0


class Stalled(Event, frozen=True, kw_only=True, tag="stalled"):
    """The program ran but could not serve for ``down_ms``: it was frozen, or its journal failed. The engine's clock stood
    still meanwhile, as in a restart."""

    down_ms: int


class Ticked(Event, frozen=True, kw_only=True, tag="ticked"):
    """The engine's clock has come this far (written every few seconds while somebody is sitting)."""


class Loaded(Event, frozen=True, kw_only=True, tag="loaded"):
    """A bundle's papers are there: for the first time, or again after a restart. Its sittings stood still since then."""

    bundle_id: str
    batch_no: str
    digest: str


class Opened(Event, frozen=True, kw_only=True, tag="opened"):
    """A session was opened for one room, or for all rooms of it (``room_id`` "")."""

    session_id: str
    room_id: str = ""


class Admitted(Event, frozen=True, kw_only=True, tag="admitted"):
    """Identity was checked at the desk (R049, R050). ``method``: id_card, manual, ..."""

    bundle_id: str
    session_id: str
    room_id: str
    seat_no: str
    method: str
    late_reason: str = ""


class Entered(Event, frozen=True, kw_only=True, tag="entered"):
    """A machine signed in for this candidate; only the digest of its token is kept. It ends any earlier
    token."""

    token_digest: str
    address: str = ""
    carry_digest: str = ""
    """Digest of the page's carry token: with it the page goes on at the other server of the hall, without a new sign-in."""


class EntryAllowed(Event, frozen=True, kw_only=True, tag="entry_allowed"):
    """The invigilator lets the candidate sign in again (browser closed, machine changed)."""

    reason: str


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The candidate's time began. Carries what later folding needs, so that the journal stands without the
    bundle."""

    budget_ms: int
    grace_ms: int
    subjects: tuple[str, ...]


class SubjectTurned(Event, frozen=True, kw_only=True, tag="subject_turned"):
    """The candidate went on to ``subject``. With ``closes``, that subject takes no more answers."""

    subject: str
    closes: str = ""


class Saved(Event, frozen=True, kw_only=True, tag="saved"):
    """One answer. ``seq`` grows within the sitting; for one slot the highest wins, whatever the order of
    arrival."""

    subject: str
    key: str
    answer: tuple[str, ...]
    seq: int


class Marked(Event, frozen=True, kw_only=True, tag="marked"):
    """Marked for later, or no more. Ordered by ``seq`` like answers."""

    subject: str
    key: str
    on: bool
    seq: int


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """The candidate's page was heard again after ``gap_ms`` of silence. Ordinary heartbeats are not written
    down."""

    gap_ms: int


class WindowLeft(Event, frozen=True, kw_only=True, tag="window_left"):
    """The page lost focus for ``away_ms``, as reported by the page. Recorded, not punished by the program."""

    away_ms: int = 0


class Paused(Event, frozen=True, kw_only=True, tag="paused"):
    """A candidate's clock stops. Without a candidate: nobody starts in this room of the session any more."""

    reason: str
    session_id: str = ""
    room_id: str = ""


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """The candidate goes on; without a candidate: one may start in this room again."""

    session_id: str = ""
    room_id: str = ""


class TimeAdded(Event, frozen=True, kw_only=True, tag="time_added"):
    """Compensation or extra time, approved by a second person (R040). ``proposal``: the fault it answers, if
    any; ``act``: the decision, which counts once."""

    seconds: int
    reason: str
    approved_by: str
    proposal: str = ""
    act: str = ""


class SeatMoved(Event, frozen=True, kw_only=True, tag="seat_moved"):
    """To another machine, with time and answers (I04). Ends the old machine's token."""

    room_id: str
    seat_no: str
    from_room_id: str
    from_seat_no: str
    reason: str


class Submitted(Event, frozen=True, kw_only=True, tag="submitted"):
    """Handed in: by the candidate, by the clock (``auto``) or by the invigilator (``forced``). Scores are the
    hall's."""

    kind: SubmitKind
    scores: SittingScore | None = None
    reason: str = ""


class ResultShown(Event, frozen=True, kw_only=True, tag="result_shown"):
    """The candidate's scores were on his screen for the first time (R038)."""


class Voided(Event, frozen=True, kw_only=True, tag="voided"):
    by2: str
    reason: str


class Warned(Event, frozen=True, kw_only=True, tag="warned"):
    """An invigilator's warning, shown on the candidate's page until he says that he has read it."""

    text: str


class WarningRead(Event, frozen=True, kw_only=True, tag="warning_read"):
    """The candidate has read his ``count`` warnings so far."""

    count: int


class IncidentNoted(Event, frozen=True, kw_only=True, tag="incident"):
    """Something happened in the hall; ``evidence`` are digests of stored files."""

    kind: str
    text: str
    session_id: str = ""
    room_id: str = ""
    evidence: tuple[str, ...] = ()


AnyEvent: TypeAlias = (
    EngineStarted
    | Stalled
    | Ticked
    | Loaded
    | Opened
    | Admitted
    | Entered
    | EntryAllowed
    | Started
    | SubjectTurned
    | Saved
    | Marked
    | Heartbeat
    | WindowLeft
    | Paused
    | Resumed
    | TimeAdded
    | SeatMoved
    | Submitted
    | ResultShown
    | Voided
    | Warned
    | WarningRead
    | IncidentNoted
)


class Entry(Frozen, frozen=True, kw_only=True):
    """An event with its place in the journal."""

    no: int
    event: AnyEvent


event_decoder = msgspec.msgpack.Decoder(AnyEvent)
