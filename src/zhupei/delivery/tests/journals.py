"""The journals on disk as the tests open them: SQLite always, PostgreSQL where the run has one (``DATABASE_URL``)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from zhupei.delivery.journal import PostgresJournal, SqliteJournal

URL = os.environ.get("DATABASE_URL", "")
BACKENDS = ["sqlite", "postgresql"] if URL.startswith("postgres") else ["sqlite"]


def open_journal(place: str) -> SqliteJournal | PostgresJournal:
    """A file, or ``URL#schema``."""
    if place.startswith("postgres"):
        return PostgresJournal(*place.split("#"))
    return SqliteJournal(place)


def new_place(backend: str, folder: Path) -> str:
    """Where no journal is yet."""
    return f"{URL}#j{secrets.token_hex(6)}" if backend == "postgresql" else str(folder / "journal.sqlite3")


def forget(place: str) -> None:
    """Drop a schema that a test has made."""
    if place.startswith("postgres"):
        import psycopg

        url, schema = place.split("#")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"drop schema if exists {schema} cascade")


def break_it(journal: SqliteJournal | PostgresJournal) -> None:
    """The next write fails: no page is left on the disk; the server ends the session."""
    if isinstance(journal, SqliteJournal):
        journal._connection.execute("pragma max_page_count = 1")
        return
    import psycopg

    with psycopg.connect(journal._dsn, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s)", [journal._connection.info.backend_pid])


def mend_it(journal: SqliteJournal | PostgresJournal) -> None:
    """What ``break_it`` broke is whole again."""
    if isinstance(journal, SqliteJournal):
        journal._connection.execute("pragma max_page_count = 1000000")
