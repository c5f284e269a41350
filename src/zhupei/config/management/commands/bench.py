"""``zhupei bench NAME``: run a benchmark of ``bench/``; its last line is one JSON object."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Measure a hot path: zhupei bench NAME [options]. Without a name, lists them."

    def run_from_argv(self, argv: list[str]) -> None:
        """The benchmark parses its own options."""
        folder = settings.PROJECT / "bench"
        names = sorted(
            p.stem for p in folder.glob("*.py") if p.stem not in ("__init__", "machine", "load", "line")
        )
        if len(argv) < 3 or argv[2] not in names:
            self.stdout.write("benchmarks: " + ", ".join(names))
            if len(argv) > 2:
                raise SystemExit(2)
            return
        sys.path.insert(0, str(settings.PROJECT))
        import_module(f"bench.{argv[2]}").main(argv[3:])

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError("zhupei bench NAME")
