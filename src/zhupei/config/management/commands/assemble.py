"""``zhupei assemble``: assemble papers in memory and report how even they are. Nothing is kept."""

from __future__ import annotations

import json
import resource
import time
from argparse import ArgumentParser
from fractions import Fraction
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from zhupei.itembank.api import demo_weights, latest_release, synthetic_items
from zhupei.kernel.machine import machine
from zhupei.papers.api import Seat, blueprint_for, rehearse, released_form, synthetic_form
from zhupei.rulebook.api import Post

HALL_SEATS, SEATS_IN_ROW = 200, 10


class Command(BaseCommand):
    help = "Assemble papers in memory and report how even they are: neither papers nor exposure are kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--post", default="101", help="code of the post")
        parser.add_argument("--subject", default="professional", choices=("general", "professional"))
        parser.add_argument("--count", type=int, default=220, help="candidates")
        parser.add_argument(
            "--bank", default="release", help="“release”, or “synthetic:N” for N items made by chance"
        )
        parser.add_argument("--seed", type=int, default=1, help="of the draw and of the synthetic bank")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        count = options["count"]
        if not 1 <= count <= 100_000:
            raise CommandError("--count lies between 1 and 100000")
        form, right = self._form(options)
        seats = {f"c{n:06d}": Seat(f"hall {n // HALL_SEATS:04d}", n % HALL_SEATS + 1) for n in range(count)}
        seed = options["seed"].to_bytes(32, "big")
        started, cpu = time.perf_counter(), time.process_time()
        found = rehearse(seed, form, seats, right, row_length=SEATS_IN_ROW)
        report = {
            "machine": machine(),
            "post": options["post"],
            "subject": options["subject"],
            "bank": options["bank"],
            "seed": options["seed"],
            "items": len(form.bank.pieces),
            "hall_seats": HALL_SEATS,
            "seats_in_row": SEATS_IN_ROW,
            **found,
            "seconds_s": round(time.perf_counter() - started, 2),
            "cpu_s": round(time.process_time() - cpu, 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        for name, value in report.items():
            self.stdout.write(f"{name:>18}  {json.dumps(value, ensure_ascii=False)}")

    def _form(self, options: dict[str, Any]) -> tuple[Any, Any]:
        source, _colon, size = options["bank"].partition(":")
        if source == "synthetic" and size.isdecimal() and 1 <= int(size) <= 200_000:
            weights = demo_weights(options["post"], options["subject"]) or {
                str(n): Fraction(1, 8) for n in range(1, 9)
            }
            made = synthetic_items(
                int(size), weights={c: float(w) for c, w in weights.items()}, seed=options["seed"]
            )
            return synthetic_form(options["subject"], list(made), weights)
        if options["bank"] != "release":
            raise CommandError("--bank is “release” or “synthetic:N” with N up to 200000")
        release, post = latest_release(), Post.objects.filter(code=options["post"]).first()
        if release is None or post is None:
            raise CommandError("there is no such post, or the bank has no release yet")
        subject = options["subject"]
        return released_form(blueprint_for(post, subject), post, subject, release), None
