"""What every test gets: fast password hashing, tasks run at once, plain static files, an empty outbox; and property tests that
try the same examples each time (``ZHUPEI_SEARCH=1`` looks for new ones)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("zhupei", derandomize=not os.environ.get("ZHUPEI_SEARCH"))
hypothesis.settings.load_profile("zhupei")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """PostgreSQL drops no database that somebody is connected to: the threads that answered pages let go of it first."""
    yield
    if "zhupei.config.asgi" in sys.modules:
        sys.modules["zhupei.config.asgi"].let_go()


@pytest.fixture(autouse=True)
def _test_settings(settings: Any) -> None:
    from zhupei.accounts import throttle
    from zhupei.notices.senders import Memory

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    Memory.sent.clear()
    throttle.forget()
