"""The generator that every draw runs on: HMAC-SM3 in counter mode. The same key gives the same choices on any machine."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from zhupei.kernel.crypto import hmac_sm3

T = TypeVar("T")
_WORD = 2**32


class Chance:
    """Choices from a 32-byte key. Never the standard library's generator, whose stream may change with its version."""

    def __init__(self, key: bytes) -> None:
        self._key, self._counter, self._words = key, 0, list[int]()

    @classmethod
    def of(cls, seed: bytes, *names: str) -> Chance:
        """The generator of one purpose under a seed: ``names`` are bound to it, each with its length."""
        return cls(bytes.fromhex(derived_seed(seed, *names)))

    def _word(self) -> int:
        if not self._words:
            block = bytes.fromhex(hmac_sm3(self._key, self._counter.to_bytes(8, "big")))
            self._counter += 1
            self._words = [int.from_bytes(block[i : i + 4], "big") for i in range(28, -4, -4)]
        return self._words.pop()

    def below(self, n: int) -> int:
        """A whole number from 0 to ``n - 1``, each equally likely (by rejection, without modulo bias)."""
        if not 0 < n <= _WORD:
            raise ValueError(n)
        limit = _WORD - _WORD % n
        while (word := self._word()) >= limit:
            pass
        return word % n

    def fraction(self) -> Fraction:
        """A number from 0 up to but not 1, in steps of 2⁻³²."""
        return Fraction(self._word(), _WORD)

    def choice(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def shuffle(self, things: MutableSequence[Any]) -> None:
        """Fisher and Yates, in place."""
        for i in range(len(things) - 1, 0, -1):
            j = self.below(i + 1)
            things[i], things[j] = things[j], things[i]


def derived_seed(seed: bytes, *names: str) -> str:
    """The seed of one paper under the seed of the draw, 64 hex digits; tells nothing about the others."""
    parts = [name.encode() for name in names]
    return hmac_sm3(seed, b"".join(len(part).to_bytes(4, "big") + part for part in parts))
