"""``zhupei hall``: a hall's pages and the exam engine alone; nothing else of the installation can be reached.

With a second server: ``--standby`` there, ``--alone`` on the first when the second is lost (docs/guide/operating.md).
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from zhupei.hall.api import (
    Doorkeeper,
    LocalServer,
    Standby,
    Unreachable,
    go_alone,
    others,
    wait_to_take_over,
)
from zhupei.kernel.errors import Refusal

from .serve import Command as Serve

SLOW_S = 10.0


class Command(Serve):
    help = "Serve a hall's pages and the exam engine alone, for the machines of the hall's network."
    child_environment = {"ZHUPEI_HALL_ONLY": "1"}

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--standby", action="store_true", help="the hall's second server: copy, wait, take over"
        )
        parser.add_argument("--now", action="store_true", help="with --standby: take over at once")
        parser.add_argument(
            "--alone",
            action="store_true",
            help="the second server is lost: let this one go on without it (then end)",
        )
        parser.add_argument("--reason", default="", help="with --alone: why, for the record")

    def handle(self, *args: Any, **options: Any) -> None:
        options["no_worker"] = True
        try:
            if options["alone"]:
                self._alone(options["reason"])
                return
            super().handle(*args, **options)
        except Refusal as problem:
            raise CommandError(problem.message) from None
        except Unreachable as problem:
            raise CommandError(str(problem)) from None

    def may_serve(self, options: dict[str, Any]) -> bool:
        return self._stand_by(options) if options["standby"] else super().may_serve(options)

    def _alone(self, reason: str) -> None:
        self._two()
        if go_alone(reason=reason):
            self.stdout.write(
                "This server goes on without its standby. What it acknowledges is on this machine alone."
            )
        else:
            self.stdout.write("This server waits for no standby already.")

    def _two(self) -> None:
        if not others():
            raise CommandError(
                "This hall has one server. For a second one set ZHUPEI_HALL_PEERS and ZHUPEI_HALL_SELF on both machines."
            )

    def _stand_by(self, options: dict[str, Any]) -> bool:
        """Wait until it is time to serve; False when told to stop."""
        self._two()
        local = LocalServer()
        if not local.is_standby():
            raise CommandError(
                "This machine's PostgreSQL is no standby: it takes data from no other server. Set it up with pg_basebackup -R "
                "(docs/guide/operating.md), or start 'zhupei hall' if this is the first server."
            )
        if missing := local.grants_missing():
            raise CommandError(
                f"The role of DATABASE_URL may not take over. On the first server, as a superuser:\n{missing}"
            )
        if not 0 < local.timeout_s() <= SLOW_S:
            self.stderr.write(
                "wal_receiver_timeout here is off or over 10 s: a first server without power is noticed only then. Set it to 5s."
            )
        if not local.is_primary_proven():
            self.stderr.write(
                "This machine's PostgreSQL takes data from whoever has the first server's address, who could keep this one from "
                "taking over. Add require_auth=scram-sha-256 (PostgreSQL 16) or sslmode=verify-full to primary_conninfo."
            )
        standby = Standby(local=local, origins=others(), takeover_s=settings.HALL_TAKEOVER_SECONDS)
        if not options["now"] and not self._wait(standby, options):
            return False
        if options["now"] and standby.look() is False and standby.heard_recently():
            raise CommandError(f"{standby.primary} answers as the hall. Stop it first; then take over here.")
        self.stdout.write("taking over")
        self.stdout.flush()
        standby.take_over(ordered=options["now"])
        return True

    def _wait(self, standby: Standby, options: dict[str, Any]) -> bool:
        stop = threading.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: stop.set())
        door = Doorkeeper(options["host"], options["port"], standby.told)
        try:
            door.start()
        except OSError as error:
            raise CommandError(f"port {options['port']} cannot be used ({error.strerror})") from None
        self.stdout.write(f"standing by for {', '.join(others())}  (Ctrl+C stops it)")
        self.stdout.flush()
        try:
            return bool(wait_to_take_over(standby, stop))
        finally:
            door.stop()
