"""PostgreSQL servers of one's own: made in a temporary folder, on a free port of the loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

USER = DATABASE = "zhupei"
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}  # nothing to lose
LISTEN = {"listen_addresses": "127.0.0.1", "max_connections": "60"}


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """One server. ``settings`` are for its command line. Use it as a context manager, or ``remove()`` it.

    Raises ``FileNotFoundError`` when PostgreSQL is not installed.
    """

    def __init__(self, settings: dict[str, str] | None = None, *, of: Cluster | None = None) -> None:
        """``of``: a hot standby that streams from that server, under the name ``standby``."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
        if not found:
            raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
        self.binaries = found[-1].parent
        self.home = Path(tempfile.mkdtemp(prefix="zhupei-pg-"))
        self.data, self.port = self.home / "data", free_port()
        self.settings = {**LISTEN, **(settings or {})}
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.home, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        try:
            self._copy(of) if of is not None else self._make()
        except BaseException:
            self.remove()
            raise

    def _make(self) -> None:
        auth = ("--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        self._run("initdb", "-D", str(self.data), "-U", USER, *auth)
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, DATABASE)

    def _copy(self, primary: Cluster) -> None:
        source = f"host=127.0.0.1 port={primary.port} user={USER} application_name=standby"
        self._run("pg_basebackup", "-D", str(self.data), "-d", source, "-R", "-c", "fast", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{DATABASE}"

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / command), *arguments],
            check=True,
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            **self._as,
        )

    def start(self) -> None:
        """Return when it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        options += f" -p {self.port} -c unix_socket_directories={self.home}"
        log = ("-l", str(self.home / "log"))
        self._run("pg_ctl", "-D", str(self.data), "-w", *log, "-o", options, "start")

    def send(self, sign: signal.Signals) -> list[int]:
        """Signal all its processes; who they are."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        pids = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        return pids

    def kill(self) -> None:
        """``kill -9`` of all its processes, as when the machine loses its power (but for the disk's cache)."""
        pids = self.send(signal.SIGKILL)
        until = time.monotonic() + 10
        while any(_alive(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.02)
        # where nobody reaps the dead, the next start would take this number for a running server
        for lock in (self.data / "postmaster.pid", self.home / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and forget its data."""
        with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
            if (self.data / "postmaster.pid").exists():
                subprocess.run(
                    [str(self.binaries / "pg_ctl"), "-D", str(self.data), "-m", "immediate", "stop"],
                    check=False,
                    cwd=self.home,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    **self._as,
                )
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False
