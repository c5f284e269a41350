"""``zhupei carry``: on a hall's own machine, what is fetched from the centre and sent to it; ``zhupei hall`` runs it."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from zhupei.hall.api import requeue, run_next

EVERY_SECONDS = 1.0


def _hold(folder: Path) -> IO[bytes]:
    """A lock that ends with this process; ``CommandError`` when another carrier holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (folder / "carry.lock").open("wb")
    with suppress(ImportError):  # a system without it: the database still gives each transfer to one process
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError("another carrier runs on this machine") from None
    return file


class Command(BaseCommand):
    help = "Fetch bundles from the centre and send returns to it, as asked for on the hall's pages. Goes on where it stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        with _hold(Path(settings.HALL_DATA)):
            requeue()
            while True:
                close_old_connections()
                busy = run_next()
                if options["once"] and not busy:
                    return
                if not busy:
                    time.sleep(EVERY_SECONDS)
