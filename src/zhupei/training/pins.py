"""The code on the teacher's screen: made from lesson and minute, kept nowhere.

The PIN has six digits and changes every minute; the one before still counts, for whoever was just typing. The link in the
QR code holds a longer code of the same kind and counts for three minutes, time enough to sign in on the way.
"""

from __future__ import annotations

import hmac

from zhupei.kernel import clock, crypto
from zhupei.web.fields import purpose_key

SECONDS = 60
PIN_MINUTES = 2  # this one and the one before
LINK_MINUTES = 3


def _digest(lesson_id: int, minute: int, kind: str) -> str:
    return crypto.hmac_sm3(purpose_key("lesson-code", 32), f"{kind}:{lesson_id}:{minute}".encode())


def _minute() -> int:
    return int(clock.now().timestamp()) // SECONDS


def _pin_at(lesson_id: int, minute: int) -> str:
    return f"{int(_digest(lesson_id, minute, 'pin'), 16) % 1_000_000:06d}"


def pin(lesson_id: int) -> str:
    """The six digits of this minute."""
    return _pin_at(lesson_id, _minute())


def link_code(lesson_id: int) -> str:
    """What the QR code's link carries in this minute."""
    return _digest(lesson_id, _minute(), "link")[:20]


def seconds_left() -> int:
    """Until the next PIN."""
    return SECONDS - int(clock.now().timestamp()) % SECONDS


def is_pin(lesson_id: int, text: str) -> bool:
    """True if ``text`` (spaces aside) is the lesson's PIN of this minute or the one before."""
    typed = "".join(text.split())
    return any(
        hmac.compare_digest(_pin_at(lesson_id, _minute() - n).encode(), typed.encode())
        for n in range(PIN_MINUTES)
    )


def is_link_code(lesson_id: int, text: str) -> bool:
    """True if ``text`` is the lesson's link code of the last three minutes."""
    now = _minute()
    return any(
        hmac.compare_digest(_digest(lesson_id, now - n, "link")[:20].encode(), text.encode())
        for n in range(LINK_MINUTES)
    )
