"""What a hall's journal holds of each candidate, for the account at the end of a rehearsal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.events import AnyEvent, event_decoder


class Record(msgspec.Struct, kw_only=True):
    """One candidate. ``answers``: subject → slot key → (sequence number, answer), the newest of each slot.

    ``submitted`` counts hand-ins. Ticks are engine time in milliseconds, -1: not yet.
    """

    candidate_id: str
    entered: int = 0
    started: int = 0
    submitted: int = 0
    kind: str = ""
    started_tick: int = -1
    submitted_tick: int = -1
    answers: dict[str, dict[str, tuple[int, tuple[str, ...]]]] = {}
    marks: dict[str, str] | None = None
    """subject → marks as text, as scored at the hand-in."""


class Life(msgspec.Struct, kw_only=True):
    """The server itself: how often it came up, and wall time between its lives in milliseconds."""

    starts: int = 0
    down_ms: int = 0


def fold(events: Iterable[AnyEvent], prefix: str = "") -> tuple[dict[str, Record], Life]:
    """Records by candidate, of those whose id begins with ``prefix``."""
    records: dict[str, Record] = {}
    life = Life()
    for event in events:
        if isinstance(event, ev.EngineStarted):
            life.starts += 1
            life.down_ms += event.down_ms
            continue
        if not event.candidate_id or not event.candidate_id.startswith(prefix):
            continue
        one = records.get(event.candidate_id)
        if one is None:
            one = records[event.candidate_id] = Record(candidate_id=event.candidate_id, answers={})
        match event:
            case ev.Saved():
                slots = one.answers.setdefault(event.subject, {})
                held = slots.get(event.key)
                if held is None or event.seq > held[0]:
                    slots[event.key] = (event.seq, event.answer)
            case ev.Entered():
                one.entered += 1
            case ev.Started():
                one.started += 1
                one.started_tick = event.tick
            case ev.Submitted():
                one.submitted += 1
                one.kind = event.kind
                one.submitted_tick = event.tick
                if event.scores is not None:
                    one.marks = {code: str(of.marks) for code, of in event.scores.subjects.items()}
            case _:
                pass
    return records, life


def events_on_disk(path: Path) -> Iterator[AnyEvent]:
    """The events of an SQLite journal, read past the server that may hold it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as base:
        for (body,) in base.execute("select body from entries order by no"):
            yield event_decoder.decode(body)
