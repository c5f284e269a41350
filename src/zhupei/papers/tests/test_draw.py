"""Drawing papers."""

from __future__ import annotations

import time

import pytest
from tests.makers import make_bank, make_rulebook

from zhupei.kernel.actor import SYSTEM
from zhupei.papers.api import draw_papers, draw_report, keys_of, papers_of

pytestmark = pytest.mark.django_db
SEED = bytes(range(32))


def test_smoke():
    make_rulebook()
    t = time.perf_counter()
    make_bank()
    print("bank", time.perf_counter() - t)
    t = time.perf_counter()
    draw = draw_papers("b1", [(f"c{n:04d}", "101") for n in range(220)], by=SYSTEM, seed=SEED)
    print("draw", time.perf_counter() - t)
    t = time.perf_counter()
    print(len(papers_of(draw)), len(keys_of(draw)), time.perf_counter() - t)
    for r in draw_report(draw):
        print(r)
