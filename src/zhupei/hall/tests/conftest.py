from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from zhupei.hall.api import close_engine
from zhupei.hall.tests.days import Day
from zhupei.kernel import clock


@pytest.fixture(autouse=True)
def hall_folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A hall of the test's own; the engine is closed at its end."""
    settings.HALL_DATA = tmp_path / "hall"
    yield settings.HALL_DATA
    close_engine()


@pytest.fixture
def day(db: None) -> Iterator[Day]:
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


@pytest.fixture
def open_day(transactional_db: None) -> Iterator[Day]:
    """A day whose rows other threads see too."""
    day = Day()
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the monotonic clock run ahead."""

    def go(seconds: float) -> None:
        monkeypatch.setattr(clock, "_monotonic", lambda: time.monotonic() + seconds)

    return go
