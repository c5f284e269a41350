"""The filings of a hall's staff, told to the room that writes hall passes."""

from __future__ import annotations

from collections.abc import Iterator

from zhupei.exams.api import FiledPost


def filings_of(organisation_id: int) -> Iterator[FiledPost]:
    """Who of a unit was trained and filed with the centre (R146–R148)."""
    from zhupei.hall.models import StaffFiling

    rows = StaffFiling.objects.filter(organisation_id=organisation_id, trained_on__isnull=False)
    for row in rows.exclude(filed_at=None).order_by("pk"):
        yield FiledPost(row.user_id_ref, row.role, row.trained_on, row.training, row.filing_no, row.filed_at)
