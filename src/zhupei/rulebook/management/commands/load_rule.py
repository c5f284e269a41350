"""``zhupei load_rule``: load the rule into an empty rulebook, or say which rule is in force."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhupei.kernel.actor import SYSTEM
from zhupei.rulebook.models import RuleSet
from zhupei.rulebook.queries import NoRuleInForce, current_rule_set
from zhupei.rulebook.seed import load_rulebook


class Command(BaseCommand):
    help = "Load the rule with the day from which it is in force (R003); --check only says whether one is in force today."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--in-force-from", metavar="YYYY-MM-DD", help="the day of issue of the rule")
        parser.add_argument("--doc-no", default="", help="its document number, if it is known")
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail if no rule is in force today"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            text = options["in_force_from"]
            if not text and not RuleSet.objects.exists():
                raise CommandError(
                    "--in-force-from is missing: the rule names no day, so it must be entered once."
                )
            try:
                day = date.fromisoformat(text) if text else date.min
            except ValueError:
                raise CommandError(f"{text!r} is not a date; write it like 2019-12-01.") from None
            load_rulebook(day, doc_no=options["doc_no"], by=SYSTEM)
        try:
            rule_set = current_rule_set()
        except NoRuleInForce as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{rule_set.name} {rule_set.doc_no}: in force from {rule_set.effective_from}")
