"""The protocol of a batch's test for the centre: who did what, when and why, out of the hall's signed return (I09)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from zhupei.delivery import api as delivery
from zhupei.documents import api as documents
from zhupei.exams.actions.dry_runs import open_sittings
from zhupei.exams.models import Batch
from zhupei.web.templatetags.web import shanghai

ACTS: dict[str, str | Promise] = {
    "check_in": gettext_lazy("Check-in decided by two persons"),
    "turned_away": gettext_lazy("Turned away at check-in"),
    "engine_started": gettext_lazy("The exam server was started"),
    "engine_stalled": gettext_lazy("The exam server could not serve"),
    "papers_awaited": gettext_lazy("After a restart the papers were loaded late"),
    "opened": gettext_lazy("Test opened"),
    "admitted_late": gettext_lazy("Admitted late"),
    "entry_allowed": gettext_lazy("Signing in once more allowed"),
    "paused": gettext_lazy("Paused"),
    "resumed": gettext_lazy("Went on after a pause"),
    "time_added": gettext_lazy("Extra time"),
    "seat_moved": gettext_lazy("Change of seat"),
    "warned": gettext_lazy("Warning"),
    "auto": gettext_lazy("Handed in by the clock"),
    "forced": gettext_lazy("Handed in by the staff"),
    "voided": gettext_lazy("Sitting voided"),
    "incident": gettext_lazy("Incident"),
}
INCIDENTS: dict[str, str | Promise] = {
    "impersonation": gettext_lazy("somebody sits for another"),
    "notes": gettext_lazy("notes brought in"),
    "device": gettext_lazy("telephone or other device"),
    "talking": gettext_lazy("talking, disturbance"),
    "machine": gettext_lazy("computer fault"),
    "power": gettext_lazy("power or network cut"),
    "health": gettext_lazy("illness or injury"),
    "accommodation": gettext_lazy("special need seen to"),
    "access": gettext_lazy("password of a member of staff replaced by two others"),
}
LONG_S = 600  # from here on in minutes


@dataclass(frozen=True)
class Line:
    """One line of the protocol, in words."""

    at: datetime | None
    what: str
    about: str
    who: str
    why: str
    photos: int
    tone: str


@dataclass(frozen=True)
class Protocol:
    """The lines that are shown, and how many there are in all."""

    lines: tuple[Line, ...]
    count: int


def _detail(line: delivery.ProtocolLine, rooms: dict[str, str]) -> str:
    detail = line.detail
    if line.what == "time_added":
        return _("%(minutes)s min") % {"minutes": f"{int(detail[0]) / 60:g}"}
    if line.what == "seat_moved":
        old, new = (f"{rooms.get(room, room)} {seat}" for room, seat in (detail[:2], detail[2:]))
        return f"{old} → {new}"
    if line.what == "engine_started":
        seconds = int(detail[0])
        if seconds < LONG_S:
            return _("after %(n)d s; nobody lost time") % {"n": seconds} if seconds else ""
        return _("after %(n)d min; nobody lost time") % {"n": round(seconds / 60)}
    if line.what in ("engine_stalled", "papers_awaited"):
        return _("for %(n)d s; nobody lost time") % {"n": int(detail[0])}
    if line.what == "incident":
        kind = str(INCIDENTS.get(detail[0], ""))
        return " · ".join(text for text in (kind, rooms.get(detail[1], "")) if text)
    return rooms.get(detail[0], "") if detail else ""


def _person(name: str) -> str:
    """A name of the journal, which ends in the account's number, as people read it."""
    base, mark, number = name[:100].rpartition(" #")
    if not mark or not number.isdecimal():
        return name[:100]
    return _("%(name)s (account %(number)s)") % {"name": base, "number": number}


def protocol_of(batch: Batch) -> Protocol:
    """The protocol of a batch with a return; raises ``Refusal`` if the return cannot be opened as it was signed."""
    bundle, content = open_sittings(batch)
    rooms = {room.id: room.name for room in bundle.rooms}
    people = {one.candidate_id: f"{one.slip_no} {one.name}" for one in bundle.candidates}
    lines, count = delivery.protocol(content)
    told = []
    for line in lines:
        try:
            at = datetime.fromtimestamp(line.at / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            at = None
        detail = _detail(line, rooms)
        what = str(ACTS[line.what])
        told.append(
            Line(
                at,
                f"{what} · {detail}" if detail else what,
                people.get(line.candidate_id, ""),
                _(", ").join(map(_person, line.who)),
                line.why[:500],
                len(line.photos),
                "void" if line.what in ("voided", "turned_away") else "",
            )
        )
    return Protocol(tuple(told), count)


def sheet(batch: Batch) -> documents.TableDocument:
    """The protocol on paper, in the language of the rule."""
    with override("zh-hans"):
        found = protocol_of(batch)
        columns = (
            documents.Column(title=_("Time"), width=1.3),
            documents.Column(title=_("What"), width=2.2, align="left"),
            documents.Column(title=_("Candidate"), width=1.7, align="left"),
            documents.Column(title=_("Who"), width=2.2, align="left"),
            documents.Column(title=_("Reason"), width=2.8, align="left"),
        )
        note = _("Photos: %(n)d") % {"n": sum(one.photos for one in found.lines)}
        return documents.TableDocument(
            title=_("Protocol of the test"),
            columns=columns,
            rows=tuple(
                (shanghai(one.at) if one.at else "", one.what, one.about, one.who, one.why)
                for one in found.lines
            ),
            meta=(
                (_("Batch"), str(batch)),
                (_("Exam hall"), batch.hall.name),
                (_("Lines"), str(found.count)),
                (_("Digest of the return"), batch.hall_return.digest[:32]),
            ),
            closing=(note,),
            landscape=True,
            reference=str(batch),
        )
