"""Server time, CPU time and queries of the main pages, role by role, on a synthetic city of a given size."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import machine

if TYPE_CHECKING:
    from bench.synthetic import SyntheticCity

HERE = Path(__file__).resolve().parents[1]
BUDGET_MS = 100
PATIENCE = 6.0  # seconds for one page, after which it has been run often enough
SLOW_MS = 20
INSIDE = "ZHUPEI_BENCH_PAGES"  # set in the process that has the temporary installation's environment


@dataclass(frozen=True)
class PageToMeasure:
    """A page as one person asks for it. ``who`` is an account's name, "" for a visitor."""

    name: str
    who: str
    url: str
    data: dict[str, str] = field(default_factory=dict)
    post: dict[str, str] | None = None
    status: int = 200


def pages(city: SyntheticCity) -> list[PageToMeasure]:
    """The main pages of every role."""
    from django.urls import reverse

    k = city.keys
    found: list[PageToMeasure] = []

    def add(
        name: str, who: str, url_name: str, /, *args: Any, post: Any = None, status: int = 200, **data: Any
    ) -> None:
        query = {key: str(value) for key, value in data.items()}
        found.append(PageToMeasure(name, who, reverse(url_name, args=args), query, post, status))

    add("public: home", "", "portal:home")
    add("public: open classes", "", "training:open_classes")
    add("public: open classes, search", "", "training:open_classes", q="施工")
    add("public: institutions", "", "institutions:public_list")
    add("public: check a certificate, found", "", "certificates:check", number=k["certificate"])
    add(
        "public: check a certificate, not found", "", "certificates:check", number="S999999999999", status=404
    )
    add("learner: home", "learner", "portal:home")
    add("learner: my classes", "learner", "training:my_classes")
    add("learner: my class", "learner", "training:my_class", k["enrolment"])
    add("learner: an open class", "learner", "training:open_class", k["enrolling"])
    add("learner: my hours", "learner", "hours:mine")
    add("learner: my test", "learner", "exams:my_test")
    add("learner: notices", "learner", "notices:list")
    add("learner: my account", "learner", "accounts:mine")
    add("holder: home", "holder", "portal:home")
    add("holder: my results", "holder", "exams:my_results")
    add("holder: my certificates", "holder", "certificates:mine")
    add("registrar: home", "registrar0", "portal:home")
    add("registrar: enrolments", "registrar0", "training:enrolments")
    add("registrar: enrolments that wait", "registrar0", "training:enrolments", state="applied")
    add(
        "registrar: enrolments of a class", "registrar0", "training:enrolments", training_class=k["enrolling"]
    )
    add("registrar: enrolments, search", "registrar0", "training:enrolments", q=k["name"])
    add("registrar: enrolments, search without a hit", "registrar0", "training:enrolments", q="不存在的人")
    add("registrar: an enrolment", "registrar0", "training:enrolment", k["enrolment"])
    add("registrar: a ledger", "registrar0", "hours:ledger", k["ledger"])
    number = {"identity_kind": "resident_id", "identity_number": k["number"]}
    add("registrar: find a person by number", "registrar0", "people:find", post=number, status=302)
    add("teaching head: home", "teaching0", "portal:home")
    add("teaching head: plans", "teaching0", "training:plans")
    add("teaching head: classes", "teaching0", "training:classes")
    add("teaching head: classes, search", "teaching0", "training:classes", q="合成1")
    add("teaching head: a class", "teaching0", "training:class", k["class"])
    add("teaching head: a class that enrols", "teaching0", "training:class", k["enrolling"])
    add("teaching head: lessons of today", "teaching0", "training:today")
    add("teacher: lesson board", "teacher0", "training:lesson_board", k["lesson"])
    add("teacher: roll call", "teacher0", "training:roll_call", k["lesson"])
    add("head: home", "head0", "portal:home")
    add("head: certificates", "head0", "certificates:list")
    add("exam officer: home", "exam0", "portal:home")
    add("exam officer: applications", "exam0", "exams:applications")
    add("exam officer: an application", "exam0", "exams:application", k["application"])
    add("exam officer: batches", "exam0", "exams:batches")
    add("exam officer: a batch", "exam0", "exams:batch", k["batch"])
    add("exam officer: picking candidates", "exam0", "exams:candidates", k["batch"])
    add("exam officer: results", "exam0", "exams:all_results")
    add("centre: home", "centre", "portal:home")
    add("approver: home", "approver", "portal:home")
    add("centre: plan queue", "centre", "training:plan_queue")
    add("centre: plans", "centre", "training:plans")
    add("centre: plans, search", "centre", "training:plans", q="机构001")
    add("centre: queue of applications", "centre", "exams:queue")
    add("centre: batches", "centre", "exams:batches")
    add("centre: batches, search", "centre", "exams:batches", q="机构001")
    add("centre: results", "centre", "exams:all_results")
    add("centre: results in doubt", "centre", "exams:all_results", state="doubtful")
    add("centre: results, by name", "centre", "exams:all_results", q=k["name"])
    add("centre: results, no such name", "centre", "exams:all_results", q="不存在的人")
    add("centre: results, by slip number", "centre", "exams:all_results", q=k["slip"])
    add("centre: results of a batch", "centre", "exams:results", k["confirmed"])
    add("centre: slots, week", "centre", "exams:slots")
    add("centre: slots, month", "centre", "exams:slots", view="month")
    add("centre: certificates", "centre", "certificates:list")
    add("centre: certificates, by number", "centre", "certificates:list", q=k["certificate"])
    add("centre: certificates, by name", "centre", "certificates:list", q=k["name"])
    add("centre: certificates revoked", "centre", "certificates:list", state="revoked")
    add("centre: find a person by name", "centre", "people:find", name=k["name"])
    add("centre: find a person, no such name", "centre", "people:find", name="不存在的人")
    for who in ("district", "city"):
        add(f"{who}: home", who, "portal:home")
        add(f"{who}: institutions", who, "institutions:list")
        add(f"{who}: sites", who, "institutions:sites")
        add(f"{who}: plans", who, "training:plans")
        add(f"{who}: classes", who, "training:classes")
        add(f"{who}: classes in session", who, "training:classes", state="running")
        add(f"{who}: enrolments", who, "training:enrolments")
        add(f"{who}: enrolments, search", who, "training:enrolments", q=k["name"])
        add(f"{who}: enrolments, search without a hit", who, "training:enrolments", q="不存在的人")
        add(f"{who}: batches", who, "exams:batches")
        add(f"{who}: results", who, "exams:all_results")
        add(f"{who}: certificates", who, "certificates:list")
    add("city: filings", "city", "exams:filings")
    add("auditor: record", "auditor", "audit:search")
    add("auditor: record of one act", "auditor", "audit:search", code="training.enrolment_accepted")
    add("auditor: record of a rare act", "auditor", "audit:search", code="training.class_cancelled")
    add("auditor: record, text", "auditor", "audit:search", q=k["name"])
    add("auditor: record, text without a hit", "auditor", "audit:search", q="不存在的人")
    add("administrator: accounts", "admin", "accounts:users")
    add("administrator: accounts, search", "admin", "accounts:users", q="registrar1")
    add("administrator: accounts, no such name", "admin", "accounts:users", q="不存在的人")
    add("author: items", "author", "itembank:items")
    add("author: items, search", "author", "itembank:items", q="王")
    add("author: items, search without a hit", "author", "itembank:items", q="不存在的题")
    add("keeper: queue", "keeper", "itembank:queue")
    return found


def _sign_in(user_id: int) -> Any:
    from django.test import Client

    from zhupei.accounts.models import AccountSession, User
    from zhupei.kernel import clock

    client = Client(HTTP_HOST="localhost")
    if user_id:
        user, now = User.objects.get(pk=user_id), clock.now()
        client.force_login(user)
        key = client.session.session_key
        AccountSession.objects.create(user=user, session_key=key, created_at=now, last_seen_at=now)
    return client


def measure(client: Any, page: PageToMeasure, runs: int, tell: bool) -> dict[str, Any]:
    """Median and 95th percentile of a page's time, its CPU time and its queries; warm."""
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    places = itertools.count(1)

    def once() -> tuple[float, float]:
        cache.clear()
        place = f"10.1.{next(places)}.1"  # each from another address, for the throttles
        cpu, wall = time.process_time(), time.perf_counter()
        if page.post is not None:
            response = client.post(page.url, page.post, REMOTE_ADDR=place)
        else:
            response = client.get(page.url, page.data, REMOTE_ADDR=place)
        took = time.perf_counter() - wall, time.process_time() - cpu
        if response.status_code != page.status:
            raise SystemExit(f"{page.name}: {page.url} answered {response.status_code}, not {page.status}")
        return took

    started = time.perf_counter()
    once()
    with CaptureQueriesContext(connection) as captured:
        once()
    queries = len(captured)
    if tell:
        for query in captured.captured_queries:
            if float(query["time"]) * 1000 > SLOW_MS:
                print(f"  {page.name}: {query['time']} s {query['sql'][:1500]}", file=sys.stderr)
    took = []
    while len(took) < runs and (len(took) < 3 or time.perf_counter() - started < PATIENCE):
        took.append(once())
    wall = sorted(one[0] * 1000 for one in took)
    return {
        "median_ms": round(statistics.median(wall), 1),
        "p95_ms": round(wall[min(len(wall) - 1, round(0.95 * len(wall)))], 1),
        "cpu_ms": round(statistics.median(one[1] * 1000 for one in took), 1),
        "queries": queries,
    }


def _size_mb() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return round(cursor.fetchone()[0] / 2**20, 1)
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return round(cursor.fetchone()[0] / 2**20, 1)


def _inside(options: argparse.Namespace) -> None:
    """Build the city (unless the folder holds one) and measure: the process within the temporary installation."""
    import django
    from django.conf import settings

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from bench.synthetic import SyntheticCity, build

    def say(text: str) -> None:
        print(f"{time.perf_counter() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    begun = time.perf_counter()
    plan = settings.DATA / "synthetic.json"
    if plan.exists():
        city = SyntheticCity(**json.loads(plan.read_text()))
    else:
        if options.from_models:
            settings.MIGRATION_MODULES = dict.fromkeys(settings.ROOMS)
            call_command("migrate", run_syncdb=True, verbosity=0)
        call_command("prepare", stdout=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        city = build(options.people, say)
        plan.write_text(json.dumps(vars(city)))
    seconds = {"build": round(time.perf_counter() - begun, 1)}
    begun_pages = time.perf_counter()
    clients = {who: _sign_in(city.accounts.get(who, 0)) for who in {page.who for page in pages(city)}}
    figures = {}
    for page in pages(city):
        if options.only in page.name:
            figures[page.name] = measure(clients[page.who], page, options.runs, options.slow)
            if options.slow:
                say(f"{page.name} {figures[page.name]}")
    seconds["pages"] = round(time.perf_counter() - begun_pages, 1)
    result = {
        "machine": machine(),
        "parameters": {
            "people": options.people,
            "runs": options.runs,
            "database": connection.vendor,
            "budget_ms": BUDGET_MS,
        },
        "rows": city.rows,
        "database_mb": _size_mb(),
        "pages": figures,
        "over_budget": [name for name, one in figures.items() if one["median_ms"] > BUDGET_MS],
        "seconds_s": seconds,
    }
    print(json.dumps(result, ensure_ascii=False, indent=None if options.json else 2))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="zhupei bench pages")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", default="", help="measure the pages whose name holds this")
    parser.add_argument(
        "--data", help="keep the city in this folder, or measure the one that is there (SQLite)"
    )
    parser.add_argument(
        "--from-models", action="store_true", help="make the tables from the models, not the migrations"
    )
    parser.add_argument("--slow", action="store_true", help=f"tell every query above {SLOW_MS} ms")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if os.environ.get(INSIDE):
        _inside(options)
        return
    with tempfile.TemporaryDirectory(prefix="zhupei-bench-") as folder:
        data = Path(options.data or folder).resolve()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ZHUPEI_")}
        environment.pop("DATABASE_URL", None)
        environment |= {"ZHUPEI_DATA": str(data), "ZHUPEI_HTTPS": "0", INSIDE: "1"}
        environment["DJANGO_SETTINGS_MODULE"] = "zhupei.config.settings"
        start = [sys.executable, "-c", "from zhupei.config.cli import main; main()"]
        subprocess.run([*start, "init", "--demo"], env=environment, check=True, stdout=subprocess.DEVNULL)
        command = [sys.executable, "-m", "bench.pages", *arguments]
        if options.database == "postgresql":
            command = [sys.executable, str(HERE / "tools" / "with_postgresql.py"), *command]
        raise SystemExit(subprocess.run(command, env=environment, cwd=HERE, check=False).returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
