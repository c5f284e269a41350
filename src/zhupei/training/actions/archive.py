"""Every write on class archives (R027–R029). There is no deletion: disposal comes after the years are over."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, store
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.training import events
from zhupei.training.access import ARCHIVISTS, SUPERVISORS
from zhupei.training.choices import ArchiveKind, ClassState
from zhupei.training.models import ArchiveItem, TrainingClass
from zhupei.training.queries import retention_of

from .classes import locked_class
from .plans import Upload


@transaction.atomic
def add_to_archive(
    training_class: TrainingClass,
    kind: str,
    *,
    upload: Upload | None = None,
    paper_location: str = "",
    by: Actor,
) -> ArchiveItem:
    """Add a file, or the place where a paper lies, to the archive of a class. Kept five years from application (R028)."""
    by.require(*ARCHIVISTS, organisation_id=training_class.institution.organisation_id)
    if upload is None and not paper_location.strip():
        raise Refusal(
            "nothing_to_keep",
            _("Upload the file, or say where the paper lies."),
            clause="二（3）",
            field="file",
        )
    training_class = locked_class(training_class)
    if training_class.state in (ClassState.ARCHIVED, ClassState.CANCELLED):
        raise Conflict("archive_closed", _("The archive of this class is closed."))
    file = None
    if upload is not None:
        file = store(
            upload.data,
            name=upload.name,
            content_type=upload.content_type,
            purpose=f"class_{kind}",
            retention=Retention.ARCHIVE,
            retain_until=retention_of(training_class),
            organisation_id=training_class.institution.organisation_id,
            by=by,
        )
    item = ArchiveItem.objects.create(
        training_class=training_class,
        kind=ArchiveKind(kind),
        file=file,
        paper_location=paper_location.strip(),
        added_by=by.name,
        added_at=clock.now(),
    )
    record(
        events.ARCHIVE_ADDED,
        by=by,
        on=training_class,
        organisation_id=training_class.institution.organisation_id,
        after={"item": item.pk, "kind": kind, "medium": "electronic" if file else "paper"},
    )
    return item


def note_reading(training_class: TrainingClass, *, item: ArchiveItem | None = None, by: Actor) -> None:
    """Put on record that a supervisor looked into an institution's class archive (R029)."""
    if by.has(*SUPERVISORS):
        record(
            events.ARCHIVE_READ,
            by=by,
            on=training_class,
            organisation_id=training_class.institution.organisation_id,
            after={"item": item.pk} if item else None,
        )
