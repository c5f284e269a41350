"""``zhupei assemble``: papers in memory, and how even they are."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from tests.makers import make_bank, make_rulebook

from zhupei.papers.api import PaperForm


def assemble(**options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("assemble", json=True, stdout=out, **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.mark.req("R037")
def test_a_synthetic_bank_needs_no_installation() -> None:
    found = assemble(count=400, bank="synthetic:1200", seed=7)
    assert (found["papers"], found["distinct"], found["violations"]) == (400, 400, 0)
    score, plain = found["expected_score"], found["plain"]
    assert score["max"] - score["min"] <= 0.5
    assert plain["max"] - plain["min"] > 10
    assert found["exposure"]["max_over_mean"] <= 1.4
    assert found["neighbour_overlap"]["max"] <= 0.25
    assert max(found["answer_places"]) - min(found["answer_places"]) < 0.02 * sum(found["answer_places"])
    again = assemble(count=400, bank="synthetic:1200", seed=7)
    assert again["expected_score"] == score
    assert assemble(count=400, bank="synthetic:1200", seed=8)["expected_score"] != score


@pytest.mark.django_db
@pytest.mark.req("R037")
def test_the_latest_release_is_tried_without_keeping_anything() -> None:
    with pytest.raises(CommandError):
        assemble(count=10, bank="release")
    make_rulebook()
    make_bank()
    found = assemble(count=60, bank="release", subject="general")
    assert (found["papers"], found["distinct"], found["violations"]) == (60, 60, 0)
    assert not PaperForm.objects.exists()


@pytest.mark.parametrize(
    "options",
    [{"bank": "synthetic:0"}, {"bank": "synthetic:x"}, {"bank": "mine"}, {"count": 0}, {"count": 100_001}],
)
@pytest.mark.django_db
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        assemble(**{"bank": "synthetic:500", "count": 5, **options})
