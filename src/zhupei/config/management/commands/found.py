"""``zhupei found``: found a city in an empty installation, and open its first administrator's account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhupei.accounts.api import User
from zhupei.config.founding import first_administrator, found_city
from zhupei.kernel import phones
from zhupei.rulebook.api import current_rule_set


class Command(BaseCommand):
    help = "Add the city commission, the centre and the district commissions, and the first system administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--login", required=True, help="account name of the first system administrator")
        parser.add_argument("--name", required=True, help="his name")
        parser.add_argument(
            "--phone", required=True, help="his mobile; the code for the first password goes there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not phones.is_mobile(options["phone"]):
            raise CommandError("the phone is not a mobile number")
        if User.objects.filter(is_learner=False).exists():
            raise CommandError("this installation already has staff accounts; give roles on its pages")
        city = found_city(since=current_rule_set().effective_from)
        first_administrator(city, login=options["login"], name=options["name"], phone=options["phone"])
        self.stdout.write(
            f"{len(city.districts)} district commissions are founded. "
            f"{options['login']} now opens /account/code/ and sets a password."
        )
