"""Names of persons: what is stored stays as it was given; comparison uses a normal form."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

MAX_LENGTH = 50
MIDDLE_DOT = "\u00b7"

_DOTS = str.maketrans(dict.fromkeys("•‧・･．.∙⋅", MIDDLE_DOT))
# controls, direction and zero-width marks, surrogates, line and paragraph separators
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\ufffd"


class Problem(StrEnum):
    """What is wrong with a name."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    BAD_CHARACTER = "bad_character"
    NO_LETTER = "no_letter"


def normalise(text: str) -> str:
    """``text`` for comparison, never for storage: NFC, every middle dot as U+00B7, no spaces."""
    return unicodedata.normalize("NFC", "".join(text.split())).translate(_DOTS)


def same(a: str, b: str) -> bool:
    """True if two names are the same in normal form, capitals ignored (chips write Latin names in
    capitals)."""
    return normalise(a).casefold() == normalise(b).casefold()


def check(text: str) -> list[Problem]:
    """Every problem of a name; empty if none. Length is in characters (code points) after trimming, at most
    50.

    Letters are letters of any script, private-use characters and code points newer than this Python's
    Unicode tables: a rare Han character must never make a person impossible. A name of digits or signs only
    is refused.
    """
    name = text.strip()
    if not name:
        return [Problem.EMPTY]
    problems = []
    if len(name) > MAX_LENGTH:
        problems.append(Problem.TOO_LONG)
    categories = {unicodedata.category(c) for c in name}
    if categories & _FORBIDDEN_CATEGORIES or _REPLACEMENT in name:
        problems.append(Problem.BAD_CHARACTER)
    if not any(category[0] == "L" or category in ("Co", "Cn") for category in categories):
        problems.append(Problem.NO_LETTER)
    return problems


def private_use(text: str) -> list[str]:
    """The private-use (PUA) characters in ``text``, in order: marks of an old card that need the map or an
    image."""
    return [c for c in text if unicodedata.category(c) == "Co"]
