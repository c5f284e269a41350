"""The hall's technical heads and room administrators: reported to the centre, trained, filed (R146–R148)."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.hall import events
from zhupei.hall.models import StaffFiling
from zhupei.hall.queries import FILED_ROLES
from zhupei.hall.uplink.link import centre_link
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.organisations.api import Membership, in_force

from .common import who

REPORTERS = frozenset({Role.INSTITUTION_HEAD, Role.EXAM_OFFICER, Role.HALL_TECHNICAL_HEAD})
CLAUSE = "附件3四（八）"


@transaction.atomic
def report_staff(
    user_id: int, role: str, *, trained_on: date, training: str, organisation_id: int | None = None, by: Actor
) -> StaffFiling:
    """Report a technical head or room administrator with the training taken; the centre files it. Again: corrects it."""
    if by is not SYSTEM:
        by.require(*REPORTERS)
        if centre_link() is not None:
            text = _(
                "Staff are reported on the centre's platform. This machine learns of them by a new hall pass."
            )
            raise Conflict("at_the_centre", text)
        organisation_id = by.organisation_id
    assert organisation_id is not None  # whoever holds one of these roles acts for a unit
    member = (
        Membership.objects.filter(
            in_force(clock.today()),
            organisation_id=organisation_id,
            user_id=user_id,
            role=role,
            role__in=FILED_ROLES,
        )
        .select_related("user")
        .first()
    )
    if member is None:
        text = _(
            "This person does not hold that role in your unit. Give the role first, under “Staff and roles”."
        )
        raise Refusal("not_hall_staff", text, clause=CLAUSE, field="person")
    if trained_on > clock.today():
        raise Refusal(
            "trained_later", _("The training lies in the future."), clause=CLAUSE, field="trained_on"
        )
    if not training.strip():
        raise Refusal("no_training", _("Name the training."), clause=CLAUSE, field="training")
    row, _created = StaffFiling.objects.select_for_update().update_or_create(
        organisation_id=organisation_id,
        user_id_ref=user_id,
        role=role,
        defaults={
            "name": member.user.display_name[:100],
            "trained_on": trained_on,
            "training": training.strip()[:200],
            "reported_by": who(by),
            "reported_at": clock.now(),
            "filing_no": "",
            "filed_by": "",
            "filed_at": None,
        },
    )
    record(
        events.STAFF_REPORTED,
        by=by,
        on=row,
        organisation_id=organisation_id,
        after={"role": role, "trained_on": trained_on},
    )
    return row


@transaction.atomic
def file_staff(row: StaffFiling, filing_no: str, *, by: Actor) -> StaffFiling:
    """File a reported person under a number (the centre, R148)."""
    if by is not SYSTEM:
        by.require(*CENTRE)
    row = StaffFiling.objects.select_for_update().get(pk=row.pk)
    if row.filed_at is not None:
        raise Conflict("wrong_state", _("This person is filed already."))
    if not filing_no.strip():
        raise Refusal("no_number", _("Enter the filing number."), clause=CLAUSE, field="filing_no")
    row.filing_no, row.filed_by, row.filed_at = filing_no.strip()[:60], who(by), clock.now()
    row.save(update_fields=["filing_no", "filed_by", "filed_at"])
    record(
        events.STAFF_FILED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"filing_no": row.filing_no},
    )
    return row
