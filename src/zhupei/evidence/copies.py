"""Content by its digest alone: for the second server of a hall, which has the rows and copies the files it lacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.files.storage import default_storage

from zhupei.kernel.crypto import sm3

from .models import StoredFile
from .queries import path_of

PART = 1024 * 1024  # bytes read or written at once


@dataclass(frozen=True)
class Lacking:
    """A row whose content is not on this disk. ``size`` in bytes."""

    row_id: int
    digest: str
    size: int


def part_of(digest: str, start: int) -> bytes | None:
    """At most ``PART`` bytes from ``start`` of the content with this digest (64 hex digits); None if it is not here."""
    try:
        with default_storage.open(path_of(digest)) as handle:
            handle.seek(start)
            data: bytes = handle.read(PART)
            return data
    except FileNotFoundError:
        return None


def lacking(*, after: int = 0, digests: set[str] | None = None) -> Iterator[Lacking]:
    """The rows from number ``after`` on whose content this disk lacks, oldest first; only ``digests`` if given."""
    rows = StoredFile.objects.filter(pk__gt=after, disposed_at=None)
    if digests is not None:
        rows = rows.filter(digest__in=digests)
    for pk, digest, size in rows.order_by("pk").values_list("pk", "digest", "size").iterator(chunk_size=500):
        if not default_storage.exists(path_of(digest)):
            yield Lacking(pk, digest, size)


def last_row() -> int:
    """The highest number of a row; 0 when there is none."""
    row = StoredFile.objects.order_by("-pk").values_list("pk", flat=True).first()
    return row or 0


def _draft(digest: str) -> Path:
    return Path(default_storage.path(f"copying/{digest}"))


def begun(digest: str) -> int:
    """How many bytes of this content are here already, from an earlier attempt."""
    draft = _draft(digest)
    return draft.stat().st_size if draft.exists() else 0


def add_part(digest: str, data: bytes) -> None:
    """Append to what has begun."""
    draft = _draft(digest)
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with draft.open("ab") as file:
        file.write(data)


def complete(digest: str) -> bool:
    """Put what was copied in its place. False, and forgotten, if it does not have its digest."""
    draft = _draft(digest)
    if not draft.exists() or sm3(draft.read_bytes()) != digest:
        draft.unlink(missing_ok=True)
        return False
    place = Path(default_storage.path(path_of(digest)))
    place.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(place)
    return True
