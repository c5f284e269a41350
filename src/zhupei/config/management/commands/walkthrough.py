"""``zhupei walkthrough``: the whole chain over HTTP on a fresh installation, refusals included."""

from __future__ import annotations

import json
import logging
import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhupei.config.walkthrough.runner import Installation
from zhupei.config.walkthrough.steps import ACTS
from zhupei.config.walkthrough.story import Story, as_json, as_text

BEGIN = "2026-03-02T09:00"  # a Monday; every date of the story follows from it
ADMINISTRATOR = ["--login", "admin", "--name", "系统管理员", "--phone", "13800000001"]


class Command(BaseCommand):
    help = (
        "Play the whole chain, from an institution's registration to a certificate that anyone can check and its "
        "revocation, over HTTP on a fresh installation of its own. Ends with an error at the first failure."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="one JSON object a line, the last one the summary"
        )
        parser.add_argument("--keep", action="store_true", help="keep the temporary files and database")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        logging.getLogger("httpx").setLevel(logging.WARNING)

        def tell(line: dict[str, Any]) -> None:
            self.stdout.write(as_json(line) if options["json"] else as_text(line))
            self.stdout.flush()

        def stopped(*_: Any) -> None:
            raise SystemExit("stopped")

        before = signal.signal(signal.SIGTERM, stopped)  # so that the server is ended in any case
        installation = Installation(keep=options["keep"])
        story = Story(installation, tell)
        problem = ""
        try:
            installation.clock.set(story.moment(BEGIN))
            with story.step("operator", "prepares a fresh installation, founds the city, serves"):
                installation.prepare()
                installation.manage("found", *ADMINISTRATOR)
                installation.serve()
            for act in ACTS:
                act(story)
        except Exception as error:  # whatever goes wrong is the failure of the step that was on
            problem = f"{error}" or repr(error)
            self.stderr.write(installation.errors())
        finally:
            installation.close()
            signal.signal(signal.SIGTERM, before)
        summary = {
            "steps": story.steps,
            "refusals": story.refusals,
            "seconds_s": round(time.monotonic() - started, 1),
            "ok": not problem,
        }
        if options["keep"]:
            self.stderr.write(f"kept: {installation.folder} {installation.database}")
        if options["json"]:
            self.stdout.write(json.dumps(summary))
        else:
            self.stdout.write(" ".join(f"{name}={value}" for name, value in summary.items()))
        if problem:
            raise CommandError(f"step {story.steps} failed: {problem}")
