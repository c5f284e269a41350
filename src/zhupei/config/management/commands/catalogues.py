"""``zhupei catalogues``: extract every room's texts, complete the English catalogue, report what Chinese lacks, compile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

LANGUAGES = ("zh_Hans", "en")


def rooms_with_texts() -> list[Path]:
    """The package folders that may hold texts to translate."""
    return [settings.PACKAGE / room for room in [*settings.ROOMS, "config"]]


def catalogue(room: Path, language: str) -> Path:
    return room / "locale" / language / "LC_MESSAGES" / "django.po"


def compile_catalogues() -> int:
    """Write the .mo file beside every .po file; returns how many."""
    count = 0
    for room in rooms_with_texts():
        for language in LANGUAGES:
            path = catalogue(room, language)
            if path.is_file():
                polib.pofile(str(path)).save_as_mofile(str(path.with_suffix(".mo")))
                count += 1
    return count


def extract(room: Path) -> polib.POFile:
    """The texts of a room as its sources hold them now."""
    if shutil.which("xgettext") is None:
        raise CommandError("xgettext is missing: apt-get install gettext")
    scratch = room / "locale" / "xx"
    (scratch / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "django",
                "makemessages",
                "-l",
                "xx",
                "--no-location",
                "--no-wrap",
                "--no-obsolete",
                "-v",
                "0",
                "-i",
                "tests/*",
                "-i",
                "migrations/*",
                "-i",
                "static/*",
                "-i",
                "data/*",
            ],
            cwd=room,
            check=True,
            env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
            capture_output=True,
        )
        found = scratch / "LC_MESSAGES" / "django.po"
        return polib.pofile(str(found)) if found.is_file() else polib.POFile()
    except subprocess.CalledProcessError as error:
        raise CommandError(error.stderr.decode()) from None
    finally:
        shutil.rmtree(scratch)


def merge(room: Path, language: str, found: polib.POFile, *, write: bool) -> list[str]:
    """Bring a room's catalogue up to date with ``found``; returns the messages that still lack a translation."""
    path = catalogue(room, language)
    known: dict[tuple[str | None, str], polib.POEntry] = {}
    if path.is_file():
        known = {(e.msgctxt, e.msgid): e for e in polib.pofile(str(path)) if not e.obsolete and not e.fuzzy}
    new = polib.POFile(wrapwidth=0)
    new.metadata = {
        "Project-Id-Version": "zhupei",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;" if language == "zh_Hans" else "nplurals=2; plural=(n != 1);",
    }
    lacking = []
    for entry in sorted(found, key=lambda e: (e.msgid, e.msgctxt or "")):
        old = known.get((entry.msgctxt, entry.msgid))
        fresh = polib.POEntry(
            msgctxt=entry.msgctxt,
            msgid=entry.msgid,
            msgid_plural=entry.msgid_plural,
            flags=[flag for flag in entry.flags if flag != "fuzzy"],
        )
        if entry.msgid_plural:
            english = {0: entry.msgid, 1: entry.msgid_plural}
            forms = dict(old.msgstr_plural) if old else {}
            wanted = range(1 if language == "zh_Hans" else 2)
            if old and old.msgstr and not forms:  # a singular text that has become a plural one
                forms = {0: old.msgstr}
            fresh.msgstr_plural = {
                n: forms.get(n) or (english[n] if language == "en" else "") for n in wanted
            }
            complete = all(fresh.msgstr_plural.values())
        else:
            fresh.msgstr = (old.msgstr if old else "") or (entry.msgid if language == "en" else "")
            complete = bool(fresh.msgstr)
        if not complete:
            lacking.append(entry.msgid)
        new.append(fresh)
    if write and (len(new) or path.is_file()):
        path.parent.mkdir(parents=True, exist_ok=True)
        new.save(str(path))
    return lacking


def conflicts(language: str = "zh_Hans") -> list[str]:
    """Texts that two rooms translate differently. Django merges all catalogues into one, so one of them would show wrong:
    give one a context (``pgettext``, ``{% translate … context … %}``) or another wording."""
    seen: dict[tuple[str | None, str], tuple[str, str]] = {}
    found = []
    for room in rooms_with_texts():
        path = catalogue(room, language)
        for entry in polib.pofile(str(path)) if path.is_file() else ():
            text = entry.msgstr or entry.msgstr_plural.get(0, "")
            first = seen.setdefault((entry.msgctxt, entry.msgid), (room.name, text))
            if text and first[1] != text:
                found.append(f"{entry.msgid!r}: {first[0]} {first[1]!r}, {room.name} {text!r}")
    return found


class Command(BaseCommand):
    help = "Extract texts, complete the English catalogue, fail on a missing Chinese text, compile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rooms", nargs="*", help="rooms to do (all)")
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail if a catalogue is not up to date"
        )
        parser.add_argument("--compile", action="store_true", help="only compile")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["compile"]:
            self.stdout.write(f"{compile_catalogues()} catalogues compiled")
            return
        lacking = 0
        for room in rooms_with_texts():
            if options["rooms"] and room.name not in options["rooms"]:
                continue
            found = extract(room)
            for language in LANGUAGES:
                missing = merge(room, language, found, write=not options["check"])
                if options["check"] and language == "en":
                    path = catalogue(room, "en")
                    have = (
                        {(e.msgctxt, e.msgid) for e in polib.pofile(str(path))} if path.is_file() else set()
                    )
                    missing = [e.msgid for e in found if (e.msgctxt, e.msgid) not in have]
                for text in missing:
                    self.stderr.write(f"{room.name} {language}: {text!r}")
                lacking += len(missing)
        if not options["check"]:
            compile_catalogues()
        for text in conflicts():
            self.stderr.write(f"two rooms differ on {text}")
            lacking += 1
        if lacking:
            raise CommandError(f"{lacking} texts without translation, or with two")
        self.stdout.write("catalogues complete")
