"""The PostgreSQL of this machine that holds the journal: primary or standby, and how the one becomes the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zhupei.hall.process import journal_dsn

CONNECT_S = 2
PROMOTE_S = 60

GRANTS = """\
    grant pg_monitor to {role};
    grant execute on function pg_promote(boolean, integer) to {role};
    grant execute on function pg_reload_conf() to {role};
    grant alter system on parameter synchronous_standby_names to {role};  -- PostgreSQL 15 or later; before, a superuser"""


class Unreachable(Exception):
    """A server did not answer, or not as it should."""


class LocalServer:
    """Asked over a short connection each time, so that nothing of it outlives a promotion. All raise ``Unreachable``."""

    def __init__(self, dsn: str = "") -> None:
        self._dsn = dsn or journal_dsn()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import psycopg

        try:
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=CONNECT_S) as connection:
                connection.execute("set statement_timeout = '5s'")
                yield connection
        except psycopg.Error as problem:
            raise Unreachable(f"this machine's PostgreSQL: {problem}") from None

    def _one(self, statement: str, *values: object) -> Any:
        with self._connected() as connection:
            return connection.execute(statement, values).fetchone()

    def is_standby(self) -> bool:
        """True while it takes its data from another server."""
        return bool(self._one("select pg_is_in_recovery()")[0])

    def receives(self) -> bool:
        """True while it hears from the primary; false also when that cannot be read.

        How soon it notices a machine that is gone is ``wal_receiver_timeout``.
        """
        try:
            row = self._one("select status from pg_stat_wal_receiver")
        except Unreachable:
            return False
        return row is not None and row[0] == "streaming"

    def standing(self) -> tuple[bool, str]:
        """Of a primary: whether its commits wait for a standby, and how far its log is on disk."""
        names, position = self._one(
            "select current_setting('synchronous_standby_names'), pg_current_wal_flush_lsn()::text"
        )
        return bool(names.strip()), position

    def holds(self, position: str) -> bool:
        """Of a standby: whether everything up to ``position`` of the primary's log is here."""
        (here,) = self._one(
            "select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) >= %s::pg_lsn", position
        )
        return bool(here)

    def generation(self) -> int:
        """How often a server has come up on the journal here; 0 before the first time."""
        from zhupei.delivery.api import last_generation

        try:
            return last_generation(self._dsn)
        except Exception as problem:
            raise Unreachable(str(problem)) from None

    def grants_missing(self) -> str:
        """The statements by which a superuser lets this role stand by and take over; "" if it may."""
        with self._connected() as connection:
            role, version, may = connection.execute(
                """
                select quote_ident(current_user), current_setting('server_version_num')::int,
                    pg_has_role(current_user, 'pg_monitor', 'usage')
                    and has_function_privilege('pg_promote(boolean, integer)', 'execute')
                    and has_function_privilege('pg_reload_conf()', 'execute')
                """
            ).fetchone()
            if may and version >= 150000:
                (may,) = connection.execute(
                    "select has_parameter_privilege('synchronous_standby_names', 'alter system')"
                ).fetchone()
        return "" if may else GRANTS.format(role=role)

    def is_primary_proven(self) -> bool:
        """Whether this standby takes its data only from a server that shows a certificate or knows its password.

        Otherwise whoever has the address of a primary that is gone can pass for it. True on this machine's own loopback.
        """
        from psycopg.conninfo import conninfo_to_dict

        (text,) = self._one("select current_setting('primary_conninfo')")
        given = conninfo_to_dict(text)
        if str(given.get("host", "/")).startswith(("/", "127.", "localhost", "::1")):
            return True
        return (
            given.get("sslmode") in ("verify-ca", "verify-full")
            or given.get("channel_binding") == "require"
            or given.get("require_auth") == "scram-sha-256"
        )

    def timeout_s(self) -> float:
        """After how much silence this standby takes its primary for lost, in seconds; 0: never."""
        return float(
            self._one("select setting::float / 1000 from pg_settings where name = 'wal_receiver_timeout'")[0]
        )

    def promote(self) -> None:
        """Make this standby the primary, and return when it writes. Its commits wait for nobody then."""
        with self._connected() as connection:
            connection.execute("set statement_timeout = 0")
            connection.execute("select pg_promote(true, %s)", [PROMOTE_S])
        until = time.monotonic() + PROMOTE_S
        while self.is_standby():
            if time.monotonic() > until:
                raise Unreachable("this machine's PostgreSQL did not become primary")
            time.sleep(0.1)
        self.go_alone()

    def go_alone(self) -> bool:
        """Let commits wait for no standby any more, those on their way too; False if they did not."""
        with self._connected() as connection:
            (names,) = connection.execute("select current_setting('synchronous_standby_names')").fetchone()
            if not names.strip():
                return False
            connection.execute("alter system set synchronous_standby_names = ''")
            connection.execute("select pg_reload_conf()")
        until = time.monotonic() + CONNECT_S
        while self._one("select current_setting('synchronous_standby_names')")[0].strip():
            if time.monotonic() > until:
                raise Unreachable(
                    "synchronous_standby_names is set where this cannot change it (the server's command line?)"
                )
            time.sleep(0.1)
        return True
