"""The register of audit codes: every act has one, with the words that people read."""

from __future__ import annotations

from typing import Any

_codes: dict[str, Any] = {}


def register(code: str, label: Any) -> str:
    """Make ``code`` ("room.thing_done") known with its label; returns the code. Called at import in ``events.py``."""
    if code in _codes:
        raise ValueError(f"audit code registered twice: {code}")
    _codes[code] = label
    return code


def label_of(code: str) -> Any:
    """The words of a code; ``KeyError`` for one that was never registered."""
    return _codes[code]


def all_codes() -> dict[str, Any]:
    """Every registered code with its words."""
    return dict(_codes)
