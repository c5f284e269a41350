"""A reserve of disk space for answers: a file that is given up when the disk is full, so that the journal can go on.

Photographs and captures are the first to be refused when space runs low (that is the hall's part); the reserve is the last.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

RESERVE_BYTES = 64 * 2**20
"""About 400,000 answers: every answer of four full sittings of 220."""
NAME = "reserve"


def free_bytes(folder: Path) -> int:
    """Bytes that can still be written where ``folder`` lies."""
    return shutil.disk_usage(folder).free


def keep_reserve(folder: Path, size: int = RESERVE_BYTES) -> bool:
    """Set ``size`` bytes aside in ``folder`` while at least twice as much is free; True if they are there."""
    path = folder / NAME
    if path.exists() and path.stat().st_size == size:
        return True
    if free_bytes(folder) < 2 * size:
        return False
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
        os.fsync(handle)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(handle)
    return True


def give_reserve(folder: Path) -> bool:
    """Free the reserve; True if there was one."""
    with contextlib.suppress(FileNotFoundError):
        (folder / NAME).unlink()
        return True
    return False
