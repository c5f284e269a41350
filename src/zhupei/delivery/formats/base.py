"""What all formats share: the frozen struct, its encoding and its digest, the error."""

from __future__ import annotations

import msgspec

from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal

_canonical = msgspec.msgpack.Encoder(decimal_format="string", order="sorted")
encoder = msgspec.msgpack.Encoder(decimal_format="string")


class Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of everything that travels."""


class FormatError(Refusal):
    """A paper, bundle or return that contradicts itself."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail, status=422)


def digest(value: object) -> str:
    """SM3 over the value's MessagePack with sorted keys; fields at their default do not count."""
    return sm3(_canonical.encode(value))
