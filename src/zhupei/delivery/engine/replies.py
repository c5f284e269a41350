"""What the engine answers: to the staff about seats and itself, to the candidate about answers, time and hand-in."""

from __future__ import annotations

import msgspec

from zhupei.delivery.formats.bundles import Bundle, Candidate
from zhupei.delivery.formats.events import State
from zhupei.delivery.formats.scores import SittingScore


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
    warnings: int = 0
    warnings_read: int = 0
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
    warning: str = ""
    """The oldest warning of an invigilator that the candidate has not read yet."""
    warning_no: int = 0
    """Which one it is, from 1: to be told to ``read_warning``."""


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a heartbeat: the server's word on state and time. ``opened``: one may start now."""

    state: State
    remaining_s: int
    remaining_ms: int
    deadline_version: int
    subject: str
    opened: bool
    warning: str = ""
    warning_no: int = 0


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
    state: State
    token: str
    carry: str
    """For the page: goes on at the other server of the hall when this one is gone (``cross``)."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the candidate's own pages may show. ``opened``: one may start in this room now; ``test_closed``: never more."""

    candidate: Candidate
    bundle: Bundle
    state: State
    room_name: str
    seat_no: str
    opened: bool
    test_closed: bool
    room_paused: bool
    subject: str
    closed: frozenset[str]
    remaining_ms: int
    deadline_version: int
    answers: dict[tuple[str, str], tuple[str, ...]]
    marked: frozenset[tuple[str, str]]
    may_hand_in_after_s: int
    receipt: Receipt
    warning: str = ""
    warning_no: int = 0


def seconds(milliseconds: int) -> int:
    """Whole seconds, rounded up: what a countdown shows."""
    return max(-(-milliseconds // 1000), 0)


def age(tick: int, then: int | None) -> int | None:
    return None if then is None else max(tick - then, 0) // 1000
