"""An exam hall as the centre names it, on the hall's own machine (a machine that the centre gave a pass)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions import events
from zhupei.institutions.choices import RegistrationState, RoomKind, SiteKind, SiteState
from zhupei.institutions.models import Institution, Room, Site
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict


@transaction.atomic
def adopt_hall(
    *,
    organisation_id: int,
    institution: Mapping[str, Any],
    site: Mapping[str, Any],
    rooms: Sequence[tuple[int, str, int]],
    valid_to: date | None,
    by: Actor,
) -> Site:
    """Write a hall with its institution and rooms under the centre's own numbers; the same again changes nothing.

    ``institution``: id, name, type, uscc, division_code, address. ``site``: id, name, address, division_code, exam_clients,
    spare_clients. ``rooms``: number, name, seats; rooms that are not among them are no longer used. Raises ``Conflict``
    when this database holds other institutions: then it is not that of a hall's own machine.
    """
    if Institution.objects.exclude(pk=institution["id"]).exists():
        text = _(
            "This installation holds other institutions: it is no hall's own machine. Use a fresh database."
        )
        raise Conflict("not_a_hall_machine", text)
    fields = {name: institution[name] for name in ("type", "uscc", "division_code", "address")}
    owner, _created = Institution.objects.update_or_create(
        pk=institution["id"],
        defaults={**fields, "full_name": institution["name"], "organisation_id": organisation_id},
        create_defaults={
            **fields,
            "full_name": institution["name"],
            "organisation_id": organisation_id,
            "state": RegistrationState.PUBLISHED,
            "created_at": clock.now(),
        },
    )
    row, created = Site.objects.update_or_create(
        pk=site["id"],
        defaults={
            **{n: site[n] for n in ("name", "address", "division_code", "exam_clients", "spare_clients")},
            "institution": owner,
            "kind": SiteKind.HALL,
            "state": SiteState.APPROVED,
            "valid_to": valid_to,
        },
    )
    row.rooms.exclude(pk__in=[pk for pk, _name, _seats in rooms]).update(is_active=False)
    for pk, _name, _seats in rooms:  # two rooms may have changed names
        Room.objects.filter(pk=pk).update(name=f"#{pk}")
    for pk, name, seats in rooms:
        Room.objects.filter(site=row, name=name).exclude(pk=pk).update(name=f"{name} (#{pk})"[:60])
        values = {"site": row, "name": name, "kind": RoomKind.EXAM_ROOM, "seats": seats, "is_active": True}
        Room.objects.update_or_create(pk=pk, defaults=values)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Institution, Site, Room]):
            cursor.execute(statement)
    record(
        events.SITE_ADDED if created else events.SITE_EDITED,
        by=by,
        on=row,
        organisation_id=organisation_id,
        after={"name": row.name, "rooms": len(rooms)},
    )
    return row
