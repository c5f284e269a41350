"""What one machine seals for another by its public key (SM2, GB/T 32918.4), and the fingerprint that people read out."""

from __future__ import annotations

import unicodedata

import gmalg

from zhupei.kernel.crypto import BadKey, DecryptionFailed, Sm2Verifier, equal, sm3

MAX_SEALED = 4096
FINGERPRINT_DIGITS = 32


def fingerprint(public_key: str) -> str:
    """The first 32 hex digits of the SM3 of a public key (hex). Raises ``BadKey``.

    128 bits: long enough that nobody finds another key with the same ones, short enough to be read over a telephone.
    """
    Sm2Verifier(public_key)
    return sm3(bytes.fromhex(public_key))[:FINGERPRINT_DIGITS]


def spoken(mark: str) -> str:
    """A fingerprint in groups of four, as it is shown and read out."""
    return " ".join(mark[n : n + 4] for n in range(0, len(mark), 4))


def heard(text: str) -> str:
    """A fingerprint or code as somebody typed it: spaces, dashes, capitals and wide figures do not matter."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def seal_to(public_key: str, data: bytes, *, context: bytes) -> str:
    """``data`` sealed so that the holder of ``public_key`` alone can open it, and only as what ``context`` says; hex.

    Raises ``BadKey``. Says nothing about who sealed it: sign the result where that matters.
    """
    Sm2Verifier(public_key)
    plain = bytes.fromhex(sm3(context)) + data
    sealed: bytes = gmalg.SM2(pk=bytes.fromhex(public_key)).encrypt(plain)
    return sealed.hex()


def open_sealed(private_key: str, text: str, *, context: bytes) -> bytes:
    """What ``seal_to`` sealed for the owner of ``private_key`` (hex). Raises ``DecryptionFailed`` or ``BadKey``."""
    if len(text) > 2 * MAX_SEALED:
        raise DecryptionFailed("too long")
    if len(private_key) != 64:
        raise BadKey("not a private key")
    try:
        plain: bytes = gmalg.SM2(bytes.fromhex(private_key)).decrypt(bytes.fromhex(text))
    except Exception as error:  # the library raises whatever the damage leads to
        raise DecryptionFailed("not sealed for this key, or changed") from error
    if len(plain) < 32 or not equal(plain[:32].hex(), sm3(context)):
        raise DecryptionFailed("sealed for something else")
    return plain[32:]
