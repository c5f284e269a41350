"""``zhupei verify``: recompute what must not have been changed, and report any difference."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhupei.audit.api import verify_chain
from zhupei.exams.api import standing_faults
from zhupei.hours.api import verify_ledger


class Command(BaseCommand):
    help = "Recompute the audit chain, the hours ledgers and the standing scores; fail if anything differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        chain, ledger, scores = verify_chain(), verify_ledger(), standing_faults()
        found = {
            "audit_events": chain.count,
            "audit_whole": chain.whole,
            "audit_broken_at": chain.broken_at,
            "audit_reason": chain.reason,
            "ledger_entries": ledger.entries,
            "ledger_differences": [str(difference) for difference in ledger.differences],
            "score_differences": scores,
        }
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            for name, value in found.items():
                self.stdout.write(f"{name}: {value}")
        if not chain.whole or ledger.differences or scores:
            raise CommandError("the records differ; keep the database as it is and call the security officer")
