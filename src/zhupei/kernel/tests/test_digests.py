from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.clock import SHANGHAI
from zhupei.kernel.crypto import sm3
from zhupei.kernel.digests import NotCanonical, canonical_json, digest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
)


NAIVE = datetime.fromisoformat("2026-01-01T00:00")


class Colour(StrEnum):
    RED = "red"


def test_the_form():
    value = {"b": [1, None, True], "a": "筑\n", "c": Decimal("60.50"), "d": date(2026, 1, 2), "e": Colour.RED}
    assert canonical_json(value) == (
        '{"a":"筑\\n","b":[1,null,true],"c":"60.5","d":"2026-01-02","e":"red"}'.encode()
    )
    assert digest(value) == sm3(canonical_json(value))
    assert canonical_json((1, 2)) == b"[1,2]"


def test_equal_values_digest_equally():
    assert digest(Decimal("1E+2")) == digest(Decimal("100.00"))
    assert digest(Decimal("-0.0")) == digest(Decimal(0))
    noon = datetime(2026, 1, 1, 12, tzinfo=SHANGHAI)
    assert digest(noon) == digest(noon.astimezone(UTC))
    assert canonical_json(noon) == b'"2026-01-01T04:00:00.000000Z"'


def test_text_is_not_normalised():
    assert digest("é") != digest("e\u0301")


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        {"a": [0.5]},
        {1: 2},
        NAIVE,
        Decimal("NaN"),
        b"x",
        {1, 2},
        "\ud800",
        object(),
    ],
)
def test_refused(value):
    with pytest.raises(NotCanonical) as caught:
        digest(value)
    assert caught.value.code == "not_canonical"


@given(VALUES, VALUES)
def test_different_values_have_different_bytes(a, b):
    assert (canonical_json(a) == canonical_json(b)) == (repr_of(a) == repr_of(b))


def repr_of(value):
    """A form that tells 1 from True and ignores the order of keys."""
    if isinstance(value, dict):
        return f"dict{sorted((key, repr_of(item)) for key, item in value.items())}"
    if isinstance(value, list):
        return f"list{[repr_of(item) for item in value]}"
    return repr(value)
