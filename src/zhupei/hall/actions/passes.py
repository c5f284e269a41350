"""A hall's own machine comes to know its centre: it asks for a pass, takes it in, opens the accounts of those who work there."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.accounts.api import User, open_account, set_first_secret
from zhupei.audit.api import record
from zhupei.evidence.api import Retention, store
from zhupei.exams import api as exams
from zhupei.hall import events
from zhupei.hall.models import AccessReset, CentreLink, StaffFiling
from zhupei.hall.uplink.link import centre_link
from zhupei.institutions.api import adopt_hall
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import equal
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import (
    Membership,
    OrganisationKind,
    adopt_organisation,
    end_role,
    grant_role,
    in_force,
    memberships_of,
)
from zhupei.rulebook.api import adopt_parameters

from .common import who

KEEPERS = frozenset({Role.HALL_TECHNICAL_HEAD})  # who looks after the hall's own machine


def make_request(hall_name: str, *, site_id: int = 0) -> tuple[bytes, str]:
    """The request by which this machine asks for a pass, and its fingerprint to read out. Makes its key at first use."""
    data = exams.write_request(hall_name, site_id, exams.machine_signer())
    return data, envelope.fingerprint(exams.machine_signer().public_key)


def _check(content: exams.HallPass, known: CentreLink | None) -> None:
    """Raises ``Refusal`` unless the pass is for this machine, in force, and follows on the one it has."""
    if content.hall_key != exams.machine_signer().public_key:
        text = _(
            "This pass is for another machine, or for an earlier key of this one. Bring the centre a new request."
        )
        raise Refusal("pass_of_another_machine", text, field="file", status=409)
    if content.valid_to < clock.today():
        text = _("This pass ended on %(day)s. Have the centre make a new one.") % {"day": content.valid_to}
        raise Refusal("pass_over", text, field="file", status=409)
    if known is None:
        if exams.Batch.objects.exists():
            text = _(
                "The centre itself runs in this installation; a pass is for a machine apart. Use a fresh installation."
            )
            raise Refusal("not_a_hall_machine", text, field="file", status=409)
        return
    if content.centre_key != known.centre_key:
        text = _(
            "This pass is of another centre, or the centre's key is new. Do not use it before the security officer has "
            "explained it; a new centre needs a fresh installation."
        )
        raise Refusal("pass_of_another_centre", text, field="file", status=409)
    if content.site.id != known.site_id_ref:
        text = _("This pass is for another hall: %(hall)s.") % {"hall": content.site.name}
        raise Refusal("pass_of_another_hall", text, field="file", status=409)
    if content.serial < known.serial or content.issued_at < known.issued_at:
        text = _("This pass is older than the one in force here. Take the newest one of the centre's page.")
        raise Refusal("pass_older", text, field="file", status=409)


@transaction.atomic
def install_pass(data: bytes, *, fingerprint: str = "", by: Actor) -> CentreLink:
    """Take in a hall pass: unit, hall, rooms, staff with roles and filings, numbers of the rule, the centre's key and address.

    The first pass needs ``fingerprint``, the centre's as it was read out on the telephone; later ones are believed because the
    same key signed them. The same pass again changes nothing. Raises ``Refusal``: forged, damaged, over, of another machine,
    hall or centre, older than the one in force.

    **Accounts.** A pass carries names and roles, never a password or a second factor: a file that is lost must not open
    anything, and a hall's machine that is broken into must not hold what opens the centre. Each person gets an account of this
    machine that only the first sign-in code opens which the centre shows to that person alone; nobody of the hall learns it,
    for whoever could open a colleague's account would be two persons. The second factor is bound at the first sign-in. An
    account that ever had a password of its own, or was given a new way in, is left alone: a first code serves once.
    """
    if by is not SYSTEM:
        by.require(*KEEPERS)
    content = exams.read_pass(data)
    known = centre_link()
    _check(content, known)
    if known is not None and (content.serial, content.issued_at) == (known.serial, known.issued_at):
        return known
    if known is None and not equal(envelope.heard(fingerprint), envelope.fingerprint(content.centre_key)):
        text = _(
            "This is not the fingerprint of the centre's key in the pass. If it was read out rightly, the pass is not the "
            "centre's: do not use it."
        )
        raise Refusal("fingerprint_differs", text, field="fingerprint")
    unit, site = content.unit, content.site
    if by is not SYSTEM and by.organisation_id != unit.organisation_id:
        raise Refusal("pass_of_another_hall", status=403)
    adopt_organisation(unit.organisation_id, OrganisationKind.INSTITUTION, unit.name, by=SYSTEM)
    adopt_hall(
        organisation_id=unit.organisation_id,
        institution={
            "id": unit.institution_id,
            "name": unit.name,
            "type": unit.type,
            "uscc": unit.uscc,
            "division_code": unit.division_code,
            "address": unit.address,
        },
        site={
            "id": site.id,
            "name": site.name,
            "address": site.address,
            "division_code": site.division_code,
            "exam_clients": site.exam_clients,
            "spare_clients": site.spare_clients,
        },
        rooms=[(room.id, room.name, room.seats) for room in site.rooms],
        valid_to=site.valid_to,
        by=SYSTEM,
    )
    adopt_parameters(
        [(one.key, one.value, one.effective_from, one.effective_to) for one in content.parameters],
        source=f"{content.centre_name} #{content.serial}",
        by=SYSTEM,
    )
    _adopt_people(content)
    file = store(
        data,
        name=f"{site.name}.zph",
        content_type="application/octet-stream",
        purpose="hall.pass",
        retention=Retention.ARCHIVE,
        organisation_id=unit.organisation_id,
        by=by,
    )
    row, _created = CentreLink.objects.update_or_create(
        only=True,
        defaults={
            "serial": content.serial,
            "issued_at": content.issued_at,
            "valid_to": content.valid_to,
            "site_id_ref": site.id,
            "organisation_id": unit.organisation_id,
            "centre_name": content.centre_name,
            "centre_key": content.centre_key,
            "centre_address": content.centre_address,
            "file": file,
            "installed_by": who(by),
            "installed_at": clock.now(),
        },
    )
    record(
        events.PASS_INSTALLED,
        by=by,
        on=row,
        organisation_id=unit.organisation_id,
        after={"serial": content.serial, "digest": file.digest, "people": len(content.people)},
    )
    return row


def _adopt_people(content: exams.HallPass) -> None:
    """Accounts, roles and filings as the pass has them; whoever is no longer in it loses the role, the account stays."""
    organisation_id, today = content.unit.organisation_id, clock.today()
    organisation = adopt_organisation(
        organisation_id, OrganisationKind.INSTITUTION, content.unit.name, by=SYSTEM
    )
    kept: set[tuple[int, str]] = set()
    filed: set[tuple[int, str]] = set()
    for person in content.people:
        user = User.objects.filter(login=person.login).first()
        if user is not None and user.is_learner:
            raise Conflict(
                "login_taken",
                _("The account name %(login)s is taken on this machine.") % {"login": person.login},
            )
        if user is None:
            user = open_account(person.login, display_name=person.name, by=SYSTEM)
        own = user.has_usable_password() and not user.must_change_password
        reset = AccessReset.objects.filter(user_id_ref=user.pk, accepted=True).exists()
        if person.first_secret not in ("", user.password) and not own and not reset:
            set_first_secret(user, person.first_secret, by=SYSTEM)
        held = {one.role for one in memberships_of(user.pk) if one.organisation_id == organisation_id}
        for role in person.roles:
            kept.add((user.pk, role))
            if role not in held:
                grant_role(user, organisation, role, by=SYSTEM)
        for filing in person.filings:
            filed.add((user.pk, filing.role))
            StaffFiling.objects.update_or_create(
                organisation_id=organisation_id,
                user_id_ref=user.pk,
                role=filing.role,
                defaults={
                    "name": person.name[:100],
                    "trained_on": filing.trained_on,
                    "training": filing.training[:200],
                    "reported_by": content.centre_name[:200],
                    "reported_at": filing.filed_at,
                    "filing_no": filing.filing_no[:60],
                    "filed_by": content.centre_name[:200],
                    "filed_at": filing.filed_at,
                },
            )
    for row in Membership.objects.filter(in_force(today), organisation_id=organisation_id, valid_to=None):
        if (row.user_id, row.role) not in kept:
            end_role(row, reason=f"#{content.serial}", by=SYSTEM)
    for one in StaffFiling.objects.filter(organisation_id=organisation_id).exclude(filed_at=None):
        if (one.user_id_ref, one.role) not in filed:
            one.filed_at, one.filing_no = None, ""
            one.save(update_fields=["filed_at", "filing_no"])


def waiting_for_password(organisation_id: int) -> list[User]:
    """Those who work in the hall and have not set a password of their own on this machine yet."""
    rows = User.objects.filter(
        in_force(clock.today(), "memberships__"),
        memberships__organisation_id=organisation_id,
        is_learner=False,
    )
    rows = rows.distinct().order_by("login")
    return [one for one in rows if one.must_change_password or not one.has_usable_password()]
