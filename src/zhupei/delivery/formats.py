"""What travels: papers, keys, the bundle into a hall, the journal's events, and the return out of it.

Every struct is a frozen ``msgspec.Struct``; files carry ``format`` (see ``BUNDLE_FORMAT``, ``RETURN_FORMAT``)
and a reader refuses a number it does not know. A new optional field keeps the number, anything else raises
it.

**Units and slots.** A paper is a list of *units*. A unit of kind ``case`` (综合题) has a stem and children,
each answered and marked on its own; every other unit is answered itself. A thing that takes one answer is a
*slot*; its key is the item's uid, or ``uid#n`` for child *n* (from 1) of a case: ``slot_key("Q12", 3) ==
"Q12#3"``. Answers, keys and scores are kept by ``(subject, slot key)``. An answer is the list of chosen
**option ids** (the bank's own, not the letters shown: letters follow the order on this candidate's paper).
Order of units and options in ``Paper`` is final, with anchored options already in place.

**Numbers.** Marks are ``Decimal`` and travel as strings. Moments (``at``) are whole milliseconds since 1970
UTC, for the record only. ``tick`` is milliseconds of the engine's own clock, which alone decides deadlines
(see ``state``).

**Secrets.** A ``Paper`` never holds a right answer; ``Key`` does, and lives only in ``Bundle.keys``. ID
numbers never travel: ``id_masked`` is for the eye, ``id_hash`` (HMAC-SM3 under the platform's index key) for
equality.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal

BUNDLE_FORMAT = 1
RETURN_FORMAT = 1

Kind: TypeAlias = Literal["single", "multiple", "true_false", "case"]
ChildKind: TypeAlias = Literal["single", "multiple", "true_false"]
ScoreRule: TypeAlias = Literal["all_or_nothing", "half_per_right", "proportional"]
SubmitKind: TypeAlias = Literal["hand", "auto", "forced"]
State: TypeAlias = Literal["not_admitted", "admitted", "running", "paused", "submitted", "voided"]

Answers: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""subject → slot key → chosen option ids."""


def slot_key(item_uid: str, child_no: int = 0) -> str:
    """The key of an answer: ``uid``, or ``uid#n`` for child ``n`` of a case."""
    return f"{item_uid}#{child_no}" if child_no else item_uid


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything that travels."""


# --- papers -----------------------------------------------------------------------------------------------


class Option(_Frozen, frozen=True, kw_only=True):
    """One thing to choose. ``id`` is the bank's and stays the same however options are shuffled."""

    id: str
    text: str


class Child(_Frozen, frozen=True, kw_only=True):
    """One question of a case (综合题), numbered from 1."""

    no: int
    kind: ChildKind
    stem: str
    options: tuple[Option, ...]
    marks: Decimal


class Unit(_Frozen, frozen=True, kw_only=True):
    """One item as this candidate sees it. ``marks`` of a case is the sum of its children's."""

    item_uid: str
    version: int
    kind: Kind
    stem: str
    marks: Decimal
    options: tuple[Option, ...] = ()
    children: tuple[Child, ...] = ()


class Section(_Frozen, frozen=True, kw_only=True):
    """A run of ``count`` units of one kind; sections cover ``Paper.units`` in order. ``marks_each`` is by
    slot, 0 if mixed."""

    kind: Kind
    title: str
    count: int
    marks_each: Decimal = Decimal(0)


class Slot(_Frozen, frozen=True, kw_only=True):
    """A thing that takes one answer: where it stands (``no`` from 1, ``unit_no`` from 1) and what may be
    chosen."""

    key: str
    no: int
    unit_no: int
    kind: ChildKind
    option_ids: tuple[str, ...]
    marks: Decimal


class Paper(_Frozen, frozen=True, kw_only=True):
    """One candidate's paper in one subject: no keys. ``digest`` covers all else (see ``signed_off``)."""

    paper_id: str
    candidate_id: str
    subject: str
    title: str
    seed: str
    algorithm: str
    bank_version: str
    sections: tuple[Section, ...]
    units: tuple[Unit, ...]
    full_mark: Decimal
    digest: str = ""

    def slots(self) -> Iterator[Slot]:
        """Everything that takes an answer, in the order of the paper."""
        no = 0
        for unit_no, unit in enumerate(self.units, 1):
            if unit.kind == "case":
                for child in unit.children:
                    no += 1
                    yield Slot(
                        key=slot_key(unit.item_uid, child.no),
                        no=no,
                        unit_no=unit_no,
                        kind=child.kind,
                        option_ids=tuple(option.id for option in child.options),
                        marks=child.marks,
                    )
            else:
                no += 1
                yield Slot(
                    key=unit.item_uid,
                    no=no,
                    unit_no=unit_no,
                    kind=unit.kind,
                    option_ids=tuple(option.id for option in unit.options),
                    marks=unit.marks,
                )


class Key(_Frozen, frozen=True, kw_only=True):
    """The right answer of one slot. Several right ids in a ``multiple``; exactly one in the other kinds."""

    right: tuple[str, ...]
    rule: ScoreRule = "all_or_nothing"


class Rules(_Frozen, frozen=True, kw_only=True):
    """The rule's numbers for one batch (细则三), from the centre's rulebook. Marks are per subject."""

    rule_set: str = ""
    minutes: int = 120
    subjects: tuple[str, ...] = ("general", "professional")
    order: Literal["sequence", "free"] = "sequence"
    full_mark: Decimal = Decimal(100)
    pass_mark: Decimal = Decimal(60)
    min_minutes_before_hand_in: int = 0
    late_entry_minutes: int = 30
    grace_seconds: int = 30
    carry_over: bool = False
    """False: a pass counts for this sitting only (三(四)), so each candidate has a paper in every subject."""


# --- the bundle -------------------------------------------------------------------------------------------


class Party(_Frozen, frozen=True, kw_only=True):
    """An organisation or a hall, by id and name."""

    id: str
    name: str


class Room(_Frozen, frozen=True, kw_only=True):
    id: str
    name: str
    seats: int = 0


class Session(_Frozen, frozen=True, kw_only=True):
    """One sitting time of a batch (场次). ``starts_at`` and ``ends_at`` are milliseconds since 1970 UTC, as
    planned."""

    id: str
    starts_at: int
    ends_at: int
    title: str = ""


class Candidate(_Frozen, frozen=True, kw_only=True):
    """Who sits where, with which papers. ``photo`` names a JPEG in ``Bundle.photos`` ("" if none)."""

    candidate_id: str
    slip_no: str
    name: str
    id_masked: str
    id_hash: str
    post_code: str
    post_name: str
    room_id: str
    seat_no: str
    session_id: str
    papers: dict[str, Paper]
    photo: str = ""
    extra_seconds: int = 0


class Bundle(_Frozen, frozen=True, kw_only=True):
    """Everything a hall needs to hold the sessions of one batch with its uplink cut. Fill the last two by
    ``complete``."""

    bundle_id: str
    batch_no: str
    institution: Party
    hall: Party
    sessions: tuple[Session, ...]
    rooms: tuple[Room, ...]
    rules: Rules
    candidates: tuple[Candidate, ...]
    keys: dict[str, Key]
    created_at: int
    photos: dict[str, bytes] = {}
    notice: str = ""
    format: int = BUNDLE_FORMAT
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}


class FormatError(Refusal):
    """A paper, bundle or return that contradicts itself."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail, status=422)


def signed_off(paper: Paper) -> Paper:
    """``paper`` with its digest filled in."""
    return msgspec.structs.replace(paper, digest=paper_digest(paper))


def paper_digest(paper: Paper) -> str:
    return digest(msgspec.structs.replace(paper, digest=""))


def digest(value: object) -> str:
    """SM3 over the value's MessagePack with sorted keys; fields at their default do not count."""
    return sm3(_canonical.encode(value))


def bundle_counts(bundle: Bundle) -> dict[str, int]:
    return {
        "candidates": len(bundle.candidates),
        "papers": sum(len(candidate.papers) for candidate in bundle.candidates),
        "keys": len(bundle.keys),
        "photos": len(bundle.photos),
        "rooms": len(bundle.rooms),
        "sessions": len(bundle.sessions),
    }


def bundle_digests(bundle: Bundle) -> dict[str, str]:
    """One digest a part, so that a difference names its part. Papers are covered by their own digests."""
    people = [msgspec.structs.replace(candidate, papers={}) for candidate in bundle.candidates]
    papers = {
        f"{candidate.candidate_id}/{subject}": paper_digest(paper)
        for candidate in bundle.candidates
        for subject, paper in candidate.papers.items()
    }
    return {
        "candidates": digest(people),
        "papers": digest(papers),
        "keys": digest(bundle.keys),
        "photos": digest(bundle.photos),
        "rules": digest(bundle.rules),
        "plan": digest([bundle.sessions, bundle.rooms, bundle.institution, bundle.hall]),
    }


def complete(bundle: Bundle) -> Bundle:
    """``bundle`` with papers signed off, counts and digests filled in, checked (raises ``FormatError``)."""
    people = tuple(
        msgspec.structs.replace(
            candidate, papers={subject: signed_off(paper) for subject, paper in candidate.papers.items()}
        )
        for candidate in bundle.candidates
    )
    bundle = msgspec.structs.replace(bundle, candidates=people)
    bundle = msgspec.structs.replace(bundle, counts=bundle_counts(bundle), digests=bundle_digests(bundle))
    check_bundle(bundle)
    return bundle


def check_paper(paper: Paper, keys: Mapping[str, Key], *, full_mark: Decimal) -> None:
    """Raise ``FormatError`` unless the paper is one that can be sat and scored (R035, R036, R041).

    Marks add up to ``full_mark`` exactly; every slot is one of the three objective kinds, has at least two
    different options and a key among them (one right for ``single`` and ``true_false``, two or more and a
    wrong one for ``multiple``).
    """
    where = f"{paper.candidate_id}/{paper.subject}"
    if paper.full_mark != full_mark:
        raise FormatError(
            "paper_full_mark", f"{where}: full mark {paper.full_mark}, the rules say {full_mark}"
        )
    if sum(section.count for section in paper.sections) != len(paper.units):
        raise FormatError("paper_sections", f"{where}: sections do not cover the units")
    kinds = [section.kind for section in paper.sections for _ in range(section.count)]
    if kinds != [unit.kind for unit in paper.units]:
        raise FormatError("paper_sections", f"{where}: a unit stands in a section of another kind")
    for unit in paper.units:
        if unit.kind == "case":
            if len(unit.children) < 2 or unit.options:
                raise FormatError(
                    "paper_case", f"{where}: {unit.item_uid} needs two or more children and no options"
                )
            if [child.no for child in unit.children] != list(range(1, len(unit.children) + 1)):
                raise FormatError("paper_case", f"{where}: {unit.item_uid} has children out of order")
            if sum((child.marks for child in unit.children), Decimal(0)) != unit.marks:
                raise FormatError("paper_case", f"{where}: {unit.item_uid} is not the sum of its children")
        elif unit.children:
            raise FormatError("paper_case", f"{where}: {unit.item_uid} is no case but has children")
    total, seen = Decimal(0), set()
    for slot in paper.slots():
        total += slot.marks
        if slot.key in seen:
            raise FormatError("paper_repeats", f"{where}: {slot.key} stands twice")
        seen.add(slot.key)
        _check_slot(where, slot, keys.get(slot.key))
    if total != full_mark:
        raise FormatError("paper_sum", f"{where}: marks add up to {total}, not {full_mark}")


def _check_slot(where: str, slot: Slot, key: Key | None) -> None:
    options = set(slot.option_ids)
    if slot.marks <= 0:
        raise FormatError("paper_marks", f"{where}: {slot.key} is worth {slot.marks}")
    if len(options) != len(slot.option_ids) or len(options) < 2:
        raise FormatError("paper_options", f"{where}: {slot.key} needs two or more different options")
    if key is None:
        raise FormatError("key_missing", f"{where}: {slot.key} has no key")
    right = set(key.right)
    if not right or len(right) != len(key.right) or not right <= options:
        raise FormatError("key_options", f"{where}: the key of {slot.key} is not among its options")
    if slot.kind == "multiple":
        good = 2 <= len(right) < len(options)
    else:
        good = len(right) == 1 and (slot.kind != "true_false" or len(options) == 2)
    if not good:
        raise FormatError("key_kind", f"{where}: {slot.key} is no proper {slot.kind}")


def check_bundle(bundle: Bundle) -> None:
    """Raise ``FormatError`` unless the bundle agrees with its own counts and digests and can be sat and
    scored."""
    if bundle.format != BUNDLE_FORMAT:
        raise FormatError(
            "version_unknown", f"bundle format {bundle.format}, this program reads {BUNDLE_FORMAT}"
        )
    if bundle.counts != bundle_counts(bundle):
        raise FormatError("counts_differ", "the bundle's counts are not those of its content")
    if bundle.digests != bundle_digests(bundle):
        raise FormatError("digests_differ", "the bundle's digests are not those of its content")
    rooms, sessions = {room.id for room in bundle.rooms}, {session.id for session in bundle.sessions}
    for name in ("candidate_id", "slip_no"):
        values = [getattr(candidate, name) for candidate in bundle.candidates]
        if len(set(values)) != len(values):
            raise FormatError("candidate_repeats", f"two candidates have the same {name}")
    seats: set[tuple[str, str, str]] = set()
    for candidate in bundle.candidates:
        if candidate.room_id not in rooms or candidate.session_id not in sessions:
            raise FormatError("candidate_place", f"{candidate.slip_no}: unknown room or session")
        seat = (candidate.session_id, candidate.room_id, candidate.seat_no)
        if seat in seats:
            raise FormatError("candidate_place", f"{candidate.slip_no}: the seat is taken")
        seats.add(seat)
        if candidate.photo and candidate.photo not in bundle.photos:
            raise FormatError("photo_missing", f"{candidate.slip_no}: the photo is not in the bundle")
        allowed, got = set(bundle.rules.subjects), set(candidate.papers)
        if not got or not got <= allowed or (got != allowed and not bundle.rules.carry_over):
            raise FormatError(
                "candidate_papers", f"{candidate.slip_no}: papers {sorted(got)}, need {sorted(allowed)}"
            )
        for subject, paper in candidate.papers.items():
            if paper.subject != subject or paper.candidate_id != candidate.candidate_id:
                raise FormatError(
                    "candidate_papers", f"{candidate.slip_no}: a paper of another person or subject"
                )
            if paper.digest != paper_digest(paper):
                raise FormatError(
                    "digests_differ", f"{candidate.slip_no}: paper {subject} is not what it was"
                )
            check_paper(paper, bundle.keys, full_mark=bundle.rules.full_mark)


# --- scores -----------------------------------------------------------------------------------------------


class SlotScore(_Frozen, frozen=True, kw_only=True):
    """One slot: what was chosen, what it earned of how much."""

    key: str
    chosen: tuple[str, ...]
    marks: Decimal
    full: Decimal


class SubjectScore(_Frozen, frozen=True, kw_only=True):
    """One subject. ``per_unit`` has one entry a slot, in the order of the paper."""

    marks: Decimal
    full: Decimal
    passed: bool
    per_unit: tuple[SlotScore, ...] = ()


class SittingScore(_Frozen, frozen=True, kw_only=True):
    """Both subjects together; ``passed`` only if every subject is passed (R042), never by the sum."""

    subjects: dict[str, SubjectScore]
    passed: bool


# --- the journal ------------------------------------------------------------------------------------------


class Event(_Frozen, frozen=True, kw_only=True, tag_field="type"):
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


class Ticked(Event, frozen=True, kw_only=True, tag="ticked"):
    """The engine's clock has come this far (written every few seconds while somebody is sitting)."""


class Loaded(Event, frozen=True, kw_only=True, tag="loaded"):
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
    reason: str


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """Goes on."""


class TimeAdded(Event, frozen=True, kw_only=True, tag="time_added"):
    """Compensation or extra time, approved by a second person (R040). ``proposal``: the fault it answers, if
    any."""

    seconds: int
    reason: str
    approved_by: str
    proposal: str = ""


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


class IncidentNoted(Event, frozen=True, kw_only=True, tag="incident"):
    """Something happened in the hall; ``evidence`` are digests of stored files."""

    kind: str
    text: str
    session_id: str = ""
    room_id: str = ""
    evidence: tuple[str, ...] = ()


AnyEvent: TypeAlias = (
    EngineStarted
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
    | IncidentNoted
)


class Entry(_Frozen, frozen=True, kw_only=True):
    """An event with its place in the journal."""

    no: int
    event: AnyEvent


# --- the return -------------------------------------------------------------------------------------------


class CheckIn(_Frozen, frozen=True, kw_only=True):
    """The check-in of one candidate, as the hall's desk recorded it (R049, R050). ``photo`` is the file's
    digest."""

    candidate_id: str
    at: int
    method: str
    decision: str
    by: str
    by2: str = ""
    reason: str = ""
    score_chip: float | None = None
    score_enrol: float | None = None
    photo: str = ""


class Capture(_Frozen, frozen=True, kw_only=True):
    """A snapshot or another stored file of a sitting: where it belongs and its digest; the file travels
    beside."""

    candidate_id: str
    at: int
    kind: str
    digest: str
    size: int = 0


class SittingRecord(_Frozen, frozen=True, kw_only=True):
    """One sitting as it ended: the raw answers that the centre scores again."""

    candidate_id: str
    slip_no: str
    session_id: str
    room_id: str
    seat_no: str
    state: State
    answers: dict[str, dict[str, tuple[str, ...]]]
    papers: dict[str, str]
    """subject → digest of the paper that was shown."""
    scores: SittingScore | None = None
    started_at: int | None = None
    submitted_at: int | None = None
    shown_at: int | None = None
    submit_kind: SubmitKind | None = None
    used_ms: int = 0
    added_seconds: int = 0
    window_left: int = 0
    void_reason: str = ""


class Return(_Frozen, frozen=True, kw_only=True):
    """What a hall hands back for one bundle. ``counts`` and ``digests`` are the manifest (see
    ``complete_return``)."""

    return_id: str
    bundle_id: str
    batch_no: str
    hall_id: str
    bundle_digests: dict[str, str]
    events: tuple[Entry, ...]
    sittings: tuple[SittingRecord, ...]
    checkins: tuple[CheckIn, ...]
    captures: tuple[Capture, ...]
    incidents: tuple[IncidentNoted, ...]
    created_at: int
    closed_by: str = ""
    format: int = RETURN_FORMAT
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}


def return_counts(content: Return) -> dict[str, int]:
    states = [sitting.state for sitting in content.sittings]
    return {
        "events": len(content.events),
        "sittings": len(states),
        "submitted": states.count("submitted"),
        "voided": states.count("voided"),
        "absent": states.count("not_admitted"),
        "answers": sum(len(given) for one in content.sittings for given in one.answers.values()),
        "checkins": len(content.checkins),
        "captures": len(content.captures),
        "incidents": len(content.incidents),
    }


def return_digests(content: Return) -> dict[str, str]:
    parts = ("events", "sittings", "checkins", "captures", "incidents")
    return {part: digest(getattr(content, part)) for part in parts}


def complete_return(content: Return) -> Return:
    """``content`` with its manifest filled in."""
    return msgspec.structs.replace(content, counts=return_counts(content), digests=return_digests(content))


def check_return(content: Return) -> None:
    """Raise ``FormatError`` unless the return agrees with its own manifest."""
    if content.format != RETURN_FORMAT:
        raise FormatError(
            "version_unknown", f"return format {content.format}, this program reads {RETURN_FORMAT}"
        )
    if content.counts != return_counts(content):
        raise FormatError("counts_differ", "the return's counts are not those of its content")
    if content.digests != return_digests(content):
        raise FormatError("digests_differ", "the return's digests are not those of its content")


_canonical = msgspec.msgpack.Encoder(decimal_format="string", order="sorted")
encoder = msgspec.msgpack.Encoder(decimal_format="string")
event_decoder = msgspec.msgpack.Decoder(AnyEvent)
bundle_decoder = msgspec.msgpack.Decoder(Bundle)
return_decoder = msgspec.msgpack.Decoder(Return)
