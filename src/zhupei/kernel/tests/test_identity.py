from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_2

from zhupei.kernel import clock
from zhupei.kernel.identity import (
    BadNumber,
    Kind,
    Problem,
    Sex,
    age_on,
    birth_date,
    check,
    is_acceptable,
    mask_id,
    normalise,
    sex,
    upgrade_15_to_18,
)


def with_check(body: str) -> str:
    return body + mod_11_2.calc_check_digit(body)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Kind.RESIDENT_ID, "11010519491231002X"),
        (Kind.RESIDENT_ID, with_check("50023419850101001")),  # county code younger than its holder
        (Kind.RESIDENT_ID, with_check("50010519900228001")),  # abolished district
        (Kind.HK_MACAU_TAIWAN_RESIDENCE, "810000199408230021"),
        (Kind.HK_MACAU_TAIWAN_RESIDENCE, "830000199201300022"),
        (Kind.FOREIGNER_PERMANENT_RESIDENCE, "911124198108030024"),
        (Kind.FOREIGNER_PERMANENT_RESIDENCE, "CAN110081080310"),
        (Kind.HOME_RETURN_PERMIT, "H12345678"),
        (Kind.HOME_RETURN_PERMIT, "M1234567801"),
        (Kind.TAIWAN_PERMIT, "12345678"),
        (Kind.PASSPORT, "E12345678"),
        (Kind.OLD_RESIDENT_ID_15, "110105491231002"),
    ],
)
def test_good_numbers(kind, number):
    assert check(kind, number) == []


@pytest.mark.parametrize(
    ("kind", "number", "problems"),
    [
        (Kind.RESIDENT_ID, "", [Problem.BAD_LENGTH]),
        (Kind.RESIDENT_ID, "1101051949123100", [Problem.BAD_LENGTH]),
        (Kind.RESIDENT_ID, "1101051949123100X2", [Problem.BAD_PATTERN]),
        (Kind.RESIDENT_ID, "110105194912310021", [Problem.BAD_CHECKSUM]),
        (Kind.RESIDENT_ID, with_check("11010519490229002"), [Problem.BAD_DATE]),
        (Kind.RESIDENT_ID, with_check("11010518991231002"), [Problem.BAD_DATE]),
        (Kind.RESIDENT_ID, "810000199408230021", [Problem.BAD_PROVINCE]),
        (Kind.RESIDENT_ID, with_check("50039919850101001"), [Problem.UNKNOWN_COUNTY]),
        (Kind.HK_MACAU_TAIWAN_RESIDENCE, "11010519491231002X", [Problem.BAD_PROVINCE]),
        (
            Kind.FOREIGNER_PERMANENT_RESIDENCE,
            with_check("99912419810803002"),
            [Problem.BAD_PROVINCE],
        ),
        (Kind.FOREIGNER_PERMANENT_RESIDENCE, "811124198108030024", [Problem.BAD_PATTERN]),
        (Kind.FOREIGNER_PERMANENT_RESIDENCE, "9111241981080300", [Problem.BAD_LENGTH]),
        (Kind.HOME_RETURN_PERMIT, "A12345678", [Problem.BAD_PATTERN]),
        (Kind.TAIWAN_PERMIT, "1234567", [Problem.BAD_LENGTH]),
        (Kind.PASSPORT, "E1234/678", [Problem.BAD_PATTERN]),
        (Kind.OLD_RESIDENT_ID_15, "110105491331002", [Problem.BAD_DATE]),
        (Kind.OLD_RESIDENT_ID_15, "990105491231002", [Problem.BAD_PROVINCE]),
        (
            Kind.RESIDENT_ID,
            "990105194913310021",
            [Problem.BAD_PROVINCE, Problem.BAD_DATE, Problem.BAD_CHECKSUM],
        ),
    ],
)
def test_problems(kind, number, problems):
    assert check(kind, number) == problems


def test_a_birth_date_may_be_today_and_not_tomorrow():
    newborn = with_check("50010320261122001")
    with clock.frozen(datetime(2026, 11, 22, 0, 1, tzinfo=clock.SHANGHAI)):
        assert check(Kind.RESIDENT_ID, newborn) == []
    with clock.frozen(datetime(2026, 11, 21, 23, 59, tzinfo=clock.SHANGHAI)):
        assert check(Kind.RESIDENT_ID, newborn) == [Problem.BAD_DATE]


def test_only_the_unknown_county_is_a_warning():
    assert [problem for problem in Problem if problem.is_warning] == [Problem.UNKNOWN_COUNTY]
    assert Problem.BAD_DATE.code == "bad_date"
    assert is_acceptable(Kind.RESIDENT_ID, with_check("50039919850101001"))
    assert not is_acceptable(Kind.RESIDENT_ID, "110105194912310021")


def test_normalise():
    assert (
        normalise(Kind.RESIDENT_ID, " １１０１０５－１９４９１２３１—００２ｘ\u200b\u3000")
        == "11010519491231002X"
    )
    assert normalise(Kind.PASSPORT, "e 123−45678") == "E12345678"


@given(st.sampled_from(list(Kind)), st.text(max_size=20))
def test_any_text_is_answered(kind, text):
    check(kind, text)
    birth_date(kind, text)
    sex(kind, text)
    if is_acceptable(kind, text):
        assert normalise(kind, text).isascii()


@given(
    st.dates(date(1900, 1, 1), date(2020, 1, 1)),
    st.integers(0, 999),
    st.sampled_from(["500103", "500234", "510102"]),
    st.data(),
)
def test_a_wrong_digit_is_always_seen(born, sequence, region, data):
    number = with_check(f"{region}{born:%Y%m%d}{sequence:03d}")
    assert is_acceptable(Kind.RESIDENT_ID, number)
    assert birth_date(Kind.RESIDENT_ID, number) == born
    place = data.draw(st.integers(0, 16))
    other = data.draw(st.sampled_from([c for c in "0123456789" if c != number[place]]))
    assert Problem.BAD_CHECKSUM in check(Kind.RESIDENT_ID, number[:place] + other + number[place + 1 :])


def test_birth_and_sex():
    assert birth_date(Kind.RESIDENT_ID, "11010519491231002x") == date(1949, 12, 31)
    assert birth_date(Kind.FOREIGNER_PERMANENT_RESIDENCE, "911124198108030024") == date(1981, 8, 3)
    assert birth_date(Kind.OLD_RESIDENT_ID_15, "110105491231002") == date(1949, 12, 31)
    assert birth_date(Kind.FOREIGNER_PERMANENT_RESIDENCE, "CAN110081080310") is None
    assert birth_date(Kind.PASSPORT, "123456789012345") is None
    assert birth_date(Kind.RESIDENT_ID, "110105194913310021") is None
    assert sex(Kind.RESIDENT_ID, "11010519491231002X") is Sex.FEMALE
    assert sex(Kind.OLD_RESIDENT_ID_15, "110105491231003") is Sex.MALE
    assert sex(Kind.PASSPORT, "E12345678") is None


def test_upgrade():
    assert upgrade_15_to_18("110105491231002") == "11010519491231002X"
    with pytest.raises(BadNumber):
        upgrade_15_to_18("110105491331002")


def test_mask():
    assert mask_id("500103198501011234") == "500***********1234"
    assert mask_id("E12345678") == "E******78"
    assert mask_id("1234") == "****"
    assert mask_id("") == ""


def test_age():
    assert age_on(date(2000, 2, 29), date(2018, 2, 28)) == 17
    assert age_on(date(2000, 2, 29), date(2018, 3, 1)) == 18
    assert age_on(date(2000, 5, 1), date(2018, 5, 1)) == 18
    with pytest.raises(ValueError, match="before birth"):
        age_on(date(2000, 5, 1), date(2000, 4, 30))
