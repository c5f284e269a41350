"""The page of one seat. What is done from there stands in ``acts``."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.hall import actions
from zhupei.hall.choices import IncidentKind
from zhupei.hall.console.drawing import minutes, tile_context
from zhupei.hall.console.watching import held, look
from zhupei.hall.models import HallBatch, Incident
from zhupei.hall.process import engine
from zhupei.hall.queries import moment, room_of, session_of
from zhupei.hall.words import told

from .acts import ACTS, faults
from .console import live_url
from .pieces import actor_of, batch_of, candidate_of, is_here

QUICK = {
    "admitted": ("warn", "allow_entry"),
    "running": ("warn", "stop_seat", "pause_seat", "allow_entry"),
    "paused": ("warn", "stop_seat", "pause_seat", "allow_entry"),
    "held": ("warn", "allow_entry"),
    "submitted": ("allow_entry",),
}
"""State of a sitting (``held``: stopped by name) → the acts that its seat's page offers as short forms."""


def _quick(batch: HallBatch, key: str, state: str) -> list[dict[str, Any]]:
    """The short forms: open, tap a usual reason, done."""
    words = {
        "warn": ("megaphone", _("Warn"), _("Shown on the candidate's page until it is read.")),
        "stop_seat": ("slash-circle", _("Stop: breach"), ACTS["stop_seat"].lead),
        "pause_seat": ("hourglass-split", _("Pause"), ACTS["pause_seat"].lead),
        "allow_entry": (
            "box-arrow-in-right",
            _("Sign in again"),
            _("The next sign-in at this seat takes the sitting over."),
        ),
    }
    found = []
    for name in QUICK.get(state, ()):
        act, (icon, label, note) = ACTS[name], words[name]
        url = reverse(f"hall:{name}", args=[batch.pk, key])
        tone = "outline-danger" if act.danger else "outline-primary"
        found.append(
            {
                "name": name, "url": url, "icon": icon, "label": label, "note": note, "tone": tone, "usual": act.usual(),
            }
        )  # fmt: skip
    return found


def _timeline(batch: HallBatch, key: str) -> list[dict[str, Any]]:
    entries = []

    def add(at: Any, who: str, what: str, why: str, tone: str, url: str = "") -> None:
        entries.append({"at": at, "who": who, "what": what, "why": why, "tone": tone, "url": url})

    for row in batch.checkins.filter(candidate_key=key):
        who = _(", ").join(name for name in (row.by_1, row.by_2) if name)
        what = _("Check-in: %(method)s, %(decision)s") % {
            "method": row.get_method_display(),
            "decision": row.get_decision_display(),
        }
        why = "\n".join(text for text in (row.reason, row.second_reason, row.late_reason) if text)
        add(row.at, who, what, why, {"accepted": "done", "refused": "problem"}.get(row.decision, "waiting"))
    for row in batch.proposals.filter(candidate_key=key):
        kind = row.get_kind_display() + (f" {minutes(row.seconds)}" if row.seconds else "")
        what = _("Proposed: %(what)s") % {"what": kind}
        add(row.proposed_at, row.proposed_by, what, row.reason, "waiting")
        if row.decided_at is not None:
            what = (_("Granted: %(what)s") if row.accepted else _("Refused: %(what)s")) % {"what": kind}
            tone = "done" if row.accepted else "void"
            add(row.decided_at, row.decided_by, what, row.decision_reason, tone)
    for row in batch.incidents.filter(candidate_key=key):
        url = reverse("hall:incident_photo", args=[row.pk]) if row.photo_id else ""
        tone = "active" if row.kind == IncidentKind.RESUMED else "problem"
        add(row.at, row.reported_by, row.get_kind_display(), row.text, tone, url)
    return sorted(entries, key=lambda entry: entry["at"])


def _paused_for(batch: HallBatch, key: str) -> Incident | None:
    """Why this one person's time was stopped by name, if it still is."""
    if key not in held(batch):
        return None
    rows: Any = batch.incidents.filter(
        candidate_key=key, kind__in=(IncidentKind.PAUSED, IncidentKind.STOPPED)
    )
    return rows.order_by("-pk").first()  # type: ignore[no-any-return]


def seat(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """One seat: how the sitting stands, what was done, what can be done."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle, candidate = candidate_of(batch, key)
    with told():
        status = engine().seat(key)
    seen = look(batch, candidate.session_id)
    tile = next(one for room in seen.rooms for one in room.tiles if one.key == key)
    proposals = list(batch.proposals.filter(candidate_key=key, decided_at=None).order_by("pk"))
    for row in proposals:
        row.candidate, row.is_own = candidate, row.proposed_by_id == actor.user_id
    live = status.state in ("admitted", "running", "paused")
    here = is_here(request, batch)
    context = {
        "batch": batch,
        "candidate": candidate,
        **tile_context(tile, seen, may_act=False),
        "url": reverse("hall:console", args=[pk, candidate.session_id, status.room_id]),
        "live_url": live_url(batch, candidate.session_id, status.room_id),
        "status": status,
        "faults": faults(candidate),
        "paused_for": _paused_for(batch, key) if status.state == "paused" else None,
        "quick": _quick(
            batch, key, "held" if status.state == "paused" and key in held(batch) else status.state
        ),
        "room": room_of(bundle, status.room_id),
        "session": session_of(bundle, candidate.session_id),
        "started_at": moment(status.started_at),
        "submitted_at": moment(status.submitted_at),
        "added": minutes(status.added_s),
        "void_reason": engine().void_reason(key),
        "proposals": proposals,
        "timeline": _timeline(batch, key),
        "may_act": here and batch.state == "open",
        "may_decide": here and actor.has(*actions.HEADS),
        "can_add": live,
        "can_move": live,
        "can_enter": live or status.state == "submitted",
        "can_force": status.state in ("running", "paused") and actor.has(*actions.HEADS),
        "can_void": live or status.state == "submitted",
        "can_check_in": status.state == "not_admitted",
    }
    return render(request, "hall/seat.html", context)
