from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.money import BadAmount, capitals, exact, parse, yuan

AMOUNTS = st.decimals("-999999999999.99", "999999999999.99", places=2)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "零圆整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("1.05", "壹圆零伍分"),
        ("10", "壹拾圆整"),
        ("1234.5", "壹仟贰佰叁拾肆圆伍角整"),
        ("1005.67", "壹仟零伍圆陆角柒分"),
        ("1409.50", "壹仟肆佰零玖圆伍角整"),
        ("16409.02", "壹万陆仟肆佰零玖圆零贰分"),
        ("100000", "壹拾万圆整"),
        ("100001", "壹拾万零壹圆整"),
        ("10001000", "壹仟万零壹仟圆整"),
        ("100000000", "壹亿圆整"),
        ("100010000", "壹亿零壹万圆整"),
        ("100000001", "壹亿零壹圆整"),
        ("-2.30", "负贰圆叁角整"),
    ],
)
def test_capitals(amount, text):
    assert capitals(Decimal(amount)) == text


def value_of(text: str) -> Decimal:
    """A plain reader of capital numerals, written apart from the writer."""
    total = section = number = Decimal(0)
    for c in text.lstrip("负"):
        if c in "零壹贰叁肆伍陆柒捌玖":
            number = Decimal("零壹贰叁肆伍陆柒捌玖".index(c))
        elif c in "拾佰仟":
            section += number * 10 ** ("拾佰仟".index(c) + 1)
            number = Decimal(0)
        elif c in "万亿":
            total += (section + number) * (10**4 if c == "万" else 10**8)
            section = number = Decimal(0)
        elif c == "圆":
            total += section + number
            section = number = Decimal(0)
        elif c in "角分":
            total += number / (10 if c == "角" else 100)
            number = Decimal(0)
    return -total if text.startswith("负") else total


@given(AMOUNTS)
def test_capitals_say_the_amount(amount):
    text = capitals(amount)
    assert value_of(text) == amount
    assert "零零" not in text
    assert "零万" not in text
    assert "零圆" not in text or amount == 0


@given(AMOUNTS)
def test_round_trip(amount):
    assert parse(yuan(amount)) == amount


def test_formatting_and_reading():
    assert yuan(Decimal("1234.5")) == "1,234.50"
    assert yuan(Decimal("-0")) == "0.00"
    assert parse(" ￥１，２３４．５元 ") == Decimal("1234.50")
    assert parse("-¥3整") == Decimal("-3.00")
    assert str(exact(Decimal("3"))) == "3.00"


@pytest.mark.parametrize("text", ["", "1.234", "12,34", "1e5", "NaN", "壹圆", "1234567890123", "$5"])
def test_unreadable(text):
    with pytest.raises(BadAmount) as caught:
        parse(text)
    assert caught.value.code == "bad_amount"


def test_limits():
    for amount, code in [
        ("0.001", "too_precise"),
        ("1000000000000", "out_of_range"),
        ("NaN", "out_of_range"),
    ]:
        with pytest.raises(BadAmount) as caught:
            yuan(Decimal(amount))
        assert caught.value.code == code
