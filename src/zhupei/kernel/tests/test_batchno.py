import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.batchno import BadBatchNumber, BatchNumber, parse


@pytest.mark.req("R186")
@pytest.mark.parametrize(
    "text", ["2019—001", "2019-001", "2019–001", "2019－001", "２０１９—００１", " 2019 — 001 ", "2019——001"]
)
def test_every_dash(text):
    assert parse(text) == BatchNumber(2019, 1)
    assert str(parse(text)) == "2019\u2014001"


@pytest.mark.req("R186")
@pytest.mark.parametrize(
    "text", ["", "2019", "2019001", "2019—1", "2019—000", "2019—0001", "1919—001", "2019—001a", "2019—²²²a"]
)
def test_refused(text):
    with pytest.raises(BadBatchNumber) as caught:
        parse(text)
    assert caught.value.code == "bad_batch_number"


@given(st.integers(2000, 2099), st.integers(1, 9999))
def test_round_trip(year, sequence):
    assert parse(str(BatchNumber(year, sequence))) == (year, sequence)
