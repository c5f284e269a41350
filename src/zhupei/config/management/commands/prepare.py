"""``zhupei prepare``: bring an installation up to date."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from zhupei.itembank.api import index_missing
from zhupei.kernel.actor import SYSTEM
from zhupei.papers.api import load_default_blueprints
from zhupei.rulebook.api import load_rulebook

from .catalogues import compile_catalogues


class Command(BaseCommand):
    help = "Bring the database, texts and static files up to date; load the rule into an empty rulebook."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--effective-from", type=date.fromisoformat, default=date(2019, 1, 1))

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA.mkdir(parents=True, exist_ok=True)
        steps = [
            ("texts", compile_catalogues),
            ("database", lambda: call_command("migrate", verbosity=0)),
            ("rule", lambda: load_rulebook(options["effective_from"], by=SYSTEM)),
            ("blueprints", lambda: load_default_blueprints(by=SYSTEM)),
            ("text index of the bank", index_missing),
            ("static files", lambda: call_command("collectstatic", verbosity=0, interactive=False)),
        ]
        for name, step in steps:
            started = time.monotonic()
            self.stdout.write(f"{name} ... ", ending="")
            self.stdout.flush()
            step()
            self.stdout.write(f"{time.monotonic() - started:.1f} s")
