"""``zhupei rehearse``: candidates played over real HTTP against a hall; the load test."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhupei.delivery.rehearsal import drills, runner
from zhupei.delivery.rehearsal.account import Account
from zhupei.delivery.rehearsal.bundles import Plan, make_plan
from zhupei.delivery.rehearsal.drills import Drill
from zhupei.delivery.rehearsal.player import Run, Script
from zhupei.delivery.rehearsal.report import LARGE, check
from zhupei.delivery.rehearsal.servers import HallProcess, ServerFailed
from zhupei.delivery.rehearsal.wire import Target, Unreachable, run
from zhupei.kernel.errors import Refusal

PER_SECOND = 300  # sign-ins a second while candidates come in


class Command(BaseCommand):
    help = (
        "Play candidates over real HTTP: all start in the same second, answer, hand in together and read their scores; then "
        "compare every acknowledged answer with what the hall holds. Without --server a hall of its own is made, started "
        "and ended. Ends with an error when a limit is not kept."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seats", type=int, help="seats of each hall (220)")
        parser.add_argument("--halls", type=int, default=1)
        parser.add_argument("--candidates", type=int, help="in all halls; 200 a hall unless --halls is given")
        parser.add_argument("--minutes", type=int, default=120, help="time that the test allows")
        parser.add_argument("--seconds", type=float, default=30.0, help="how long candidates answer")
        parser.add_argument(
            "--every", type=float, default=5.0, help="seconds between two answers of a candidate"
        )
        parser.add_argument(
            "--spread", type=float, default=1.0, help="seconds over which candidates press start"
        )
        parser.add_argument(
            "--hand-in", type=float, help="seconds over which they hand in (1; many: as --spread)"
        )
        parser.add_argument("--server", help="address of a hall's server that has prepared a rehearsal")
        parser.add_argument("--code", default="", help="the rehearsal's code, with --server")
        parser.add_argument(
            "--journal", default="", help="ZHUPEI_HALL_JOURNAL of the hall made for this (PostgreSQL)"
        )
        parser.add_argument("--seed", default="", help="the same seed gives the same papers")
        parser.add_argument(
            "--kill", type=int, default=0, help="drill: kill -9 the hall's server so many times"
        )
        parser.add_argument(
            "--kill-database", type=int, default=0, help="drill: kill -9 the PostgreSQL of the journal"
        )
        parser.add_argument(
            "--fill-disk", action="store_true", help="drill: fill the hall's disk (a tmpfs; as root)"
        )
        parser.add_argument(
            "--step-clock", action="store_true", help="drill: step the server's wall clock by hours"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        before = signal.signal(signal.SIGTERM, _stopped)  # so that the server is ended in any case
        try:
            report = _rehearse(options)
        except (Refusal, ServerFailed, Unreachable, ValueError) as problem:
            raise CommandError(str(problem)) from None
        finally:
            signal.signal(signal.SIGTERM, before)
        self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else as_text(report))
        if not report["passed"]:
            raise SystemExit(1)


def _stopped(*_: Any) -> None:
    raise SystemExit("stopped")


def size(options: dict[str, Any]) -> tuple[int, int, int]:
    """Candidates, seats a hall, halls."""
    halls, seats, candidates = options["halls"], options["seats"], options["candidates"]
    if candidates is None:
        seats = seats or 220
        return seats * halls, seats, halls
    if halls == 1 and seats is None and candidates > LARGE:
        halls = -(-candidates // 200)
    seats = seats or -(-candidates // halls)
    return candidates, seats, max(halls, -(-candidates // seats))


def _script(options: dict[str, Any], candidates: int) -> Script:
    return Script(
        seconds=options["seconds"],
        every=options["every"],
        sign_in=max(4.0, candidates / PER_SECOND),
        spread=options["spread"],
        hand_in=options["hand_in"] or (options["spread"] if candidates > LARGE else 1.0),
    )


def _rehearse(options: dict[str, Any]) -> dict[str, Any]:
    if options["server"]:
        target = Target(options["server"])
        return run(_against(target, options))
    candidates, seats, halls = size(options)
    plan = make_plan(
        seats=seats,
        halls=halls,
        minutes=options["minutes"],
        seconds=options["seconds"],
        every=options["every"],
        seed=options["seed"],
    )
    with ExitStack() as stack:
        hall, drill = _stage(plan, options, stack)
        hall.prepare()
        hall.start(timeout=60 + candidates / 50)
        script = _script(options, candidates)
        if drill is not None:
            script = replace(script, seconds=max(script.seconds, drill.seconds))
        played = runner.rehearse(
            plan,
            Target(hall.base),
            script,
            hall=hall,
            beside=drill,
            candidates=candidates,
            parameters={"journal": "postgresql" if "ZHUPEI_HALL_JOURNAL" in hall.environment else "sqlite"},
        )
        report, happened, result = run(played)
        return report if drill is None else drilled(report, drill, happened, result)


def _stage(plan: Plan, options: dict[str, Any], stack: ExitStack) -> tuple[HallProcess, Drill | None]:
    """A hall of its own with what the drill needs; ``stack`` takes it down again."""
    wanted = [name for name in ("kill", "kill_database", "fill_disk", "step_clock") if options[name]]
    if len(wanted) > 1:
        raise ValueError("one drill at a time")
    environment: dict[str, str] = {}
    settings: dict[str, Any] = {"environment": environment}
    if options["journal"]:
        environment["ZHUPEI_HALL_JOURNAL"] = options["journal"]
    if options["fill_disk"]:
        settings["folder"] = stack.enter_context(_small_disk())
    if options["step_clock"]:
        clock = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "offset"
        clock.write_text("0")
        environment |= {"ZHUPEI_DEMO": "1", "ZHUPEI_CLOCK_FILE": str(clock)}
    if options["kill_database"]:
        sys.path.insert(0, str(django_settings.PROJECT / "tools"))
        from clusters import Cluster  # type: ignore[import-not-found]

        cluster = stack.enter_context(Cluster({"synchronous_commit": "on"}))
        environment["ZHUPEI_HALL_JOURNAL"] = cluster.url
    hall = stack.enter_context(runner.own_hall(plan, **settings))
    if options["kill"]:
        return hall, drills.kill_server(hall, options["kill"])
    if options["kill_database"]:
        return hall, drills.kill_database(hall, cluster, options["kill_database"])
    if options["fill_disk"]:
        return hall, drills.fill_disk(hall)
    return hall, drills.step_clock(clock) if options["step_clock"] else None


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A file system in memory of 1 GiB; needs root."""
    with tempfile.TemporaryDirectory(prefix="zhupei-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1g", "zhupei", folder], capture_output=True, text=True
        )
        if mounted.returncode:
            raise ValueError(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


def drilled(report: dict[str, Any], drill: Drill, happened: Run, result: Account) -> dict[str, Any]:
    """The report of a drill: delays are its nature, so its limits are what must not happen whatever else does."""
    faults = len(happened.tally.errors) + len(result.faults)
    checks = [
        check("lost", report["lost"], 0),
        check("unfinished", report["unfinished"], 0),
        check("faults", faults, 0),
        check("drill_not_done", float(not drill.done), 0),
    ]
    passed = all(one["passed"] for one in checks)
    told = {
        "drill": {"name": drill.name, **drill.report},
        "errors": faults,
        "checks": checks,
        "passed": passed,
    }
    return report | told


async def _against(target: Target, options: dict[str, Any]) -> dict[str, Any]:
    plan: Plan = await runner.ask_plan(target, options["code"].strip().upper())
    candidates = options["candidates"] or plan.seats * plan.halls
    report, _, _ = await runner.rehearse(plan, target, _script(options, candidates), candidates=candidates)
    report["kept_by_hall"] = await runner.send_report(target, plan, report)
    return report


def as_text(report: dict[str, Any]) -> str:
    """The report for reading."""
    lines = [
        f"{report['candidates']} candidates, {report['acknowledged']} answers acknowledged, {report['lost']} lost"
    ]
    for name in ("start", "save", "submit"):
        one = report[name]
        lines.append(
            f"{name:>8}: {one['p50_ms']} ms usual, {one['p99_ms']} ms p99, {one['max_ms']} ms slowest"
        )
    lines += [f"  server: {report['server']}", f" players: {report['client_cpu_share']:.0%} of all cores"]
    lines += [
        f"{'ok' if one['passed'] else 'NOT KEPT':>8}: {one['name']} {one['value']} (at most {one['limit']})"
        for one in report["checks"]
    ]
    return "\n".join(lines + [f"problem: {line}" for line in report["problems"]])
