"""Import, search and near-duplicates of the item bank at growing sizes, on a synthetic bank in a temporary installation."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import machine

HERE = Path(__file__).resolve().parents[1]
INSIDE = "ZHUPEI_BENCH_BANK"
QUERIES = (
    "桩",
    "钢筋",
    "混凝土 养护",
    "脚手架的间距",
    "下列关于保护层厚度的说法",
    "GB 50204",
    "回填土 含水率 复验",
    "不存在的词语",
)
BUDGET_MS = 200


def measure(size: int) -> dict[str, Any]:
    """One bank of ``size`` items: taken in, searched, compared, drawn from."""
    from django.db import transaction

    from zhupei.itembank.actions.loading import create_items
    from zhupei.itembank.api import demo_weights, synthetic_items
    from zhupei.itembank.checking import NewItem
    from zhupei.itembank.choices import ItemState
    from zhupei.itembank.duplicates import Sketch, find_duplicates
    from zhupei.itembank.models import Item
    from zhupei.itembank.rules import faults_of
    from zhupei.itembank.search import INDEX
    from zhupei.rulebook.api import Post

    weights = {c: float(w) for c, w in demo_weights("101", "professional").items()}
    made = list(synthetic_items(size, weights=weights, seed=size, prefix=f"S{size}"))
    post = Post.objects.get(code="101")
    started = time.perf_counter()
    checked = [item for item in made if not faults_of(item.text)]
    check_s = time.perf_counter() - started
    started = time.perf_counter()
    with transaction.atomic():
        create_items(
            [NewItem(i.uid, "professional", i.chapter, (post,), i.text) for i in checked],
            author="合成",
            author_id=None,
            state=ItemState.PUBLISHED,
        )
    import_s = time.perf_counter() - started
    times: dict[str, float] = {}
    for query in QUERIES:
        runs = []
        for _n in range(7):
            started = time.perf_counter()
            list(INDEX.filter(Item.objects.order_by("uid"), query)[:50])
            runs.append(1000 * (time.perf_counter() - started))
        times[query] = round(statistics.median(runs), 2)
    sketches = [
        Sketch(
            item.uid,
            item.text.kind,
            item.text.stem,
            tuple(text for _id, text in item.text.options),
            tuple(child.stem for child in item.text.children),
        )
        for item in checked
    ]
    started = time.perf_counter()
    pairs = find_duplicates(sketches)
    duplicates_s = time.perf_counter() - started
    return {
        "items": len(checked),
        "check_s": round(check_s, 2),
        "import_s": round(import_s, 2),
        "import_per_s": round(len(checked) / import_s),
        "search_ms": times,
        "search_worst_ms": max(times.values()),
        "duplicates_s": round(duplicates_s, 2),
        "pairs": len(pairs),
    }


def main(arguments: list[str]) -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="zhupei bench bank", description=__doc__)
    parser.add_argument(
        "--sizes", default="1000,10000,100000", help="items taken in, one bank after the other"
    )
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    options = parser.parse_args(arguments)
    if os.environ.get(INSIDE):
        _inside([int(one) for one in options.sizes.split(",")], options.json)
        return
    with tempfile.TemporaryDirectory(prefix="zhupei-bench-") as folder:
        environment = {**os.environ, "ZHUPEI_DATA": folder, INSIDE: "1"}
        for name in (
            "ZHUPEI_ENV_FILE",
            "ZHUPEI_DATABASE",
            "ZHUPEI_SECRET_KEY",
            "ZHUPEI_MASTER_KEY",
            "DATABASE_URL",
        ):
            environment.pop(name, None)
        zhupei = [str(Path(sys.executable).with_name("zhupei"))]
        for step in (["init"], ["prepare"]):
            subprocess.run([*zhupei, *step], check=True, env=environment, cwd=HERE, stdout=subprocess.DEVNULL)
        subprocess.run([*zhupei, "bench", "bank", *arguments], check=True, env=environment, cwd=HERE)


def _inside(sizes: list[int], quiet: bool) -> None:
    report: dict[str, Any] = {"machine": machine(), "budget_ms": BUDGET_MS, "sizes": {}}
    for size in sizes:  # each bank is added to those before: the last is searched among all
        found = measure(size)
        report["sizes"][size] = found
        if not quiet:
            print(f"{size:>8}  {found}", flush=True)
    report["within_budget"] = all(one["search_worst_ms"] <= BUDGET_MS for one in report["sizes"].values())
    report["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(report, ensure_ascii=False))
