"""Canonical JSON and its SM3 digest: one value, one byte string, one digest. For papers, bundles, the audit
chain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from zhupei.kernel.crypto import sm3


class NotCanonical(ValueError):
    """A value that has no canonical form (a float, a naive moment, a key that is not text, an unknown
    type)."""

    code = "not_canonical"


def canonical_json(value: Any) -> bytes:
    """``value`` as UTF-8 JSON: keys sorted by code point, no spaces, no escapes beyond those JSON demands.

    Text is left as it is (no Unicode normalisation). Decimals become text without exponent and trailing
    zeros, so equal numbers digest equally; dates ``YYYY-MM-DD``; aware moments UTC with microseconds and
    ``Z``. Tuples are lists. Raises ``NotCanonical``.
    """
    text = json.dumps(
        _plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("text with a lone surrogate") from error


def digest(value: Any) -> str:
    """SM3 of the canonical JSON of ``value``, 64 hex digits. Raises ``NotCanonical``."""
    return sm3(canonical_json(value))


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            if not value.is_finite():
                raise NotCanonical("a number that is not finite")
            text = format(value, "f")
            if "." in text:
                text = text.rstrip("0").rstrip(".")
            return "0" if value == 0 else text
        case datetime():
            if value.tzinfo is None:
                raise NotCanonical("a moment without time zone")
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise NotCanonical("a key that is not text")
            return {key: _plain(item) for key, item in value.items()}
        case _:
            raise NotCanonical(f"no canonical form for {type(value).__name__}")
