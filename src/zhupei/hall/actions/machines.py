"""The machines of a hall, what is measured of them, and of the server they use (R115, R118–R136)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.hall import events
from zhupei.hall.models.machines import ClientCheck, Machine, MachineRole, MeasuringCode, ServerCheck
from zhupei.hall.readiness.doctor import examine, host_name
from zhupei.hall.readiness.findings import stored, worst
from zhupei.hall.readiness.judging import judge
from zhupei.hall.readiness.queries import SEAT_FORM, a_test_runs, exam_rooms, is_hall, turn_of
from zhupei.institutions.api import Room, Site
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.rulebook.api import parameter

from .common import BRINGERS, DESK, who

CLAUSE = "附件3四（四）"
MAX_PLACE = 200
KEPT_CHECKS = 20
CHECK_PAUSE = timedelta(seconds=5)

_examining = threading.Lock()


def _require(site: Site, by: Actor) -> None:
    by.require(*BRINGERS, organisation_id=site.institution.organisation_id)
    if not is_hall(site):
        raise Refusal("no_hall", _("This is no exam hall."), status=404)


def _locked(site: Site) -> Site:
    return Site.objects.select_for_update(of=("self",)).select_related("institution").get(pk=site.pk)


def _room(site: Site, room_id: int) -> Room:
    for room in exam_rooms(site.pk):
        if room.pk == room_id:
            return room
    raise Refusal("room_unknown", _("This hall has no such exam room."), status=404)


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` shared out by ``weights`` in whole numbers, the largest remainders first."""
    whole = sum(weights)
    if not whole:
        return [0 for _one in weights]
    exact = [total * weight / whole for weight in weights]
    parts = [int(one) for one in exact]
    order = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


@transaction.atomic
def lay_out(site: Site, *, in_row: int | None = None, by: Actor) -> int:
    """Enter a machine for every seat of the exam rooms that has none yet, in rows of ``in_row`` (``seats_in_row``).

    As far as the rooms have more seats than the hall has exam machines, the last seats in the order in which rooms are filled
    are spare machines: a batch of as many persons as there are exam machines leaves exactly these free. The other spare machines
    stand on top of the seats, shared out by the size of the rooms, and go on counting. Returns how many were entered.
    """
    site = _locked(site)
    _require(site, by)
    width = in_row or int(parameter("seats_in_row"))
    if not 1 <= width <= MAX_PLACE:
        raise Refusal("bad_row", _("A row has between 1 and %(n)d seats.") % {"n": MAX_PLACE}, field="in_row")
    rooms = exam_rooms(site.pk)
    if not rooms:
        text = _("This hall has no exam room yet. The institution enters the rooms under “Sites and halls”.")
        raise Conflict("no_rooms", text, clause=CLAUSE)
    seats = [room.seats for room in rooms]
    within = min(max(sum(seats) - site.exam_clients, 0), site.spare_clients)
    inside = [min(max(within - sum(seats[i + 1 :]), 0), seats[i]) for i in range(len(seats))]
    on_top = shares(site.spare_clients - within, seats)
    there = Machine.objects.filter(room_id_ref__in=[room.pk for room in rooms])
    taken = set(there.values_list("room_id_ref", "seat_no"))
    places = set(there.values_list("room_id_ref", "row", "place"))
    made = []
    for room, spare_inside, spare_on_top in zip(rooms, inside, on_top, strict=True):
        for n in range(1, room.seats + spare_on_top + 1):
            if (room.pk, format(n, SEAT_FORM)) in taken:
                continue
            row, place = divmod(n - 1, width)
            while (room.pk, row + 1, place + 1) in places:  # somebody put another machine there by hand
                row += 1
            places.add((room.pk, row + 1, place + 1))
            is_spare = n > room.seats - spare_inside
            made.append(
                Machine(
                    site_id_ref=site.pk,
                    room_id_ref=room.pk,
                    seat_no=format(n, SEAT_FORM),
                    role=MachineRole.SPARE if is_spare else MachineRole.EXAM,
                    row=row + 1,
                    place=place + 1,
                )
            )
    if not made:
        raise Conflict("all_there", _("Every seat has its machine already."))
    Machine.objects.bulk_create(made, batch_size=500)
    record(
        events.MACHINES_ENTERED,
        by=by,
        on=site,
        organisation_id=site.institution.organisation_id,
        after={"machines": len(made), "spare": sum(one.role == MachineRole.SPARE for one in made)},
    )
    return len(made)


@transaction.atomic
def set_rows(site: Site, room_id: int, in_row: int, *, by: Actor) -> int:
    """Set the machines of a room in rows of ``in_row`` anew, in the order of their seats. Returns how many stand there."""
    site = _locked(site)
    _require(site, by)
    room = _room(site, room_id)
    if not 1 <= in_row <= MAX_PLACE:
        raise Refusal("bad_row", _("A row has between 1 and %(n)d seats.") % {"n": MAX_PLACE}, field="in_row")
    machines = sorted(Machine.objects.filter(room_id_ref=room.pk), key=lambda m: (len(m.seat_no), m.seat_no))
    for number, machine in enumerate(
        machines
    ):  # out of each other's way first: the database checks row by row
        machine.row, machine.place = 20_000 + number // 1000, 1 + number % 1000
    Machine.objects.bulk_update(machines, ["row", "place"], batch_size=200)
    for number, machine in enumerate(machines):
        machine.row, machine.place = number // in_row + 1, number % in_row + 1
    Machine.objects.bulk_update(machines, ["row", "place"], batch_size=200)
    record(
        events.ROWS_SET,
        by=by,
        on=room,
        organisation_id=site.institution.organisation_id,
        after={"in_row": in_row, "machines": len(machines)},
    )
    return len(machines)


@dataclass(frozen=True)
class MachineData:
    """What is entered of a machine; see ``Machine``."""

    row: int
    place: int
    role: str
    address: str = ""
    in_order: bool = True
    fault: str = ""

    def values(self) -> dict[str, Any]:
        """As columns. Raises ``Refusal``."""
        for field in ("row", "place"):
            if not 1 <= getattr(self, field) <= MAX_PLACE:
                text = _("Between 1 and %(n)d.") % {"n": MAX_PLACE}
                raise Refusal("bad_place", text, field=field)
        if self.role not in MachineRole.values:
            raise Refusal("bad_role", _("Choose one."), field="role")
        fault = self.fault.strip()[:200]
        if not self.in_order and not fault:
            raise Refusal("no_fault", _("Say what is wrong with it."), field="fault")
        return {
            "row": self.row,
            "place": self.place,
            "role": self.role,
            "address": self.address.strip()[:60],
            "in_order": self.in_order,
            "fault": "" if self.in_order else fault,
        }


def _place_free(room_id: int, row: int, place: int, *, but: int = 0) -> None:
    other = Machine.objects.filter(room_id_ref=room_id, row=row, place=place).exclude(pk=but).first()
    if other is not None:
        text = _("The computer of seat %(seat)s stands there already.") % {"seat": other.seat_no}
        raise Refusal("place_taken", text, field="place", status=409)


@transaction.atomic
def edit_machine(machine: Machine, data: MachineData, *, by: Actor) -> Machine:
    """Change where a machine stands, what it is used as, and whether it is in order. Raises ``Refusal``."""
    site = _locked(Site.objects.get(pk=machine.site_id_ref))
    _require(site, by)
    machine = Machine.objects.select_for_update().get(pk=machine.pk)
    values = data.values()
    _place_free(machine.room_id_ref, values["row"], values["place"], but=machine.pk)
    before = {name: getattr(machine, name) for name in values}
    for name, value in values.items():
        setattr(machine, name, value)
    machine.save(update_fields=list(values))
    record(
        events.MACHINE_EDITED,
        by=by,
        on=machine,
        organisation_id=site.institution.organisation_id,
        before=before,
        after=values,
        reason=values["fault"],
    )
    return machine


@transaction.atomic
def add_machine(site: Site, room_id: int, seat: int, data: MachineData, *, by: Actor) -> Machine:
    """Enter one machine more, usually a spare one; ``seat`` is its number in the room. Raises ``Refusal``."""
    site = _locked(site)
    _require(site, by)
    room = _room(site, room_id)
    values = data.values()
    if not 1 <= seat <= 9999:
        raise Refusal("bad_seat", _("Between 1 and %(n)d.") % {"n": 9999}, field="seat")
    seat_no = format(seat, SEAT_FORM)
    if Machine.objects.filter(room_id_ref=room.pk, seat_no=seat_no).exists():
        text = _("Seat %(seat)s has its machine already.") % {"seat": seat_no}
        raise Refusal("seat_taken", text, field="seat", status=409)
    _place_free(room.pk, values["row"], values["place"])
    machine = Machine.objects.create(site_id_ref=site.pk, room_id_ref=room.pk, seat_no=seat_no, **values)
    record(
        events.MACHINE_ADDED,
        by=by,
        on=machine,
        organisation_id=site.institution.organisation_id,
        after={"room": room.name, "seat": seat_no, **values},
    )
    return machine


@transaction.atomic
def remove_machine(machine: Machine, *, by: Actor) -> None:
    """Strike a machine off the hall's list; what was measured of its seat stays on record."""
    site = _locked(Site.objects.get(pk=machine.site_id_ref))
    _require(site, by)
    machine = Machine.objects.select_for_update().get(pk=machine.pk)
    before = {"room": machine.room_id_ref, "seat": machine.seat_no, "role": machine.role}
    record(
        events.MACHINE_REMOVED,
        by=by,
        on=machine,
        organisation_id=site.institution.organisation_id,
        before=before,
    )
    machine.delete()


@transaction.atomic
def renew_code(site: Site, *, by: Actor) -> None:
    """Change the hall's code of the day at once: the old one no longer opens the measuring page."""
    site = _locked(site)
    by.require(*DESK, organisation_id=site.institution.organisation_id)
    MeasuringCode.objects.update_or_create(
        site_id_ref=site.pk,
        defaults={"turn": turn_of(site.pk) + 1, "changed_by": who(by), "changed_at": clock.now()},
    )
    record(events.CODE_RENEWED, by=by, on=site, organisation_id=site.institution.organisation_id)


def check_server(site: Site, *, code: str = "", by: Actor) -> ServerCheck:
    """Examine the server that runs this program and keep what was found on the hall's record. Takes a few seconds.

    Raises ``Conflict`` while a test runs (durable writes are measured) and while another examination goes on.
    """
    _require(site, by)
    if a_test_runs():
        text = _("A test is running on this server. Examine it before the test or after it.")
        raise Conflict("test_running", text)
    if not _examining.acquire(blocking=False):
        raise Conflict("examining", _("The server is being examined. Load the page again in a few seconds."))
    try:
        findings = examine(code=code)
    finally:
        _examining.release()
    with transaction.atomic():
        row = ServerCheck.objects.create(
            site_id_ref=site.pk,
            host=host_name(),
            verdict=worst(findings),
            findings=stored(findings),
            by=who(by),
            at=clock.now(),
        )
        record(
            events.SERVER_CHECKED,
            by=by,
            on=row,
            organisation_id=site.institution.organisation_id,
            after={"verdict": row.verdict, "host": row.host},
        )
    return row


@transaction.atomic
def keep_check(machine: Machine, given: dict[str, Any], *, by: Actor) -> ClientCheck:
    """Judge what a client's page measured (``judging.measured``) and keep it for its seat.

    ``by`` is nobody in particular, at an address: whoever holds the hall's code of the day measures. ``Refusal`` 429 when the
    same seat was measured within five seconds.
    """
    machine = Machine.objects.select_for_update().get(pk=machine.pk)
    mine = ClientCheck.objects.filter(
        site_id_ref=machine.site_id_ref, room_id_ref=machine.room_id_ref, seat_no=machine.seat_no
    ).order_by("-pk")
    last = mine.first()
    now = clock.now()
    if last is not None and last.at <= now < last.at + CHECK_PAUSE:
        text = _("This seat was measured a moment ago. Wait five seconds.")
        raise Refusal("measured_just_now", text, status=429)
    findings = judge(given)
    row = ClientCheck.objects.create(
        site_id_ref=machine.site_id_ref,
        room_id_ref=machine.room_id_ref,
        seat_no=machine.seat_no,
        verdict=worst(findings),
        measured=given,
        findings=stored(findings),
        address=by.ip[:60],
        agent=by.agent[:300],
        at=now,
    )
    kept = list(mine.values_list("pk", flat=True)[:KEPT_CHECKS])
    mine.filter(pk__lt=kept[-1]).delete()
    site = Site.objects.select_related("institution").get(pk=machine.site_id_ref)
    record(
        events.CLIENT_CHECKED,
        by=by,
        on=machine,
        organisation_id=site.institution.organisation_id,
        after={"room": machine.room_id_ref, "seat": machine.seat_no, "verdict": row.verdict},
    )
    return row
