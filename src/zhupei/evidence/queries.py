"""Reading files back, checked against their digest."""

from __future__ import annotations

from django.core.files.storage import default_storage

from zhupei.kernel.crypto import sm3

from .models import StoredFile


def path_of(digest: str) -> str:
    """Where the content of this digest lies in the file storage."""
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


class DamagedFile(Exception):
    """The stored content no longer has the digest it was stored under."""


def read(row: StoredFile) -> bytes:
    """The content of a stored file; ``DamagedFile`` if it was changed on disk."""
    with default_storage.open(path_of(row.digest)) as handle:
        data: bytes = handle.read()
    if sm3(data) != row.digest:
        raise DamagedFile(row.digest)
    return data
