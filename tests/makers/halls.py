"""A hall's filed staff, and a batch in its hall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhupei.accounts.models import User
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role
from zhupei.organisations.api import Organisation

from .basics import make_user, serial
from .exams import make_batch

if TYPE_CHECKING:
    from zhupei.exams.models import Batch
    from zhupei.hall.api import HallBatch


def make_filed_staff(organisation: Organisation) -> dict[Role, User]:
    """A hall's technical head and room administrator, trained and filed with the centre (R146–R148)."""
    from zhupei.hall.api import file_staff, report_staff

    staff = {}
    for role in (Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR):
        staff[role] = make_user(role, organisation)
        row = report_staff(
            staff[role].pk,
            role,
            trained_on=clock.today(),
            training="考场岗位培训",
            organisation_id=organisation.pk,
            by=SYSTEM,
        )
        file_staff(row, f"备{next(serial)}", by=SYSTEM)
    return staff


def make_hall_batch(batch: Batch | None = None, *, state: str = "open", candidates: int = 2) -> HallBatch:
    """A released batch whose bundle is in its hall: ``sealed`` or ``open``. Needs ``settings.HALL_DATA`` of the test's own,
    and ``close_engine()`` at its end (see the fixture of the hall's tests)."""
    from zhupei.exams.api import bundle_file
    from zhupei.hall.api import open_batch, take_in

    batch = batch or make_batch(candidates=candidates, state="released")
    row = take_in(bundle_file(batch), by=SYSTEM)
    return open_batch(row, by=SYSTEM) if state == "open" else row
