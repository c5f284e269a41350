"""The program refuses to start without secrets, and keeps drills out of service."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from zhupei.config.drill import use_drill_clock
from zhupei.kernel import clock

GOOD = {"ZHUPEI_SECRET_KEY": "s3cr3t-" * 10, "ZHUPEI_MASTER_KEY": "0123456789abcdef" * 4}


def start(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ZHUPEI_")}
    environment |= {"ZHUPEI_DATA": str(tmp_path), **settings}
    command = [sys.executable, "-c", "from zhupei.config.cli import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "given",
    [{}, {**GOOD, "ZHUPEI_SECRET_KEY": ""}, {**GOOD, "ZHUPEI_MASTER_KEY": "0" * 64}],
    ids=["nothing set", "no secret", "a placeholder"],
)
def test_it_refuses_to_start_without_secrets(tmp_path: Path, given: dict[str, str]) -> None:
    outcome = start(tmp_path, "check", **given)
    assert outcome.returncode != 0
    assert "zhupei init" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_init_writes_secrets_once_for_the_owner_alone(tmp_path: Path) -> None:
    assert start(tmp_path, "init").returncode == 0
    path = tmp_path / "zhupei.env"
    before = path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert start(tmp_path, "init", "--demo").returncode == 0
    assert path.read_text() == before
    assert start(tmp_path, "check").returncode == 0


def test_help_reads_well(tmp_path: Path) -> None:
    outcome = start(tmp_path, "--help")
    assert outcome.returncode == 0
    assert "zhupei walkthrough" in outcome.stdout


def test_the_drill_clock_is_refused_in_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "offset"
    monkeypatch.setenv("ZHUPEI_CLOCK_FILE", str(file))
    with pytest.raises(RuntimeError, match="in service"):
        use_drill_clock(demo=False)
    source = clock._now
    try:
        assert use_drill_clock(demo=True)
        file.write_text("86400")
        ahead = clock.now() - datetime.now(clock.SHANGHAI)
        assert 86399 < ahead.total_seconds() < 86401
        file.write_text("nonsense")
        assert abs((clock.now() - datetime.now(clock.SHANGHAI)).total_seconds()) < 1
    finally:
        clock.set_source(source)
