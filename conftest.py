"""Test settings: fresh secrets, a database of its own, fast password hashing, no real sender."""

from __future__ import annotations

import os
import secrets
import tempfile

os.environ.setdefault("ZHUPEI_SECRET_KEY", secrets.token_urlsafe(60))
os.environ.setdefault("ZHUPEI_MASTER_KEY", secrets.token_hex(32))
os.environ["ZHUPEI_DATA"] = tempfile.mkdtemp(prefix="zhupei-test-")
os.environ["ZHUPEI_DEMO"] = "0"
os.environ["ZHUPEI_HTTPS"] = "0"
os.environ["ZHUPEI_SMS_SENDER"] = "zhupei.notices.senders.Memory"

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def _test_settings(settings: object) -> None:
    from zhupei.notices.senders import Memory

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}  # type: ignore[attr-defined]
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    Memory.sent.clear()
