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

GOOD = {"ZHUPEI_SECRET_KEY": "s3cr3t-key" * 6, "ZHUPEI_MASTER_KEY": "0123456789abcdef" * 4}


def start(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("ZHUPEI_") and k not in ("DATABASE_URL", "PORT")
    }
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


EMPTY = dict.fromkeys(
    (
        *(
            "DATABASE_URL",
            "PORT",
            "ZHUPEI_HOST",
            "ZHUPEI_HOSTS",
            "ZHUPEI_ORIGINS",
            "ZHUPEI_THREADS",
            "ZHUPEI_SMS_SENDER",
        ),
        *(
            "ZHUPEI_DEMO",
            "ZHUPEI_HTTPS",
            "ZHUPEI_BEHIND_PROXY",
            "ZHUPEI_HALL_ONLY",
            "ZHUPEI_HALL_JOURNAL",
            "ZHUPEI_HALL_PEERS",
        ),
        *(
            "ZHUPEI_HALL_SELF",
            "ZHUPEI_HALL_TAKEOVER_SECONDS",
            "ZHUPEI_HALL_PIECE",
            "ZHUPEI_ENV_FILE",
            "ZHUPEI_CLOCK_FILE",
        ),
    ),
    "",
)
SHOW = """
import sys
from django.conf import settings
from zhupei.config import asgi
from zhupei.config.management.commands.serve import Command
from zhupei.hall.uplink import centre
serve = Command().create_parser("zhupei", "serve").parse_args([])
print(
    settings.DATABASES["default"]["NAME"], settings.HTTPS, settings.ALLOWED_HOSTS, settings.SMS_SENDER, settings.THREADS,
    settings.HALL_TAKEOVER_SECONDS, serve.host, serve.port, centre.PIECE,
)
"""


def test_an_empty_setting_counts_as_not_set(tmp_path: Path) -> None:
    unset = start(tmp_path, "shell", "--no-imports", "-c", SHOW, **GOOD)
    empty = start(tmp_path, "shell", "--no-imports", "-c", SHOW, **GOOD, **EMPTY)
    assert f"{tmp_path}/zhupei.sqlite3 True" in unset.stdout, unset.stderr
    assert empty.stdout == unset.stdout, empty.stderr


def test_the_file_of_secrets_counts_where_the_environment_is_empty(tmp_path: Path) -> None:
    (tmp_path / "zhupei.env").write_text("\n".join(f"{name}={value}" for name, value in GOOD.items()))
    assert start(tmp_path, "check", **dict.fromkeys(GOOD, "")).returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "localhost/zhupei"),
        ("DATABASE_URL", "postgresql://zhupei:pa/ss@localhost:x/zhupei"),
        ("DATABASE_URL", "postgresql://localhost"),
        ("DATABASE_URL", "mysql://zhupei@localhost/zhupei"),
        ("ZHUPEI_MASTER_KEY", "wxyz0123" * 8),
        ("ZHUPEI_THREADS", "many"),
        ("ZHUPEI_HALL_TAKEOVER_SECONDS", "-8"),
        ("ZHUPEI_HALL_TAKEOVER_SECONDS", "nan"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    outcome = start(tmp_path, "check", **{**GOOD, name: value})
    assert outcome.returncode != 0
    (line,) = outcome.stderr.splitlines()
    assert line.startswith(f"zhupei: {name} ")
    assert value not in line


def test_a_port_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    for port in ("eighty", "80000"):
        outcome = start(tmp_path, "serve", PORT=port, **GOOD)
        assert outcome.returncode != 0
        assert port in outcome.stderr
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
