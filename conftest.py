"""What every test gets: fast password hashing, tasks run at once, plain static files, an empty outbox; and property tests that
try the same examples each time (``ZHUPEI_SEARCH=1`` looks for new ones)."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("zhupei", derandomize=not os.environ.get("ZHUPEI_SEARCH"))
hypothesis.settings.load_profile("zhupei")


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
