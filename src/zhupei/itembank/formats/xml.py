"""XML from outside: parsed without entities, network or document types; bounded before it becomes a tree."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from lxml import etree

from .common import MAX_BYTES, FileRefused

MAX_NODES = 2_000_000
"""Tags and attributes of a file; a tree takes some 150 bytes for each."""


def nodes_in(data: bytes) -> int:
    """At least the number of nodes that ``data`` becomes."""
    return data.count(b"<") + data.count(b'="') + data.count(b"='")


def parsed(data: bytes, nodes: int = MAX_NODES) -> Any:
    """The root of a document of at most ``nodes`` nodes. Raises ``FileRefused``."""
    if len(data) > MAX_BYTES:
        raise FileRefused("file_large", _("The file is larger than 50 MB. Split it."), 413)
    if nodes_in(data) > nodes:
        raise FileRefused("file_bomb", _("The file unpacks to far more than items hold. It is refused."))
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        raise FileRefused("file_damaged", _("The file is damaged or not of this format.")) from None
    if root is None:
        raise FileRefused("file_damaged", _("The file is damaged or not of this format."))
    dtd: Any = root.getroottree().docinfo.internalDTD
    if dtd is not None and (
        any(True for _one in dtd.iterentities()) or any(True for _one in dtd.iterelements())
    ):
        raise FileRefused("file_entities", _("The file defines entities of its own. It is refused."))
    return root


def head_of(data: bytes) -> str:
    """The first characters of what may be XML, in small letters; "" if it is none."""
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "ignore")
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "ignore")
    text = text.lstrip().lower()
    return text if text.startswith("<") else ""
