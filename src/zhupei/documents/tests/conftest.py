"""This room has no Django: its tests run without the settings that the others share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _test_settings() -> None:
    """Takes the place of the fixture of the same name at the root."""
