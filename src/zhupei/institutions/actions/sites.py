"""Sites, halls and their rooms: set up by the institution, reviewed by the centre (R010, R111, R112, R163)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions import events
from zhupei.institutions.choices import SITE, RegistrationState, SiteKind, SiteState
from zhupei.institutions.models import Institution, Room, Site, SiteStep
from zhupei.institutions.queries import holders, site_problems
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.dates import add_years
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify
from zhupei.rulebook.api import active_divisions, parameter

EDITORS = (Role.INSTITUTION_HEAD, Role.TECHNICIAN)
EDITABLE = frozenset({SiteState.DRAFT, SiteState.RETURNED})
NO_MORE_SITES = frozenset({RegistrationState.BLOCKED, RegistrationState.CANCELLED})
FIELDS = ("name", "address", "division_code", "exam_clients", "spare_clients")


def _own(site: Site, by: Actor) -> Site:
    by.require(*EDITORS, organisation_id=site.institution.organisation_id)
    return Site.objects.select_for_update().select_related("institution").get(pk=site.pk)


def _require_editable(site: Site) -> None:
    if site.state not in EDITABLE:
        text = _(
            "An approved or handed-in site cannot be changed. Open it for changes first; it then needs a new review."
        )
        raise Conflict("wrong_state", text)


def _check(data: dict[str, Any], institution: Institution, pk: int | None) -> None:
    if not active_divisions().filter(code=data["division_code"]).exists():
        raise Refusal(
            "division_unknown",
            _("This division does not exist today. Choose another."),
            field="division_code",
        )
    if Site.objects.filter(institution=institution, name=data["name"].strip()).exclude(pk=pk or 0).exists():
        raise Refusal("site_name_taken", _("You have a site of this name already."), field="name", status=409)


def _values(data: dict[str, Any], kind: str) -> dict[str, Any]:
    clients = kind == SiteKind.HALL
    return {
        "name": data["name"].strip(),
        "address": data["address"].strip(),
        "division_code": data["division_code"],
        "exam_clients": int(data.get("exam_clients") or 0) if clients else 0,
        "spare_clients": int(data.get("spare_clients") or 0) if clients else 0,
    }


@transaction.atomic
def add_site(institution: Institution, data: dict[str, Any], *, by: Actor) -> Site:
    """Set up a teaching site or an exam hall. ``data``: kind, name, address, division_code; halls also exam_clients and
    spare_clients."""
    by.require(*EDITORS, organisation_id=institution.organisation_id)
    if institution.state in NO_MORE_SITES:
        raise Conflict("wrong_state", _("The registration is hidden or cancelled; no site can be added."))
    _check(data, institution, None)
    site = Site.objects.create(institution=institution, kind=data["kind"], **_values(data, data["kind"]))
    after = {
        "kind": site.kind,
        "name": site.name,
        "exam_clients": site.exam_clients,
        "spare_clients": site.spare_clients,
    }
    record(events.SITE_ADDED, by=by, on=site, organisation_id=institution.organisation_id, after=after)
    return site


@transaction.atomic
def edit_site(site: Site, data: dict[str, Any], *, by: Actor) -> Site:
    """Change a site before it is handed in or after a return."""
    site = _own(site, by)
    _require_editable(site)
    _check(data, site.institution, site.pk)
    before = {name: getattr(site, name) for name in FIELDS}
    for name, value in _values(data, site.kind).items():
        setattr(site, name, value)
    site.save(update_fields=list(FIELDS))
    after = {name: getattr(site, name) for name in FIELDS}
    record(
        events.SITE_EDITED,
        by=by,
        on=site,
        organisation_id=site.institution.organisation_id,
        before=before,
        after=after,
    )
    return site


def _move(site: Site, verb: str, code: str, opinion: str, *, by: Actor, **changes: Any) -> Site:
    before = site.state
    site.state = SITE.after(site.state, verb)
    for name, value in changes.items():
        setattr(site, name, value)
    site.save(update_fields=["state", *changes])
    SiteStep.objects.create(
        site=site,
        verb=verb,
        state=site.state,
        unit=by.organisation_name,
        person=by.name,
        opinion=opinion.strip(),
        at=clock.now(),
    )
    record(
        code,
        by=by,
        on=site,
        organisation_id=site.institution.organisation_id,
        before={"state": before},
        after={"state": site.state, **changes},
        reason=opinion.strip(),
    )
    return site


def _tell_owner(site: Site, title: str, text: str = "") -> None:
    users = holders(*EDITORS, organisation_id=site.institution.organisation_id)
    notify(
        users,
        kind="institutions",
        title=title % {"site": site.name},
        text=text,
        url=reverse("institutions:site", args=[site.pk]),
    )


@transaction.atomic
def submit_site(site: Site, *, by: Actor) -> Site:
    """Hand a site in for the centre's review (R111). Raises ``Refusal`` while rooms, computers or spares are short."""
    site = _own(site, by)
    SITE.after(site.state, "submit")
    if site.institution.state in NO_MORE_SITES:
        raise Conflict("wrong_state", _("The registration is hidden or cancelled; no site can be handed in."))
    problems = site_problems(site)
    if problems:
        raise Refusal(
            problems[0].code, "\n".join(str(p.message) for p in problems), clause=problems[0].clause
        )
    site = _move(site, "submit", events.SITE_SUBMITTED, "", by=by, submitted_at=clock.now())
    title = _("%(site)s of %(institution)s waits for review") % {
        "site": site.name,
        "institution": site.institution.full_name,
    }
    url = reverse("institutions:site", args=[site.pk])
    notify(holders(Role.CENTRE_OFFICER), kind="institutions", title=title, url=url)
    return site


@transaction.atomic
def approve_site(site: Site, note: str = "", *, by: Actor) -> Site:
    """The centre approves a site (R112, R163); the approval holds for ``site_valid_years``."""
    by.require(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
    site = Site.objects.select_for_update().select_related("institution").get(pk=site.pk)
    SITE.after(site.state, "approve")
    problems = site_problems(site)  # a parameter may have changed since it was handed in
    if problems:
        raise Refusal(
            problems[0].code, "\n".join(str(p.message) for p in problems), clause=problems[0].clause
        )
    today = clock.today()
    valid_to = add_years(today, int(parameter("site_valid_years")))
    site = _move(site, "approve", events.SITE_APPROVED, note, by=by, approved_on=today, valid_to=valid_to)
    _tell_owner(site, _("%(site)s is approved and may be used"), note)
    return site


@transaction.atomic
def return_site(site: Site, opinion: str, *, by: Actor) -> Site:
    """The centre gives a site back to be put right, with what is wrong."""
    by.require(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
    site = Site.objects.select_for_update().select_related("institution").get(pk=site.pk)
    SITE.after(site.state, "return")
    if len(opinion.strip()) < 2:
        text = _("Say what is to be put right: the institution reads it and it stays on record.")
        raise Refusal("opinion_missing", text, field="opinion")
    site = _move(site, "return", events.SITE_RETURNED, opinion, by=by)
    _tell_owner(site, _("%(site)s is to be put right"), opinion)
    return site


@transaction.atomic
def revise_site(site: Site, reason: str, *, by: Actor) -> Site:
    """Open an approved site for changes (R010). The approval ends at once; the changed site needs a new review."""
    site = _own(site, by)
    SITE.after(site.state, "revise")
    return _move(site, "revise", events.SITE_REVISED, reason, by=by, approved_on=None, valid_to=None)


@transaction.atomic
def close_site(site: Site, reason: str, *, by: Actor) -> Site:
    """Give a site up for good."""
    site = _own(site, by)
    SITE.after(site.state, "close")
    return _move(site, "close", events.SITE_CLOSED, reason, by=by)


def _check_room(data: dict[str, Any], site: Site, pk: int | None) -> None:
    if int(data["seats"]) < 1:
        raise Refusal("no_seats", _("A room has at least one seat."), clause="二（一）1", field="seats")
    if Room.objects.filter(site=site, name=data["name"].strip()).exclude(pk=pk or 0).exists():
        raise Refusal(
            "room_name_taken", _("This site has a room of this name already."), field="name", status=409
        )


@transaction.atomic
def add_room(site: Site, data: dict[str, Any], *, by: Actor) -> Room:
    """Add a room to a site. ``data``: name, kind, seats (at least 1), area (m², may be None)."""
    site = _own(site, by)
    _require_editable(site)
    _check_room(data, site, None)
    room = Room.objects.create(
        site=site, name=data["name"].strip(), kind=data["kind"], seats=data["seats"], area=data.get("area")
    )
    after = {"kind": room.kind, "seats": room.seats}
    record(events.ROOM_ADDED, by=by, on=room, organisation_id=site.institution.organisation_id, after=after)
    return room


@transaction.atomic
def edit_room(room: Room, data: dict[str, Any], *, by: Actor) -> Room:
    """Change a room of a site that is not under review."""
    site = _own(room.site, by)
    _require_editable(site)
    _check_room(data, site, room.pk)
    before = {"name": room.name, "kind": room.kind, "seats": room.seats}
    room.name, room.kind, room.seats, room.area = (
        data["name"].strip(),
        data["kind"],
        data["seats"],
        data.get("area"),
    )
    room.save(update_fields=["name", "kind", "seats", "area"])
    after = {"name": room.name, "kind": room.kind, "seats": room.seats}
    record(
        events.ROOM_EDITED,
        by=by,
        on=room,
        organisation_id=site.institution.organisation_id,
        before=before,
        after=after,
    )
    return room


@transaction.atomic
def remove_room(room: Room, *, by: Actor) -> None:
    """Take a room out of use; what was held in it keeps pointing at it."""
    site = _own(room.site, by)
    _require_editable(site)
    room = Room.objects.select_for_update().get(pk=room.pk)
    if not room.is_active:
        raise Conflict("wrong_state")
    room.is_active = False
    room.save(update_fields=["is_active"])
    record(events.ROOM_REMOVED, by=by, on=room, organisation_id=site.institution.organisation_id)
