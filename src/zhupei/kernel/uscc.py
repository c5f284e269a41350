"""Unified social credit codes 统一社会信用代码 (GB 32100-2015)."""

from __future__ import annotations

import unicodedata
from enum import StrEnum


class Problem(StrEnum):
    """What is wrong with a code."""

    BAD_LENGTH = "bad_length"
    BAD_CHARACTER = "bad_character"
    BAD_CHECKSUM = "bad_checksum"


class Kind(StrEnum):
    """Registering department and class: the first two characters of the code."""

    PUBLIC_INSTITUTION = "12"  # 事业单位
    SOCIAL_ORGANISATION = "51"  # 社会团体
    PRIVATE_NON_ENTERPRISE = "52"  # 民办非企业单位, private schools
    FOUNDATION = "53"  # 基金会
    TRADE_UNION = "81"  # 工会
    ENTERPRISE = "91"  # 企业


class InstitutionType(StrEnum):
    """The four types of training institution (R007)."""

    CONSTRUCTION_ENTERPRISE = "construction_enterprise"  # 一级及以上资质的施工企业
    TRAINING_INSTITUTION = "training_institution"  # 社会培训机构
    INDUSTRY_ASSOCIATION = "industry_association"  # 行业社会团体
    VOCATIONAL_SCHOOL = "vocational_school"  # 职业院校


# R007 warns, it does not refuse: a school may be public or private, a training institution a firm or a
# private school
EXPECTED_KINDS: dict[InstitutionType, frozenset[Kind]] = {
    InstitutionType.CONSTRUCTION_ENTERPRISE: frozenset({Kind.ENTERPRISE}),
    InstitutionType.TRAINING_INSTITUTION: frozenset({Kind.ENTERPRISE, Kind.PRIVATE_NON_ENTERPRISE}),
    InstitutionType.INDUSTRY_ASSOCIATION: frozenset({Kind.SOCIAL_ORGANISATION}),
    InstitutionType.VOCATIONAL_SCHOOL: frozenset({Kind.PUBLIC_INSTITUTION, Kind.PRIVATE_NON_ENTERPRISE}),
}

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I O S V Z


def normalise(text: str) -> str:
    """``text`` half-width, in capitals, without spaces and hyphens."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("-", "").upper()


def check_character(body: str) -> str:
    """The 18th character for the first 17: (31 − Σ value·3^i mod 31) mod 31. Raises ``ValueError`` on
    others."""
    total = sum(ALPHABET.index(character) * pow(3, i, 31) for i, character in enumerate(body))
    return ALPHABET[-total % 31]


def check(text: str) -> list[Problem]:
    """The problem of the code ``text`` (normalised first); empty if it is good."""
    code = normalise(text)
    if len(code) != 18:
        return [Problem.BAD_LENGTH]
    if not set(code) <= set(ALPHABET):
        return [Problem.BAD_CHARACTER]
    if check_character(code[:17]) != code[17]:
        return [Problem.BAD_CHECKSUM]
    return []


def kind_of(text: str) -> Kind | None:
    """The kind by the first two characters; None for a kind that no institution type needs (organs, sole
    traders)."""
    prefix = normalise(text)[:2]
    return Kind(prefix) if prefix in set(Kind) else None


def is_expected(text: str, institution_type: InstitutionType) -> bool:
    """True if the code's kind is one that R007 expects of ``institution_type``."""
    return kind_of(text) in EXPECTED_KINDS[institution_type]
