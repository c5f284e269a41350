"""A journal in one SQLite file: WAL, ``synchronous=FULL``."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from zhupei.delivery.formats.events import Entry, event_decoder
from zhupei.delivery.journal.base import GroupCommit, Row

_SCHEMA = """
create table if not exists entries (
    no integer primary key,
    candidate text not null,
    type text not null,
    body blob not null
) strict;
create trigger if not exists entries_keep_update before update on entries
    begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists entries_keep_delete before delete on entries
    begin select raise(abort, 'the journal is append-only'); end;
"""
_LAST = "select coalesce(max(no), 0) from entries"


class SqliteJournal(GroupCommit):
    """A journal in one SQLite file. One process at a time (the engine holds the lock)."""

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self.path = Path(path)
        self._connection = self._connect()
        try:
            self._connection.executescript(_SCHEMA)
            (self._last,) = self._connection.execute(_LAST).fetchone()
        except sqlite3.Error:
            self._connection.close()
            raise
        self._begin()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        return connection

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """See ``Journal``."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            rows = connection.execute("select no, body from entries where no > ? order by no", (after,))
            for no, body in rows:
                yield Entry(no=no, event=event_decoder.decode(body))
        finally:
            connection.close()

    def _store(self, rows: list[Row], first: int) -> None:
        try:
            self._connection.execute("begin immediate")
            self._connection.executemany(
                "insert into entries values (?, ?, ?, ?)", ((no, *row) for no, row in enumerate(rows, first))
            )
            self._connection.execute("commit")
        except Exception:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
            raise

    def _recover(self) -> int:
        (last,) = self._connection.execute(_LAST).fetchone()
        return int(last)

    def _shut(self) -> None:
        self._connection.close()
