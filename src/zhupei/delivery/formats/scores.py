"""Answers as they are scored, and the scores: by slot, subject and sitting."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from zhupei.delivery.formats.base import Frozen

Answers: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""subject → slot key → chosen option ids."""


class SlotScore(Frozen, frozen=True, kw_only=True):
    """One slot: what was chosen, what it earned of how much."""

    key: str
    chosen: tuple[str, ...]
    marks: Decimal
    full: Decimal


class SubjectScore(Frozen, frozen=True, kw_only=True):
    """One subject. ``per_unit`` has one entry a slot, in the order of the paper."""

    marks: Decimal
    full: Decimal
    passed: bool
    per_unit: tuple[SlotScore, ...] = ()


class SittingScore(Frozen, frozen=True, kw_only=True):
    """Both subjects together; ``passed`` only if every subject is passed (R042), never by the sum."""

    subjects: dict[str, SubjectScore]
    passed: bool
