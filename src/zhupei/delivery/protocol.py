"""The protocol of a test, read out of a hall's return: what the staff did and what happened, in order. Pure.

What candidates do (answers, marks for later, sign-ins) is not in it, nor the clock's own ticks, nor what befell the server
before the batch came to it.
"""

from __future__ import annotations

from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.base import Frozen
from zhupei.delivery.formats.events import AnyEvent
from zhupei.delivery.formats.returns import CheckIn, Return

MAX_LINES = 2_000
NOTED_MS = 5_000  # how long after a restart papers may take to load without a line of their own


class ProtocolLine(Frozen, frozen=True, kw_only=True):
    """One thing that was done. ``at``: milliseconds since 1970 UTC by the hall's clock; ``who``: one or two names, or none for
    the program; ``detail``: seconds, places or an incident's kind, by ``what``; ``photos``: digests."""

    at: int
    what: str
    candidate_id: str = ""
    who: tuple[str, ...] = ()
    why: str = ""
    detail: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()


def protocol(content: Return, *, most: int = MAX_LINES) -> tuple[list[ProtocolLine], int]:
    """The lines in the order of the journal, check-ins among them by their time, at most ``most``; and the count of all."""
    checks = sorted(
        (_of_check_in(one) for one in content.checkins if one.by2 or one.decision != "accepted"),
        key=lambda line: line.at,
    )
    lines: list[ProtocolLine] = []
    at = 0
    is_begun = False
    away: int | None = None  # the tick of a restart after which the papers are still to be loaded
    for entry in content.events:
        event = entry.event
        is_begun = is_begun or not isinstance(event, ev.EngineStarted | ev.Stalled | ev.Ticked)
        line = _of_event(event) if is_begun else None
        if isinstance(event, ev.EngineStarted) and is_begun and away is None:
            away = event.tick
        elif isinstance(event, ev.Loaded) and away is not None:
            if event.tick - away >= NOTED_MS:
                line = ProtocolLine(
                    at=event.at, what="papers_awaited", detail=(str((event.tick - away) // 1000),)
                )
            away = None
        if line is None:
            continue
        while at < len(checks) and checks[at].at <= line.at:
            lines.append(checks[at])
            at += 1
        lines.append(line)
    lines += checks[at:]
    return lines[:most], len(lines)


def _of_check_in(one: CheckIn) -> ProtocolLine:
    return ProtocolLine(
        at=one.at,
        what="check_in" if one.decision == "accepted" else "turned_away",
        candidate_id=one.candidate_id,
        who=_names(one.by, one.by2),
        why=one.reason,
        photos=(one.photo,) if one.photo else (),
    )


def _names(*names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name.strip())


def _of_event(event: AnyEvent) -> ProtocolLine | None:
    def line(
        what: str, why: str = "", *detail: object, second: str = "", photos: tuple[str, ...] = ()
    ) -> ProtocolLine:
        return ProtocolLine(
            at=event.at,
            what=what,
            candidate_id=event.candidate_id,
            who=_names(event.by, second),
            why=why,
            detail=tuple(map(str, detail)),
            photos=photos,
        )

    match event:
        case ev.EngineStarted():
            return line("engine_started", "", event.down_ms // 1000)
        case ev.Stalled():
            return line("engine_stalled", "", event.down_ms // 1000)
        case ev.Opened():
            return line("opened", "", event.room_id)
        case ev.Admitted() if event.late_reason:
            return line("admitted_late", event.late_reason)
        case ev.EntryAllowed():
            return line("entry_allowed", event.reason)
        case ev.Paused():
            return line("paused", event.reason, event.room_id)
        case ev.Resumed():
            return line("resumed", "", event.room_id)
        case ev.TimeAdded():
            return line("time_added", event.reason, event.seconds, second=event.approved_by)
        case ev.SeatMoved():
            places = (event.from_room_id, event.from_seat_no, event.room_id, event.seat_no)
            return line("seat_moved", event.reason, *places)
        case ev.Warned():
            return line("warned", event.text)
        case ev.Submitted() if event.kind != "hand":
            return line(event.kind, event.reason)
        case ev.Voided():
            return line("voided", event.reason, second=event.by2)
        case ev.IncidentNoted():
            return line("incident", event.text, event.kind, event.room_id, photos=event.evidence)
    return None
