"""A new way in for somebody of a hall's own machine who lost password or telephone, given by two colleagues; needs no line.

Neither of the two can take the account: each learns one half of the code and tells it to the person. Two who act together against
the rules win nothing by it; they are the two persons that every act in the hall asks for.
"""

from __future__ import annotations

import secrets

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.accounts.api import User, set_first_secret
from zhupei.audit.api import record
from zhupei.hall import events
from zhupei.hall.models import AccessReset, StaffFiling
from zhupei.hall.process import engine
from zhupei.hall.queries import FILED_ROLES
from zhupei.hall.uplink.link import centre_link
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.organisations.api import in_force

from .common import DESK, another, named, need, person, who

HALF = 10  # figures; both halves together are as long as a first sign-in code


def _half() -> str:
    return f"{secrets.randbelow(10**HALF):0{HALF}d}"


def colleagues(*, by: Actor) -> list[User]:
    """Those who work besides ``by`` in the hall whose own machine this is."""
    known = centre_link()
    if known is None:
        return []
    rows = User.objects.filter(
        in_force(clock.today(), "memberships__"),
        memberships__organisation_id=known.organisation_id,
        is_learner=False,
        is_active=True,
    )
    return list(rows.exclude(pk=person(by)).distinct().order_by("login"))


@transaction.atomic
def propose_reset(*, login: str, reason: str, by: Actor) -> tuple[AccessReset, str]:
    """Propose a new way in for a colleague; returns with it the first half of the code, for that person alone.

    Only on a hall's own machine; elsewhere a code goes to the telephone. Raises ``Refusal``.
    """
    known = centre_link()
    if known is None:
        text = _("Here a forgotten password is replaced with a code sent to the mobile, on the sign-in page.")
        raise Conflict("not_a_hall_machine", text)
    by.require(*DESK, organisation_id=known.organisation_id)
    first = person(by)
    user = next((one for one in colleagues(by=by) if one.login == login), None)
    if user is None:
        raise Refusal("nobody", _("Choose a colleague who works in this hall."), field="login")
    reason = need(reason)[:300]
    User.objects.select_for_update().get(pk=user.pk)  # two who propose at once, one after the other
    if AccessReset.objects.filter(user_id_ref=user.pk, decided_at=None).exists():
        text = _("A new way in is proposed for this person already. Have it decided first.")
        raise Conflict("proposal_open", text)
    half = _half()
    row = AccessReset.objects.create(
        organisation_id=known.organisation_id,
        user_id_ref=user.pk,
        login=user.login,
        name=user.display_name,
        reason=reason,
        first_half=half,
        proposed_by=who(by),
        proposed_by_id=first,
        proposed_at=clock.now(),
    )
    record(events.RESET_PROPOSED, by=by, on=row, organisation_id=row.organisation_id, reason=reason)
    return row, half


def holds_filed_post(*, by: Actor) -> bool:
    """Whether ``by`` looks after hall or room, and is filed for that with the centre (R148)."""
    held = [role for role in FILED_ROLES if by.has(role)]
    rows = StaffFiling.objects.filter(
        organisation_id=by.organisation_id or 0, user_id_ref=person(by), role__in=held
    )
    return rows.exclude(filed_at=None).exists()


@transaction.atomic
def decide_reset(row: AccessReset, *, accept: bool, by: Actor) -> str:
    """Approve or refuse a new way in; approving returns the second half of the code, for that person alone.

    Who approves is neither the person nor the one who proposed it, and holds a post filed with the centre (R148). Then password
    and second factor of the account are void, and the return tells the centre who did it. Anybody of the hall may refuse.
    """
    by.require(*DESK, organisation_id=row.organisation_id)
    second = person(by)
    row = AccessReset.objects.select_for_update().get(pk=row.pk)
    if row.decided_at is not None:
        raise Conflict("wrong_state", _("This proposal was decided already."))
    half = _approve(row, second, by=by) if accept else ""
    row.accepted, row.decided_by, row.decided_by_id = accept, who(by), second
    row.decided_at, row.first_half = clock.now(), ""
    row.save(update_fields=["accepted", "decided_by", "decided_by_id", "decided_at", "first_half"])
    record(
        events.RESET_DECIDED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"accepted": accept, "proposed_by": row.proposed_by},
    )
    if accept:
        one, two = named(row.proposed_by, row.proposed_by_id), named(row.decided_by, second)
        with told():
            engine().record_incident("access", f"{row.name} ({row.login}): {row.reason}", by=f"{one}; {two}")
    return half


def _approve(row: AccessReset, second: int, *, by: Actor) -> str:
    another(by, row.proposed_by_id)
    if second == row.user_id_ref:
        raise Forbidden("own_account", _("Two others decide on your own account."))
    if not holds_filed_post(by=by):
        text = _("Only the technical head or the room administrator, filed with the centre, approves this.")
        raise Forbidden("not_filed", text)
    half = _half()
    user = User.objects.select_for_update().get(pk=row.user_id_ref)
    set_first_secret(user, make_password(row.first_half + half), by=by)
    return half
