"""The live part of the consoles as HTML: whole, or only the parts that have changed since the last time.

Page and stream share the templates. A drawing knows nothing of the person who looks but the language and whether links to
seats may be shown, so that all who watch a room share it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from zhupei.hall.choices import ActKind

from .watching import STATES, Alarm, Look, RoomLook, Tile, rows_of

TONES = {
    "not_admitted": "draft",
    "admitted": "waiting",
    "running": "active",
    "paused": "problem",
    "submitted": "done",
    "voided": "void",
}
WHOLE = "hall-map"


def state_words() -> dict[str, str]:
    """The states of a sitting, as the invigilator reads them."""
    return {
        "not_admitted": _("Not checked in"),
        "admitted": _("Checked in"),
        "running": _("Sitting"),
        "paused": _("Paused"),
        "submitted": _("Test handed in"),
        "voided": _("Voided"),
    }


def minutes(seconds: int | None) -> str:
    """Seconds as minutes and seconds: 3:05."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02d}"


@dataclass(frozen=True)
class Variant:
    """For whom a drawing is: a room (or "" for the whole hall), a language, with or without links to the seats."""

    room_id: str
    language: str
    may_act: bool


def _alarm_words(one: Alarm) -> tuple[str, str]:
    """What is the matter, and what to do about it."""
    counts = {"n": one.n, "of": one.of}
    match one.code:
        case "journal":
            return (
                _("The hall's server cannot write to its disk: nothing that is answered now is kept"),
                _("Pause the hall and call the technical head."),
            )
        case "disk":
            return (
                _("Only %(n)d MB are free on the hall's server") % counts,
                _("The technical head frees space; answers go first."),
            )
        case "not_loaded":
            return (
                _("The papers of batch %(batch)s are not loaded: nobody there can sit") % {"batch": one.who},
                _(
                    "Open that batch's page and load the bundle again; if that fails, call the technical head."
                ),
            )
        case "staff":
            return (
                _("%(n)d of %(of)d invigilators on duty") % counts,
                _("Another one signs on in this room."),
            )
        case "room_paused":
            return (
                ngettext("%(n)d person is paused", "%(n)d persons are paused", one.n) % counts,
                _("Press “Go on” when the cause is gone."),
            )
        case "entry":
            return (
                _("Nobody is signed in, and the time runs"),
                _("The candidate signs in at this computer."),
            )
        case "link_lost":
            return (_("Connection lost"), _("See to computer and cable; if it is dead, give another seat."))
        case "held":
            return (_("This person's time stands still"), _("Let go on, or propose voiding."))
        case "fault":
            return (
                _("Was cut off for %(time)s") % {"time": minutes(one.n)},
                _("Propose to give the time back."),
            )
        case "quiet":
            return (
                ngettext("Nothing answered for %(n)d minute", "Nothing answered for %(n)d minutes", one.n)
                % counts,
                _("See whether help is needed."),
            )
        case "ending":
            return (
                _("%(n)d of %(of)d items unanswered, little time left") % counts,
                _("Tell the candidate the time."),
            )
        case "windows":
            return (
                ngettext("Left the exam page %(n)d time", "Left the exam page %(n)d times", one.n) % counts,
                _("Watch the screen; warn if needed."),
            )
    kind = one.code.removeprefix("proposed_")
    what = f"{ActKind(kind).label}" + (f" {minutes(one.n)}" if one.n else "")
    return (
        _("%(what)s: proposed by %(who)s") % {"what": what, "who": one.who},
        _("The technical head or the exam officer decides."),
    )


def _alarm(one: Alarm, look: Look, variant: Variant) -> dict[str, Any]:
    what, todo = _alarm_words(one)
    batch, url = look.batch_pk, ""
    if variant.may_act:
        if one.code == "not_loaded":
            url = reverse("hall:batch", args=[one.row])
        elif one.row:
            url = reverse("hall:decide", args=[one.row])
        elif one.code == "fault":
            url = reverse("hall:propose", args=[batch, one.key, ActKind.ADD_TIME])
        elif one.key:
            url = reverse("hall:seat", args=[batch, one.key])
    if not url and one.room_id and not variant.room_id:
        url = reverse("hall:console", args=[batch, look.session_id, one.room_id])
    since = None if one.since is None else max(round(look.moment - one.since), 0)
    return {
        "one": one,
        "what": what,
        "todo": todo,
        "url": url,
        "since": since,
        "clock": minutes(since),
        "tone": {3: "problem", 2: "waiting"}.get(one.level, "neutral"),
        "icon": {3: "exclamation-triangle", 2: "hourglass-split"}.get(one.level, "info-circle"),
        "where": "" if variant.room_id else one.room,
    }


def alarms_context(look: Look, variant: Variant) -> dict[str, Any]:
    """For ``hall/_alarms.html``."""
    alarms = _alarms(look, variant)
    return {"alarms": [_alarm(one, look, variant) for one in alarms]}


def _alarms(look: Look, variant: Variant) -> tuple[Alarm, ...]:
    return tuple(one for one in look.alarms if not variant.room_id or one.room_id in ("", variant.room_id))


def tile_context(tile: Tile, look: Look, may_act: bool) -> dict[str, Any]:
    """For ``hall/_tile.html``."""
    left, saved = tile.left_at(look.moment), tile.saved_ago(look.moment)
    return {
        "tile": tile,
        "word": state_words()[tile.state],
        "tone": TONES[tile.state],
        "left": left,
        "left_clock": minutes(left),
        "ago": saved,
        "ago_clock": minutes(saved),
        "link": {"late": _("silent"), "lost": _("connection lost")}.get(tile.link, ""),
        "url": reverse("hall:seat", args=[look.batch_pk, tile.key]) if may_act else "",
    }


def _rooms(look: Look, variant: Variant) -> tuple[RoomLook, ...]:
    return tuple(one for one in look.rooms if variant.room_id in ("", one.id))


def sum_context(look: Look, variant: Variant) -> dict[str, Any]:
    """For ``hall/_sum.html``: states counted, invigilators, answers given, and what the buttons hang on."""
    rooms, words = _rooms(look, variant), state_words()
    tiles = [tile for room in rooms for tile in room.tiles if tile.sits or tile.state == "submitted"]
    counts = [(words[state], sum(room.count(state) for room in rooms), TONES[state]) for state in STATES]
    running = sum(room.count("running") for room in rooms)
    paused = sum(room.count("paused") for room in rooms)
    waiting = any(tile.state == "paused" and not tile.held for room in rooms for tile in room.tiles)
    return {
        "counts": [one for one in counts if one[1]],
        "bars": _bars(counts),
        "given": sum(tile.given for tile in tiles),
        "total": sum(tile.total for tile in tiles),
        "there": sum(len(room.staff) for room in rooms),
        "needed": sum(room.needed for room in rooms),
        "names": [name for room in rooms for name in room.staff] if variant.room_id else [],
        "open": sum(room.is_open for room in rooms),
        "rooms": len(rooms),
        "flags": " ".join(
            name
            for name, on in (
                ("closed", any(not room.is_open for room in rooms)),
                ("open", any(room.is_open for room in rooms)),
                ("running", running),
                ("paused", waiting),
                ("sitting", running + paused),
                ("done", any(room.count("submitted") for room in rooms)),
            )
            if on
        ),
        "urgent": sum(one.level == 3 for one in _alarms(look, variant)),
    }


def _bars(counts: list[tuple[str, int, str]]) -> list[tuple[int, int, str]]:
    """The states as one bar of width 1000: start, width, tone."""
    whole, at, bars = sum(n for _word, n, _tone in counts) or 1, 0, []
    for _word, n, tone in counts:
        if n:
            bars.append((1000 * at // whole, 1000 * (at + n) // whole - 1000 * at // whole, tone))
        at += n
    return bars


def room_context(room: RoomLook, look: Look) -> dict[str, Any]:
    """For ``hall/_room.html``, a card of the board."""
    variant = Variant(room.id, "", False)
    worst = max((one.level for one in room.alarms), default=0)
    left = [seconds for tile in room.tiles if (seconds := tile.left_at(look.moment)) is not None]
    return {
        **sum_context(look, variant),
        "room": room,
        "alarms_n": sum(one.level > 1 for one in room.alarms),
        "worst": worst,
        "last_left": max(left, default=None),
        "last_clock": minutes(max(left, default=None)),
        "is_running": bool(room.count("running")),
        "url": reverse("hall:console", args=[look.batch_pk, look.session_id, room.id]),
    }


def whole_context(look: Look, variant: Variant) -> dict[str, Any]:
    """For ``hall/_map.html``: everything that is live."""
    context = {**sum_context(look, variant), **alarms_context(look, variant), "board": not variant.room_id}
    if variant.room_id:
        room = look.room(variant.room_id)
        rows = rows_of(room) if room else []
        context["rows"] = [
            [(cell, tile_context(cell.tile, look, variant.may_act) if cell.tile else None) for cell in row]
            for row in rows
        ]
    else:
        context["cards"] = [room_context(room, look) for room in look.rooms]
    return context


class Drawing:
    """What one variant has been shown. Used by one thread at a time."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self._layout: Any = None
        self._seen: dict[str, Any] = {}

    def whole(self, look: Look) -> dict[str, str]:
        """Everything anew: id of an element → its content."""
        with override(self.variant.language):
            return {WHOLE: str(render_to_string("hall/_live.html", whole_context(look, self.variant)))}

    def changed(self, look: Look) -> dict[str, str]:
        """Only what is not as it was at the last call; everything when seats have come or gone."""
        rooms = _rooms(look, self.variant)
        layout = [(room.id, [(tile.key, tile.seat_no) for tile in room.tiles]) for room in rooms]
        parts = self._parts(look, rooms)
        if layout != self._layout:
            self._layout, self._seen = layout, {name: mark for name, (mark, _t, _c) in parts.items()}
            return self.whole(look)
        new: dict[str, str] = {}
        with override(self.variant.language):
            for name, (mark, template, context) in parts.items():
                if self._seen.get(name) != mark:
                    self._seen[name] = mark
                    new[name] = render_to_string(template, context())
        return new

    def _parts(self, look: Look, rooms: tuple[RoomLook, ...]) -> dict[str, tuple[Any, str, Any]]:
        """Element → what its content hangs on, template, context."""
        variant = self.variant
        sums = [
            (one.counts, [tile.held for tile in one.tiles], one.staff, one.needed, one.is_open)
            for one in rooms
        ]
        alarms = _alarms(look, variant)
        given = sum(tile.given for room in rooms for tile in room.tiles)
        parts: dict[str, tuple[Any, str, Any]] = {
            "hall-sum": (
                (sums, given, sum(one.level == 3 for one in alarms)),
                "hall/_sum.html",
                lambda: sum_context(look, variant),
            ),
            "hall-alarms": (alarms, "hall/_alarms.html", lambda: alarms_context(look, variant)),
        }
        for room in rooms:
            if variant.room_id:
                for tile in room.tiles:
                    parts[f"seat-{tile.key}"] = (
                        tile,
                        "hall/_tile.html",
                        lambda tile=tile: tile_context(tile, look, variant.may_act),
                    )
            else:
                plain = replace(room, tiles=tuple(replace(tile, saved=None) for tile in room.tiles))
                parts[f"room-{room.id}"] = (
                    plain,
                    "hall/_room.html",
                    lambda room=room: room_context(room, look),
                )
        return parts
