"""How often one address may ask for codes, and one member of staff may look persons up.

Counted in the memory of the one server process; the bounds for a number and a phone lie in the database (``issue_code``).
A whole class signs up from one address, hence the width.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from zhupei.kernel.errors import Refusal

CODES_PER_ADDRESS = RateLimitItemPerHour(120, namespace="codes")
LOOKUPS_PER_USER = RateLimitItemPerHour(200, namespace="lookups")
PASSWORDS_PER_USER = RateLimitItemPerHour(10, namespace="passwords")

_storage = MemoryStorage()
_limiter = MovingWindowRateLimiter(_storage)


def bound(limit: RateLimitItemPerHour, who: str | int | None) -> None:
    """Count one act of ``who``; ``Refusal`` 429 once the limit is reached."""
    if not _limiter.hit(limit, str(who)):
        raise Refusal(
            "too_often", _("This was done too often in the last hour. Try again later."), status=429
        )


def forget() -> None:
    """Start counting anew (tests)."""
    _storage.reset()
