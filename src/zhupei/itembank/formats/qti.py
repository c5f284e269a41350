"""IMS QTI of any version we know: reads 2.1, 2.2 and 3.0, writes 2.1, which most programs read."""

from __future__ import annotations

from .qti2 import CONTENT_TYPE, EXTENSIONS, LOST, read, unwritable, write
from .qti_read import version_of

NAME, TITLE = "qti", "QTI 2.1, 2.2, 3.0"

__all__ = [
    "CONTENT_TYPE",
    "EXTENSIONS",
    "LOST",
    "NAME",
    "TITLE",
    "read",
    "sniff",
    "unwritable",
    "write",
]


def sniff(data: bytes, name: str) -> bool:
    return version_of(data) > 0
