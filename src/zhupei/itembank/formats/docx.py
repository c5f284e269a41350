"""Items in Word, in the layout that Chinese banks use (``layout``), read and written."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_lazy

from .common import Outgoing, Reading, listing
from .docxwriter import written
from .layout import Layout
from .wordpackage import Document

NAME = "docx"
TITLE = gettext_lazy("Word (.docx)")
EXTENSIONS = ("docx",)
CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LOST: frozenset[str] = frozenset()
"""Fields that this format has no room for."""


def unwritable(item: Outgoing) -> str:
    """Why an item cannot stand in this format; "" if it can."""
    return ""


def sniff(data: bytes, name: str = "") -> bool:
    """A package with a Word document in it."""
    return any(member.filename == "word/document.xml" for member in listing(data))


def read(data: bytes, *, name: str = "") -> Reading:
    """The questions of a document. Raises ``FileRefused``."""
    reading = Reading()
    document = Document(data, reading)
    Layout(reading, document.atoms).read(document.blocks())
    return reading


def write(items: Iterable[Outgoing]) -> bytes:
    """A document that reads back with every field. Raises ``FileRefused`` if it became larger than a document may be."""
    return written(items)
