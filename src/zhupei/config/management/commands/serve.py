"""``zhupei serve``: the whole platform in one command: pages and exam engine, the job worker, the housekeeping."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from zhupei.delivery.rehearsal.servers import raise_limits
from zhupei.hall.api import centre_link, others, refuse_second
from zhupei.kernel.errors import Refusal

RESTART_PAUSE = 2.0
STOP_WAIT = 15.0
BACKLOG = 4096  # connections that wait to be accepted
SPARE_FILES = 1000  # files that the server opens for itself


def connections() -> int:
    """How many connections the server keeps: a hall of 220 with 6 a browser is past the web server's own 1024, and those over
    the limit would wait until others close. Bounded by the files that a process may open, which is raised to what is allowed.
    """
    return max(raise_limits() - SPARE_FILES, 512)


def web_command(host: str, port: int, threads: int) -> list[str]:
    """The server process. One worker: the exam engine's single writer lives in it."""
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "1",
        "--runtime-threads",
        str(threads),
        "--loop",
        "uvloop" if sys.platform != "win32" else "auto",
        "--backlog",
        str(BACKLOG),
        "--backpressure",
        str(connections()),
        "--no-ws",
        "--log-level",
        "warning",
        "zhupei.config.asgi:application",
    ]


def worker_command() -> list[str]:
    """The job worker: Django's tasks from the database, no broker."""
    return [sys.executable, "-m", "django", "db_worker", "--interval", "2", "--no-startup-delay"]


def housekeeping_command() -> list[str]:
    """What happens without anybody pressing a button."""
    return [sys.executable, "-m", "django", "housekeep"]


def carrier_command() -> list[str]:
    """On a hall's own machine: what is fetched from the centre and sent to it."""
    return [sys.executable, "-m", "django", "carry"]


def _is_halls_own_machine() -> bool:
    try:
        return centre_link() is not None
    except DatabaseError:  # not prepared yet
        return False
    finally:
        connection.close()


class Command(BaseCommand):
    help = "Serve the platform: pages, exam engine and job worker. Stops all of it on Ctrl+C or SIGTERM."
    child_environment: ClassVar[dict[str, str]] = {}
    """What the processes that this command starts get besides its own environment."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("ZHUPEI_HOST") or "127.0.0.1")
        parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "8000")
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument("--no-worker", action="store_true", help="serve pages only")

    def may_serve(self, options: dict[str, Any]) -> bool:
        """False if there is nothing to serve after all. Raises ``CommandError`` where the hall's other server serves."""
        if others():
            try:
                refuse_second()
            except Refusal as problem:
                raise CommandError(problem.message) from None
        return True

    def handle(self, *args: Any, **options: Any) -> None:
        if not self.may_serve(options):
            return
        host, port = options["host"], options["port"]
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except (OSError, OverflowError) as error:
                raise CommandError(
                    f"{host}:{port} cannot be used ({error}). Choose another with PORT=8001."
                ) from None
        environment = {
            **os.environ,
            **self.child_environment,
            "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
        }
        commands = {"web": web_command(host, port, options["threads"])}
        if not options["no_worker"]:
            commands |= {"worker": worker_command(), "housekeeping": housekeeping_command()}
        if _is_halls_own_machine():
            commands["carrier"] = carrier_command()
        stopping = False

        def stop(*_: Any) -> None:
            nonlocal stopping
            stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        running = {name: subprocess.Popen(command, env=environment) for name, command in commands.items()}
        self.stdout.write(f"Zhupei is at http://{host}:{port}/  (Ctrl+C stops it)")
        self.stdout.flush()
        code = 0
        while not stopping:
            time.sleep(0.3)
            if running["web"].poll() is not None:
                code, stopping = running["web"].returncode or 1, True
            for name in running:
                if name != "web" and running[name].poll() is not None and not stopping:
                    self.stderr.write(f"the {name} process ended; starting it again")
                    time.sleep(RESTART_PAUSE)
                    running[name] = subprocess.Popen(commands[name], env=environment)
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WAIT
        for process in running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        if code:
            raise CommandError("the server ended; see the message above")
