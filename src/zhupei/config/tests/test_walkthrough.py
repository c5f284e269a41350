"""The whole chain over HTTP, once, on the database that the suite runs on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

# What the issue names; a word of each must be among the refusals that were seen.
NAMED = (
    "a day late: refused with the clause",
    "39.5 hours",
    "hands in again",
    "first learner's paper",
    "read items",
    "broken Excel",
    "checksum",
    "the same room at the same hours",
    "change the plan after its opening",
    "second tab",
    "unknown number",
)


@pytest.mark.timeout(420)
def test_the_whole_chain_over_http() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "walkthrough", "--json"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "zhupei.config.settings"},
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{lines[-2:]}\n{done.stderr[-3000:]}"
    *steps, summary = lines
    assert summary["ok"] is True
    assert summary["steps"] == len(steps) == steps[-1]["step"]
    refusals = [step["what"] for step in steps if step["refused"]]
    assert summary["refusals"] == len(refusals)
    assert not [words for words in NAMED if not any(words in what for what in refusals)]
    assert any("59.5" in step["what"] for step in steps)
    assert any("beyond the published calendar" in step["what"] for step in steps)


@pytest.mark.timeout(120)
def test_a_failure_ends_it_and_its_server() -> None:
    """A server that cannot be made is a failed step, a summary that says so, and an exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "django", "walkthrough", "--json"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2",
        },
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    *steps, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode != 0
    assert summary["ok"] is False
    assert "failed" in steps[-1]
