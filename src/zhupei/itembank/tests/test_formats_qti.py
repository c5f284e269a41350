"""QTI 2 and 3."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhupei.itembank.formats import aiken, gift, moodle, qti2, qti3

from .exchange import outgoing, there_and_back

ALL = ("single", "multiple", "true_false", "case")
MANY = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.req("R035")
@MANY
@given(items=st.lists(outgoing(ALL), min_size=1, max_size=2))
@pytest.mark.parametrize("module", [qti2, qti3])
def test_everything_comes_back(module, items):
    there_and_back(module, items)


@MANY
@given(items=st.lists(outgoing(ALL[:3]), min_size=1, max_size=2))
def test_moodle(items):
    there_and_back(moodle, items)

@MANY
@given(items=st.lists(outgoing(ALL[:3]), min_size=1, max_size=2))
def test_gift(items):
    there_and_back(gift, items)
