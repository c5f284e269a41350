"""The return: what a hall hands back for one bundle, with the raw answers that the centre scores again."""

from __future__ import annotations

import msgspec

from zhupei.delivery.formats.base import FormatError, Frozen, digest
from zhupei.delivery.formats.events import Entry, IncidentNoted, State, SubmitKind
from zhupei.delivery.formats.scores import SittingScore

RETURN_FORMAT = 1


class CheckIn(Frozen, frozen=True, kw_only=True):
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


class Capture(Frozen, frozen=True, kw_only=True):
    """A snapshot or another stored file of a sitting: where it belongs and its digest; the file travels
    beside."""

    candidate_id: str
    at: int
    kind: str
    digest: str
    size: int = 0


class SittingRecord(Frozen, frozen=True, kw_only=True):
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


class Return(Frozen, frozen=True, kw_only=True):
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


return_decoder = msgspec.msgpack.Decoder(Return)
