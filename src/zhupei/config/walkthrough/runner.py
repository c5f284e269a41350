"""An installation of its own for the walkthrough: fresh secrets, a fresh database, a served platform, a clock that can be set.

Nothing of the installation that starts it is touched: data directory, environment file and database are all temporary.
The server is ended by the process that it was started as, whatever happens.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from zhupei.kernel.clock import SHANGHAI

START_SECONDS = 60.0
STOP_SECONDS = 20.0
COMMAND_SECONDS = 180.0
# Where people come and go all the time; what is written there says nothing about a refused form.
VOLATILE = ("django_", "accounts_", "auth_", "sqlite_", "notices_")


class Failed(RuntimeError):
    """The installation could not be made or served."""


class DrillClock:
    """The platform's clock, told by a file; it goes on by itself from where it was set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0.0

    def set(self, moment: datetime) -> None:
        """Make it ``moment`` now (a naive one is Shanghai time). Never goes back."""
        moment = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
        offset = moment.timestamp() - time.time()
        if self.offset and offset < self.offset:
            raise ValueError(f"the clock would go back to {moment}")
        self.offset = offset
        draft = self.path.with_suffix(".new")
        draft.write_text(repr(offset))
        draft.replace(self.path)  # the server must never read half a number

    def now(self) -> datetime:
        """The platform's present moment, in Shanghai."""
        return datetime.fromtimestamp(time.time() + self.offset, SHANGHAI)


class Installation:
    """Made by ``prepare()``, served from ``serve()`` to ``close()``."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.folder = Path(tempfile.mkdtemp(prefix="zhupei-walkthrough-"))
        self.clock = DrillClock(self.folder / "clock")
        self.log = self.folder / "server.log"
        self.base = ""
        self.server: subprocess.Popen[bytes] | None = None
        self.admin_url = ""
        self.database = ""  # of PostgreSQL; "" with SQLite
        self.is_created = False
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith("ZHUPEI_") and k not in ("DATABASE_URL", "PORT")
        }
        given = os.environ.get("DATABASE_URL", "")
        if given.startswith(("postgres:", "postgresql:")):
            self.admin_url, self.database = given, f"zhupei_walkthrough_{secrets.token_hex(4)}"
            kept["DATABASE_URL"] = urlunsplit(urlsplit(given)._replace(path=f"/{self.database}"))
        return {
            **kept,
            "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
            "PYTHONUNBUFFERED": "1",
            "ZHUPEI_DATA": str(self.folder),
            "ZHUPEI_ENV_FILE": str(self.folder / "none.env"),
            "ZHUPEI_SECRET_KEY": secrets.token_urlsafe(60),
            "ZHUPEI_MASTER_KEY": secrets.token_hex(32),
            "ZHUPEI_DEMO": "1",
            "ZHUPEI_HTTPS": "0",
            "ZHUPEI_CLOCK_FILE": str(self.clock.path),
        }

    # --- making and serving -------------------------------------------------------------------------------------

    def manage(self, *arguments: str) -> str:
        """Run a command of this installation; returns what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if done.returncode:
            raise Failed(f"{' '.join(arguments[:2])}: {done.stderr.strip()[-1500:]}")
        return done.stdout

    def prepare(self) -> None:
        """The database and everything in it that no page enters."""
        if self.database:
            self._on_server(f'CREATE DATABASE "{self.database}"')
            self.is_created = True
        self.manage("prepare")

    def serve(self, *command: str) -> None:
        """Start the server and its worker (``serve``), or a hall's (``hall``), and wait until pages come."""
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "django",
                    *(command or ("serve",)),
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(port),
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.server.poll() is not None:
                raise Failed(f"the server ended at once: {self.log_tail()}")
            try:
                if httpx.get(f"{self.base}/health/", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise Failed(f"the server did not answer within {START_SECONDS:.0f} s: {self.log_tail()}")

    def log_tail(self, size: int = 3000) -> str:
        """The end of what the server wrote."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def errors(self) -> str:
        """The last traceback that the server wrote, its end."""
        lines = self.log_tail(200_000).splitlines()
        starts = [n for n, line in enumerate(lines) if line.startswith("Traceback")]
        if not starts:
            return ""
        found = lines[starts[-1] :]
        end = next(
            (n for n, line in enumerate(found[1:], 1) if line and not line.startswith(" ")), len(found)
        )
        return "\n".join(found[: end + 1][-12:])

    def close(self) -> None:
        """End the server, its engine and its worker; drop the database; remove the files unless they are to be kept."""
        self._stop()
        if self.is_created and not self.keep:
            self._on_server(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _stop(self) -> None:
        server, self.server = self.server, None
        if server is None:
            return
        try:
            if server.poll() is None:
                server.send_signal(signal.SIGTERM)
                server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(
                ProcessLookupError, PermissionError
            ):  # whatever it left behind is in its own session
                os.killpg(server.pid, signal.SIGKILL)
            server.wait(STOP_SECONDS)

    # --- looking behind the pages -------------------------------------------------------------------------------

    def _on_server(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        if self.database:
            import psycopg

            with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
                return connection.execute(statement.encode()).fetchall()
        with closing(
            sqlite3.connect(f"file:{self.folder}/zhupei.sqlite3?mode=ro", uri=True, timeout=20)
        ) as base:
            return base.execute(statement).fetchall()

    def row_counts(self) -> dict[str, int]:
        """Rows of every table that is not ``VOLATILE``: what a refused form must leave as it was."""
        names = (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            if self.database
            else "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
        tables = sorted(name for (name,) in self._rows(names) if not name.startswith(VOLATILE))
        counts = " UNION ALL ".join(f"SELECT '{name}', COUNT(*) FROM \"{name}\"" for name in tables)  # noqa: S608 - own names
        return {str(name): int(count) for name, count in self._rows(counts)}

    def ask(self, code: str) -> Any:
        """What ``code`` leaves in ``answer``, run in a shell of this installation: the oracle, never the actor."""
        return json.loads(
            self.manage("shell", "-v", "0", "-c", f"{code}\nimport json; print(json.dumps(answer))")
        )
