"""Storing files. Content lies under its SM3 digest; nothing is ever overwritten."""

from __future__ import annotations

from datetime import date

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from zhupei.audit.api import record
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.crypto import sm3

from . import events
from .models import Retention, StoredFile
from .queries import path_of, read


@transaction.atomic
def store(
    data: bytes,
    *,
    name: str,
    content_type: str,
    purpose: str,
    retention: str = Retention.ARCHIVE,
    retain_until: date | None = None,
    organisation_id: int | None = None,
    by: Actor,
) -> StoredFile:
    """Keep ``data`` and return its row. The caller has checked what it is; ``purpose`` names what it serves."""
    digest = sm3(data)
    path = path_of(digest)
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(data))
    row = StoredFile.objects.create(
        name=name[:255],
        content_type=content_type,
        size=len(data),
        digest=digest,
        purpose=purpose,
        retention=retention,
        retain_until=retain_until,
        organisation_id=organisation_id if organisation_id is not None else by.organisation_id,
        stored_by_id=by.user_id,
        stored_at=clock.now(),
    )
    record(
        events.FILE_STORED,
        by=by,
        on=row,
        organisation_id=row.organisation_id,
        after={"digest": digest, "purpose": purpose},
    )
    return row


def open_file(row: StoredFile, *, by: Actor) -> bytes:
    """The content of a stored file for a person; the reading is recorded. Who may read is the calling room's rule."""
    data = read(row)
    record(events.FILE_READ, by=by, on=row, organisation_id=row.organisation_id)
    return data
