"""Qualifications and licences of an institution, each with its scan (R008, R009)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions import events
from zhupei.institutions.choices import InstitutionType, RegistrationState
from zhupei.institutions.models import Institution, Licence, Qualification
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal

from .registration import EDITABLE, STANDING, own, require_reviewer, require_state, tell_supervisor
from .scans import keep_scan


def _certificates_open(institution: Institution) -> None:
    if institution.state not in EDITABLE | STANDING:
        raise Conflict(
            "wrong_state",
            _("Certificates cannot be changed while the registration is under review or hidden."),
        )


@transaction.atomic
def add_qualification(
    institution: Institution, data: dict[str, Any], scan: bytes, scan_name: str, *, by: Actor
) -> Qualification:
    """Add a construction qualification with its scan (R008; head). A renewed one waits for a reviewer's check."""
    institution = own(institution, by)
    _certificates_open(institution)
    if institution.type != InstitutionType.CONTRACTOR:
        raise Refusal(
            "not_a_contractor",
            _("Only construction enterprises show a construction qualification."),
            clause="一",
        )
    if data["valid_to"] < data["issued_on"]:
        raise Refusal(
            "dates_reversed", _("The last day of validity lies before the day of issue."), field="valid_to"
        )
    stored = keep_scan(scan, scan_name, institution, purpose="institution_qualification", by=by)
    row = Qualification.objects.create(institution=institution, scan=stored, **data)
    after = {"grade": row.grade, "specialty": row.specialty, "valid_to": row.valid_to, "scan": stored.digest}
    record(
        events.QUALIFICATION_ADDED, by=by, on=row, organisation_id=institution.organisation_id, after=after
    )
    if institution.state in STANDING:
        tell_supervisor(
            institution, _("%(name)s has entered a renewed qualification: compare it with the register.")
        )
    return row


@transaction.atomic
def remove_qualification(row: Qualification, *, by: Actor) -> None:
    """Take a qualification out before the registration is handed in (head)."""
    institution = own(row.institution, by)
    require_state(institution, EDITABLE)
    before = {"certificate_no": row.certificate_no, "grade": row.grade}
    record(
        events.QUALIFICATION_REMOVED,
        by=by,
        on=row,
        organisation_id=institution.organisation_id,
        before=before,
    )
    row.delete()


@transaction.atomic
def check_qualification(row: Qualification, *, by: Actor) -> Qualification:
    """Note that a qualification agrees with the national register (district officer or education office; R008)."""
    require_reviewer(row.institution, by)
    if row.institution.state == RegistrationState.DRAFT:
        raise Conflict("wrong_state")
    row = Qualification.objects.select_for_update().select_related("institution").get(pk=row.pk)
    if row.checked_at is not None:
        raise Conflict("already_checked", _("This qualification has been checked already."))
    row.checked_at, row.checked_by = clock.now(), f"{by.organisation_name} {by.name}"
    row.save(update_fields=["checked_at", "checked_by"])
    record(events.QUALIFICATION_CHECKED, by=by, on=row, organisation_id=row.institution.organisation_id)
    return row


@transaction.atomic
def add_licence(
    institution: Institution, data: dict[str, Any], scan: bytes, scan_name: str, *, by: Actor
) -> Licence:
    """Add a licence with its scan (R009; head)."""
    institution = own(institution, by)
    _certificates_open(institution)
    stored = keep_scan(scan, scan_name, institution, purpose="institution_licence", by=by)
    row = Licence.objects.create(institution=institution, scan=stored, **data)
    after = {"kind": row.kind, "valid_to": row.valid_to, "scan": stored.digest}
    record(events.LICENCE_ADDED, by=by, on=row, organisation_id=institution.organisation_id, after=after)
    return row


@transaction.atomic
def remove_licence(row: Licence, *, by: Actor) -> None:
    """Take a licence out before the registration is handed in (head)."""
    institution = own(row.institution, by)
    require_state(institution, EDITABLE)
    before = {"kind": row.kind, "number": row.number}
    record(events.LICENCE_REMOVED, by=by, on=row, organisation_id=institution.organisation_id, before=before)
    row.delete()
