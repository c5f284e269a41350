"""Test batch numbers 测试批次, ``2019—001`` (R186)."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

DASH = "\u2014"  # 破折号, as the form prints it
_PATTERN = re.compile(r"(20[0-9]{2})[-\u2010-\u2015\u2212]{1,2}([0-9]{3}|[1-9][0-9]{3})")


class BadBatchNumber(ValueError):
    """Text that is not a batch number."""

    code = "bad_batch_number"


class BatchNumber(NamedTuple):
    """Year and running number in it, from 1. ``str()`` is the printed form with U+2014."""

    year: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.year}{DASH}{self.sequence:03d}"


def parse(text: str) -> BatchNumber:
    """Read a batch number written with any dash and with ascii or full-width digits; spaces are ignored.

    The sequence has three digits, or four from 1000 on. Raises ``BadBatchNumber``.
    """
    compact = "".join(unicodedata.normalize("NFKC", text).split())
    match = _PATTERN.fullmatch(compact)
    if match is None or int(match[2]) == 0:
        raise BadBatchNumber("expected a number like 2019—001")
    return BatchNumber(int(match[1]), int(match[2]))
