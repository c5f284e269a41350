"""The generator that every draw runs on: SM4 in counter mode. The same key gives the same choices on any machine."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from zhupei.kernel.crypto import hmac_sm3

Words: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint32]]"
Indices: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"


class Stream:
    """Uniform choices from a 32-byte key. Never a library's generator, whose stream may change with its version.

    Orders come from sorting random words (ties, one in 2³² a pair, fall to the earlier place), so no choice favours a number.
    """

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes: the cipher's key and its first counter."""
        self._cipher: CipherContext = Cipher(SM4(key[:16]), modes.CTR(key[16:32])).encryptor()

    @classmethod
    def of(cls, seed: bytes, *names: str) -> Stream:
        """The generator of one purpose under a seed: ``names`` are bound to it, each with its length."""
        return cls(bytes.fromhex(derived_seed(seed, *names)))

    def words(self, *shape: int) -> Words:
        """Independent uniform whole numbers below 2³²."""
        count = int(np.prod(shape))
        data = self._cipher.update(bytes(4 * count))
        return np.frombuffer(data, dtype="<u4").astype(np.uint32, copy=False).reshape(shape)

    def order(self, count: int) -> Indices:
        """A random order of ``count`` things."""
        return np.argsort(self.words(count), kind="stable").astype(np.int64, copy=False)

    def orders(self, rows: int, count: int) -> Indices:
        """A random order of ``count`` things for each row."""
        return np.argsort(self.words(rows, count), axis=1, kind="stable").astype(np.int64, copy=False)

    def below(self, limit: int, *shape: int) -> Indices:
        """Whole numbers from 0 to ``limit - 1``: the high half of word × limit, off uniform by less than limit / 2³²."""
        return (self.words(*shape).astype(np.int64) * limit) >> 32


def derived_seed(seed: bytes, *names: str) -> str:
    """The seed of one paper under the seed of the draw, 64 hex digits; tells nothing about the others."""
    parts = [name.encode() for name in names]
    return hmac_sm3(seed, b"".join(len(part).to_bytes(4, "big") + part for part in parts))
