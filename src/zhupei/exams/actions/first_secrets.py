"""First sign-in codes: what opens somebody's account on a hall's own machine, known to that person alone.

If somebody of the hall handed these codes out, one person could be two wherever two must act. So the centre makes them, shows
each to its owner alone, and tells the machine no more than a slow hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.accounts.api import User
from zhupei.audit.api import record
from zhupei.exams import events
from zhupei.exams.models import FirstSecret, HallMachine
from zhupei.exams.queries import first_secrets_in_force
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Forbidden
from zhupei.notices.api import notify

FIGURES = 20  # 66 bits, behind a slow hash


def first_secrets_for(machine: HallMachine, users: Sequence[User]) -> dict[int, str]:
    """The hashes for the next pass of ``machine``, by user. Whoever has none gets one, and a notice; all others' are wiped.

    A code outlives a renewed pass: whoever has read it need not read another one, whichever of the passes reaches the machine.
    """
    machine.first_secrets.exclude(user__in=users).delete()
    known = dict(machine.first_secrets.values_list("user_id", "hashed"))
    fresh = [one for one in users if one.pk not in known]
    made = [f"{secrets.randbelow(10**FIGURES):0{FIGURES}d}" for _user in fresh]
    hashes = [make_password(secret) for secret in made]  # slow on purpose; each uses several cores by itself
    known.update((user.pk, hashed) for user, hashed in zip(fresh, hashes, strict=True))
    FirstSecret.objects.bulk_create(
        FirstSecret(machine=machine, user=user, secret=secret, hashed=hashed, made_at=clock.now())
        for user, secret, hashed in zip(fresh, made, hashes, strict=True)
    )
    notify(
        fresh,
        kind="exams.first_secret",
        title=_("Your first sign-in code for %(hall)s is here") % {"hall": machine.key.hall.name},
        text=_(
            "With it you set your password on the hall's own machine. Tell it to nobody, your superiors included."
        ),
        url=reverse("exams:first_secrets"),
    )
    return known


@transaction.atomic
def read_first_secret(row: FirstSecret, *, by: Actor) -> str:
    """One's own first sign-in code, twenty figures; each reading is on record. ``Forbidden`` for anybody else's."""
    if by.user_id != row.user_id:
        raise Forbidden("forbidden")
    row.read_at = clock.now()
    row.save(update_fields=["read_at"])
    organisation_id = row.machine.key.hall.institution.organisation_id
    record(events.FIRST_SECRET_READ, by=by, on=row, organisation_id=organisation_id)
    return str(row.secret)


def forget_first_secrets() -> int:
    """Wipe the codes whose pass is over or whose machine's key was ended; returns how many."""
    over = FirstSecret.objects.exclude(pk__in=first_secrets_in_force().values("pk"))
    return over.delete()[0]
