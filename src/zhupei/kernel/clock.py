"""The time of the platform: one place to ask, one zone, and a hook for tests and drills.

Civil time decides deadlines and is always Asia/Shanghai when turned into a date; elapsed time is measured on the
monotonic clock, which no administrator and no time server can step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
_monotonic: Callable[[], float] = time.monotonic


def now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return _now()


def local(moment: datetime) -> datetime:
    """``moment`` on the clock of Shanghai."""
    return moment.astimezone(SHANGHAI)


def today() -> date:
    """The present date in Shanghai."""
    return local(now()).date()


def monotonic() -> float:
    """Seconds on a clock that never goes back. Only differences mean anything."""
    return _monotonic()


def set_source(source: Callable[[], datetime]) -> None:
    """Take the present moment from ``source`` (aware, UTC) from now on: for drills, never in service."""
    global _now
    _now = source


def elapsed_source() -> Callable[[], float]:
    """Where elapsed time comes from now, to be given back to ``set_monotonic`` after a drill."""
    return _monotonic


def set_monotonic(source: Callable[[], float]) -> None:
    """Take elapsed time from ``source`` (seconds) from now on: for drills, never in service."""
    global _monotonic
    _monotonic = source


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Hold ``now()`` at ``moment`` (aware; a naive one is taken as Shanghai time) inside the block."""
    global _now
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    before, _now = _now, lambda: moment.astimezone(UTC)
    try:
        yield
    finally:
        _now = before
