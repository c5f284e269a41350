"""What every benchmark prints of the machine it ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores, memory, Python and system of this machine."""
    cpu = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line),
            "",
        )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mb": pages // 2**20,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
