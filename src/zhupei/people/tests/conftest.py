import pytest

from zhupei.people import throttle


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    throttle.forget()
