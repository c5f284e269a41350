"""How often one address may ask for a registration code.

Counted in the memory of the one server process; the bound for each phone lies in the database (``issue_code``).
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from zhupei.kernel.errors import Refusal

CODES_PER_ADDRESS = RateLimitItemPerHour(30, namespace="registration-codes")

_storage = MemoryStorage()
_limiter = MovingWindowRateLimiter(_storage)


def bound(address: str) -> None:
    """Count one code asked for from ``address``; ``Refusal`` 429 once there were too many in an hour."""
    if not _limiter.hit(CODES_PER_ADDRESS, address):
        raise Refusal(
            "too_often",
            _("Too many codes were asked for from this address. Try again in an hour."),
            status=429,
        )


def forget() -> None:
    """Start counting anew (tests)."""
    _storage.reset()
