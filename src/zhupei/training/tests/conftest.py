from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from tests.makers import make_institution, make_rulebook

from zhupei.institutions.models import Institution
from zhupei.kernel import clock


@pytest.fixture
def september(db: None) -> Iterator[None]:
    """The rulebook, on a working day well before the plans of these tests are due."""
    make_rulebook()
    with clock.frozen(datetime(2026, 9, 21, 10)):
        yield


@pytest.fixture
def institution() -> Institution:
    return make_institution()
