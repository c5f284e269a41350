from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zhupei.hall.api import close_engine


@pytest.fixture(autouse=True)
def hall_folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A hall of the test's own; the engine is closed at its end."""
    settings.HALL_DATA = tmp_path / "hall"
    yield settings.HALL_DATA
    close_engine()
