"""``zhupei doctor``: what annex 3 asks of a hall's server, measured on that server (R113–R123, R130, R131, I05).

What cannot be measured (a container, a virtual disk, no address of the centre) is said to be unknown, never passed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sqlite3
import statistics
import time
from datetime import timedelta
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import Error, connection

from zhupei.hall.choices import HallBatchState
from zhupei.hall.models import HallBatch
from zhupei.hall.models.machines import Verdict
from zhupei.hall.process import journal_dsn, running_engine
from zhupei.hall.uplink.link import centre_link
from zhupei.kernel import clock

from .doctor_words import POINTS
from .findings import Finding, in_both, worst
from .host import GIB, NETWORK_DRIVES, Host
from .line import CLOCK_LIMIT_S, CentreLine

OK, WARN, FAIL, UNKNOWN = (
    Verdict.OK.value,
    Verdict.WARN.value,
    Verdict.FAIL.value,
    Verdict.UNKNOWN.value,
)
# What annex 3 asks for: one (3), two (1).
CORES = 4
GHZ = 2.1
MEMORY_GB = 8
MEMORY_SHARE = 0.9  # firmware and graphics take their part before the system counts
DISK_GB = 128
DISK_SHARE = 0.9  # makers count 10^9, and a little is set aside
LINE_MBPS = 100
LINE_OK_SHARE = 0.8  # headers and the connection's slow start take their part of a short measurement
LINE_WARN_SHARE = (
    0.3  # other traffic may take as much at that moment; with less left, the line itself is slower
)
RTT_OK_MS = 100
RTT_WARN_MS = 400  # slow, but the test does not need the line: bundles and returns only take longer
# Space for the answers and photos of the batches to come.
SEATS_AT_LEAST = 200  # sittings: a hall's worth, where no batch is here yet
CAPTURES_EACH = 30  # photos of one sitting, at the most
CAPTURE_BYTES = 120 * 1024
JOURNAL_BYTES = 1024 * 1024  # of one sitting: answers, bundle, return, logs
RESERVE_BYTES = 4 * GIB  # that the system itself never stands still
# Durable writes: an answer waits for one of them and shall be kept within 100 ms.
WRITES = 40
WRITES_SECONDS = 3.0  # a slow disk is known as such by then
WRITE_BYTES = 4096  # a page of the journal
WRITE_OK_MS = 25.0  # 19 of 20 writes; leaves three quarters of the time to network and queue
WRITE_FAIL_MS = 80.0  # 19 of 20 writes; beyond it an answer cannot be kept in time
SHARE_PORTS = (445, 139)  # TCP, of Windows shares (SMB, NetBIOS)
SQLITE_TIMEOUT_S = 2  # the engine's own writes take milliseconds
CONNECT_TIMEOUT_S = 3  # the journal's database stands in the same house
SUCCESSORS = frozenset(
    {"rhel", "rocky", "almalinux", "ol", "anolis", "openEuler", "openeuler", "opencloudos", "tencentos",
     "alinux", "kylin", "uos", "euleros", "bclinux", "ctyunos"}
)  # fmt: skip


def _at_least(code: str, have: float | None, wanted: float, text: str) -> Finding:
    if have is None:
        return Finding(code, UNKNOWN)
    return Finding(code, OK if have >= wanted else FAIL, text)


def cores(host: Host) -> Finding:
    count = host.cores()
    return _at_least("cores", count, CORES, str(count))


def ghz(host: Host) -> Finding:
    have = host.ghz()
    return _at_least("ghz", have, GHZ, f"{have:.2f} GHz" if have else "")


def memory(host: Host) -> Finding:
    have = host.memory()
    text = f"{have / GIB:.1f} GiB" if have else ""
    return _at_least("memory", have, MEMORY_GB * MEMORY_SHARE * 1e9, text)


def disk(host: Host, folder: Path) -> list[Finding]:
    """Kind and size of the disk that the answers lie on."""
    found = host.disk(folder.stat().st_dev)
    if found is None:
        reason = "container" if host.is_container else "no_disk"
        return [Finding("ssd", UNKNOWN, reason=reason), Finding("disk", UNKNOWN, reason=reason)]
    size = f"{found.name} {found.size / 1e9:.0f} GB"
    size_ok = found.size >= DISK_GB * DISK_SHARE * 1e9
    kind = {True: OK, False: FAIL, None: UNKNOWN}[found.solid]
    return [
        Finding("ssd", kind, found.name, "virtual" if found.solid is None else ""),
        Finding("disk", OK if size_ok else FAIL, size),
    ]


def expected_seats() -> int:
    """Sittings that this server still has to keep: those of its batches that are not returned, at least a hall's worth."""
    counts = HallBatch.objects.exclude(state=HallBatchState.RETURNED).values_list("counts", flat=True)
    return max(sum(int(one.get("candidates") or 0) for one in counts), SEATS_AT_LEAST)


def space(folder: Path) -> Finding:
    """Room for the photos and answers of the coming batches, and a reserve."""
    try:
        seats = expected_seats()
    except Error:  # before the database is there
        seats = SEATS_AT_LEAST
    needed = seats * (CAPTURES_EACH * CAPTURE_BYTES + JOURNAL_BYTES) + RESERVE_BYTES
    free = shutil.disk_usage(folder).free
    text = f"{free / GIB:.1f} / {needed / GIB:.1f} GiB"
    return Finding("space", OK if free >= needed else FAIL, text)


def writes(folder: Path) -> Finding:
    """How long a durable write takes on the disk of the answers: 4 KB and fsync, forty times, at most three seconds."""
    path = folder / f"doctor-{os.getpid()}.tmp"
    took: list[float] = []
    block = os.urandom(WRITE_BYTES)
    end = time.monotonic() + WRITES_SECONDS
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            while len(took) < WRITES and time.monotonic() < end:
                start = time.perf_counter()
                os.write(handle, block)
                os.fsync(handle)
                took.append((time.perf_counter() - start) * 1000)
        finally:
            os.close(handle)
            path.unlink()
    except OSError:
        return Finding("writes", FAIL, reason="cannot_write")
    slow = sorted(took)[int(len(took) * 0.95)] if len(took) > 1 else took[0]
    text = f"{statistics.median(took):.1f} / {slow:.1f} ms"
    return Finding("writes", OK if slow <= WRITE_OK_MS else WARN if slow <= WRITE_FAIL_MS else FAIL, text)


def system(host: Host) -> Finding:
    name, version, whole = host.system()
    if not name:
        return Finding("system", UNKNOWN)
    if name == "centos" and version.startswith("7.6"):
        return Finding("system", OK, whole, "named")
    if name == "centos" or name in SUCCESSORS or host.is_like_centos():
        return Finding("system", OK, whole, "successor")
    return Finding("system", WARN, whole, "other_family")


def clocks(host: Host) -> list[Finding]:
    kept = host.synchronised()
    offset = host.zone()
    zone = "" if offset is None else f"UTC{offset.total_seconds() / 3600:+g}"
    return [
        Finding("time_service", UNKNOWN if kept is None else OK if kept else FAIL),
        Finding(
            "time_zone", UNKNOWN if offset is None else OK if offset == timedelta(hours=8) else WARN, zone
        ),
    ]


def links(host: Host) -> Finding:
    found = host.links()
    speeds = [speed for _name, speed in found if speed is not None]
    text = ", ".join(f"{name} {speed} Mbit/s" for name, speed in found if speed is not None)
    if not speeds:
        return Finding("link", UNKNOWN, reason="container" if host.is_container else "")
    return Finding("link", OK if min(speeds) >= LINE_MBPS else FAIL, text)


def shares(host: Host) -> Finding:
    open_ports = [port for port in SHARE_PORTS if host.listens(port)]
    if host.listens(SHARE_PORTS[0]) is None:
        return Finding("shares", UNKNOWN)
    return Finding("shares", FAIL if open_ports else OK, ", ".join(f"TCP {port}" for port in open_ports))


def database(folder: Path) -> list[Finding]:
    """Whether both stores write through to the disk."""
    found = [_journal(folder)]
    try:
        found.append(_pages())
    except Error:
        found.append(Finding("database", UNKNOWN, reason="no_database"))
    return found


def _journal(folder: Path) -> Finding:
    if settings.HALL_JOURNAL:
        return _journal_on_postgresql()
    path = folder / "journal.sqlite3"
    if not path.exists():
        return Finding("journal", UNKNOWN, reason="no_journal")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SQLITE_TIMEOUT_S) as store:
            mode = str(store.execute("PRAGMA journal_mode").fetchone()[0])
        store.close()
    except sqlite3.Error:
        return Finding("journal", FAIL, reason="damaged")
    return Finding("journal", OK if mode == "wal" else FAIL, f"SQLite {mode}")


POSTGRESQL = ("fsync", "synchronous_commit", "full_page_writes")


def _journal_on_postgresql() -> Finding:
    try:
        with psycopg.connect(journal_dsn(), connect_timeout=CONNECT_TIMEOUT_S) as store:
            values = {name: _shown(store, name) for name in (*POSTGRESQL, "synchronous_standby_names")}
    except psycopg.Error:
        return Finding("journal", FAIL, reason="no_database")
    text = "PostgreSQL " + " ".join(f"{name}={value}" for name, value in values.items())
    return Finding("journal", FAIL if "off" in values.values() else OK, text[:300])


def _shown(store: psycopg.Connection[tuple[str, ...]], name: str) -> str:
    row = store.execute(f"SHOW {name}").fetchone()  # a name of this program
    return str(row[0]) if row else ""


def _pages() -> Finding:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            level = int(cursor.fetchone()[0])
            cursor.execute("PRAGMA journal_mode")
            mode = str(cursor.fetchone()[0])
            safe = level >= 2 and mode in ("wal", "delete", "truncate", "persist")
            return Finding("database", OK if safe else FAIL, f"SQLite synchronous={level} {mode}")
        values = {}
        for name in POSTGRESQL:
            cursor.execute(f"SHOW {name}")
            values[name] = str(cursor.fetchone()[0])
        text = "PostgreSQL " + " ".join(f"{name}={value}" for name, value in values.items())
        return Finding("database", FAIL if "off" in values.values() else OK, text)


def secrets() -> Finding:
    """Whether others on this server can read the file with the secrets."""
    path = Path(settings.ENV_FILE)
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return Finding("secrets", OK, reason="environment")
    return Finding("secrets", FAIL if mode & 0o077 else OK, f"{mode:04o}")


def one_engine(host: Host, folder: Path) -> Finding:
    """Whether the folder of the answers can belong to one engine alone, and which process holds it."""
    if host.file_system(folder) in NETWORK_DRIVES:
        return Finding("engine", FAIL, host.file_system(folder), "network_drive")
    if running_engine() is not None and folder == Path(settings.HALL_DATA):
        return Finding("engine", OK, reason="here")
    try:
        handle = os.open(folder / "engine.lock", os.O_RDWR)
    except FileNotFoundError:
        return Finding("engine", OK, reason="none")
    except OSError:
        return Finding("engine", FAIL, reason="cannot_write")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Finding("engine", OK, reason="elsewhere")
    except OSError:
        return Finding("engine", FAIL, reason="no_lock")
    finally:
        os.close(handle)
    return Finding("engine", OK, reason="none")


def uplink(centre: CentreLine | None) -> list[Finding]:
    """Clock and line against the centre's server (R116, I05)."""
    codes = ("clock", "uplink_time", "uplink")
    if centre is None:
        return [Finding(code, UNKNOWN, reason="no_centre") for code in codes]
    heard = centre.listen()
    if heard is None:
        return [
            Finding("clock", UNKNOWN, reason="unreachable"),
            Finding("uplink_time", FAIL, reason="unreachable"),
            Finding("uplink", UNKNOWN, reason="unreachable"),
        ]
    if heard.offset is None:
        found = [Finding("clock", UNKNOWN)]
    else:
        offset, doubt = heard.offset
        text = f"{offset:+.2f} ± {doubt:.2f} s"
        verdict = (
            OK if abs(offset) <= CLOCK_LIMIT_S else WARN if abs(offset) - doubt <= CLOCK_LIMIT_S else FAIL
        )
        found = [Finding("clock", verdict, text)]
    rtt = heard.rtt_ms
    verdict = OK if rtt <= RTT_OK_MS else WARN if rtt <= RTT_WARN_MS else FAIL
    found.append(Finding("uplink_time", verdict, f"{rtt:.0f} ms"))
    speed = centre.throughput()
    if isinstance(speed, str):
        found.append(Finding("uplink", UNKNOWN, reason=speed))
    else:
        share = speed / LINE_MBPS
        verdict = OK if share >= LINE_OK_SHARE else WARN if share >= LINE_WARN_SHARE else FAIL
        found.append(Finding("uplink", verdict, f"{speed:.0f} Mbit/s"))
    return found


def centre_address() -> str:
    """Where the pass of this machine says that the centre is; "" where it runs in this installation or is not known."""
    try:
        known = centre_link()
    except Error:
        return ""
    return known.centre_address if known else ""


def examine(
    folder: Path | None = None, *, centre: str = "", code: str = "", host: Host | None = None
) -> list[Finding]:
    """Every point, in the order of annex 3. Takes a few seconds.

    ``folder`` is where the answers lie (otherwise as the settings say); ``centre`` the address of the centre's server (otherwise
    as the hall pass says); ``code`` the hall's code of the day there, without which the line's throughput stays unknown. Raises
    ``OSError`` if the folder cannot be made, ``ValueError`` if the address is none.
    """
    host = host or Host()
    folder = Path(folder or settings.HALL_DATA).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    centre = centre or centre_address()
    return [
        cores(host),
        ghz(host),
        memory(host),
        *disk(host, folder),
        space(folder),
        writes(folder),
        system(host),
        *clocks(host),
        links(host),
        *uplink(CentreLine(centre, code) if centre else None),
        shares(host),
        *database(folder),
        secrets(),
        one_engine(host, folder),
    ]


def host_name() -> str:
    """The name of this server, as records keep it."""
    return socket.gethostname()[:100]


def report(findings: list[Finding]) -> dict[str, object]:
    """All of it for machines: verdict, host, moment, findings with their words in both languages."""
    return {
        "host": host_name(),
        "at": clock.local(clock.now()).isoformat(timespec="seconds"),
        "verdict": worst(findings),
        "ok": worst(findings) != FAIL,
        "findings": [in_both(one, POINTS) for one in findings],
    }
