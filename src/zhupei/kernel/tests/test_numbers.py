from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.numbers import (
    BadField,
    BadPattern,
    NumberFields,
    NumberPattern,
    has_good_check,
    invigilators_needed,
    spares_needed,
)

FIELDS: NumberFields = {"province": "50", "year": 2026, "post": "101", "institution": 7, "seq": 12}
PATTERN = "{province}{yy}{post}{institution:05d}{seq:05d}"


def test_formats():
    assert NumberPattern(PATTERN).format(FIELDS) == "50261010000700012"
    assert NumberPattern("CQ-{yyyy}-{seq:03d}").format(FIELDS) == "CQ-2026-012"


def test_check_character():
    number = NumberPattern("CQ-{yy}{post}{seq:04d}-", with_check=True).format(FIELDS)
    assert number.startswith("CQ-261010012-")
    assert has_good_check(number)
    assert not has_good_check(number.replace("12-", "21-"))
    assert not has_good_check("")


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("{seq:05d", "malformed"),
        ("{name}{seq:05d}", "unknown_field"),
        ("{seq.__class__}", "unknown_field"),
        ("{seq!r:05d}", "unknown_field"),
        ("{}", "unknown_field"),
        ("{seq}", "bad_width"),
        ("{seq:99999999d}", "bad_width"),
        ("{seq:{yy}d}", "bad_width"),
        ("{post:>9}{seq:05d}", "bad_width"),
        ("号{seq:05d}", "bad_literal"),
        ("{{{seq:05d}", "bad_literal"),
        ("{province}{yy}", "no_sequence"),
        ("", "no_sequence"),
    ],
)
def test_patterns_that_are_refused(pattern, code):
    with pytest.raises(BadPattern) as caught:
        NumberPattern(pattern)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change", [{"seq": 100000}, {"seq": -1}, {"institution": 10**6}, {"post": ""}, {"post": "a1"}]
)
def test_values_that_do_not_fit(change):
    with pytest.raises(BadField) as caught:
        NumberPattern(PATTERN).format({**FIELDS, **change})
    assert caught.value.code == "bad_number_field"


@given(st.integers(0, 99999), st.integers(0, 99999))
def test_numbers_are_unique(a, b):
    pattern = NumberPattern(PATTERN, with_check=True)
    numbers = [pattern.format({**FIELDS, "seq": seq}) for seq in (a, b)]
    assert (numbers[0] == numbers[1]) == (a == b)


@pytest.mark.req("R150", "J10")
@pytest.mark.parametrize(
    ("n", "started", "ceiling"),
    [(0, 0, 0), (1, 2, 2), (25, 2, 2), (50, 2, 2), (51, 4, 3), (75, 4, 3), (101, 6, 5)],
)
def test_invigilators(n, started, ceiling):
    assert invigilators_needed(n) == started
    assert invigilators_needed(n, rule="ceil_per_25") == ceiling


def test_invigilators_of_another_ratio():
    assert invigilators_needed(31, per=30, each=3) == 6


@pytest.mark.req("R136", "J12")
def test_spares():
    assert spares_needed(200, Decimal("0.10")) == 20
    assert spares_needed(201, Decimal("0.10")) == 21
    assert spares_needed(0, Decimal("0.10")) == 0
