"""Figures of a rehearsal, the limits they have to keep, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import to_builtins

from zhupei.delivery.rehearsal.account import Account, told
from zhupei.delivery.rehearsal.bundles import Plan, person
from zhupei.delivery.rehearsal.player import Run
from zhupei.delivery.rehearsal.record import Record
from zhupei.delivery.rehearsal.stage import Kept, Reported, Seat, kept_in
from zhupei.kernel.machine import machine

LARGE = 1000
"""From so many candidates on it is no longer one hall: starts are spread, and its limits are those of a computing centre."""
LIMITS: dict[str, float] = {
    "all_papers_ms": 2000,
    "start_p99_ms": 1000,
    "save_p99_ms": 100,
    "submit_p99_ms": 1000,
    "lost": 0,
    "errors": 0,
    "rss_mb": 400,
}
LARGE_LIMITS: dict[str, float] = {"start_p99_ms": 2000, "lost": 0, "errors": 0}
UNTOLD_EACH = 1000  # answers that one who did not finish may have given without being told so, at most
SHOWN_PROBLEMS, SHOWN_CHARACTERS = 30, 300  # of what a command tells
_BY_THE_SERVER = frozenset({"lost", "rss_mb"})


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` of the values lie (nearest rank); None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(-(-int(share * 1000) * len(ordered) // 1000) - 1, 0)], 2)


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Count, median, 99th percentile and maximum in milliseconds."""
    return {
        "count": len(values),
        "p50_ms": quantile(values, 0.5),
        "p99_ms": quantile(values, 0.99),
        "max_ms": quantile(values, 1),
    }


def check(name: str, value: float | None, limit: float) -> dict[str, Any]:
    """One limit: kept if there is a value and it is at most the limit."""
    return {"name": name, "value": value, "limit": limit, "passed": value is not None and value <= limit}


def _judge(
    found: dict[str, Any], values: Mapping[str, float | None], limits: Mapping[str, float]
) -> dict[str, Any]:
    """``found`` with its checks and the verdict. ``reported``: the players say so, the server cannot know."""
    found["checks"] = [
        check(name, values[name], limit) | {"reported": name not in _BY_THE_SERVER}
        for name, limit in limits.items()
    ]
    found["passed"] = all(one["passed"] for one in found["checks"]) and not found["contradictions"]
    return found


def _limits(candidates: int, spread: float) -> dict[str, float]:
    limits = dict(LARGE_LIMITS if candidates > LARGE else LIMITS)
    if spread > 1:
        limits.pop("all_papers_ms", None)
    return limits


def _contradictions(kept: Kept, **told: tuple[int, int, int]) -> list[dict[str, Any]]:
    """Counts of ``kept`` that are not what was told; of each: the figure told, and the least and most that it allows."""
    found = []
    for name, (value, least, most) in told.items():
        own = getattr(kept, name)
        if not least <= own <= most:
            found.append({"name": name, "reported": value, "server": own})
    return found


def figures(
    run: Run,
    result: Account,
    *,
    server: dict[str, Any],
    client_cpu_s: float,
    seconds: float,
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """The report. ``server``: its processor time and memory; ``client_cpu_s`` what the players took in ``seconds``."""
    tally, plan = run.tally, run.plan
    count = len(run.players)
    unfinished = sum(player.state != "done" for player in run.players)
    papers = [player.papers_at for player in run.players if player.papers_at]
    all_papers = round((max(papers) - run.starts_at) * 1000, 1) if len(papers) == count else None
    errors = len(tally.errors) + len(result.faults) + sum(tally.interruptions.values())
    this = machine()
    report: dict[str, Any] = {
        "candidates": count,
        "errors": errors,
        "lost": result.lost,
        "all_papers_ms": all_papers,
        "start": spread(tally.start),
        "save": spread(tally.save),
        "submit": spread(tally.submit),
        "server": server,
        "client_cpu_share": round(client_cpu_s / (seconds * (this["cores"] or 1)), 3) if seconds else None,
        "requests": tally.requests,
        "acknowledged": result.acknowledged,
        "handed_in": result.handed_in,
        "unfinished": unfinished,
        "interruptions": tally.interruptions,
        "problems": told(result, run),
        "machine": this,
        "parameters": {**parameters, "seed": plan.seed, "seconds_in_all": round(seconds, 1)},
    }
    values = {
        "all_papers_ms": all_papers,
        "start_p99_ms": report["start"]["p99_ms"],
        "save_p99_ms": report["save"]["p99_ms"],
        "submit_p99_ms": report["submit"]["p99_ms"],
        "lost": result.lost,
        "errors": errors,
        "rss_mb": server.get("rss_mb"),
    }
    limits = _limits(count, run.script.spread)
    report["checks"] = [check(name, values[name], limit) for name, limit in limits.items()]
    report["passed"] = all(one["passed"] for one in report["checks"])
    return report


def command_figures(report: Reported, *, rss_mb: float) -> dict[str, Any]:
    """The report of a command that played against this hall: what it tells, held against what the hall itself has.

    Memory and lost answers are the server's; latencies and failures are reported. Whoever the hall has no hand-in of is
    missing, one at least where nobody played. Where the hall's own counts contradict what was told, it is in
    ``contradictions`` and the rehearsal is not passed.
    """
    told, kept = report.told, report.kept
    found: dict[str, Any] = to_builtins(told)
    found["problems"] = [line[:SHOWN_CHARACTERS] for line in told.problems[:SHOWN_PROBLEMS]]
    found["lost"] = max(told.lost, told.acknowledged - kept.answers)
    found |= {"server": {"rss_mb": rss_mb}, "machine": machine(), "kept": to_builtins(kept)}
    open_end = told.unfinished * UNTOLD_EACH
    found["contradictions"] = _contradictions(
        kept,
        started=(told.candidates, told.candidates - told.unfinished, told.candidates),
        handed_in=(told.handed_in, told.handed_in, told.handed_in + told.unfinished),
        answers=(told.acknowledged, told.acknowledged - told.lost, told.acknowledged + open_end),
    )
    values = {
        "missing": max(told.candidates, 1) - kept.handed_in,
        "all_papers_ms": told.all_papers_ms,
        "start_p99_ms": told.start.p99_ms,
        "save_p99_ms": told.save.p99_ms,
        "submit_p99_ms": told.submit.p99_ms,
        "lost": found["lost"],
        "errors": told.errors,
        "rss_mb": rss_mb,
    }
    limits = {"missing": 0.0} | _limits(kept.started, told.parameters.spread)
    return _judge(found, values, limits)


def browser_figures(
    plan: Plan, seats: Sequence[Seat], records: Mapping[str, Record] | None, *, rss_mb: float
) -> dict[str, Any]:
    """The report of a rehearsal that the hall's own browsers played, from what each of them told and the hall's record.

    ``records`` None: not read yet, so nothing is said of lost answers.
    """
    done = [one for one in seats if one.state == "done"]
    start = [one.start_ms for one in done if one.start_ms is not None]
    save = [value for one in done for value in one.saves_ms]
    submit = [one.submit_ms for one in done if one.submit_ms is not None]
    lost = sum(_lost(plan, one, records) for one in done) if records is not None else 0
    figures: dict[str, Any] = {
        "candidates": len(done),
        "joined": len(seats),
        "planned": plan.seats * plan.halls,
        "errors": sum(one.errors for one in seats) + sum(one.state == "failed" for one in seats),
        "lost": lost,
        "start": spread(start),
        "save": spread(save),
        "submit": spread(submit),
        "server": {"rss_mb": rss_mb},
        "acknowledged": sum(len(one.acknowledged) for one in done),
        "machine": machine(),
        "seats": [_seat_row(one) for one in seats],
        "contradictions": [],
    }
    if records is not None:
        kept = kept_in(records)
        figures["kept"] = to_builtins(kept)
        figures["contradictions"] = _contradictions(
            kept,
            started=(len(seats), len(done), len(seats)),
            handed_in=(len(done), len(done), len(seats)),
        )
    values = {
        "missing": figures["planned"] - len(done),
        "start_p99_ms": figures["start"]["p99_ms"],
        "save_p99_ms": figures["save"]["p99_ms"],
        "submit_p99_ms": figures["submit"]["p99_ms"],
        "lost": lost,
        "errors": figures["errors"],
        "rss_mb": rss_mb,
    }
    limits = {"missing": 0.0} | {name: limit for name, limit in LIMITS.items() if name in values}
    if records is None:
        limits.pop("lost")
    return _judge(figures, values, limits)


def _lost(plan: Plan, seat: Seat, records: Mapping[str, Record]) -> int:
    """Acknowledged answers of a computer that the record does not hold; a missing hand-in counts as one."""
    record = records.get(person(plan, seat.place).candidate_id)
    if record is None:
        return len(seat.acknowledged) + 1
    lost = int(record.submitted != 1)
    for name, seq in seat.acknowledged.items():
        subject, _, key = name.partition("/")
        held = record.answers.get(subject, {}).get(key)
        lost += held is None or held[0] < seq
    return lost


def _seat_row(seat: Seat) -> dict[str, Any]:
    """One computer as the record keeps it."""
    return {
        "place": seat.place,
        "state": seat.state,
        "address": seat.address,
        "start_ms": seat.start_ms,
        "save_p50_ms": quantile(seat.saves_ms, 0.5),
        "save_max_ms": quantile(seat.saves_ms, 1),
        "submit_ms": seat.submit_ms,
        "saves": len(seat.saves_ms),
        "errors": seat.errors,
        "problem": seat.problem,
    }
