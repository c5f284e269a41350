"""Telephone numbers of mainland China: mobile, and landline with area code and extension."""

from __future__ import annotations

import re
import unicodedata


class BadPhone(ValueError):
    """Not a mobile or landline number."""

    code = "bad_phone"


_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
# area code: 010, 02x, or 0 and three digits beginning 3-9; then 7 or 8 digits; then an extension
_LANDLINE = re.compile(
    r"(?:\+?86|0086)?\(?(010|02[0-9]|0[3-9][0-9]{2})\)?-?([2-9][0-9]{6,7})(?:(?:-|转|ext\.?|x|,|#)([0-9]{1,6}))?",
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """``text`` as stored: ``13812345678``, ``023-63601234`` or ``023-63601234-801``. The country code 86 is
    dropped.

    A landline needs its area code. Raises ``BadPhone``.
    """
    compact = "".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())
    if mobile := _MOBILE.fullmatch(compact.replace("-", "")):
        return mobile[1]
    if landline := _LANDLINE.fullmatch(compact):
        return "-".join(part for part in landline.groups() if part)
    raise BadPhone("not a mobile or landline number")


def is_mobile(text: str) -> bool:
    """True if ``text`` is a mobile number."""
    return is_phone(text) and "-" not in normalise(text)


def is_phone(text: str) -> bool:
    """True if ``text`` is a mobile or a landline number (R169, R171)."""
    try:
        normalise(text)
    except BadPhone:
        return False
    return True


def mask(text: str) -> str:
    """``138****1234``, ``023-****1234`` (extension dropped); all stars if ``text`` is no number at all."""
    try:
        number = normalise(text)
    except BadPhone:
        return "*" * len(text)
    if "-" in number:
        area, local = number.split("-")[:2]
        return f"{area}-{'*' * (len(local) - 4)}{local[-4:]}"
    return f"{number[:3]}****{number[-4:]}"
