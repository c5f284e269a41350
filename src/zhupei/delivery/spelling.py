"""A bundle's key as one reads it out over the telephone and types it at the other end (I08).

The 32 figures stand in eight groups of four, each with a check letter behind it: ``3fa2g``. The letter is none of the figures
and none that looks like one, so it cannot be taken for a figure; it changes with every single wrong figure, with two figures
exchanged, and with the place of the group. A group misheard otherwise is found sixteen times in seventeen; whether the whole key
is right the bundle's own seal says.
"""

from __future__ import annotations

import re
import unicodedata

FIGURES = "0123456789abcdef"
CHECKS = "ghjkmnpqrstuvwxyz"
GROUP = 4
_WEIGHTS = (2, 3, 4, 5)  # different and below 17, so that no single error and no exchange goes unseen
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015_.,:;\u00b7\u3001\u3002]+")
_LOOKALIKES = str.maketrans({"o": "0", "i": "1", "l": "1"})
MAX_TYPED = 200


class Misread(Exception):
    """A typed key that cannot be right. ``groups`` are the wrong ones, from 1; none where only the length is wrong."""

    def __init__(self, groups: tuple[int, ...] = ()) -> None:
        super().__init__(groups)
        self.groups = groups


def check_letter(group: str, number: int) -> str:
    """The check letter of four figures that stand as group ``number``, from 1."""
    total = sum(weight * FIGURES.index(figure) for weight, figure in zip(_WEIGHTS, group, strict=True))
    return CHECKS[(total + number) % len(CHECKS)]


def spell_key(key: bytes) -> list[str]:
    """The key in groups of four figures and a check letter. The length must be a whole number of groups."""
    figures = key.hex()
    if len(figures) % GROUP:
        raise ValueError("not a whole number of groups")
    groups = [figures[at : at + GROUP] for at in range(0, len(figures), GROUP)]
    return [group + check_letter(group, number) for number, group in enumerate(groups, 1)]


def read_key(text: str, size: int = 16) -> bytes:
    """The key of ``size`` bytes that was typed: in groups with check letters, or its bare figures.

    Spaces, dashes, points, capitals and full-width characters do not matter; o, i and l are taken for 0 and 1.
    Raises ``Misread``.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_TYPED]).lower().translate(_LOOKALIKES)
    plain = _SEPARATORS.sub("", text)
    count = size * 2 // GROUP
    if len(plain) == size * 2 and set(plain) <= set(FIGURES):
        return bytes.fromhex(plain)
    typed = [
        [one for one in _SEPARATORS.split(text) if one],
        [_SEPARATORS.sub("", one) for one in text.split()],
    ]
    if len(plain) == count * (GROUP + 1):
        typed.append([plain[at : at + GROUP + 1] for at in range(0, len(plain), GROUP + 1)])
    groups = next((one for one in typed if len(one) == count), [])
    bare = sum(len(group) == GROUP for group in groups) > count // 2
    wrong = tuple(number for number, group in enumerate(groups, 1) if not _right(group, number, bare))
    if wrong or not groups:
        raise Misread(wrong)
    return bytes.fromhex("".join(group[:GROUP] for group in groups))


def _right(group: str, number: int, bare: bool) -> bool:
    figures, check = group[:GROUP], group[GROUP:]
    if len(figures) != GROUP or not set(figures) <= set(FIGURES):
        return False
    return check == ("" if bare else check_letter(figures, number))
