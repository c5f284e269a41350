"""The exam engine over real HTTP: durable saves a second, and what a save, a start and a hand-in cost the server.

The server is the platform's own (``zhupei hall``: granian, one worker, uvloop, the same application) with a bundle loaded; the
client is a process of its own on this machine. A save counts once acknowledged, and each is looked for in the journal
afterwards (``lost``). Beside it, in the same run: the same journal with a commit for each save, and a Django page that does
nothing (``/health/``) on the same port.

A start is: press start, the paper's page, the paper for the script (style, script and photo are in the
browser's cache since the pages before). A hand-in is: hand in, the page of the scores.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.machine import machine

HERE = Path(__file__).resolve().parents[1]
FILLED = 1000  # up to so many candidates answer everything


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_command(port: int) -> list[str]:
    """The server as ``zhupei hall`` starts it, with the bundles loaded."""
    from zhupei.config.management.commands.serve import web_command

    return [*web_command("127.0.0.1", port, 1)[:-1], "bench.hall.server:application"]


def wait_for(path: Path, port: int, process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """What the server wrote to ``path`` about its start, once it answers."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if path.exists() and probe.connect_ex(("127.0.0.1", port)) == 0:
                return dict(json.loads(path.read_text()))
        time.sleep(0.1)
    raise SystemExit("the server did not come up")


def memory_mb(root: int, key: str) -> float:
    """``VmRSS`` or ``VmHWM`` of the biggest process below ``root``."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines = (entry / "status").read_text().splitlines()
            except OSError:
                continue
            values = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            if str(root) in (entry.name, values.get("PPid", "").strip()) and key in values:
                found = max(found, int(values[key].split()[0]))
    return round(found / 1024, 1)


def lost(journal: Any, ids: list[str], acknowledged: bytes) -> int:
    """How many acknowledged answers are not in the journal."""
    kept = {
        (event.candidate_id, event.seq, event.subject, event.key, event.answer[0])
        for event in (entry.event for entry in journal.replay())
        if event.__struct_config__.tag == "saved" and event.answer
    }
    told = msgspec.msgpack.decode(acknowledged, type=list[tuple[int, int, str, str, str]])
    return sum((ids[at], *rest) not in kept for at, *rest in told)


def one_by_one(journal: Any, seconds: float) -> float:
    """Saves a second with a commit for each: what the disk gives."""
    from zhupei.delivery.formats.events import Saved

    until, count = time.perf_counter() + seconds, 0
    started = time.perf_counter()
    while time.perf_counter() < until:
        count += 1
        event = Saved(at=1, tick=1, candidate_id="reference", subject="s", key="k", answer=("o1",), seq=count)
        journal.append([event]).result()
    return round(count / (time.perf_counter() - started), 1)


def django_page(port: int, connections: int, seconds: float) -> dict[str, float]:
    """A Django page that reads nothing, over the same port."""
    load = [
        sys.executable,
        "-m",
        "bench.load",
        str(port),
        "/health/",
        str(min(connections, 32)),
        str(seconds),
    ]
    for _ in range(2):  # the first one warms up
        told = subprocess.run(load, cwd=HERE, check=True, capture_output=True, text=True)
    return dict(json.loads(told.stdout))


def measure(
    options: argparse.Namespace, environment: dict[str, str], journal: Callable[[], Any], database: int = 0
) -> dict[str, Any]:
    """One run on one journal; ``journal()`` opens what the server wrote to. ``database``: process of its server."""
    from bench.hall.bundle import make_bundle
    from zhupei.delivery.formats.base import encoder

    folder = Path(environment["ZHUPEI_BENCH_BUNDLES"])
    people = []
    for number in range(1, options.bundles + 1):
        bundle, own = make_bundle(number, options.candidates)
        (folder / f"{number:03d}.bundle").write_bytes(encoder.encode(bundle))
        people += own
    (folder / "ready.json").unlink(missing_ok=True)
    port = free_port()
    process = subprocess.Popen(server_command(port), env=environment, cwd=HERE)
    try:
        ready = wait_for(folder / "ready.json", port, process, 300)
        plan = {
            "port": port,
            "server": process.pid,
            "database": database,
            "spread": options.spread,
            "fill": len(people) <= FILLED,
            "connections": options.connections,
            "seconds": options.seconds,
            "people": [[one.slip_no, one.id_number] for one in people],
            "acknowledged": str(folder / "acknowledged"),
        }
        client = subprocess.run(
            [sys.executable, "-m", "bench.hall.client"],
            cwd=HERE,
            input=json.dumps(plan),
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
            check=True,
        )
        figures = json.loads(client.stdout)
        page = django_page(port, options.connections, 1.0)
        memory = {"rss_mb": memory_mb(process.pid, "VmRSS"), "peak_mb": memory_mb(process.pid, "VmHWM")}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    written = journal()
    try:
        ids = [one.candidate_id for one in people]
        missing = lost(written, ids, (folder / "acknowledged").read_bytes())
        alone = one_by_one(written, 1.0)
    finally:
        written.close()
    per_s = figures["save"]["per_s"]
    return {
        "saves_per_s": per_s,
        "lost": missing,
        **figures,
        "load": ready,
        **memory,
        "reference": {
            "commit_each_per_s": alone,
            "times_commit_each": round(per_s / alone, 1),
            "django_page_per_s": page["per_s"],
            "times_django_page": round(per_s / page["per_s"], 1),
        },
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="zhupei bench delivery", description=__doc__)
    parser.add_argument("--candidates", type=int, default=220)
    parser.add_argument("--bundles", type=int, default=1, help="halls, each with so many candidates")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which the starts are spread")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one journal only")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    given = ("candidates", "bundles", "spread", "connections", "seconds")
    result: dict[str, Any] = {
        "machine": machine(),
        "parameters": {name: getattr(options, name) for name in given},
    }
    for name, run in (("sqlite", on_sqlite), ("postgresql", on_postgresql)):
        if options.only in (None, name):
            result[name] = run(options)
            result["client_cpu_share"] = result[name]["save"]["client_cpu_share"]
    print(json.dumps(result, indent=None if options.json else 2))


@contextmanager
def installation() -> Iterator[tuple[Path, dict[str, str]]]:
    """An installation of its own in a temporary folder: the folder, and the environment of its server."""
    with tempfile.TemporaryDirectory() as data:
        bundles = Path(data) / "bundles"
        bundles.mkdir()
        environment = {
            **os.environ,
            "ZHUPEI_DATA": data,
            "ZHUPEI_HALL_ONLY": "1",
            "ZHUPEI_HALL_JOURNAL": "",
            "ZHUPEI_BENCH_BUNDLES": str(bundles),
        }
        environment.pop("DATABASE_URL", None)
        prepare = [sys.executable, "-c", "from zhupei.config.cli import main; main()", "prepare"]
        subprocess.run(prepare, env=environment, check=True, stdout=subprocess.DEVNULL)
        yield Path(data), environment


def on_sqlite(options: argparse.Namespace) -> dict[str, Any]:
    """The journal in a file."""
    from zhupei.delivery.api import SqliteJournal

    with installation() as (data, environment):
        return measure(options, environment, lambda: SqliteJournal(data / "hall" / "journal.sqlite3"))


def on_postgresql(options: argparse.Namespace) -> dict[str, Any]:
    """The journal in a PostgreSQL server of its own on the loopback, as it is installed: everything is flushed."""
    from tools.clusters import Cluster

    from zhupei.delivery.api import PostgresJournal

    with Cluster() as cluster, installation() as (_, environment):
        environment["ZHUPEI_HALL_JOURNAL"] = cluster.url
        first = int((cluster.data / "postmaster.pid").read_text().split()[0])
        return measure(options, environment, lambda: PostgresJournal(cluster.url), first)
