"""Which ASGI server: granian and uvicorn before the same application, in turn, several times in one run."""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import machine

HERE = Path(__file__).resolve().parents[1]
PATHS = ("/account/sign-in/", "/health/", "/exam/health")


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(server: str, port: int) -> list[str]:
    if server == "granian":
        from zhupei.config.management.commands.serve import web_command

        return web_command("127.0.0.1", port, 1)
    return [
        *(sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop"),
        *(
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "warning",
            "zhupei.config.asgi:application",
        ),
    ]


def _measure(server: str, environment: dict[str, str], connections: int, seconds: float) -> dict[str, Any]:
    port = _port()
    process = subprocess.Popen(_command(server, port), env=environment, cwd=HERE)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        outcome: dict[str, Any] = {}
        for path in PATHS:
            for length in (min(1.0, seconds), seconds):  # the first one warms up
                load = [sys.executable, "-m", "bench.load", str(port), path, str(connections), str(length)]
                told = subprocess.run(load, cwd=HERE, check=True, capture_output=True, text=True)
            outcome[path] = json.loads(told.stdout)
        return outcome
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="zhupei bench servers")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as data:
        environment = {
            **os.environ,
            "ZHUPEI_DATA": data,
            "ZHUPEI_SECRET_KEY": secrets.token_urlsafe(60),
            "ZHUPEI_MASTER_KEY": secrets.token_hex(32),
            "ZHUPEI_DEMO": "1",
            "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
        }
        environment.pop("DATABASE_URL", None)
        prepare = [sys.executable, "-c", "from zhupei.config.cli import main; main()", "prepare"]
        subprocess.run(prepare, env=environment, check=True, stdout=subprocess.DEVNULL)
        rounds: dict[str, list[dict[str, Any]]] = {"granian": [], "uvicorn": []}
        for number in range(options.rounds):
            for server in rounds if number % 2 == 0 else reversed(rounds):
                rounds[server].append(_measure(server, environment, options.connections, options.seconds))
    result: dict[str, Any] = {"machine": machine(), "parameters": vars(options)}
    for server, outcomes in rounds.items():
        result[server] = {
            path: {
                name: statistics.median(outcome[path][name] for outcome in outcomes)
                for name in ("per_s", "p50_ms", "p99_ms", "errors")
            }
            for path in PATHS
        }
    result["ratio_granian_to_uvicorn"] = {
        path: round(result["granian"][path]["per_s"] / result["uvicorn"][path]["per_s"], 2) for path in PATHS
    }
    result["client_peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(json.dumps(result, indent=None if options.json else 2))
