"""Who may open which page of the hall, and which batches they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.exams.api import BatchState, BundleOut
from zhupei.institutions.api import Site, SiteKind, sites_for
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, Role
from zhupei.web.access import Nav, roles

from .actions import BRINGERS, DESK, HEADS, KEEPERS, REPORTERS, RETURNERS
from .models import (
    AccessReset,
    CheckIn,
    HallBatch,
    Incident,
    Machine,
    Proposal,
    Rehearsal,
    RoomStaff,
    ServerCheck,
    StaffFiling,
    Transfer,
)

READERS = DESK | CENTRE | {Role.INSTITUTION_HEAD}
STAFF_READERS = REPORTERS | CENTRE
REHEARSAL_READERS = BRINGERS | CENTRE
MACHINE_READERS = READERS | CITY

_read = roles(*READERS)
_desk = roles(*DESK)

PAGES = {
    "hall:batches": _read,
    "hall:batch": _read,
    "hall:upload": roles(*BRINGERS),
    "hall:centre": roles(*KEEPERS),
    "hall:resets": _desk,
    "hall:reset_decide": _desk,
    "hall:request_file": roles(*KEEPERS),
    "hall:ask": roles(*BRINGERS),
    "hall:fetch": roles(*BRINGERS),
    "hall:transfer": _read,
    "hall:transfer_go_on": roles(*BRINGERS),
    "hall:transfer_stop": roles(*BRINGERS),
    "hall:send": roles(*RETURNERS),
    "hall:take_in": roles(*BRINGERS),
    "hall:open": roles(*BRINGERS),
    "hall:key": roles(*BRINGERS),
    "hall:day_check": _desk,
    "hall:duty": roles(Role.INVIGILATOR),
    "hall:leave": roles(Role.INVIGILATOR, *HEADS),
    "hall:desk": _desk,
    "hall:check_in": _desk,
    "hall:decide_check_in": _desk,
    "hall:check_in_photo": _desk,
    "hall:photo": _desk,
    "hall:start": _desk,
    "hall:console": _read,
    "hall:board": _read,
    "hall:live": _read,
    "hall:propose_room": _desk,
    "hall:hand_in_room": roles(*HEADS),
    "hall:warn": _desk,
    "hall:pause_seat": _desk,
    "hall:stop_seat": _desk,
    "hall:resume_seat": _desk,
    "hall:pause": _desk,
    "hall:resume": _desk,
    "hall:seat": _desk,
    "hall:propose": _desk,
    "hall:decide": _desk,
    "hall:move_seat": _desk,
    "hall:allow_entry": _desk,
    "hall:force_hand_in": roles(*HEADS),
    "hall:incident": _desk,
    "hall:incident_photo": _read,
    "hall:scores": _read,
    "hall:scores_pdf": _read,
    "hall:close": roles(*HEADS, *RETURNERS),
    "hall:return": roles(*RETURNERS),
    "hall:return_file": roles(*RETURNERS),
    "hall:halls": roles(*MACHINE_READERS),
    "hall:record": roles(*MACHINE_READERS),
    "hall:machines": roles(*MACHINE_READERS),
    "hall:machine": roles(*MACHINE_READERS),
    "hall:server_check": roles(*MACHINE_READERS),
    "hall:lay_out": roles(*BRINGERS),
    "hall:set_rows": roles(*BRINGERS),
    "hall:machine_add": roles(*BRINGERS),
    "hall:machine_remove": roles(*BRINGERS),
    "hall:examine": roles(*BRINGERS),
    "hall:measuring_code": _desk,
    "hall:rehearsals": roles(*REHEARSAL_READERS),
    "hall:rehearsal": roles(*REHEARSAL_READERS),
    "hall:rehearsal_prepare": roles(*BRINGERS),
    "hall:rehearsal_start": roles(*BRINGERS),
    "hall:rehearsal_keep": roles(*BRINGERS),
    "hall:staff": roles(*STAFF_READERS),
    "hall:staff_report": roles(*REPORTERS),
    "hall:staff_file": roles(*CENTRE),
}

NAV = [
    Nav("hall:batches", _("Exam day"), "display", 20),
    Nav("hall:halls", _("Hall computers"), "clipboard-check", 70),
    Nav("hall:rehearsals", _("Rehearsals"), "clipboard-check", 70),
    Nav("hall:staff", _("Hall staff"), "person-badge", 71),
]


def batches_for(actor: Actor) -> QuerySet[HallBatch]:
    """The batches held in the halls of the actor's organisation; the centre sees all."""
    rows = HallBatch.objects.select_related("file", "return_file")
    if actor.has(*CENTRE):
        return rows
    if actor.organisation_id is None or not actor.has(*READERS):
        return rows.none()
    return rows.filter(organisation_id=actor.organisation_id)


def waiting_bundles(actor: Actor) -> QuerySet[BundleOut]:
    """Bundles that the centre has sealed for the actor's halls and that have not been taken in yet."""
    if actor.organisation_id is None:
        return BundleOut.objects.none()
    return (
        BundleOut.objects.filter(
            batch__hall__institution__organisation_id=actor.organisation_id,
            batch__state__in=(BatchState.READY, BatchState.RELEASED),
        )
        .exclude(bundle_id__in=HallBatch.objects.values("bundle_id"))
        .select_related("batch__hall", "batch__institution")
        .order_by("sealed_at", "pk")
    )


def transfers_for(actor: Actor) -> QuerySet[Transfer]:
    """What is on its way between the actor's hall and the centre, on a hall's own machine."""
    rows = Transfer.objects.select_related("hall_batch__return_file")
    if actor.organisation_id is None or not actor.has(*READERS):
        return rows.none()
    return rows.filter(organisation_id=actor.organisation_id)


def resets_for(actor: Actor) -> QuerySet[AccessReset]:
    """The new ways in proposed in the actor's hall."""
    return AccessReset.objects.filter(
        Q(organisation_id=actor.organisation_id) & Q(organisation_id__isnull=False)
    )


def check_ins_for(actor: Actor) -> QuerySet[CheckIn]:
    """The check-ins of those batches."""
    return CheckIn.objects.filter(hall_batch__in=batches_for(actor)).select_related("hall_batch", "photo")


def duties_for(actor: Actor) -> QuerySet[RoomStaff]:
    """One's own duty; the technical head and the exam officer see everybody's."""
    rows = RoomStaff.objects.filter(hall_batch__in=batches_for(actor)).select_related("hall_batch")
    return rows if actor.has(*HEADS) else rows.filter(user_id_ref=actor.user_id)


def proposals_for(actor: Actor) -> QuerySet[Proposal]:
    """The proposals of those batches."""
    return Proposal.objects.filter(hall_batch__in=batches_for(actor)).select_related("hall_batch")


def incidents_for(actor: Actor) -> QuerySet[Incident]:
    """The incidents of those batches."""
    return Incident.objects.filter(hall_batch__in=batches_for(actor)).select_related("hall_batch", "photo")


def halls_for(actor: Actor) -> QuerySet[Site]:
    """The exam halls whose machines the actor may look at: city and centre see all, a unit its own."""
    return sites_for(actor).filter(kind=SiteKind.HALL)


def machines_for(actor: Actor) -> QuerySet[Machine]:
    """The machines of those halls."""
    return Machine.objects.filter(site_id_ref__in=halls_for(actor).values("pk"))


def server_checks_for(actor: Actor) -> QuerySet[ServerCheck]:
    """What was found on the servers of those halls."""
    return ServerCheck.objects.filter(site_id_ref__in=halls_for(actor).values("pk"))


def rehearsals_for(actor: Actor) -> QuerySet[Rehearsal]:
    """The rehearsals of the actor's unit; the centre sees all."""
    if actor.has(*CENTRE):
        return Rehearsal.objects.all()
    if actor.organisation_id is None or not actor.has(*BRINGERS):
        return Rehearsal.objects.none()
    return Rehearsal.objects.filter(organisation_id=actor.organisation_id)


def filings_for(actor: Actor) -> QuerySet[StaffFiling]:
    """The reported staff: the centre sees every hall's, a unit its own."""
    if actor.has(*CENTRE):
        return StaffFiling.objects.all()
    return StaffFiling.objects.filter(
        Q(organisation_id=actor.organisation_id) & Q(organisation_id__isnull=False)
    )
