"""``zhupei items import FILE`` and ``zhupei items export FILE``: items of the bank in and out of files."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from zhupei.itembank import actions, formats
from zhupei.itembank.actions.exporting import writable_formats
from zhupei.itembank.actions.importing import facts_of
from zhupei.itembank.actors import actor_named
from zhupei.itembank.checking import Checked, Defaults
from zhupei.itembank.choices import Level
from zhupei.itembank.formats.common import MAX_BYTES
from zhupei.itembank.models import Item
from zhupei.kernel import richtext
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Subject
from zhupei.web.views import message_of

STEM = 60
"""Characters of a stem in the list of what would come in."""


class Command(BaseCommand):
    help = "Take items in from a file, or write them out: xlsx, docx, gift, aiken, moodle, qti2, qti3."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        taking = verbs.add_parser("import", help="take a file in, or say what it holds (--dry-run)")
        taking.add_argument("file", type=Path)
        taking.add_argument(
            "--format", default=formats.AUTO, choices=(formats.AUTO, *formats.FORMATS, *formats.READ_ONLY)
        )
        taking.add_argument(
            "--post", default="", metavar="CODES", help="for items that do not say it: 101 or 101,102"
        )
        taking.add_argument("--subject", default="", choices=("", *Subject.values))
        taking.add_argument("--chapter", default="")
        taking.add_argument("--level", default="", choices=("", *Level.values))
        taking.add_argument("--dry-run", action="store_true", help="say what would come in; write nothing")
        taking.add_argument("--partial", action="store_true", help="leave out what is refused")
        taking.add_argument("--by", default="", metavar="ACCOUNT", help="the author who takes the items in")
        taking.add_argument("--json", action="store_true")
        writing = verbs.add_parser("export", help="write items out, with their keys; that is recorded")
        writing.add_argument("file", type=Path)
        writing.add_argument("--format", required=True, choices=[name for name, _title in writable_formats()])
        writing.add_argument("--post", default="")
        writing.add_argument("--subject", default="", choices=("", *Subject.values))
        writing.add_argument(
            "--leave-out", action="store_true", help="leave out items that cannot stand in the format"
        )
        writing.add_argument("--by", required=True, metavar="ACCOUNT", help="the keeper who writes them out")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verb"] == "import":
                self._import(options)
            else:
                self._export(options)
        except Refusal as refusal:
            self.stderr.write(message_of(refusal))
            sys.exit(2)

    def _import(self, options: dict[str, Any]) -> None:
        path: Path = options["file"]
        started = time.monotonic()
        try:
            if path.stat().st_size > MAX_BYTES:
                data = b"\0" * (MAX_BYTES + 1)  # refused by its size, without being read
            else:
                data = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=2) from None
        posts = tuple(code.strip() for code in options["post"].split(",") if code.strip())
        defaults = Defaults(options["subject"], options["chapter"], options["level"], posts)
        by = None
        if not options["dry_run"]:
            if not options["by"]:
                raise CommandError(
                    "Name the author who takes the items in: --by ACCOUNT; or only look: --dry-run"
                )
            by = actor_named(options["by"], Role.ITEM_AUTHOR)
        chosen = formats.detect(data, path.name) if options["format"] == formats.AUTO else options["format"]
        checked = actions.check_file(data, name=path.name, format=chosen, defaults=defaults)
        facts: dict[str, Any] = {"file": path.name, "format": chosen, **facts_of(checked)}
        facts["items"] = [
            {"where": one.where, "kind": one.new.text.kind, "stem": _line(one.new.text.stem)}
            for one in checked.items
        ]
        if by is not None:
            with transaction.atomic():  # a refusal leaves nothing behind
                staged = actions.stage_import(
                    data, name=path.name, format=chosen, defaults=defaults, by=by, wait=True
                )
                facts["taken"] = actions.confirm_import(staged, partial=options["partial"], by=by)
        facts["seconds_s"] = round(time.monotonic() - started, 3)
        facts["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        if options["json"]:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            self._tell(facts, checked)

    def _tell(self, facts: dict[str, Any], checked: Checked) -> None:
        self.stdout.write(f"{facts['file']} ({facts['format']}): {facts['accepted']} accepted")
        self.stdout.write(f"{checked.places_refused} refused")
        for one in checked.refused:
            self.stdout.write(f"  {one.where} {one.column} {one.reason}")
        for name, count in facts["unsupported"].items():
            self.stdout.write(f"  {name}: {count}")
        for one in checked.notes:
            self.stdout.write(f"  {one.where} {one.reason}")
        if "taken" in facts:
            self.stdout.write(f"{facts['taken']} taken in as drafts")
        self.stdout.write(f"{facts['seconds_s']} s, {facts['peak_mb']} MB")

    def _export(self, options: dict[str, Any]) -> None:
        by = actor_named(options["by"], Role.BANK_KEEPER)
        rows = Item.objects.all()
        if options["post"]:
            rows = rows.filter(posts__code=options["post"])
        if options["subject"]:
            rows = rows.filter(subject=options["subject"])
        made = actions.export_items(rows, options["format"], leave_out=options["leave_out"], by=by)
        try:
            options["file"].write_bytes(made.data)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}", returncode=2) from None
        self.stdout.write(f"{made.count} items written to {options['file']}; left out: {made.left_out}")


def _line(stem: str) -> str:
    return " ".join(richtext.plain(stem).split())[:STEM]
