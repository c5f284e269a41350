from collections.abc import Iterator

import pytest
from tests.makers import make_organisation, make_rulebook

from zhupei.institutions import throttle
from zhupei.institutions.tests.registering import NOW
from zhupei.kernel import clock
from zhupei.organisations.api import Organisation


@pytest.fixture
def november(db: None) -> Iterator[None]:
    """The rulebook, and nobody who has asked for a code yet."""
    throttle.forget()
    with clock.frozen(NOW):
        make_rulebook()
        yield


@pytest.fixture
def district() -> Organisation:
    return make_organisation("district", division_code="500157")
