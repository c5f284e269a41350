"""``zhupei doctor``: measure on a hall's server what annex 3 asks of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import override

from zhupei.hall.api import SERVER_POINTS, examine, report, told


class Command(BaseCommand):
    help = "Measure what the rule asks of a hall's server; fail if something falls short."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="one JSON object, with words in both languages"
        )
        parser.add_argument("--data", type=Path, help="where the answers lie (otherwise as the settings say)")
        parser.add_argument(
            "--centre", default="", help="address of the centre's server (otherwise as the hall pass says)"
        )
        parser.add_argument(
            "--code", default="", help="the hall's code of the day there, to measure the line"
        )
        parser.add_argument("--lang", choices=("zh", "en"), default="zh")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            findings = examine(options["data"], centre=options["centre"], code=options["code"])
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        whole = report(findings)
        if options["json"]:
            self.stdout.write(json.dumps(whole, ensure_ascii=False))
        else:
            self._say(findings, {"zh": "zh-hans", "en": "en"}[options["lang"]])
        if not whole["ok"]:
            raise SystemExit(1)

    def _say(self, findings: list[Any], language: str) -> None:
        with override(language):
            for finding in findings:
                words = told(finding, SERVER_POINTS)
                clause = f" ({words['clause']})" if words["clause"] else ""
                head = f"[{words['verdict_label']}] {words['label']}: {words['value'] or '—'}"
                self.stdout.write(f"{head} · {words['wanted']}{clause}")
                if words["advice"]:
                    self.stdout.write(f"    {words['advice']}")
