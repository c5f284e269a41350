"""``zhupei demo``: load the demonstration city into an empty database."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from unicodedata import east_asian_width

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhupei.accounts.api import User
from zhupei.config.demo import PASSWORD, SCALES, DemoRefused, Report, build_city, is_empty
from zhupei.organisations.api import memberships_of


class Command(BaseCommand):
    help = "Load the demonstration city: all actors, all stages, a test that is open now. Only into an empty database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing if the database is not empty")
        parser.add_argument("--scale", choices=sorted(SCALES), default="full")
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and not is_empty():
            self.stdout.write(f"The demo city is loaded. Accounts: docs/guide/demo.md; password {PASSWORD}.")
            return
        started = time.perf_counter()
        try:
            report = build_city(SCALES[options["scale"]], self._say)
        except DemoRefused as error:
            raise CommandError(str(error)) from None
        seconds = round(time.perf_counter() - started, 1)
        self._print(report, seconds)
        if options["json"]:
            result = {
                "scale": options["scale"],
                **report.counts,
                "stages_s": report.seconds,
                "seconds_s": seconds,
                "password": report.password,
                "accounts": accounts_of(report),
                "learners": report.guests,
                "open_test": report.open_test,
            }
            self.stdout.write(json.dumps(result, ensure_ascii=False))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _print(self, report: Report, seconds: float) -> None:
        address = f"http://{os.environ.get('ZHUPEI_HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}/"
        write = self.stdout.write
        write(f"\nThe demo city stands after {seconds:.1f} s. 'zhupei serve' opens it at {address}\n")
        write(
            f"Every account has the password {report.password}; the page shows the second factor of staff accounts.\n"
        )
        rows = [(one.login, one.name, one.role, one.organisation) for one in report.accounts]
        self._table(("account", "name", "role", "organisation"), rows)
        write("\nLearners sign in with their ID number:\n")
        self._table(("ID number", "name", "where they stand"), [tuple(one.values()) for one in report.guests])
        test = report.open_test
        write(
            f"\nA test is open now: {address}exam/  slip number {test['slip_no']}, ID number {test['id_number']} "
            f"({test['name']}, {test['hall']} {test['room']} seat {test['seat']}).\n"
        )

    def _table(self, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        widths = [max(_width(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
        for row in [heads, tuple("-" * width for width in widths), *rows]:
            cells = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
            self.stdout.write("  " + "  ".join(cells).rstrip())


def accounts_of(report: Report) -> list[dict[str, str]]:
    """The staff accounts as the JSON object lists them; ``role_code`` is the value of the first role held."""
    users = {
        user.login: user.pk for user in User.objects.filter(login__in=[a.login for a in report.accounts])
    }
    rows = []
    for one in report.accounts:
        held = memberships_of(users[one.login]).first()
        row = {"login": one.login, "name": one.name, "role": one.role, "organisation": one.organisation}
        rows.append(row | {"role_code": held.role if held else ""})
    return rows


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
