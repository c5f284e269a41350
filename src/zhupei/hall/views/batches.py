from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_POST

from zhupei.documents import api as documents
from zhupei.exams import api as exams
from zhupei.hall import access, actions
from zhupei.hall.choices import CheckInDecision, CheckItem, HallBatchState
from zhupei.hall.console.drawing import state_words
from zhupei.hall.forms import DayCheckForm, KeyForm, UploadForm
from zhupei.hall.models import HallBatch
from zhupei.hall.queries import (
    board_rows,
    check_in_opens,
    day_checks,
    loaded_bundle,
    missing_filings,
    moment,
    room_states,
)
from zhupei.hall.uplink.link import centre_link
from zhupei.institutions.api import Site
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import RoleName
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform

from . import transfers
from .pieces import act_on, act_page, actor_of, batch_of, batch_url, is_here, posted, with_halls

MAX_UPLOAD = 512 * 1024 * 1024


def batch_list(request: HttpRequest) -> HttpResponse:
    """Bundles that wait to be taken in, and the batches of this hall."""
    actor = actor_of(request)
    page = page_by_key(access.batches_for(actor), request)
    with_halls(page.items)
    waiting = list(access.waiting_bundles(actor)) if actor.has(*actions.BRINGERS) else []
    context = {
        "page": page,
        "waiting": waiting,
        "may_bring": actor.has(*actions.BRINGERS),
        "missing": _missing(actor.organisation_id) if actor.has(*actions.DESK) else "",
        **transfers.list_context(actor),
    }
    return render(request, "hall/batches.html", context)


def _missing(organisation_id: int | None) -> str:
    if organisation_id is None:
        return ""
    return _(", ").join(str(RoleName(role).label) for role in missing_filings(organisation_id))


@require_POST
def take_in(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Fetch the sealed bundle from the centre in this installation."""
    row = get_object_or_404(access.waiting_bundles(actor_of(request)), batch_id=pk)
    return perform(
        request,
        lambda: actions.take_in(exams.bundle_file(row.batch), by=actor_of(request)),
        success=_("The bundle is in, still sealed."),
        to=lambda batch: batch_url(batch.pk),
    )


def upload(request: HttpRequest) -> HttpResponse:
    """Take in a bundle that was carried here."""

    def act(data: dict[str, Any]) -> HallBatch:
        if data["file"].size > MAX_UPLOAD:
            raise Refusal("too_large", _("This file is too large for a bundle."), field="file")
        return actions.take_in(data["file"].read(), by=actor_of(request))

    return act_page(
        request,
        UploadForm(posted(request), request.FILES or None),
        act,
        done=_("The bundle is in, still sealed."),
        to=lambda batch: batch_url(batch.pk),
        heading=_("Bring a bundle"),
        lead=_("The file is checked by the centre's signature. It stays sealed until its key is released."),
        submit_label=_("Take it in"),
        cancel="hall:batches",
    )


def batch_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Today's batch as a checklist, its rooms, what waits, what happened."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle = loaded_bundle(batch) if batch.state in (HallBatchState.OPEN, HallBatchState.CLOSED) else None
    here = is_here(request, batch)
    out = exams.BundleOut.objects.select_related("batch").filter(bundle_id=batch.bundle_id).first()
    rooms = room_states(batch, bundle) if bundle is not None else []
    sessions: dict[str, dict[str, Any]] = {}
    for one in rooms:
        entry = sessions.setdefault(
            one.session.id,
            {
                "session": one.session,
                "starts_at": moment(one.session.starts_at),
                "ends_at": moment(one.session.ends_at),
                "check_in_opens": check_in_opens(one.session),
                "rooms": [],
                "all_open": True,
            },
        )
        entry["rooms"].append(one)
        entry["all_open"] = entry["all_open"] and one.is_open
    staff = list(batch.staff.filter(left_at=None).order_by("arrived_at", "pk"))
    names = {room.id: room.name for room in bundle.rooms} if bundle is not None else {}
    people = {one.candidate_id: one for one in bundle.candidates} if bundle is not None else {}
    for duty in staff:
        duty.room_name = names.get(str(duty.room_id_ref), "")
        duty.may_leave = here and (actor.has(*actions.HEADS) or duty.user_id_ref == actor.user_id)
    proposals = list(batch.proposals.filter(decided_at=None).order_by("pk"))
    for proposal in proposals:
        proposal.candidate = people.get(proposal.candidate_key)
        proposal.is_own = proposal.proposed_by_id == actor.user_id
    incidents = list(batch.incidents.select_related("photo").order_by("-pk")[:50])
    for incident in incidents:
        incident.candidate = people.get(incident.candidate_key)
        incident.room_name = names.get(str(incident.room_id_ref), "")
    checks = day_checks(batch)
    my_room = next((d.room_id_ref for d in staff if d.user_id_ref == actor.user_id), None)
    context = {
        "batch": batch,
        "hall": Site.objects.filter(pk=batch.site_id_ref).first(),
        "bundle": bundle,
        "sessions": list(sessions.values()),
        "staff": staff,
        "proposals": proposals,
        "incidents": incidents,
        "checks": checks,
        "checks_ok": all(row is not None and row.ok for _item, row in checks),
        "waiting_check_ins": batch.checkins.filter(decision=CheckInDecision.PENDING).count(),
        "missing": _missing(batch.organisation_id),
        "key_released": out is not None and out.released_at is not None,
        "at_centre": out is not None,
        **transfers.batch_context(batch),
        "here": here,
        "may_bring": here and actor.has(*actions.BRINGERS),
        "may_desk": here and actor.has(*actions.DESK),
        "may_decide": here and actor.has(*actions.HEADS),
        "may_close": here and actor.has(*actions.HEADS, *actions.RETURNERS),
        "may_return": here and actor.has(*actions.RETURNERS),
        "may_duty": here and actor.has(Role.INVIGILATOR),
        "my_room": str(my_room) if my_room else "",
        "not_loaded": batch.state in (HallBatchState.OPEN, HallBatchState.CLOSED) and bundle is None,
        "received": out is not None
        and out.batch.state in (exams.BatchState.RETURNED, exams.BatchState.CONFIRMED),
    }
    return render(request, "hall/batch.html", context)


@require_POST
def open_bundle(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Open the bundle with the key that the centre released; or load it again after damage."""
    act = actions.open_by_centre if centre_link() else actions.open_batch
    done = _("The bundle is open. Check-in can begin.")
    return act_on(request, access.batches_for, pk, act, done=done, to="hall:batch")


def key(request: HttpRequest, pk: int) -> HttpResponse:
    """Type the released key, in a hall that has no line."""
    batch = batch_of(request, pk)
    return act_page(
        request,
        KeyForm(posted(request)),
        lambda data: actions.open_batch(batch, key=actions.parse_key(data["key"]), by=actor_of(request)),
        done=_("The bundle is open. Check-in can begin."),
        to=batch_url(pk),
        batch=batch,
        heading=_("Open with a typed key"),
        lead=_("For a hall that has no line: the centre tells the key after two persons have released it."),
        submit_label=_("Open the bundle"),
    )


def day_check(request: HttpRequest, pk: int) -> HttpResponse:
    """The checklist before the doors open (R048)."""
    batch = batch_of(request, pk)
    found = day_checks(batch)
    initial = {"items": [str(item) for item, row in found if row is not None and row.ok]}

    def act(data: dict[str, Any]) -> None:
        results = {str(item): str(item) in data["items"] for item in CheckItem}
        actions.check_day(batch, results, note=data["note"], by=actor_of(request))

    return act_page(
        request,
        DayCheckForm(posted(request), initial=initial),
        act,
        done=_("Noted."),
        to=batch_url(pk),
        batch=batch,
        heading=_("Checklist before the test"),
        lead=_("Tick what was looked at and is in order."),
        submit_label=_("Note the result"),
    )


def close(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Close the batch: says first what will happen."""
    if request.method == "POST":
        done = _("The batch is closed. Make the return now.")
        return act_on(request, access.batches_for, pk, actions.close_batch, done=done, to="hall:batch")
    batch = batch_of(request, pk)
    rows = board_rows(batch)
    done = sum(row["state"] == "submitted" for row in rows)
    absent = sum(row["state"] == "not_admitted" for row in rows)
    void = sum(row["state"] == "voided" for row in rows)
    context = {
        "batch": batch,
        "what": _("Close batch %(batch)s in this hall") % {"batch": batch.batch_no},
        "consequences": [
            _("Nobody can be checked in, sit or be given time any more."),
            _("The answers are sealed into the return for the centre."),
        ],
        "to": [
            (_("Test handed in"), done),
            (_("Did not come"), absent),
            (_("Voided"), void),
            (_("Checked in or sitting"), len(rows) - done - absent - void),
        ],
        "confirm_label": _("Close the batch"),
    }
    return render(request, "hall/confirm.html", context)


@require_POST
def make_return(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Make the return and hand it to the centre of this installation."""
    done = _("The return is made and signed.")
    return act_on(request, access.batches_for, pk, actions.make_return, done=done, to="hall:batch")


def return_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Download the return to carry it to the centre."""
    batch = batch_of(request, pk)
    data = actions.take_return(batch, by=actor_of(request))
    return file_response(data, f"{batch.batch_no}.zpr", "application/octet-stream")


def _by_room(batch: HallBatch) -> list[dict[str, Any]]:
    rows, now_ms = board_rows(batch), int(clock.now().timestamp() * 1000)
    rooms: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        entry = rooms.setdefault(
            (row["session"], row["room"]),
            {
                "session": row["session"],
                "title": row["session_title"],
                "room": row["room"],
                "room_name": row["room_name"],
                "starts_at": moment(row["starts_at"]),
                "ends_at": moment(row["ends_at"]),
                "rows": [],
            },
        )
        entry["rows"].append(row)
    for entry in rooms.values():
        states = {row["state"] for row in entry["rows"]}
        over = batch.state != HallBatchState.OPEN or entry["rows"][0]["ends_at"] <= now_ms
        over = over or ("submitted" in states and not states & {"admitted", "running", "paused"})
        entry["rows"] = [{**row, "outcome": outcome_of(row, over=over)} for row in entry["rows"]]
    return list(rooms.values())


def _carried_note(rows: list[dict[str, Any]]) -> str:
    """What a dash beside a score means, where somebody sat one subject only."""
    if any(row["state"] == "submitted" and len(row["marks"]) == 1 for row in rows):
        return _("A dash beside a score: this subject was passed before and is not sat again.")
    return ""


def outcome_of(row: dict[str, Any], *, over: bool) -> str:
    """What a sitting came to, in a word. Nobody is called absent before the room's test is ``over``."""
    if row["state"] == "voided":
        return _("Void")
    if row["state"] == "submitted":
        return _("Passed") if row["passed"] else _("Not passed")
    if over and row["state"] in ("not_admitted", "admitted"):
        return _("Did not come")
    return state_words()[row["state"]]


def scores(request: HttpRequest, pk: int) -> HttpResponse:
    """The scores right after hand-in, room by room (R038)."""
    batch = batch_of(request, pk)
    context = {"batch": batch, "rooms": _by_room(batch)}
    return render(request, "hall/scores.html", context)


def scores_pdf(request: HttpRequest, pk: int, session: str, room: str) -> HttpResponse:
    """The score list of one room for the board."""
    batch = batch_of(request, pk)
    with override("zh-hans"):  # a paper for the board, in the language of the rule
        found = [one for one in _by_room(batch) if (one["session"], one["room"]) == (session, room)]
        if not found:
            raise Refusal("nobody_here", _("Nobody sits in this room in this session."), status=404)
        entry = found[0]
        hall = Site.objects.filter(pk=batch.site_id_ref).first()

        def mark(row: dict[str, Any], subject: str) -> Decimal | None:
            value = row["marks"].get(subject) if row["state"] == "submitted" else None
            return Decimal(value) if value is not None else None

        data = documents.render_pdf(
            documents.ScoreList(
                batch=batch.batch_no,
                hall=hall.name if hall else "",
                room=entry["room_name"],
                starts_at=entry["starts_at"] or clock.now(),
                ends_at=entry["ends_at"] or clock.now(),
                rows=tuple(
                    documents.ScoreRow(
                        seat=row["seat"],
                        slip_number=row["slip_no"],
                        name=row["name"],
                        post=row["post"],
                        general=mark(row, "general"),
                        professional=mark(row, "professional"),
                        outcome=row["outcome"],
                    )
                    for row in entry["rows"]
                ),
                note=_("Provisional until the centre has confirmed the results.")
                + _carried_note(entry["rows"]),
            )
        )
    if is_here(request, batch):
        actions.note_scores_printed(batch, entry["room_name"], by=actor_of(request))
    return file_response(data, f"{batch.batch_no} {entry['room_name']}.pdf", "application/pdf", inline=True)
