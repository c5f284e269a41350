"""Every write on organisations and roles."""

from __future__ import annotations

from datetime import date, timedelta

from django.core.management.color import no_style
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from zhupei.accounts.api import User, open_account, send_password_code
from zhupei.audit.api import record
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role

from . import events
from .choices import ROLES_BY_KIND
from .models import Jurisdiction, Membership, Organisation
from .queries import in_force, memberships_of


@transaction.atomic
def add_organisation(kind: str, name: str, *, division_code: str = "", by: Actor) -> Organisation:
    """Add a unit. Institutions are added by their registration, the others at set-up."""
    if Organisation.objects.filter(kind=kind, name=name).exists():
        raise Refusal(
            "name_taken", _("An organisation of this name already exists."), field="name", status=409
        )
    organisation = Organisation.objects.create(kind=kind, name=name, division_code=division_code)
    record(
        events.ORGANISATION_ADDED,
        by=by,
        on=organisation,
        organisation_id=organisation.pk,
        after={"kind": kind},
    )
    return organisation


@transaction.atomic
def adopt_organisation(pk: int, kind: str, name: str, *, by: Actor) -> Organisation:
    """Write a unit under the number that the centre gave it, on a hall's own machine; the same again changes nothing."""
    row, created = Organisation.objects.update_or_create(pk=pk, defaults={"kind": kind, "name": name})
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Organisation]):
            cursor.execute(statement)
    if created:
        record(events.ORGANISATION_ADDED, by=by, on=row, organisation_id=row.pk, after={"kind": kind})
    return row


@transaction.atomic
def set_jurisdiction(
    organisation: Organisation,
    division_code: str,
    *,
    valid_from: date,
    valid_to: date | None = None,
    by: Actor,
) -> Jurisdiction:
    """Give a unit the supervision of a division or zone; whoever had it before keeps the history up to the day before."""
    if by is not SYSTEM:
        by.require(Role.SYSTEM_ADMINISTRATOR)
    previous = Jurisdiction.objects.filter(in_force(valid_from), division_code=division_code)
    previous.update(valid_to=valid_from - timedelta(days=1))
    row = Jurisdiction.objects.create(
        organisation=organisation, division_code=division_code, valid_from=valid_from, valid_to=valid_to
    )
    record(
        events.JURISDICTION_SET,
        by=by,
        on=row,
        organisation_id=organisation.pk,
        after={"division": division_code},
    )
    return row


def _may_grant(organisation: Organisation, by: Actor) -> None:
    """The system administrator grants roles anywhere; the head of an institution in his own."""
    if by is SYSTEM or by.has(Role.SYSTEM_ADMINISTRATOR):
        return
    by.require(Role.INSTITUTION_HEAD, organisation_id=organisation.pk)


@transaction.atomic
def grant_role(
    user: User, organisation: Organisation, role: str, *, valid_from: date | None = None, by: Actor
) -> Membership:
    """Give a person a role in a unit. Nobody grants a role to himself; the three administrators exclude each other."""
    _may_grant(organisation, by)
    if by is not SYSTEM and by.user_id == user.pk:
        raise Forbidden("own_role", _("You cannot give a role to yourself."))
    if Role(role) not in ROLES_BY_KIND[organisation.kind]:
        raise Refusal(
            "role_not_here", _("This role does not exist in this kind of organisation."), field="role"
        )
    officers = {Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER, Role.AUDITOR}
    held = {Role(m.role) for m in memberships_of(user.pk)}
    if Role(role) in officers and held & (officers - {Role(role)}):
        raise Refusal(
            "separate_officers",
            _("System, security and audit officers must be three different persons."),
            field="role",
        )
    if Membership.objects.filter(user=user, organisation=organisation, role=role, valid_to=None).exists():
        raise Conflict("role_held", _("This person already holds this role."))
    row = Membership.objects.create(
        user=user, organisation=organisation, role=role, valid_from=valid_from or clock.today()
    )
    record(events.ROLE_GRANTED, by=by, on=row, organisation_id=organisation.pk, after={"role": str(role)})
    return row


@transaction.atomic
def invite(
    organisation: Organisation, *, login: str, display_name: str, phone: str, role: str, by: Actor
) -> Membership:
    """Give a person a role; opens an account and sends a code for its first password where there is none yet."""
    _may_grant(organisation, by)
    user = User.objects.filter(login=login, is_learner=False).first()
    if user is not None and user.display_name != display_name:
        raise Refusal(
            "login_of_another",
            _(
                "This account name belongs to somebody else. Choose another, or enter the name as it stands there."
            ),
            field="login",
            status=409,
        )
    if user is None:
        user = open_account(login, display_name=display_name, phone=phone, by=by)
        send_password_code(login)
    return grant_role(user, organisation, role, by=by)


@transaction.atomic
def end_role(membership: Membership, *, reason: str = "", by: Actor) -> None:
    """End a role as of now; the row stays as history."""
    _may_grant(membership.organisation, by)
    if membership.valid_to is not None:
        raise Conflict("wrong_state")
    membership.valid_to = clock.today() - timedelta(days=1)
    membership.save(update_fields=["valid_to"])
    record(
        events.ROLE_ENDED,
        by=by,
        on=membership,
        organisation_id=membership.organisation_id,
        before={"role": membership.role},
        reason=reason,
    )


def act_as(request: HttpRequest, organisation_id: int, *, by: Actor) -> None:
    """Choose the organisation that this session acts for, among those where the person holds a role."""
    if by.user_id is None or not memberships_of(by.user_id).filter(organisation_id=organisation_id).exists():
        raise Forbidden("other_organisation")
    request.session["organisation_id"] = organisation_id
