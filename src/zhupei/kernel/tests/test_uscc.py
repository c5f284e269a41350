import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.uscc import (
    ALPHABET,
    InstitutionType,
    Kind,
    Problem,
    check,
    check_character,
    is_expected,
    kind_of,
    normalise,
)


@pytest.mark.parametrize(
    "code", ["91110000600037341L", "11100000000013338W", "12110000400777687U", "11110000000021135M"]
)
def test_known_codes(code):
    assert check(code) == []
    assert check(f" {code.lower()[:8]} {code[8:]}") == []


def test_letters_in_the_region_are_not_refused():
    body = "N2500103MF1234567"
    assert check(body + check_character(body)) == []


def test_problems():
    assert check("") == [Problem.BAD_LENGTH]
    assert check("9111000060003734IL") == [Problem.BAD_CHARACTER]
    assert check("91110000600037341M") == [Problem.BAD_CHECKSUM]
    assert normalise("９１１１００００-600037341l") == "91110000600037341L"


@given(st.text(ALPHABET, min_size=17, max_size=17), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_seen(body, place, other):
    code = body + check_character(body)
    assert check(code) == []
    wrong = code[:place] + other + code[place + 1 :]
    assert (check(wrong) == []) == (wrong == code)


@pytest.mark.req("R007")
def test_kinds_and_institution_types():
    assert kind_of("91110000600037341L") is Kind.ENTERPRISE
    assert kind_of("11100000000013338W") is None
    assert is_expected("91110000600037341L", InstitutionType.CONSTRUCTION_ENTERPRISE)
    assert not is_expected("91110000600037341L", InstitutionType.VOCATIONAL_SCHOOL)
    assert is_expected("12110000400777687U", InstitutionType.VOCATIONAL_SCHOOL)
    assert is_expected("52500000500000000X", InstitutionType.TRAINING_INSTITUTION)
    assert not is_expected("11100000000013338W", InstitutionType.INDUSTRY_ASSOCIATION)
