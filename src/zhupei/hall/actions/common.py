"""What every act in the hall shares: who may, who it was, the row under a lock."""

from __future__ import annotations

from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.evidence.api import Retention, StoredFile, store
from zhupei.hall import events
from zhupei.hall.choices import HallBatchState
from zhupei.hall.models import HallBatch
from zhupei.hall.pictures import clean_picture
from zhupei.hall.queries import bundle_of
from zhupei.hall.space import captures_fit
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import HALL, Role

HEADS = frozenset({Role.HALL_TECHNICAL_HEAD, Role.EXAM_OFFICER})  # they decide as the second person
BRINGERS = frozenset({Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR, Role.EXAM_OFFICER})
DESK = HALL | {Role.EXAM_OFFICER}
RETURNERS = frozenset({Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR})


def who(by: Actor) -> str:
    """The name kept in rows."""
    return f"{by.organisation_name} {by.name}".strip()


def named(name: str, user_id: int | None) -> str:
    """The name kept in the engine's journal: two persons of one name stay two."""
    return f"{name} #{user_id}"


def person(by: Actor) -> int:
    """The acting person's id; the program itself never acts here."""
    if by.user_id is None:
        raise Refusal("person_needed", _("A person has to do this."), status=403)
    return by.user_id


def require(hall_batch: HallBatch, *roles: Role, by: Actor) -> None:
    """Raises ``Forbidden`` unless ``by`` holds one of ``roles`` in the hall's organisation."""
    if by is not SYSTEM:
        by.require(*roles, organisation_id=hall_batch.organisation_id)


def locked(hall_batch: HallBatch) -> HallBatch:
    """The row under a lock, fresh from the database."""
    return HallBatch.objects.select_for_update(of=("self",)).select_related("file").get(pk=hall_batch.pk)


def require_open(hall_batch: HallBatch) -> None:
    """Raises ``Conflict`` unless the bundle is open and the batch not closed."""
    if hall_batch.state == HallBatchState.SEALED:
        raise Conflict("still_sealed", _("The bundle is still sealed. Open it first, on the batch's page."))
    if hall_batch.state != HallBatchState.OPEN:
        raise Conflict(
            "batch_closed", _("This batch is closed in the hall; nothing can be changed any more.")
        )


def need(text: str, field: str = "reason") -> str:
    """``text`` trimmed; ``Refusal`` if nothing is left."""
    text = text.strip()
    if not text:
        raise Refusal("no_reason", _("Give the reason."), field=field)
    return text


def another(by: Actor, first_id: int) -> None:
    """Raises ``Forbidden`` when the second person is the first."""
    if by.user_id == first_id:
        text = _(
            "You are the first of the two persons. Another one has to decide, signed in with an account of their own."
        )
        raise Forbidden("same_person", text, clause="三（六）")


def keep_photo(data: bytes, *, purpose: str, name: str, by: Actor) -> StoredFile | None:
    """A photo taken in the hall, cleaned and stored; None, and that in the record, when the disk is too full for photos.

    What space is left belongs to the answers: the act that the photo goes with is done all the same.
    """
    picture = clean_picture(data)
    if not captures_fit():
        record(events.CAPTURE_SHED, by=by, after={"purpose": purpose, "size": len(picture)})
        return None
    return store(
        picture,
        name=name,
        content_type="image/jpeg",
        purpose=purpose,
        retention=Retention.ARCHIVE,
        by=by,
    )


def candidate_in(bundle: delivery.Bundle, key: str) -> delivery.Candidate:
    """The candidate of this key; ``Refusal`` 404 if there is none in this bundle."""
    for one in bundle.candidates:
        if one.candidate_id == key:
            return one
    raise Refusal("candidate_unknown", _("This person is not in the bundle."), status=404)


def at_candidate(hall_batch: HallBatch, candidate_key: str) -> HallBatch:
    """The batch's row under a lock, for an act on one of its candidates; open, and the candidate is in it."""
    row = locked(hall_batch)
    require_open(row)
    candidate_in(bundle_of(row), candidate_key)
    return row
