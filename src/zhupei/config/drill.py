"""The clock of a drill: a demonstration may run days ahead, so that deadlines and classes can be played through.

Only where ``ZHUPEI_DEMO`` is on and ``ZHUPEI_CLOCK_FILE`` names a file that holds an offset in seconds.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zhupei.kernel import clock


def use_drill_clock(*, demo: bool) -> bool:
    """Follow the offset file from now on; returns whether there is one. Refused outside a demonstration."""
    name = os.environ.get("ZHUPEI_CLOCK_FILE")
    if not name:
        return False
    if not demo:
        raise RuntimeError("ZHUPEI_CLOCK_FILE is for demonstrations; this installation is in service")
    path = Path(name)

    def now() -> datetime:
        try:
            offset = float(path.read_text() or 0)
        except (OSError, ValueError):
            offset = 0.0
        return datetime.now(UTC) + timedelta(seconds=offset)

    clock.set_source(now)
    return True
