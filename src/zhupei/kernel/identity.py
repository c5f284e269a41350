"""Identity documents: their kinds, how a number is written, and what can be wrong with it.

A number is checked for its own form only; whether it belongs to the person is decided elsewhere. The county
in a number is never held against its holder: codes are retired and handed out again, and a person keeps the
old one.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from enum import StrEnum

from stdnum import numdb
from stdnum.iso7064 import mod_11_2

from zhupei.kernel import clock
from zhupei.kernel.crypto import sm3


class Kind(StrEnum):
    """The kind of an identity document. The value is stored."""

    RESIDENT_ID = "resident_id"  # 居民身份证, GB 11643-1999
    HK_MACAU_TAIWAN_RESIDENCE = "hk_macau_taiwan_residence"  # 港澳台居民居住证, since 2018-09
    FOREIGNER_PERMANENT_RESIDENCE = (
        "foreigner_permanent_residence"  # 外国人永久居留身份证, 2023 and 2017 versions
    )
    HOME_RETURN_PERMIT = "home_return_permit"  # 港澳居民来往内地通行证
    TAIWAN_PERMIT = "taiwan_permit"  # 台湾居民来往大陆通行证
    PASSPORT = "passport"
    OLD_RESIDENT_ID_15 = "old_resident_id_15"  # first-generation number, found on old certificates only


class Sex(StrEnum):
    """Sex by GB/T 2261.1."""

    MALE = "1"
    FEMALE = "2"


class Problem(StrEnum):
    """What is wrong with a number. All but ``UNKNOWN_COUNTY`` make it unacceptable."""

    BAD_LENGTH = "bad_length"
    BAD_PATTERN = "bad_pattern"
    BAD_PROVINCE = "bad_province"
    BAD_DATE = "bad_date"
    BAD_CHECKSUM = "bad_checksum"
    UNKNOWN_COUNTY = "unknown_county"

    @property
    def code(self) -> str:
        return self.value

    @property
    def is_warning(self) -> bool:
        return self is Problem.UNKNOWN_COUNTY


class BadNumber(ValueError):
    """A number that has hard problems was used as if it were good."""

    code = "bad_identity_number"


# the 31 provincial units of GB/T 2260 in which a household can be registered
PROVINCES = frozenset(
    str(code)
    for low, high in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65))
    for code in range(low, high + 1)
)
RESIDENCE_REGIONS = frozenset({"810000", "820000", "830000"})

_PATTERNS = {
    Kind.RESIDENT_ID: r"[0-9]{17}[0-9X]",
    Kind.HK_MACAU_TAIWAN_RESIDENCE: r"[0-9]{17}[0-9X]",
    Kind.FOREIGNER_PERMANENT_RESIDENCE: r"9[0-9]{16}[0-9X]|[A-Z]{3}[0-9]{12}",
    Kind.HOME_RETURN_PERMIT: r"[HM][0-9]{8,10}",
    Kind.TAIWAN_PERMIT: r"[0-9]{8}",
    Kind.PASSPORT: r"[A-Z0-9]{5,17}",
    Kind.OLD_RESIDENT_ID_15: r"[0-9]{15}",
}
_LENGTHS = {
    Kind.RESIDENT_ID: range(18, 19),
    Kind.HK_MACAU_TAIWAN_RESIDENCE: range(18, 19),
    Kind.FOREIGNER_PERMANENT_RESIDENCE: range(15, 19, 3),
    Kind.HOME_RETURN_PERMIT: range(9, 12),
    Kind.TAIWAN_PERMIT: range(8, 9),
    Kind.PASSPORT: range(5, 18),
    Kind.OLD_RESIDENT_ID_15: range(15, 16),
}
_EARLIEST_BIRTH = date(1900, 1, 1)
_DASHES_AND_MARKS = frozenset({"Pd", "Cf", "Cc"})


def normalise(kind: Kind, text: str) -> str:
    """``text`` as it is stored and compared: half-width, capitals, without spaces, dashes and invisible
    marks.

    The minus sign U+2212 counts as a dash. Brackets of a passport or permit number are kept and fail the
    check.
    """
    half_width = unicodedata.normalize("NFKC", text).replace("\u2212", "")
    kept = "".join(
        c for c in half_width if not c.isspace() and unicodedata.category(c) not in _DASHES_AND_MARKS
    )
    return kept.upper()


def mark(kind: Kind, text: str) -> str:
    """The SM3 of a number as it is compared: the same on every machine, so never to be stored as it is (numbers can be
    guessed); a bundle keeps it under a key of its own (``delivery.id_hash_of``)."""
    return sm3(f"identity {normalise(kind, text)}".encode())


def check(kind: Kind, text: str) -> list[Problem]:
    """Every problem of the number ``text`` (normalised first), hard ones before the warning; empty if none.

    A wrong length or pattern hides the rest. Birth dates run from 1900-01-01 to today in Shanghai.
    Checksums are ISO 7064 MOD 11-2 (GB 11643-1999). Permits and passports have a pattern only.
    """
    number = normalise(kind, text)
    if len(number) not in _LENGTHS[kind]:
        return [Problem.BAD_LENGTH]
    if not re.fullmatch(_PATTERNS[kind], number):
        return [Problem.BAD_PATTERN]
    if not _carries_birth(kind, number):
        return []
    problems = []
    if not _province_is_good(kind, number):
        problems.append(Problem.BAD_PROVINCE)
    born = _birth(number)
    if born is None or not _EARLIEST_BIRTH <= born <= clock.today():
        problems.append(Problem.BAD_DATE)
    if len(number) == 18 and not mod_11_2.is_valid(number):
        problems.append(Problem.BAD_CHECKSUM)
    if (
        kind in (Kind.RESIDENT_ID, Kind.OLD_RESIDENT_ID_15)
        and Problem.BAD_PROVINCE not in problems
        and not _county_is_known(number[:6])
    ):
        problems.append(Problem.UNKNOWN_COUNTY)
    return problems


def is_acceptable(kind: Kind, text: str) -> bool:
    """True if ``text`` has no problem but warnings."""
    return all(problem.is_warning for problem in check(kind, text))


def birth_date(kind: Kind, text: str) -> date | None:
    """The birth date that the number carries; None if its kind carries none or no such day exists.

    The 2017 foreigner's number writes the year with two digits and is not read.
    """
    number = normalise(kind, text)
    return _birth(number) if _carries_birth(kind, number) else None


def sex(kind: Kind, text: str) -> Sex | None:
    """The sex that the number carries (last digit of the sequence: odd is male); None if it carries none."""
    number = normalise(kind, text)
    if not _carries_birth(kind, number):
        return None
    sequence = number[-1] if len(number) == 15 else number[-2]
    return Sex.MALE if int(sequence) % 2 else Sex.FEMALE


def upgrade_15_to_18(text: str) -> str:
    """The 18-digit number of an old 15-digit one: century 19 put in, MOD 11-2 character added (GB
    11643-1999).

    Raises ``BadNumber`` if the old number is not acceptable.
    """
    number = normalise(Kind.OLD_RESIDENT_ID_15, text)
    if not is_acceptable(Kind.OLD_RESIDENT_ID_15, number):
        raise BadNumber("not a 15-digit identity number")
    body = f"{number[:6]}19{number[6:]}"
    return body + mod_11_2.calc_check_digit(body)


def mask_id(text: str) -> str:
    """``text`` for display: first 3 and last 4 characters, stars between; the length stays.

    Under 12 characters that would show most of the number: then first 1 and last 2; under 6 all stars.
    """
    head, tail = (3, 4) if len(text) >= 12 else (1, 2) if len(text) >= 6 else (0, 0)
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


def age_on(birth: date, day: date) -> int:
    """Full years of life on ``day``; a birthday counts, one of 29 February falls on 1 March in common years.

    Raises ``ValueError`` if ``day`` is before ``birth``.
    """
    if day < birth:
        raise ValueError("day before birth")
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _carries_birth(kind: Kind, number: str) -> bool:
    """True if ``number`` is laid out as region, birth date, sequence."""
    if kind in (Kind.HOME_RETURN_PERMIT, Kind.TAIWAN_PERMIT, Kind.PASSPORT):
        return False
    return re.fullmatch(_PATTERNS[kind], number) is not None and number[0].isdigit()


def _birth(number: str) -> date | None:
    digits = f"19{number[6:12]}" if len(number) == 15 else number[6:14]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _province_is_good(kind: Kind, number: str) -> bool:
    match kind:
        case Kind.HK_MACAU_TAIWAN_RESIDENCE:
            return number[:6] in RESIDENCE_REGIONS
        case Kind.FOREIGNER_PERMANENT_RESIDENCE:
            return number[1:3] in PROVINCES
        case _:
            return number[:2] in PROVINCES


def _county_is_known(region: str) -> bool:
    """True if the six-digit ``region`` was ever a code of GB/T 2260, at whatever time."""
    return any("county" in properties for _, properties in numdb.get("cn/loc").info(region))
