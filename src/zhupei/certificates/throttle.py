"""How often one address may check certificates: enough for an employer with a pile of them, not for trying numbers.

Counted in the memory of the one server process.
"""

from __future__ import annotations

import time

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

PER_MINUTE = RateLimitItemPerMinute(30, namespace="certificate-check-minute")
PER_HOUR = RateLimitItemPerHour(300, namespace="certificate-check-hour")

_storage = MemoryStorage()
_limiter = MovingWindowRateLimiter(_storage)


def wait_for(address: str) -> int:
    """Count one check from ``address``; 0 when it may go on, otherwise the whole seconds until it may."""
    for limit in (PER_HOUR, PER_MINUTE):
        if not _limiter.test(limit, address):
            reset, _left = _limiter.get_window_stats(limit, address)
            return max(int(reset - time.time()) + 1, 1)
    for limit in (PER_HOUR, PER_MINUTE):
        _limiter.hit(limit, address)
    return 0


def forget() -> None:
    """Start counting anew (tests)."""
    _storage.reset()
