"""Where the answers' journal lies, as the settings name it, and what a hall says that cannot have it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from zhupei.delivery.api import PostgresJournal, SqliteJournal
from zhupei.hall import process
from zhupei.hall.api import close_engine, engine, exam_application
from zhupei.kernel.errors import Refusal

on_postgresql = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="this run has no PostgreSQL"
)


@pytest.fixture
def in_database(settings: Any, transactional_db: None) -> Iterator[None]:
    settings.HALL_JOURNAL = "database"
    yield
    close_engine()
    with connection.cursor() as cursor:
        cursor.execute("drop schema if exists hall cascade")


@pytest.mark.django_db
def test_without_a_setting_the_journal_is_a_file(tmp_path: Path) -> None:
    journal = process.open_journal(tmp_path)
    assert isinstance(journal, SqliteJournal)
    journal.close()
    assert (tmp_path / "journal.sqlite3").exists()


@pytest.mark.django_db
def test_health_says_that_this_server_is_the_active_one() -> None:
    generation = engine().health().generation

    async def ask() -> list[Any]:
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {"type": "http", "method": "GET", "path": "/exam/health", "root_path": "/exam", "headers": []}
        await exam_application()(scope, receive, send)
        return messages

    started, body = asyncio.run(ask())
    assert started["status"] == 200
    assert json.loads(body["body"]) == {"ok": True, "active": True, "generation": generation}


@on_postgresql
def test_the_engine_runs_on_the_database_of_the_installation(in_database: None, settings: Any) -> None:
    generation = engine().health().generation
    close_engine()
    assert engine().health().generation == generation + 1
    assert not (Path(settings.HALL_DATA) / "journal.sqlite3").exists()


@on_postgresql
def test_a_second_server_is_told_where_to_go(in_database: None, settings: Any, tmp_path: Path) -> None:
    other = PostgresJournal(process.journal_dsn())
    with pytest.raises(Refusal, match="另一个进程") as refused:
        engine()
    assert refused.value.status == 503
    other.close()
    assert engine().health().journal_ok


@pytest.mark.django_db
def test_a_hall_without_its_journal_answers_and_does_not_try_at_every_request(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HALL_JOURNAL = "postgresql://nobody@127.0.0.1:1/none"
    tries: list[Path] = []
    whole = process.open_journal
    monkeypatch.setattr(process, "open_journal", lambda folder: (tries.append(folder), whole(folder))[1])
    application = exam_application()
    statuses: list[int] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = {"type": "http", "method": "GET", "path": "/exam/health", "root_path": "/exam", "headers": []}
        await application(scope, receive, send)

    async def all_of_them() -> None:
        await asyncio.gather(*(ask() for _ in range(10)))
        await ask()

    asyncio.run(all_of_them())
    assert statuses == [503] * 11
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ZHUPEI_HALL_JOURNAL": "database"}, "DATABASE_URL is SQLite"),
        ({"ZHUPEI_HALL_JOURNAL": "mysql://x"}, "postgresql:// URL"),
        ({"ZHUPEI_HALL_PEERS": "http://a:1,http://b:1", "ZHUPEI_HALL_SELF": "http://a:1"}, "in PostgreSQL"),
        (
            {
                "ZHUPEI_HALL_JOURNAL": "postgresql://x",
                "ZHUPEI_HALL_PEERS": "http://a:1,http://b:1",
                "ZHUPEI_HALL_SELF": "http://c:1",
            },
            "ZHUPEI_HALL_SELF",
        ),
    ],
)
def test_a_setting_that_cannot_be_met_refuses_the_start(
    values: dict[str, str], words: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        **values,
        "ZHUPEI_SECRET_KEY": secrets.token_urlsafe(60),
        "ZHUPEI_MASTER_KEY": secrets.token_hex(32),
        "ZHUPEI_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-c", "from zhupei.config.cli import main; main()", "check"]
    told = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert told.returncode == 1
    assert words in told.stderr
