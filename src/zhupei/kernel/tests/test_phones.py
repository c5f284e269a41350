import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.phones import BadPhone, is_mobile, is_phone, mask, normalise


@pytest.mark.req("R169", "R171")
@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("13812345678", "13812345678"),
        ("+86 138-1234-5678", "13812345678"),
        ("１９９１２３４５６７８", "19912345678"),
        ("023-63601234", "023-63601234"),
        ("（023）63601234", "023-63601234"),
        ("02363601234转801", "023-63601234-801"),
        ("023—63601234—8", "023-63601234-8"),
        ("+86 010 62345678", "010-62345678"),
        ("0851-5812345", "0851-5812345"),
    ],
)
def test_good_numbers(text, stored):
    assert normalise(text) == stored
    assert is_phone(text)


@pytest.mark.req("R169", "R171")
@pytest.mark.parametrize(
    "text", ["", "12812345678", "1381234567", "138123456789", "63601234", "023-1234567", "023-6360", "abc"]
)
def test_bad_numbers(text):
    assert not is_phone(text)
    with pytest.raises(BadPhone) as caught:
        normalise(text)
    assert caught.value.code == "bad_phone"


def test_mobile_or_not():
    assert is_mobile("138 1234 5678")
    assert not is_mobile("023-63601234")
    assert not is_mobile("1")


def test_mask():
    assert mask("13812341234") == "138****1234"
    assert mask("023-63601234-801") == "023-****1234"
    assert mask("0851-5812345") == "0851-***2345"
    assert mask("secret") == "******"


@given(st.text(max_size=30))
def test_any_text_is_answered(text):
    if is_phone(text):
        assert normalise(normalise(text)) == normalise(text)
