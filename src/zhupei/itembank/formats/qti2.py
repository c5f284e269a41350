"""IMS QTI 2.1 and 2.2 (read), 2.1 (written): content packages and single items."""

from __future__ import annotations

from collections.abc import Iterable

from .common import Outgoing, Reading
from .qti_read import read as read_any
from .qti_read import version_of
from .qti_write import QTI_21, package

NAME, TITLE = "qti2", "QTI 2.1, 2.2"
EXTENSIONS = (".zip", ".xml")
CONTENT_TYPE = "application/zip"
LOST: frozenset[str] = frozenset()
"""Fields that this format has no room for."""


def sniff(data: bytes, name: str) -> bool:
    return version_of(data) == 2


def read(data: bytes, *, name: str = "") -> Reading:
    """Everything in the file. Raises ``FileRefused``."""
    return read_any(data, name=name)


def unwritable(item: Outgoing) -> str:
    """Why ``item`` cannot be written in this format; "" if it can: QTI holds them all."""
    return ""


def write(items: Iterable[Outgoing]) -> bytes:
    """A package of all items."""
    return package(items, QTI_21)
