"""How many names that nobody has may be tried from one address.

Each costs as much work as a right one, so that nobody learns which names there are; without a bound a single computer in an exam
hall would keep the server at hashing while others sit their test. Names that somebody has are locked after a few failures.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from zhupei.kernel.errors import Refusal

UNKNOWN_PER_ADDRESS = RateLimitItemPerMinute(60, 10, namespace="unknown-names")

_storage = MemoryStorage()
_limiter = MovingWindowRateLimiter(_storage)


def bound(ip: str) -> None:
    """``Refusal`` 429 when too many unknown names were tried from this address within ten minutes."""
    if ip and not _limiter.test(UNKNOWN_PER_ADDRESS, ip):
        raise Refusal(
            "too_often", _("Too many tries from this address. Wait ten minutes, then try again."), status=429
        )


def unknown(ip: str) -> None:
    """Count a name that nobody has."""
    _limiter.hit(UNKNOWN_PER_ADDRESS, ip)


def forget() -> None:
    """Start counting anew (tests)."""
    _storage.reset()
