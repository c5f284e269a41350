"""``zhupei hall-setup``: make this machine a hall's own: its key, its request, the pass of the centre."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from zhupei.exams.api import read_pass
from zhupei.hall.api import centre_link, install_pass, make_request, warnings
from zhupei.kernel import envelope
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import current_rule_set

MAX_FILE = 2 << 20


class Command(BaseCommand):
    help = (
        "Make this machine a hall's own. Without arguments: make its key and write the request for the centre. With a pass file: "
        "take in the hall pass."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pass_file", nargs="?", type=Path, metavar="PASS.zph")
        parser.add_argument("--name", default="", help="the hall's name, as it stands in the request")
        parser.add_argument(
            "--out", type=Path, help="where the request is written (hall-request.json in the data folder)"
        )
        parser.add_argument(
            "--centre-fingerprint", default="", help="the centre's, as it was read out on the telephone"
        )
        parser.add_argument(
            "--status", action="store_true", help="say which hall this machine is, and what is missing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            current_rule_set()
        except (OperationalError, ProgrammingError, Refusal):
            raise CommandError("the database is not set up: run 'zhupei prepare' first") from None
        try:
            if options["status"]:
                self._status()
            elif options["pass_file"]:
                self._install(options["pass_file"], options["centre_fingerprint"])
            else:
                self._request(options["name"], options["out"] or settings.DATA / "hall-request.json")
        except Refusal as refusal:
            raise CommandError(str(refusal.message) or refusal.code) from None

    def _request(self, name: str, out: Path) -> None:
        known = centre_link()
        data, mark = make_request(name, site_id=known.site_id_ref if known else 0)
        try:
            out.write_bytes(data)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}") from None
        self.stdout.write(
            f"The request lies in {out}. Bring it to the centre (page “Keys”); it holds no secret.\n"
            f"Read this fingerprint out to the centre on the telephone:\n\n    {envelope.spoken(mark)}\n\n"
            "The centre gives you a hall pass (.zph). Then: zhupei hall-setup PASS.zph"
        )

    def _install(self, path: Path, heard: str) -> None:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from None
        content = read_pass(data)
        if centre_link() is None and not heard:
            if not sys.stdin.isatty():
                raise CommandError(
                    "give the centre's fingerprint with --centre-fingerprint, as it was read out to you"
                )
            self.stdout.write(f"This pass says: {content.centre_name}, hall {content.site.name}.")
            heard = input(
                "Call the centre on a number that you know, and type the fingerprint that is read out:\n    "
            )
        row = install_pass(data, fingerprint=heard, by=SYSTEM)
        mark = envelope.spoken(envelope.fingerprint(row.centre_key))
        self.stdout.write(
            f"This machine is {content.site.name} of {content.unit.name}, {len(content.site.rooms)} rooms, valid to "
            f"{row.valid_to}.\nCentre: {row.centre_name}, {row.centre_address}, fingerprint {mark}\n"
            "Each of these sets a password at /account/new-password/ on this machine, with the first sign-in code that the "
            "centre's platform shows to this person alone:"
        )
        for person in content.people:
            self.stdout.write(f"    {person.login:20} {person.name}  {', '.join(person.roles)}")

    def _status(self) -> None:
        known = centre_link()
        if known is None:
            self.stdout.write("No hall pass. 'zhupei hall-setup' writes the request for one.")
            return
        self.stdout.write(
            f"Pass {known.serial} of {known.centre_name}, issued {known.issued_at:%Y-%m-%d}, valid to {known.valid_to}; "
            f"centre at {known.centre_address}"
        )
        for text in warnings():
            self.stdout.write(f"  ! {text}")
