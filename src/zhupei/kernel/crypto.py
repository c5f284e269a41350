"""National cryptography: SM4-GCM (GB/T 32907, RFC 8998), SM3 (GB/T 32905), HMAC- and HKDF-SM3, SM2 (GB/T
32918).

SM3 and SM4 run in OpenSSL; SM2 in ``gmalg``, pure Python and not constant in time: behind ``Signer`` and
``Verifier`` a certified module takes its place where keys need one.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Protocol

import gmalg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_OVERHEAD = 1 + _NONCE_BYTES + _TAG_BYTES


class DecryptionFailed(ValueError):
    """Wrong key, wrong associated data, or bytes that were changed or cut."""

    code = "decryption_failed"


class UnknownKey(ValueError):
    """The bytes were made with a key version that the ring does not hold."""

    code = "unknown_key"


class BadKey(ValueError):
    """Key material of the wrong length or outside the curve's range."""

    code = "bad_key"


def sm3(data: bytes) -> str:
    """SM3 of ``data``, 64 hex digits."""
    h = hashes.Hash(hashes.SM3())
    h.update(data)
    return h.finalize().hex()


def hmac_sm3(key: bytes, data: bytes) -> str:
    """HMAC-SM3 of ``data``, 64 hex digits."""
    h = HMAC(key, hashes.SM3())
    h.update(data)
    return h.finalize().hex()


def equal(a: str | bytes, b: str | bytes) -> bool:
    """Compare two digests or tokens in constant time. Texts may hold any character."""
    return hmac.compare_digest(
        a.encode() if isinstance(a, str) else a, b.encode() if isinstance(b, str) else b
    )


def derive(master: bytes, purpose: str, length: int = KEY_BYTES) -> bytes:
    """A key of ``length`` bytes for the named ``purpose`` from a uniformly random ``master`` (HKDF-SM3, RFC
    5869).

    Keys of different purposes tell nothing about each other. Raises ``BadKey`` if ``master`` is under 16
    bytes.
    """
    if len(master) < KEY_BYTES:
        raise BadKey("master secret shorter than 16 bytes")
    return HKDF(hashes.SM3(), length, salt=b"zhupei", info=purpose.encode()).derive(master)


def encrypt(key: bytes, plaintext: bytes, aad: bytes = b"", *, version: int = 1) -> bytes:
    """SM4-GCM: key version (1 byte), random nonce (12), ciphertext, tag (16).

    ``key`` has 16 bytes; ``aad`` is bound to the result but not in it, give what the value belongs to. One
    key serves up to 2^32 values (NIST SP 800-38D, random nonces). Raises ``BadKey``.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    encryptor = Cipher(_sm4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return bytes([version]) + nonce + ciphertext + encryptor.tag


def decrypt(key: bytes, data: bytes, aad: bytes = b"") -> bytes:
    """The plaintext of what ``encrypt`` made. Raises ``DecryptionFailed`` or ``BadKey``; never answers in
    part."""
    if len(data) < _OVERHEAD:
        raise DecryptionFailed("too short")
    nonce, body, tag = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES : -_TAG_BYTES], data[-_TAG_BYTES:]
    decryptor = Cipher(_sm4(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(aad)
    try:
        return decryptor.update(body) + decryptor.finalize()
    except InvalidTag as error:
        raise DecryptionFailed("authentication failed") from error


def key_version(data: bytes) -> int:
    """The version of the key that made ``data``. Raises ``DecryptionFailed`` if it is empty."""
    if not data:
        raise DecryptionFailed("too short")
    return data[0]


class Keyring:
    """Keys of one purpose by version (1 to 255). New values use the current one; old values still open.

    To rotate: add a version, make it current, re-encrypt what ``is_current`` denies, drop the old version.
    """

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        """``keys`` maps versions to 16-byte keys. Raises ``BadKey`` or ``UnknownKey``."""
        if any(not 1 <= version <= 255 or len(key) != KEY_BYTES for version, key in keys.items()):
            raise BadKey("versions run from 1 to 255, keys have 16 bytes")
        if current not in keys:
            raise UnknownKey(f"no key of version {current}")
        self._keys = dict(keys)
        self._current = current

    @classmethod
    def derived(cls, masters: Mapping[int, bytes], current: int, purpose: str) -> Keyring:
        """The ring for ``purpose`` from master secrets by version. Raises as the constructor and
        ``derive``."""
        return cls({version: derive(master, purpose) for version, master in masters.items()}, current)

    def encrypt(self, plaintext: bytes, aad: bytes = b"") -> bytes:
        """As ``encrypt``, with the current key."""
        return encrypt(self._keys[self._current], plaintext, aad, version=self._current)

    def decrypt(self, data: bytes, aad: bytes = b"") -> bytes:
        """As ``decrypt``, with the key that ``data`` names. Raises ``UnknownKey``, ``DecryptionFailed``."""
        version = key_version(data)
        if version not in self._keys:
            raise UnknownKey(f"no key of version {version}")
        return decrypt(self._keys[version], data, aad)

    def is_current(self, data: bytes) -> bool:
        """True if ``data`` was made with the current key."""
        return key_version(data) == self._current


class Verifier(Protocol):
    """Checks signatures of one public key."""

    @property
    def public_key(self) -> str:
        """The public key as hex: 04, x, y (130 digits)."""

    def verify(self, data: bytes, signature: str) -> bool:
        """True if ``signature`` (hex) is of ``data``; False for anything else, malformed or not."""


class Signer(Protocol):
    """Signs with one private key, which may never leave its module."""

    @property
    def public_key(self) -> str:
        """The public key as hex: 04, x, y (130 digits)."""

    def sign(self, data: bytes) -> str:
        """A signature of ``data`` as hex: r, s (128 digits)."""


_SIGNER_ID = b"1234567812345678"  # the default identity of GM/T 0009-2012
_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF


class Sm2Verifier:
    """SM2 with SM3 in software (``Verifier``)."""

    def __init__(self, public_key: str) -> None:
        """``public_key`` as hex: 04, x, y. Raises ``BadKey`` if it is no point of the curve."""
        raw = _unhex(public_key, 65)
        x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
        if raw[0] != 4 or max(x, y) >= _PRIME or not gmalg.SM2().verify_pk(raw):
            raise BadKey("not a public key")
        self._public_key = raw

    @property
    def public_key(self) -> str:
        return self._public_key.hex()

    def verify(self, data: bytes, signature: str) -> bool:
        try:
            raw = _unhex(signature, 64)
        except BadKey:
            return False
        sm2 = gmalg.SM2(uid=_SIGNER_ID, pk=self._public_key)
        return bool(sm2.verify(data, raw[:32], raw[32:]))


class Sm2Signer:
    """SM2 with SM3 in software (``Signer``); the private key lies in memory."""

    def __init__(self, private_key: str) -> None:
        """``private_key`` as 64 hex digits, from 1 to n − 2. Raises ``BadKey``."""
        raw = _unhex(private_key, 32)
        if not 1 <= int.from_bytes(raw, "big") <= _ORDER - 2:
            raise BadKey("private key out of range")
        self._private_key = raw
        self._public_key: bytes = gmalg.SM2().generate_pk(raw)

    @property
    def public_key(self) -> str:
        return self._public_key.hex()

    def sign(self, data: bytes) -> str:
        r, s = gmalg.SM2(self._private_key, _SIGNER_ID, self._public_key).sign(data)
        return f"{int.from_bytes(r, 'big'):064x}{int.from_bytes(s, 'big'):064x}"


def generate_sm2_key() -> str:
    """A fresh SM2 private key, 64 hex digits, from the system's random source."""
    return f"{1 + secrets.randbelow(_ORDER - 2):064x}"


def _sm4(key: bytes) -> algorithms.SM4:
    if len(key) != KEY_BYTES:
        raise BadKey("an SM4 key has 16 bytes")
    return algorithms.SM4(key)


def _unhex(text: str, length: int) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise BadKey("not hex") from error
    if len(raw) != length or len(text) != 2 * length:
        raise BadKey(f"expected {length} bytes")
    return raw
