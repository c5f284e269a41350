"""The files of ``delivery/static``, read once, each under a mark of its content so that browsers may keep it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parents[1] / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class File(NamedTuple):
    """A static file: its content, the mark of it in its address, its content type."""

    content: bytes
    mark: str
    type: str


def static_files() -> dict[str, File]:
    """Style and script by name."""
    files = {}
    for path in sorted(STATIC.iterdir()):
        if path.suffix in TYPES:
            content = path.read_bytes()
            mark = hashlib.sha256(content).hexdigest()[:16]
            files[path.name] = File(content, mark, TYPES[path.suffix])
    return files
