"""A hall's server as a process of its own: made, started, killed, started again, measured, ended.

``HallProcess`` runs the command that a hall runs (``zhupei hall``) on a folder of its own with fresh secrets. It never looks at
the installation that starts it, listens on the loopback interface alone, and ends by the process that it was started as.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
READY_S = 120.0
STOP_S = 20.0
PREPARE_S = 180.0
TICKS = os.sysconf("SC_CLK_TCK")


class ServerFailed(RuntimeError):
    """The server could not be made, started or reached; the message holds the end of what it wrote."""


def raise_limits() -> int:
    """Let this process and what it starts open as many files as the system allows; returns that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class HallProcess:
    """``zhupei hall`` on a folder of its own.

    ``folder`` None: a temporary one, removed by ``close()``. ``environment`` is added to the server's (say
    ``ZHUPEI_HALL_JOURNAL``); what the caller's own environment says of ``ZHUPEI_*`` and ``DATABASE_URL`` is left out.
    ``wrapper`` goes before the command (say ``("faketime", "-f", "+1h")``).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        wrapper: Sequence[str] = (),
    ) -> None:
        self._own = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="zhupei-rehearsal-")) if folder is None else folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.wrapper = tuple(wrapper)
        self.log = self.folder / "server.log"
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("ZHUPEI_") and name not in ("DATABASE_URL", "PORT")
            },
            "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
            "PYTHONUNBUFFERED": "1",
            "ZHUPEI_DATA": str(self.folder),
            "ZHUPEI_ENV_FILE": str(self.folder / "none.env"),
            "ZHUPEI_SECRET_KEY": secrets.token_urlsafe(60),
            "ZHUPEI_MASTER_KEY": secrets.token_hex(32),
            "ZHUPEI_DEMO": "0",
            "ZHUPEI_HTTPS": "0",
            **(environment or {}),
        }
        self.kills = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_cpu_ms = 0.0
        self._peak_mb = 0.0

    @property
    def base(self) -> str:
        """The server's address, without a path."""
        return f"http://{HOST}:{self.port}"

    @property
    def data(self) -> Path:
        """The hall's data folder (``HALL_DATA``): journal, rehearsal."""
        return self.folder / "hall"

    def prepare(self) -> None:
        """Make the tables of the hall's pages. The engine itself needs none."""
        done = subprocess.run(
            [sys.executable, "-m", "django", "migrate", "-v", "0"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PREPARE_S,
        )
        if done.returncode:
            raise ServerFailed(f"the database could not be made: {done.stderr.strip()[-1500:]}")

    # --- life -------------------------------------------------------------------------------------------------

    def start(self, *, wait: bool = True, timeout: float = READY_S) -> None:
        """Start the server; with ``wait`` return once it answers."""
        if self._process is not None:
            raise ServerFailed("the server runs already")
        raise_limits()
        arguments = [sys.executable, "-m", "django", "hall", "--host", HOST, "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, *arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_ready(timeout)

    def wait_ready(self, timeout: float = READY_S, path: str = "/rehearsal/health") -> float:
        """Seconds until ``path`` answers 200. Raises ``ServerFailed`` when the server ended or ``timeout`` passed."""
        started = time.monotonic()
        while time.monotonic() - started < timeout:
            if self._process is None or self._process.poll() is not None:
                raise ServerFailed(f"the server ended at once: {self.log_tail()}")
            if self.answers(path):
                return time.monotonic() - started
            time.sleep(0.05)
        raise ServerFailed(f"the server did not answer within {timeout:.0f} s: {self.log_tail()}")

    def answers(self, path: str = "/rehearsal/health") -> bool:
        """True if ``path`` answers 200 now."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def is_running(self) -> bool:
        """True while the process that was started lives."""
        return self._process is not None and self._process.poll() is None

    def kill9(self) -> None:
        """``kill -9`` to every process of the server at once, and wait until they are gone."""
        if self._process is None:
            return
        self.kills += 1
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server in order (SIGTERM), by force after 20 s."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self._end(signal.SIGKILL)

    def restart(self, *, wait: bool = True) -> None:
        """Start again on the same folder and port; ends in order first what still runs."""
        self.stop()
        self.start(wait=wait)

    def _end(self, sign: signal.Signals) -> None:
        """Signal the server's whole session, whose leader is the process that was started here."""
        process, pids = self._process, self.pids()
        if process is None:
            return
        self._ended_cpu_ms += sum(_cpu_ms(pid) for pid in pids)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        for pid in pids:
            if pid != process.pid and _session(pid) == process.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        limit = time.monotonic() + STOP_S
        while any(_session(pid) == process.pid for pid in pids) and time.monotonic() < limit:
            time.sleep(0.01)
        self._process = None

    def close(self) -> None:
        """End the server and remove the temporary folder."""
        self.stop()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> HallProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- measures -----------------------------------------------------------------------------------------------

    def pid(self) -> int:
        """The process that was started; 0 when none runs."""
        return self._process.pid if self._process is not None else 0

    def pids(self) -> list[int]:
        """All processes of the server: the command, the web server and its worker."""
        if self._process is None:
            return []
        leader = self._process.pid
        numbers = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
        return [pid for pid in numbers if _session(pid) == leader]

    def cpu_ms(self) -> float:
        """Processor time of the server so far in milliseconds, of those killed and restarted too."""
        return self._ended_cpu_ms + sum(_cpu_ms(pid) for pid in self.pids())

    def rss_mb(self) -> float:
        """Memory of all its processes now in MB; what they share counts once (PSS)."""
        now = sum(_memory_kb(pid) for pid in self.pids()) / 1024
        self._peak_mb = max(self._peak_mb, now)
        return round(now, 1)

    def peak_mb(self) -> float:
        """The highest of all that ``rss_mb`` was asked."""
        self.rss_mb()
        return round(self._peak_mb, 1)

    def log_tail(self, size: int = 3000) -> str:
        """The end of what the server wrote."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` after the name; [] for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return fields if fields and fields[0] != "Z" else []


def _session(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[3]) if fields else 0


def _cpu_ms(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS if fields else 0.0


def _memory_kb(pid: int) -> int:
    for name, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
        except OSError:
            continue
        found = [int(line.split()[1]) for line in lines if line.startswith(field)]
        if found:
            return found[0]
    return 0
