"""From a template's name and its data to PDF bytes, within bounds of time and size.

Data goes to the typesetter as JSON and is read there with ``json(bytes(...))``: it is never part of the source, so
``#panic()`` in a name is four letters and some signs. The creation date is the document's own date, so that the same
data gives the same bytes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from zhupei.documents.fonts import font_files, font_folders
from zhupei.documents.text import clean_all
from zhupei.kernel.errors import Refusal

HERE = Path(__file__).parent
UNDATED = date(2000, 1, 1)  # archival PDF wants a date; a document without one gets this
SECONDS = 60  # wall clock for one file; a page takes 0.3 s, 200 slips with photos 8 s
MEMORY = 2 * 1024**3
LARGEST_PDF = 64 * 1024 * 1024


class RenderError(RuntimeError):
    """The typesetter failed or ran out of its bounds: a fault of ours, not of the data."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a document module hands over: a template, its data, SVG pictures by name, and the metadata."""

    template: str
    title: str
    data: dict[str, Any]
    pictures: dict[str, str] = field(default_factory=dict)
    dated: date | None = None


def render(job: Job) -> bytes:
    """The PDF. Raises ``Refusal`` when the data cannot stand on the sheet, ``RenderError`` when we fail."""
    dated = job.dated or UNDATED
    data = clean_all({**job.data, "title": job.title})
    data["bold"] = any("SerifCJK-Bold" in path.name for path in font_files())
    data["date"] = [dated.year, dated.month, dated.day]
    message = {
        "source": _source(job.template),
        "data": json.dumps(data, ensure_ascii=False),
        "pictures": json.dumps(job.pictures),
        "fonts": font_folders(),
        "timestamp": max(0, int(datetime(dated.year, dated.month, dated.day, tzinfo=UTC).timestamp())),
        "memory": MEMORY,
        "seconds": 2 * SECONDS,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(HERE / "worker.py")],
            input=json.dumps(message).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            cwd="/",
            env={"LANG": "C.UTF-8", "RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"},
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"{job.template}: not done within {SECONDS} s") from None
    if done.returncode == 3:
        failure = json.loads(done.stdout)
        raise _refusal(failure["message"]) or RenderError(f"{job.template}: {failure}")
    if done.returncode or not done.stdout.startswith(b"%PDF"):
        raise RenderError(
            f"{job.template}: exit {done.returncode}: {done.stderr[-500:].decode(errors='replace')}"
        )
    if len(done.stdout) > LARGEST_PDF:
        raise RenderError(f"{job.template}: {len(done.stdout)} bytes")
    return done.stdout


def _refusal(message: str) -> Refusal | None:
    """The sheet said that a text does not fit even in its smallest type."""
    found = re.search(r'overflow:([^"\\]*)', message)
    if not found:
        return None
    name = found[1].strip()
    return Refusal(
        "documents.too_long", f"“{name}”的文字太长，放不进表格，请缩短。", clause="R181", field=name
    )


@lru_cache(maxsize=16)
def _source(template: str) -> str:
    places = HERE / "templates"
    return (places / "common.typ").read_text("utf-8") + (places / f"{template}.typ").read_text("utf-8")
