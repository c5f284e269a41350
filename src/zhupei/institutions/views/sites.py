"""Sites, halls and rooms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.institutions import access, actions, queries
from zhupei.institutions.actions.sites import EDITABLE, EDITORS
from zhupei.institutions.choices import SITE, RoomKind, SiteKind, SiteState
from zhupei.institutions.forms import OpinionForm, RoomForm, SiteFilter, SiteForm
from zhupei.institutions.models import Institution, Room, Site
from zhupei.institutions.words import timeline
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import division_names, parameter
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of


def _fetch(request: HttpRequest, pk: int) -> Site:
    return get_object_or_404(access.sites_for(request.actor), pk=pk)


def _own_institution(request: HttpRequest) -> Institution:
    institution = queries.institution_of(request.actor)
    if institution is None:
        raise Conflict(
            "no_registration", _("Your organisation has no registration as a training institution yet.")
        )
    return institution


def site_list(request: HttpRequest) -> HttpResponse:
    """Own sites, or the reviewers' queue."""
    filters = SiteFilter(request.GET)
    found = access.sites_for(request.actor)
    if filters.is_valid():
        data = filters.cleaned_data
        if data["q"]:
            text = data["q"].strip()
            found = found.filter(Q(name__icontains=text) | Q(institution__full_name__icontains=text))
        found = found.filter(**{name: data[name] for name in ("kind", "state") if data[name]})
    page, names = page_by_key(found, request), division_names()
    rows = [
        {
            "url": reverse("institutions:site", args=[row.pk]),
            "cells": [
                row.name,
                row.institution.full_name,
                row.get_kind_display(),
                names.get(row.division_code, row.division_code),
                {"at": row.valid_to} if row.valid_to else "—",
                {"state": row.state, "text": row.get_state_display()},
            ],
        }
        for row in page.items
    ]
    columns = [_("Site"), _("Institution"), _("Kind"), _("Division"), _("Approved until"), _("State")]
    context = {
        "page": page,
        "rows": rows,
        "columns": [{"label": label} for label in columns],
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "may_add": request.actor.has(*EDITORS),
        "kinds": SiteKind.choices,
    }
    return render(request, "institutions/sites.html", context)


def site(request: HttpRequest, pk: int) -> HttpResponse:
    """One site with its rooms, what is lacking, and its time line."""
    row, actor = _fetch(request, pk), request.actor
    is_editor = actor.has(*EDITORS) and actor.organisation_id == row.institution.organisation_id
    rooms = list(row.rooms.filter(is_active=True).order_by("name"))
    reviews = actor.has(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER) and row.state == SiteState.SUBMITTED
    seated = [room for room in rooms if room.kind in (RoomKind.CLASSROOM, RoomKind.EXAM_ROOM)]
    editable = is_editor and row.state in EDITABLE
    context = {
        "site": row,
        "is_hall": row.kind == SiteKind.HALL,
        "division": division_names().get(row.division_code, row.division_code),
        "rooms": rooms,
        "seats": sum(room.seats for room in seated),
        "timeline": timeline(row.steps.order_by("-at", "-pk")),
        "problems": queries.site_problems(row) if editable or reviews else [],
        "spare_needed": queries.spare_needed(row.exam_clients) if row.kind == SiteKind.HALL else 0,
        "editable": editable,
        "may_submit": editable and SITE.allows(row.state, "submit"),
        "may_revise": is_editor and SITE.allows(row.state, "revise"),
        "may_close": is_editor and SITE.allows(row.state, "close"),
        "reviews": reviews,
    }
    return render(request, "institutions/site.html", context)


def _page(request: HttpRequest, form: Any, title: Any, label: Any, back: str, **more: Any) -> HttpResponse:
    context = {"form": form, "title": title, "submit_label": label, "cancel_url": back, **more}
    return render(request, "institutions/form.html", context, status=status_of(form))


def site_add(request: HttpRequest) -> HttpResponseBase:
    institution = _own_institution(request)
    kind = request.GET.get("kind", "")
    kind = kind if kind in SiteKind.values else SiteKind.TEACHING
    form = SiteForm(request.POST or None, kind=kind)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            row = actions.add_site(institution, {**form.cleaned_data, "kind": kind}, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Added. Now add its rooms."))
            return redirect("institutions:site", pk=row.pk)
    title = _("New exam hall") if kind == SiteKind.HALL else _("New teaching site")
    return _page(request, form, title, _("Add"), reverse("institutions:sites"), lead=institution.full_name)


def site_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _fetch(request, pk)
    names = ("name", "address", "division_code", "exam_clients", "spare_clients")
    form = SiteForm(
        request.POST or None, kind=row.kind, instance_values={name: getattr(row, name) for name in names}
    )
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_site(row, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved."))
            return redirect("institutions:site", pk=pk)
    return _page(
        request, form, _("Change the site"), _("Save"), reverse("institutions:site", args=[pk]), lead=row.name
    )


@require_POST
def site_submit(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _fetch(request, pk)
    act = lambda: actions.submit_site(row, by=request.actor)  # noqa: E731
    return perform(
        request, act, success=_("Handed in. The centre reviews it next."), to="institutions:site", pk=pk
    )


def _decide(
    request: HttpRequest, pk: int, verb: str, act: Callable[..., Any], title: Any, label: Any, field: Any, success: Any,
    *, required: bool = True, danger: bool = False, consequences: tuple[Any, ...] = (),
) -> HttpResponseBase:  # fmt: skip
    row = _fetch(request, pk)
    if request.method != "POST":
        SITE.after(row.state, verb)
    form = OpinionForm(request.POST if request.method == "POST" else None, label=field, required=required)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            act(row, form.cleaned_data["opinion"], by=request.actor)
        if outcome.ok:
            messages.success(request, success)
            return redirect("institutions:site", pk=pk)
    more = {"lead": row.name, "danger": danger, "consequences": consequences, "confirm": verb == "close"}
    return _page(request, form, title, label, reverse("institutions:site", args=[pk]), **more)


def site_revise(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(
        request, pk, "revise", actions.revise_site, _("Open the site for changes"), _("Open for changes"), _("What changes"),
        _("Open for changes. Hand it in again when you are done."), danger=True,
        consequences=(
            _("The approval ends at once: no lesson and no test can be planned here."),
            _("The changed site needs a new review by the centre."),
        ),
    )  # fmt: skip


def site_close(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(
        request, pk, "close", actions.close_site, _("Give up the site"), _("Give it up"), _("Reason"), _("The site is closed."),
        danger=True, consequences=(_("The site can never be used again; what was held here stays on record."),),
    )  # fmt: skip


def site_approve(request: HttpRequest, pk: int) -> HttpResponseBase:
    years = int(parameter("site_valid_years"))
    field = _("Note on the review (the approval holds for %(years)d years)") % {"years": years}
    return _decide(
        request, pk, "approve", actions.approve_site, _("Approve the site"), _("Approve"), field, _("The site is approved."),
        required=False,
    )  # fmt: skip


def site_return(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(
        request, pk, "return", actions.return_site, _("Return the site"), _("Return"), _("What is to be put right"),
        _("Returned to the institution."),
    )  # fmt: skip


def _room(request: HttpRequest, pk: int) -> Room:
    rows = Room.objects.filter(site__in=access.sites_for(request.actor), is_active=True)
    return get_object_or_404(rows.select_related("site__institution"), pk=pk)


def room_add(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _fetch(request, pk)
    kind = RoomKind.EXAM_ROOM if row.kind == SiteKind.HALL else RoomKind.CLASSROOM
    form = RoomForm(request.POST or None, instance_values={"kind": kind})
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.add_room(row, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Room added."))
            return redirect("institutions:site", pk=pk)
    return _page(
        request,
        form,
        _("New room"),
        _("Add the room"),
        reverse("institutions:site", args=[pk]),
        lead=row.name,
    )


def room_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    room = _room(request, pk)
    values = {"name": room.name, "kind": room.kind, "seats": room.seats, "area": room.area}
    form = RoomForm(request.POST or None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_room(room, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved."))
            return redirect("institutions:site", pk=room.site_id)
    back = reverse("institutions:site", args=[room.site_id])
    return _page(request, form, _("Change the room"), _("Save"), back, lead=room.site.name)


@require_POST
def room_remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    room = _room(request, pk)
    act = lambda: actions.remove_room(room, by=request.actor)  # noqa: E731
    return perform(request, act, success=_("The room is taken out."), to="institutions:site", pk=room.site_id)
