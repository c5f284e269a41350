"""The whole way of a batch through the actions."""

from __future__ import annotations

import pytest
from tests.makers import make_batch, make_rulebook

from zhupei.exams.models import ExamsEvent, Result

pytestmark = pytest.mark.django_db


def test_from_application_to_confirmed_results():
    make_rulebook()
    batch = make_batch(state="confirmed", wrong=60)
    assert batch.state == "confirmed"
    results = list(Result.objects.filter(candidate__batch=batch).order_by("general"))
    assert [one.passed for one in results] == [False, True, True]
    assert ExamsEvent.objects.filter(kind="result_confirmed").count() == 3
