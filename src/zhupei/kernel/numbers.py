"""Numbers that a parameter or a ratio decides: certificate numbers, invigilators, spare machines."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from string import Formatter
from typing import Literal, TypedDict

from stdnum.iso7064 import mod_37_36


class BadPattern(ValueError):
    """A number pattern that must not become a parameter. ``code``: ``malformed``, ``unknown_field``,
    ``bad_width``, ``bad_literal`` or ``no_sequence``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadField(ValueError):
    """A value that does not fit its place: too wide, negative, or not of capital letters and digits."""

    code = "bad_number_field"


class NumberFields(TypedDict):
    """What a certificate number is made of."""

    province: str  # GB/T 2260, two digits: 50
    year: int  # of issue; printed as {yyyy} or {yy}
    post: str  # code of the post in the catalogue
    institution: int  # running number of the institution
    seq: int  # running number of the certificate


_TEXT_FIELDS = frozenset({"province", "post", "yy", "yyyy"})
_NUMBER_FIELDS = frozenset({"institution", "seq"})
_WIDTH = re.compile(r"0([1-9])d")
_LITERAL = re.compile(r"[0-9A-Z-]*")
_TEXT = re.compile(r"[0-9A-Z]+")


class NumberPattern:
    """A certificate-number pattern such as ``{province}{yy}{post}{institution:05d}{seq:05d}``.

    Fields: province, yy, yyyy, post, institution, seq; the last two need a width ``:0Nd`` with N from 1 to
    9, and seq must be there. Other characters: digits, capital letters, hyphens. With ``with_check`` an ISO
    7064 MOD 37,36 character (GB/T 17710), computed without the hyphens, is put last.
    """

    def __init__(self, pattern: str, *, with_check: bool = False) -> None:
        """Raises ``BadPattern``."""
        try:
            parts = list(Formatter().parse(pattern))
        except ValueError as error:
            raise BadPattern("malformed") from error
        for literal, field, spec, conversion in parts:
            if not _LITERAL.fullmatch(literal):
                raise BadPattern("bad_literal")
            if field is None:
                continue
            if field not in _TEXT_FIELDS | _NUMBER_FIELDS or conversion:
                raise BadPattern("unknown_field")
            if not (_WIDTH.fullmatch(spec or "") if field in _NUMBER_FIELDS else not spec):
                raise BadPattern("bad_width")
        if "seq" not in {field for _, field, _, _ in parts}:
            raise BadPattern("no_sequence")
        self._parts = [(literal, field, spec or "") for literal, field, spec, _ in parts]
        self._with_check = with_check

    def format(self, fields: NumberFields) -> str:
        """The number. Raises ``BadField`` if a value does not fit: numbers never grow beyond their width."""
        texts = {
            "province": fields["province"],
            "post": fields["post"],
            "yyyy": f"{fields['year']:04d}",
            "yy": f"{fields['year'] % 100:02d}",
        }
        counts = {"institution": fields["institution"], "seq": fields["seq"]}
        result = ""
        for literal, field, spec in self._parts:
            result += literal
            if field in counts:
                if not 0 <= counts[field] < 10 ** int(spec[1]):
                    raise BadField(field)
                result += format(counts[field], spec)
            elif field is not None:
                if not _TEXT.fullmatch(texts[field]):
                    raise BadField(field)
                result += texts[field]
        if self._with_check:
            result += str(mod_37_36.calc_check_digit(result.replace("-", "")))
        return result


def has_good_check(number: str) -> bool:
    """True if ``number`` ends in its ISO 7064 MOD 37,36 character, hyphens not counted."""
    return bool(mod_37_36.is_valid(number.replace("-", "")))


def invigilators_needed(
    n: int, per: int = 50, each: int = 2, rule: Literal["started", "ceil_per_25"] = "started"
) -> int:
    """Invigilators for ``n`` persons in one room: ``each`` for ``per`` persons (R150, J10).

    ``started``: for every started ``per`` (51 persons: 4). ``ceil_per_25``: one for every started ``per`` /
    ``each`` (51 persons: 3), yet never under ``each``. None for an empty room.
    """
    if n <= 0:
        return 0
    if rule == "started":
        return each * -(-n // per)
    return max(each, -(-n * each // per))


def spares_needed(exam_clients: int, ratio: Decimal) -> int:
    """Spare machines on top of ``exam_clients``: ``ratio`` of them (0.10 is a tenth), rounded up (R136,
    J12)."""
    return int((exam_clients * ratio).to_integral_value(ROUND_CEILING))
