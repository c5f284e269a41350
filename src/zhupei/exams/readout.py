"""A released key as a page shows it to be read out over the telephone (I08)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import pgettext

from zhupei.delivery import api as delivery


@dataclass(frozen=True)
class KeyGroup:
    """One group: four figures, the check letter, and the five as one says them."""

    number: int
    figures: str
    check: str
    spoken: tuple[str, ...]


def _words() -> dict[str, str]:
    return {
        "0": pgettext("key read out", "zero"),
        "1": pgettext("key read out", "one"),
        "2": pgettext("key read out", "two"),
        "3": pgettext("key read out", "three"),
        "4": pgettext("key read out", "four"),
        "5": pgettext("key read out", "five"),
        "6": pgettext("key read out", "six"),
        "7": pgettext("key read out", "seven"),
        "8": pgettext("key read out", "eight"),
        "9": pgettext("key read out", "nine"),
        "a": pgettext("key read out", "A as in apple"),
        "b": pgettext("key read out", "B as in boy"),
        "c": pgettext("key read out", "C as in cat"),
        "d": pgettext("key read out", "D as in dog"),
        "e": pgettext("key read out", "E as in egg"),
        "f": pgettext("key read out", "F as in fish"),
        "g": pgettext("key read out", "G as in girl"),
        "h": pgettext("key read out", "H as in hand"),
        "j": pgettext("key read out", "J as in jacket"),
        "k": pgettext("key read out", "K as in king"),
        "m": pgettext("key read out", "M as in mother"),
        "n": pgettext("key read out", "N as in nose"),
        "p": pgettext("key read out", "P as in people"),
        "q": pgettext("key read out", "Q as in queen"),
        "r": pgettext("key read out", "R as in rose"),
        "s": pgettext("key read out", "S as in sun"),
        "t": pgettext("key read out", "T as in tea"),
        "u": pgettext("key read out", "U as in uncle"),
        "v": pgettext("key read out", "V as in victory"),
        "w": pgettext("key read out", "W as in water"),
        "x": pgettext("key read out", "X as in X-ray"),
        "y": pgettext("key read out", "Y as in yellow"),
        "z": pgettext("key read out", "Z as in zoo"),
    }


def groups_of(key: bytes) -> list[KeyGroup]:
    """The key in its groups, in the reader's language."""
    words = _words()
    return [
        KeyGroup(number, group[:-1], group[-1], tuple(words[figure] for figure in group))
        for number, group in enumerate(delivery.spell_key(key), 1)
    ]
