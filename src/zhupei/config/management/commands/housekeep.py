"""``zhupei housekeep``: what happens without anybody pressing a button; ``zhupei serve`` runs it beside the pages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from zhupei.analysis.api import calibrate_all
from zhupei.analysis.api import catch_up as analyse_new_batches
from zhupei.audit.api import seal, verify_chain
from zhupei.certificates.api import consume_news
from zhupei.exams.api import forget_first_secrets, standing_faults
from zhupei.exams.api import recompute_deadlines as recompute_tests
from zhupei.hours.api import report_differences
from zhupei.kernel import clock
from zhupei.training.api import recompute_deadlines as recompute_plans

log = logging.getLogger("zhupei.housekeep")
EVERY_SECONDS = 15.0
VERIFY_HOUR = 2  # Shanghai time, once a night


def verify() -> None:
    """The nightly recomputation; a difference is logged as an error (``zhupei verify`` shows it whole)."""
    chain, ledger = verify_chain(), report_differences()
    if not chain.whole:
        log.error("the audit chain is broken at event %s: %s", chain.broken_at, chain.reason)
    for difference in ledger.differences:
        log.error("the hours ledger differs: %s", difference)
    for fault in standing_faults():
        log.error("a test score differs: %s", fault)


TASKS: tuple[Callable[[], Any], ...] = (
    seal,
    consume_news,
    recompute_plans,
    recompute_tests,
    forget_first_secrets,
    analyse_new_batches,
)


def run_once() -> None:
    """Issue and revoke certificates by the news of tests; bring deadlines to the newest calendar; analyse new answers.

    A task that fails is logged and does not keep the others from running.
    """
    for task in TASKS:
        try:
            task()
        except Exception:
            log.exception("%s failed", task.__name__)


class Command(BaseCommand):
    help = "Issue certificates by confirmed results, recompute deadlines, verify the records at night."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true")
        parser.add_argument("--every", type=float, default=EVERY_SECONDS, help="seconds between rounds")

    def handle(self, *args: Any, **options: Any) -> None:
        verified: date | None = None
        while True:
            close_old_connections()
            run_once()
            if options["once"]:
                return
            local = clock.local(clock.now())
            if local.hour == VERIFY_HOUR and verified != local.date():
                verified = local.date()
                verify()
                calibrate_all()
            time.sleep(options["every"])
