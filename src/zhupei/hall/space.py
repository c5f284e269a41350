"""What the hall's disk is still good for: photos first make room, answers go on to the last byte (I03)."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from zhupei.delivery.api import free_bytes

CAPTURE_FLOOR = 512 * 2**20
"""Free bytes below which no photo is kept any more."""


def captures_fit() -> bool:
    """True while photos may be kept on the disk of the evidence and of the answers."""
    folders = [Path(folder) for folder in (settings.DATA, settings.HALL_DATA)]
    return all(free_bytes(folder) >= CAPTURE_FLOOR for folder in folders if folder.exists())
