from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from zhupei.hall import access, actions
from zhupei.hall.actions import machines as acts
from zhupei.hall.models.machines import ClientCheck, Machine, MachineRole, ServerCheck, Verdict
from zhupei.hall.models.rehearsals import Rehearsal
from zhupei.hall.queries import missing_filings
from zhupei.hall.readiness.doctor_words import POINTS as SERVER_POINTS
from zhupei.hall.readiness.findings import TONES, read, told
from zhupei.hall.readiness.forms import ExamineForm, MachineForm, RowsForm
from zhupei.hall.readiness.judging import POINTS as CLIENT_POINTS
from zhupei.hall.readiness.queries import (
    STANDINGS,
    code_of_day,
    exam_rooms,
    newest_checks,
    readiness,
    seat_order,
    standing_of,
)
from zhupei.institutions.api import Room, Site
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.organisations.api import RoleName
from zhupei.rulebook.api import parameter
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of

from .pieces import act_page, actor_of, posted

STANDING_TONES = {
    "good": "done",
    "doubtful": "waiting",
    "bad": "problem",
    "unmeasured": "neutral",
    "broken": "void",
}


def standing_words() -> dict[str, str]:
    """How a computer stands, for the seat map and the record."""
    return {
        "good": _("in order"),
        "doubtful": _("look at it"),
        "bad": _("falls short"),
        "unmeasured": _("not measured"),
        "broken": _("out of order"),
    }


def _site(request: HttpRequest, site: int) -> Site:
    row: Site = get_object_or_404(access.halls_for(actor_of(request)), pk=site)
    return row


def _room(site: Site, room: int) -> Room:
    for one in exam_rooms(site.pk):
        if one.pk == room:
            return one
    raise Refusal("room_unknown", _("This hall has no such exam room."), status=404)


def _is_here(request: HttpRequest, site: Site) -> bool:
    return actor_of(request).organisation_id == site.institution.organisation_id


def _may_edit(request: HttpRequest, site: Site) -> bool:
    return _is_here(request, site) and actor_of(request).has(*actions.BRINGERS)


def hall_list(request: HttpRequest) -> HttpResponse:
    """The exam halls that one may see."""
    page = page_by_key(access.halls_for(actor_of(request)), request)
    return render(request, "hall/machines_halls.html", {"page": page})


def _counts(standings: dict[str, int]) -> list[tuple[str, str, int]]:
    words = standing_words()
    return [(STANDING_TONES[name], words[name], standings[name]) for name in STANDINGS if standings.get(name)]


def _rehearsal(site: Site) -> Rehearsal | None:
    """The last rehearsal of this hall whose result is on the record (R117, R131)."""
    return Rehearsal.objects.filter(site_id_ref=site.pk, passed__isnull=False).order_by("-pk").first()


def hall_record(request: HttpRequest, site: int) -> HttpResponse:
    """How ready a hall is: its machines and what was measured, spares, server, rehearsal, staff (R118–R136, R146–R148)."""
    row = _site(request, site)
    ready = readiness(row)
    machines: dict[int, list[Machine]] = {}
    for one in Machine.objects.filter(site_id_ref=row.pk):
        machines.setdefault(one.room_id_ref, []).append(one)
    checks = newest_checks(row.pk)
    rooms = []
    for room in exam_rooms(row.pk):
        inside = machines.get(room.pk, [])
        standings: dict[str, int] = {}
        for one in inside:
            name = standing_of(one, checks.get((room.pk, one.seat_no)))
            standings[name] = standings.get(name, 0) + 1
        rooms.append(
            {
                "room": room,
                "machines": len(inside),
                "spare": sum(one.role == MachineRole.SPARE for one in inside),
                "without": room.seats > len(inside),
                "counts": _counts(standings),
            }
        )
    here, editor = _is_here(request, row), _may_edit(request, row)
    points = sorted(ready.points.items(), key=lambda pair: (-pair[1], pair[0]))
    context = {
        "site": row,
        "ready": ready,
        "rooms": rooms,
        "counts": _counts(ready.standings),
        "points": [(CLIENT_POINTS[code].label, n) for code, n in points if code in CLIENT_POINTS],
        "short_server": [
            told(one, SERVER_POINTS) for one in read(ready.server.findings) if one.verdict == Verdict.FAIL
        ]
        if ready.server
        else [],
        "server_tone": TONES[Verdict(ready.server.verdict)] if ready.server else "",
        "unfiled": _(", ").join(
            str(RoleName(role).label) for role in missing_filings(row.institution.organisation_id)
        ),
        "rehearsal": _rehearsal(row),
        "may_rehearse": may_open(actor_of(request), "hall:rehearsals"),
        "code": code_of_day(row.pk)
        if here and ready.machines and actor_of(request).has(*actions.DESK)
        else "",
        "address": request.build_absolute_uri("/measure/"),
        "may_renew": here and actor_of(request).has(*actions.DESK),
        "may_edit": editor,
        "lacks_machines": any(one["without"] for one in rooms),
        "rows_form": RowsForm(initial={"in_row": parameter("seats_in_row")}),
        "examine_form": ExamineForm(),
    }
    return render(request, "hall/machines_record.html", context)


@require_POST
def lay_out(request: HttpRequest, site: int) -> HttpResponseBase:
    """Enter a computer for every seat that has none."""
    row = _site(request, site)
    form = RowsForm(posted(request))
    in_row = form.cleaned_data["in_row"] if form.is_valid() else None
    count = acts.lay_out(row, in_row=in_row, by=actor_of(request))
    text = ngettext("%(n)d computer entered.", "%(n)d computers entered.", count) % {"n": count}
    messages.success(request, text)
    return redirect("hall:record", site=row.pk)


@require_POST
def renew_code(request: HttpRequest, site: int) -> HttpResponseBase:
    """Change the code of the day."""
    row = _site(request, site)
    return perform(
        request,
        lambda: acts.renew_code(row, by=actor_of(request)),
        success=_("The code is changed; the old one no longer works."),
        to=reverse("hall:record", args=[row.pk]),
    )


@require_POST
def examine(request: HttpRequest, site: int) -> HttpResponseBase:
    """Examine this server and keep the result."""
    row = _site(request, site)
    code = request.POST.get("code", "")[:20]
    return perform(
        request,
        lambda: acts.check_server(row, code=code, by=actor_of(request)),
        success=_("The server is examined; the result is on the hall's record."),
        to=lambda check: reverse("hall:server_check", args=[check.pk]),
    )


def server_check(request: HttpRequest, pk: int) -> HttpResponse:
    """What was found on the server, point by point."""
    row: ServerCheck = get_object_or_404(access.server_checks_for(actor_of(request)), pk=pk)
    findings = [told(one, SERVER_POINTS) for one in read(row.findings)]
    others = access.server_checks_for(actor_of(request)).filter(site_id_ref=row.site_id_ref).exclude(pk=pk)
    context = {
        "row": row,
        "tone": TONES[Verdict(row.verdict)],
        "site": Site.objects.filter(pk=row.site_id_ref).first(),
        "findings": findings,
        "others": [(one, TONES[Verdict(one.verdict)]) for one in others.order_by("-pk")[:10]],
    }
    return render(request, "hall/machines_server.html", context)


def room_map(request: HttpRequest, site: int, room: int) -> HttpResponse:
    """The seat map of a room, as the room stands: every computer with what was last measured of it."""
    row = _site(request, site)
    here = _room(row, room)
    machines = sorted(Machine.objects.filter(room_id_ref=here.pk), key=seat_order)
    checks = newest_checks(row.pk, here.pk)
    words, standings, notes = standing_words(), dict.fromkeys(STANDINGS, 0), []
    cells: dict[int, dict[int, dict[str, Any]]] = {}
    for one in machines:
        check = checks.get((here.pk, one.seat_no))
        name = standing_of(one, check)
        standings[name] += 1
        cell = {"machine": one, "tone": STANDING_TONES[name], "word": words[name]}
        cells.setdefault(one.row, {})[one.place] = cell
        if name == "broken":
            notes.append({**cell, "texts": [one.fault]})
        elif name in ("bad", "doubtful") and check is not None:
            findings = [told(f, CLIENT_POINTS) for f in read(check.findings) if f.verdict != Verdict.OK]
            notes.append({**cell, "texts": [f"{f['label']} {f['value']}".strip() for f in findings]})
    width = max((place for line in cells.values() for place in line), default=0)
    context = {
        "site": row,
        "room": here,
        "rows": [
            (number, [cells[number].get(place) for place in range(1, width + 1)]) for number in sorted(cells)
        ],
        "width": range(1, width + 1),
        "counts": _counts(standings),
        "notes": notes,
        "may_edit": _may_edit(request, row),
        "rows_form": RowsForm(initial={"in_row": width or parameter("seats_in_row")}),
        "others": [(one, reverse("hall:machines", args=[row.pk, one.pk])) for one in exam_rooms(row.pk)],
    }
    return render(request, "hall/machines_room.html", context)


@require_POST
def set_rows(request: HttpRequest, site: int, room: int) -> HttpResponseBase:
    """Set the computers of a room in rows anew."""
    row = _site(request, site)
    form = RowsForm(posted(request))
    in_row = form.cleaned_data["in_row"] if form.is_valid() else 0
    return perform(
        request,
        lambda: acts.set_rows(row, room, in_row, by=actor_of(request)),
        success=_("The rows are set."),
        to=reverse("hall:machines", args=[row.pk, room]),
    )


def machine(request: HttpRequest, pk: int) -> HttpResponse:
    """One computer: what was measured, and the form to change it."""
    row: Machine = get_object_or_404(access.machines_for(actor_of(request)), pk=pk)
    site = _site(request, row.site_id_ref)
    values = {
        "row": row.row,
        "place": row.place,
        "role": row.role,
        "address": row.address,
        "in_order": "yes" if row.in_order else "no",
        "fault": row.fault,
    }
    editor = _may_edit(request, site)
    if request.method == "POST" and not editor:
        raise Forbidden("role_missing")
    form = MachineForm(posted(request), instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            acts.edit_machine(row, form.entered(), by=actor_of(request))
        if outcome.ok:
            messages.success(request, _("Kept."))
            return redirect("hall:machines", site=row.site_id_ref, room=row.room_id_ref)
    checks = list(
        ClientCheck.objects.filter(
            site_id_ref=row.site_id_ref, room_id_ref=row.room_id_ref, seat_no=row.seat_no
        ).order_by("-pk")[:5]
    )
    name = standing_of(row, checks[0] if checks else None)
    context = {
        "machine": row,
        "site": site,
        "room": Room.objects.filter(pk=row.room_id_ref).first(),
        "tone": STANDING_TONES[name],
        "word": standing_words()[name],
        "check": checks[0] if checks else None,
        "findings": [told(one, CLIENT_POINTS) for one in read(checks[0].findings)] if checks else [],
        "earlier": [(one, TONES[Verdict(one.verdict)]) for one in checks[1:]],
        "form": form,
        "may_edit": editor,
    }
    return render(request, "hall/machine.html", context, status=status_of(form))


def machine_add(request: HttpRequest, site: int, room: int) -> HttpResponse:
    """Enter one computer more."""
    row = _site(request, site)
    here = _room(row, room)
    machines = sorted(Machine.objects.filter(room_id_ref=here.pk), key=seat_order)
    last = machines[-1] if machines else None
    initial = {
        "seat": int(last.seat_no) + 1 if last and last.seat_no.isdecimal() else 1,
        "role": MachineRole.SPARE,
        "row": max((one.row for one in machines), default=0) + 1,
        "place": 1,
    }
    form = MachineForm(posted(request), new=True, initial=initial)
    return act_page(
        request,
        form,
        lambda data: acts.add_machine(row, room, data["seat"], form.entered(), by=actor_of(request)),
        done=_("Entered."),
        to=reverse("hall:machines", args=[row.pk, room]),
        heading=_("Enter a computer"),
        lead=f"{row.name} · {here.name}",
        submit_label=_("Enter it"),
        cancel="hall:halls",
    )


@require_POST
def machine_remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Strike a computer off the list."""
    row: Machine = get_object_or_404(access.machines_for(actor_of(request)), pk=pk)
    return perform(
        request,
        lambda: acts.remove_machine(row, by=actor_of(request)),
        success=_("Struck off; what was measured stays on record."),
        to=reverse("hall:machines", args=[row.site_id_ref, row.room_id_ref]),
    )
