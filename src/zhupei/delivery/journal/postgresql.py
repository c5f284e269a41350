"""A journal in PostgreSQL: one insert a batch, durable on this server and, where there is one, on its synchronous standby.

**One writer.** The writer's connection holds a session advisory lock. A second writer anywhere is refused; and after a lost
connection the lock is free only once the server has ended the old session, so that nothing of it can still be committed
when the last number is read again.

**Certain or failed.** ``synchronous_commit`` is on: a commit comes back once it is flushed here and by the synchronous standby.
With that standby lost the server would wait for ever; after ``patience`` seconds the batch fails instead, and its outcome is
unknown. If an operator cancels the wait, the server reports the commit with a warning only: that counts as failed too. What may
lie on this server alone is covered before anything goes on: taking the lock writes a row of its own (``writers``), whose commit
must reach the standby after everything before it.

psycopg is imported when a journal is opened: an installation on SQLite needs none.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

from zhupei.delivery.formats.events import EngineStarted, Entry, event_decoder
from zhupei.delivery.journal.base import GroupCommit, JournalError, JournalTaken, Row

COMMIT_S = 8.0  # how long a batch may take before it counts as failed
CONNECT_S = 2  # for a connection, and for the lock at the start
AGAIN_S = 0.3  # for the lock after a failure, when the engine stands meanwhile and asks again every second
_FETCH = 5_000  # rows a round trip when reading back
_TEXT, _BYTEA, _BIGINT = 25, 17, 20  # types' numbers in every PostgreSQL (pg_type.dat)
_TEXTS, _BYTEAS = 1009, 1001

_SCHEMA = """
create schema if not exists {schema};
create table {schema}.entries (
    no bigint primary key,
    candidate text not null,
    type text not null,
    body bytea not null
);
create table {schema}.writers (
    at timestamptz not null default clock_timestamp(),
    host text not null,
    last bigint not null
);
create function {schema}.keep() returns trigger language plpgsql
    as $$ begin raise exception 'the journal is append-only'; end $$;
create trigger entries_keep before update or delete or truncate on {schema}.entries
    for each statement execute function {schema}.keep();
"""
_INSERT = """
insert into {schema}.entries
select $1 + n, candidate, type, body
from unnest($2::text[], $3::text[], $4::bytea[]) with ordinality as new (candidate, type, body, n)
"""
_HOLDER = """
select coalesce(activity.wait_event, '')
from pg_locks join pg_stat_activity as activity using (pid)
where locktype = 'advisory' and granted and objsubid = 1
    and ((classid::bigint << 32) | objid::bigint) = %s
"""


class PostgresJournal(GroupCommit):
    """A journal in ``schema`` of the database ``dsn`` (a URL or libpq's ``key=value`` text). Made at first use.

    Raises ``JournalTaken`` when another writer holds it and ``JournalError`` when the server cannot be reached or is itself
    a standby. ``patience``: seconds until a commit counts as failed.
    """

    def __init__(self, dsn: str, schema: str = "hall", *, patience: float = COMMIT_S) -> None:
        super().__init__()
        from psycopg import sql

        self._dsn, self._patience = dsn, patience
        self._schema = sql.Identifier(schema).as_string(None)
        self._connection: Any = None
        self._warned = ""
        try:
            self._last = self._take(CONNECT_S, patience)
        except Exception:
            self._drop()
            raise
        self._begin()

    # --- the connection ---------------------------------------------------------------------------------------

    def _connect(self) -> Any:
        import psycopg

        try:
            return psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=CONNECT_S,
                application_name="zhupei journal",
                keepalives_idle=2,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=int(self._patience * 1000),
            )
        except psycopg.Error as problem:
            raise JournalError(f"the journal's PostgreSQL cannot be reached: {problem}") from None

    def _take(self, lock_s: float, commit_s: float) -> int:
        """Connect, lock, make sure that all there is has reached the standby; the last entry's number."""
        import psycopg

        self._connection = connection = self._connect()
        try:
            self._settings(connection)
            self._lock(connection, lock_s)
            (known,) = connection.execute(
                "select to_regclass(%s)", [f"{self._schema}.entries"]
            ).fetchone() or (None,)
            if known is None:
                self._command(_SCHEMA.format(schema=self._schema), commit_s)
            (last,) = connection.execute(
                f"select coalesce(max(no), 0) from {self._schema}.entries"  # noqa: S608 (a quoted identifier)
            ).fetchone()
            connection.pgconn.prepare(b"put", _INSERT.format(schema=self._schema).encode())
            host = connection.execute("select quote_literal(%s)", [socket.gethostname()]).fetchone()[0]
            self._command(
                f"insert into {self._schema}.writers (host, last) values ({host}, {int(last)})",  # noqa: S608
                commit_s,
            )
        except psycopg.Error as problem:
            raise JournalError(f"the journal's PostgreSQL failed: {problem}") from None
        return int(last)

    def _settings(self, connection: Any) -> None:
        (standby,) = connection.execute("select pg_is_in_recovery()").fetchone()
        if standby:
            raise JournalError("this PostgreSQL is a standby and takes no entries")
        for name, value in (
            ("synchronous_commit", "on"),
            ("statement_timeout", f"{int(self._patience * 1000)}"),
            ("tcp_keepalives_idle", "5"),  # a session whose machine is gone gives the lock back
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
        ):
            connection.execute("select set_config(%s, %s, false)", [name, value])
        connection.add_notice_handler(self._notice)

    def _lock(self, connection: Any, patience: float) -> None:
        (key,) = connection.execute(
            "select hashtextextended(%s, 0)", [f"zhupei journal {self._schema}"]
        ).fetchone()
        until = time.monotonic() + patience
        while not connection.execute("select pg_try_advisory_lock(%s)", [key]).fetchone()[0]:
            if time.monotonic() < until:
                time.sleep(0.1)
                continue
            holder = connection.execute(_HOLDER, [key]).fetchone()
            if holder is not None and holder[0] == "SyncRep":
                raise JournalError("the last commit still waits for the standby server")
            raise JournalTaken("another server writes this journal")

    def _notice(self, diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warned = diagnostic.message_primary or "a warning"

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- writing ----------------------------------------------------------------------------------------------

    def _command(self, text: str, patience: float) -> None:
        """Run statements without values."""
        pg = self._sending()
        pg.send_query(text.encode())
        self._finish(pg, patience)

    def _store(self, rows: list[Row], first: int) -> None:
        pg = self._sending()
        pg.send_query_prepared(
            b"put",
            [
                struct.pack("!q", first - 1),
                _array(_TEXT, [row[0].encode() for row in rows]),
                _array(_TEXT, [row[1].encode() for row in rows]),
                _array(_BYTEA, [row[2] for row in rows]),
            ],
            param_formats=[1, 1, 1, 1],
        )
        self._finish(pg, self._patience)

    def _sending(self) -> Any:
        if self._connection is None:
            raise JournalError("the connection to PostgreSQL is lost")
        self._warned = ""
        return self._connection.pgconn

    def _finish(self, pg: Any, patience: float) -> None:
        """Wait for what was sent. Past ``patience`` the connection is given up: the outcome is unknown."""
        from psycopg import pq

        until = time.monotonic() + patience
        poll = select.poll()
        try:
            while pg.flush():
                self._wait(poll, pg, select.POLLIN | select.POLLOUT, until)
            problem = ""
            while True:
                while pg.is_busy():
                    self._wait(poll, pg, select.POLLIN, until)
                result = pg.get_result()
                if result is None:
                    break
                if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                    problem = result.get_error_message() or "PostgreSQL refused"
            problem = problem or self._warned
            if problem:
                raise JournalError(problem)
        except Exception:
            self._drop()
            raise

    @staticmethod
    def _wait(poll: Any, pg: Any, what: int, until: float) -> None:
        poll.register(pg.socket, what)
        left = until - time.monotonic()
        ready = poll.poll(left * 1000) if left > 0 else []
        if not ready:
            raise JournalError("PostgreSQL did not commit in time; is its standby reachable?")
        if ready[0][1] & ~select.POLLOUT:
            pg.consume_input()

    def _recover(self) -> int:
        self._drop()
        try:
            return self._take(AGAIN_S, min(self._patience, CONNECT_S))
        except Exception:
            self._drop()
            raise

    def _shut(self) -> None:
        self._drop()

    # --- reading ----------------------------------------------------------------------------------------------

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """See ``Journal``. Rows come in portions, over a connection of their own."""
        import psycopg

        connection = self._connect()
        try:
            with connection.transaction(), connection.cursor("replay", binary=True) as cursor:
                cursor.itersize = _FETCH
                cursor.execute(
                    f"select no, body from {self._schema}.entries where no > %s order by no",  # noqa: S608
                    [after],
                )
                for no, body in cursor:
                    yield Entry(no=no, event=event_decoder.decode(body))
        except psycopg.Error as problem:
            raise JournalError(f"the journal cannot be read: {problem}") from None
        finally:
            connection.close()


def _array(element: int, values: Sequence[bytes]) -> bytes:
    """A one-dimensional array in PostgreSQL's binary format (``array_recv``), without nulls."""
    parts = [struct.pack("!iiIii", 1, 0, element, len(values), 1)]
    for value in values:
        parts += (struct.pack("!i", len(value)), value)
    return b"".join(parts)


def last_generation(dsn: str, schema: str = "hall") -> int:
    """The generation of the last engine that came up on this journal; 0 when none did. Readable on a standby, too."""
    import psycopg
    from psycopg import sql

    name = sql.Identifier(schema).as_string(None)
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_S) as connection:
            known = connection.execute("select to_regclass(%s)", [f"{name}.entries"]).fetchone()
            if known is None or known[0] is None:
                return 0
            row = connection.execute(
                f"select body from {name}.entries where type = 'engine_started' order by no desc limit 1"  # noqa: S608
            ).fetchone()
    except psycopg.Error as problem:
        raise JournalError(f"the journal cannot be read: {problem}") from None
    started = event_decoder.decode(row[0]) if row is not None else None
    return started.generation if isinstance(started, EngineStarted) else 0
