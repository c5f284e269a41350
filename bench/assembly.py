"""Three ways to make papers parallel, on one synthetic bank; and how the one in use grows with the bank.

- ``plain``: a stratified draw, as quiz systems do it;
- ``exchange``: what Zhupei does (``papers.assembly``): deal evenly, then exchange between papers;
- ``shadow``: one mixed integer program a paper (HiGHS through SciPy), with random objective weights, as shadow tests do it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import time
from typing import Any

import numpy as np

from bench.machine import machine

SEED = bytes(range(32))


def setup() -> None:
    """Django with throw-away secrets: nothing is read from or written to a database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhupei.config.settings")
    os.environ.setdefault("ZHUPEI_SECRET_KEY", secrets.token_urlsafe(60))
    os.environ.setdefault("ZHUPEI_MASTER_KEY", secrets.token_hex(32))
    import django

    django.setup()


def bank_of(size: int) -> Any:
    """The default professional blueprint over a synthetic bank."""
    from zhupei.itembank.api import demo_weights, synthetic_items
    from zhupei.papers.api import synthetic_form

    weights = demo_weights("101", "professional")
    items = synthetic_items(size, weights={c: float(w) for c, w in weights.items()}, seed=1)
    return synthetic_form("professional", list(items), weights)[0].bank


def told(bank: Any, papers: Any, seconds: float) -> dict[str, Any]:
    """Figures of some papers; seconds are of processor time."""
    from zhupei.papers.assembly import figures, natural_mean, neighbour_array, violations

    around = neighbour_array(None, len(papers))
    found = figures(bank, papers, around)
    return {
        "papers": found.papers,
        "ms_per_paper": round(1000 * seconds / found.papers, 3),
        "range": round(found.score_range, 2),
        "sd": round(found.score_sd, 3),
        "exposure_max_over_mean": round(found.exposure, 2),
        "papers_in_violation": dict(violations(bank, papers, natural_mean(bank), around)),
    }


def exchange(bank: Any, count: int) -> dict[str, Any]:
    from zhupei.papers.assembly import assemble
    from zhupei.papers.chance import Stream

    started = time.process_time()
    papers = assemble(bank, count, Stream(SEED))
    return told(bank, papers, time.process_time() - started)


def plain(bank: Any, count: int) -> dict[str, Any]:
    from zhupei.papers.assembly import plain_deal
    from zhupei.papers.chance import Stream

    started = time.process_time()
    papers = plain_deal(bank, count, Stream(SEED))
    return told(bank, papers, time.process_time() - started)


def shadow(bank: Any, count: int) -> dict[str, Any]:
    """Each paper a program of its own: choose pieces so that every constraint holds, by random weights."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, vstack

    from zhupei.papers.assembly import natural_mean
    from zhupei.papers.assembly.balancing import features

    wanted = features(bank, natural_mean(bank))
    rows, low, high = [], [], []
    for n, section in enumerate(bank.plan):
        rows.append((bank.section == n).astype(float))
        low.append(section.count)
        high.append(section.count)
        if section.kind == "case":
            rows.append(np.where(bank.section == n, bank.slots, 0).astype(float))
            low.append(section.children)
            high.append(section.children)
    slack = float(bank.targets.chapter_tolerance) * 100
    for c in range(len(bank.chapters)):
        rows.append(np.where(bank.chapter == c, bank.marks, 0).astype(float))
        middle = bank.weights[c] * bank.total / 10**6
        low.append(middle - slack)
        high.append(middle + slack)
    matrix = vstack([csr_array(np.array(rows)), csr_array(wanted.of.T.astype(float))])
    held = LinearConstraint(matrix, [*low, *wanted.low], [*high, *wanted.high])  # type: ignore[arg-type]
    chance = np.random.default_rng(1)
    papers = []
    started = time.process_time()
    for _n in range(count):
        found = milp(
            chance.random(len(bank.pieces)),
            constraints=held,
            integrality=np.ones(len(bank.pieces)),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.05},
        )
        chosen = np.flatnonzero(found.x > 0.5)
        papers.append(chosen[np.argsort(bank.section[chosen], kind="stable")])
    return told(bank, np.array(papers, dtype=np.int64), time.process_time() - started)


def main(arguments: list[str]) -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="zhupei bench assembly", description=__doc__)
    parser.add_argument("--bank", type=int, default=3000, help="items of the comparison")
    parser.add_argument("--count", type=int, default=2000, help="papers of plain and exchange")
    parser.add_argument("--shadow", type=int, default=40, help="papers by mixed integer programs, 0 for none")
    parser.add_argument("--sizes", default="1000,10000,100000", help="banks for the growth")
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    options = parser.parse_args(arguments)
    setup()
    bank = bank_of(options.bank)
    report: dict[str, Any] = {
        "machine": machine(),
        "bank": options.bank,
        "methods": {
            "plain": plain(bank, options.count),
            "exchange": exchange(bank, options.count),
        },
    }
    if options.shadow:
        report["methods"]["shadow"] = shadow(bank, options.shadow)
        methods = report["methods"]
        report["shadow_over_exchange"] = round(
            methods["shadow"]["ms_per_paper"] / methods["exchange"]["ms_per_paper"], 1
        )
    report["growth"] = {}
    for size in (int(one) for one in options.sizes.split(",") if one):
        started = time.process_time()
        grown = bank_of(size)
        built = time.process_time() - started
        report["growth"][size] = {"bank_s": round(built, 2), **exchange(grown, options.count)}
    report["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    if not options.json:
        for name, found in report["methods"].items():
            print(f"{name:>10}  {found}")
        for size, found in report["growth"].items():
            print(f"{size:>10}  {found}")
    print(json.dumps(report, ensure_ascii=False))
