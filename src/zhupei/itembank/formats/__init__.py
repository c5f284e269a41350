"""Formats of items: what there is, which one a file is in, and its reading."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from django.utils.translation import gettext as _

from .common import MAX_BYTES, MAX_ITEMS, MAX_STREAMED, FileRefused, Reading, open_zip

AUTO = "auto"
FORMATS: tuple[str, ...] = ("xlsx", "docx", "qti3", "qti2", "moodle", "aiken", "gift")
"""Every format by its name, in the order in which a file is tried: packages first, the loosest text last."""
READ_ONLY = ("qti",)
"""Names that read several versions of a format and write none of their own."""
_OTHERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc, .xls"),
    (b"%PDF-", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
)
"""How files begin that people hand in by mistake."""


def module(name: str) -> ModuleType:
    """The module of a format, imported on first use. Raises ``FileRefused`` for a name that there is not."""
    if name not in available() + READ_ONLY:
        raise FileRefused("format_unknown", _("There is no format “%(name)s”.") % {"name": name[:40]})
    return import_module(f"{__name__}.{name}")


def available() -> tuple[str, ...]:
    """The formats whose modules are there."""
    return tuple(name for name in FORMATS if find_spec(f"{__name__}.{name}") is not None)


def extension_of(name: str) -> str:
    """The ending of a file name in small letters, without the dot; "" if there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def detect(data: bytes, name: str = "") -> str:
    """The format of a file by its content, its name only deciding between several. Raises ``FileRefused``."""
    if len(data) > MAX_BYTES:
        raise FileRefused("file_large", _("The file is larger than 50 MB. Split it."), 413)
    if data.startswith(b"PK\x03\x04"):
        open_zip(data, MAX_STREAMED)  # its bounds first: no format looks into a bomb
    found = [one for one in available() if module(one).sniff(data, name)]
    for one in found:
        if extension_of(name) in [e.lstrip(".").lower() for e in module(one).EXTENSIONS]:
            return one
    if found:
        return found[0]
    for start, title in _OTHERS:
        if data.startswith(start):
            raise FileRefused(
                "file_kind",
                _(
                    "Files of this kind (%(kind)s) are not read. Save it as .docx or .xlsx and hand it in again."
                )
                % {"kind": title},
            )
    raise FileRefused(
        "file_kind",
        _("The file is damaged, or in none of these formats: %(formats)s.")
        % {"formats": _(", ").join(str(module(one).TITLE) for one in available())},
    )


def read(data: bytes, name: str = "", format: str = AUTO) -> Reading:
    """What a file holds. Raises ``FileRefused`` for one that cannot be read at all."""
    chosen = detect(data, name) if format == AUTO else format
    if len(data) > MAX_BYTES:
        raise FileRefused("file_large", _("The file is larger than 50 MB. Split it."), 413)
    reading: Reading = module(chosen).read(data, name=name)
    if len(reading.drafts) > MAX_ITEMS:
        raise FileRefused(
            "file_items", _("The file holds more than %(n)d items. Split it.") % {"n": MAX_ITEMS}, 413
        )
    return reading
