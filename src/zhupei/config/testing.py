"""The environment of a test run: secrets and data of its own, before the settings are read.

Loaded by pytest as a plugin (``-p zhupei.config.testing``), which is earlier than any conftest.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile

data = os.environ.get("ZHUPEI_TEST_DATA")
if data is None:  # the main process; workers of a parallel run inherit its folder and secrets
    data = tempfile.mkdtemp(prefix="zhupei-test-")
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    os.environ["ZHUPEI_TEST_DATA"] = data
    os.environ["ZHUPEI_SECRET_KEY"] = secrets.token_urlsafe(60)
    os.environ["ZHUPEI_MASTER_KEY"] = secrets.token_hex(32)
os.environ["ZHUPEI_DATA"] = data
os.environ["ZHUPEI_ENV_FILE"] = os.path.join(data, "none.env")  # noqa: PTH118
os.environ["ZHUPEI_DEMO"] = "0"
os.environ["ZHUPEI_HTTPS"] = "0"
os.environ["ZHUPEI_SMS_SENDER"] = "zhupei.notices.senders.Memory"
