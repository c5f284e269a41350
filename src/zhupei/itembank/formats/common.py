"""What every format of items reads into and writes from.

A format module has ``NAME`` (as ``--format`` takes it), ``TITLE``, ``EXTENSIONS``, ``CONTENT_TYPE``,
``sniff(data, name) -> bool``, ``read(data, *, name="") -> Reading`` and ``write(items) -> bytes``. A reader raises
``FileRefused`` for a file that cannot be read at all; a fault of one item refuses that item, with where and why, and what a
format holds and the bank does not (essays, matching …) is counted by the format's own name for it. Nothing is dropped in silence.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from xml.parsers import expat

from django.utils.translation import gettext as _

from zhupei.itembank.media import BadPicture, MediaBag
from zhupei.itembank.rules import ItemText
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal

MAX_BYTES = 50 * 1024 * 1024
MAX_UNPACKED = 200 * 1024 * 1024
MAX_MEMBERS = 60_000
MAX_MEMBER = 20 * 1024 * 1024
MAX_STREAMED = 64 * 1024 * 1024
"""Bytes of a member that is read piece by piece and never held as a tree (a sheet, the text of a document)."""
MAX_RATIO = 200
MAX_ITEMS = 20_000


_progress: ContextVar[Callable[[int, int], None] | None] = ContextVar("progress", default=None)
_kept: ContextVar[Callable[[str], bool] | None] = ContextVar("kept", default=None)


@contextmanager
def surroundings(
    progress: Callable[[int, int], None] | None = None, kept: Callable[[str], bool] | None = None
) -> Iterator[None]:
    """What a reader may use while it runs: ``progress(done, of)`` is told how far it is, ``kept(digest)`` says whether the
    bank has a picture of these very bytes (it then stays as it is, and is not encoded anew)."""
    tokens = _progress.set(progress), _kept.set(kept)
    try:
        yield
    finally:
        _progress.reset(tokens[0])
        _kept.reset(tokens[1])


def tick(done: int, of: int) -> None:
    """Tell whoever waits how far a long reading is."""
    if (told := _progress.get()) is not None:
        told(done, of)


class FileRefused(Refusal):
    """A file that is not taken in at all."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(code, message, field="file", status=status)


@dataclass(frozen=True)
class Draft:
    """One item as a file gives it. What the file does not say is empty; ``level`` in ``text`` may be "" too."""

    where: str
    """The place in the file as its author knows it: row 12, question 3, name of the item."""
    text: ItemText
    uid: str = ""
    subject: str = ""
    chapter: str = ""
    post_codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """One item, or part of it, that cannot come in."""

    where: str
    reason: str
    column: str = ""


@dataclass
class Reading:
    """All that a file holds. ``notes`` tell what came in changed (a fraction of marks, feedback of one option …)."""

    drafts: list[Draft] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unsupported: Counter[str] = field(default_factory=Counter)
    notes: list[Refused] = field(default_factory=list)
    media: MediaBag = field(default_factory=MediaBag)

    def picture(self, where: str, raw: bytes, alt: str = "") -> str:
        """The markup of a picture; one that cannot come in is refused by name. Raises ``ItemRefused``."""
        kept = _kept.get()
        if kept is not None and kept(digest := sm3(raw)):
            words = " ".join(alt.translate(str.maketrans("[]", "（）")).split())[:200]
            return f"![{words}](media:{digest})"
        try:
            return self.media.add(raw, alt)
        except BadPicture as error:
            raise ItemRefused(
                {
                    "large": _("A picture is too large (5 MB and 20 million pixels at most)."),
                    "kind": _("A picture is not PNG, JPEG, GIF, BMP or WebP. Save it as PNG."),
                    "broken": _("A picture is damaged."),
                }[error.code]
            ) from None


class ItemRefused(Exception):
    """One item cannot come in; the message says why, translated."""


@dataclass(frozen=True)
class Outgoing:
    """An item to write out. ``media``: its pictures, (content type, bytes) by digest."""

    uid: str
    subject: str
    chapter: str
    post_codes: tuple[str, ...]
    text: ItemText
    media: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError, OSError)
"""What Python's reader raises on a damaged package, or one packed in a way that it does not know."""


def listing(data: bytes) -> list[zipfile.ZipInfo]:
    """The members of a package by its own table of contents, nothing unpacked; empty for what is no package."""
    if not data.startswith(b"PK"):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return package.infolist()
    except _BROKEN_ZIP:
        return []


def open_zip(data: bytes, largest: int = MAX_MEMBER) -> zipfile.ZipFile:
    """A package, once its size, members, names and ratio are within bounds. Raises ``FileRefused``.

    ``largest``: bytes that its largest member may unpack to.
    """
    if len(data) > MAX_BYTES:
        raise FileRefused("file_large", _("The file is larger than 50 MB. Split it."), 413)
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
        members = package.infolist()
    except _BROKEN_ZIP:
        raise FileRefused("file_damaged", _("The file is damaged or not of this format.")) from None
    whole = sum(m.file_size for m in members)
    if (
        len(members) > MAX_MEMBERS
        or whole > MAX_UNPACKED
        or any(m.file_size > largest for m in members)
        or whole > MAX_RATIO * max(len(data), 1) + 1024 * 1024
    ):
        raise FileRefused("file_bomb", _("The file unpacks to far more than items hold. It is refused."))
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or member.flag_bits & 1:
            raise FileRefused(
                "file_paths", _("The file holds encrypted parts or paths that lead outside. It is refused.")
            )
    return package


_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """``text`` as XML takes it: ``\\n`` alone for a new line, no control characters."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class _Prolog(Exception):
    """Carries whether a document type was declared before the root."""


def refuse_doctype(data: bytes) -> None:
    """Raise ``FileRefused`` if an XML document declares a type (and with it, entities); reads no further than its root."""
    parser = expat.ParserCreate()
    seen: list[bool] = []

    def found(*_facts: object) -> None:
        seen.append(True)
        raise _Prolog

    def root(*_facts: object) -> None:
        raise _Prolog

    parser.StartDoctypeDeclHandler = found
    parser.StartElementHandler = root
    try:
        parser.Parse(data, True)
    except _Prolog:
        pass
    except (expat.ExpatError, ValueError, LookupError):
        raise FileRefused("file_damaged", _("The file is damaged or not of this format.")) from None
    if seen:
        raise FileRefused(
            "file_entities",
            _("The file declares a document type or entities, which no items need. It is refused."),
        )


def member_bytes(package: zipfile.ZipFile, name: str, limit: int = MAX_MEMBER) -> bytes | None:
    """The bytes of one member, never more than ``limit`` whatever its header says; None if it is not there.

    Raises ``FileRefused``.
    """
    try:
        with package.open(name) as stream:
            data = stream.read(limit + 1)
    except KeyError:
        return None
    except Exception:  # whatever a decompressor raises on a damaged or unknown packing
        raise FileRefused("file_damaged", _("The file is damaged or not of this format.")) from None
    if len(data) > limit:
        raise FileRefused("file_bomb", _("The file unpacks to far more than items hold. It is refused."))
    return data
