"""A rehearsal from beginning to end: play, account, report; against a server given, or one started for it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import msgspec

from zhupei.delivery.rehearsal.account import Account, account, ask_account
from zhupei.delivery.rehearsal.bundles import Plan, bank_mark, people
from zhupei.delivery.rehearsal.player import Run, Script
from zhupei.delivery.rehearsal.record import Life, Record, events_on_disk, fold
from zhupei.delivery.rehearsal.report import figures
from zhupei.delivery.rehearsal.servers import HallProcess, raise_limits
from zhupei.delivery.rehearsal.stage import JOURNAL, Usage, keep_plan
from zhupei.delivery.rehearsal.wire import Client, Target, Unreachable
from zhupei.kernel.errors import Refusal

Beside = Callable[[Run], Awaitable[None]]


async def ask_plan(target: Target, code: str) -> Plan:
    """The plan of the rehearsal that a hall has prepared. Raises ``Refusal`` when it says no or speaks another version."""
    client = Client(target)
    try:
        answer = await client.send("POST", "/plan.json", msgspec.json.encode({"code": code}))
    except Unreachable as problem:
        raise Refusal("unreachable", f"{target.origin} does not answer ({problem})") from None
    finally:
        client.close()
    if answer.status != 200:
        raise Refusal(
            "refused", f"{target.origin}: HTTP {answer.status} {answer.body[:300].decode(errors='replace')}"
        )
    plan = msgspec.json.decode(answer.body, type=Plan)
    if plan.bank != bank_mark(plan.seed):
        raise Refusal("rehearsal_old", "the hall's program is of another version than this one")
    return plan


async def _usage(target: Target, plan: Plan) -> Usage | None:
    client = Client(target)
    try:
        answer = await client.send("POST", "/usage.json", msgspec.json.encode({"code": plan.code}))
        return msgspec.json.decode(answer.body, type=Usage) if answer.status == 200 else None
    except Unreachable:
        return None
    finally:
        client.close()


async def _watch(hall: HallProcess) -> None:
    """Ask for the memory of a server every two seconds, so that its highest is known."""
    while True:
        await asyncio.to_thread(hall.rss_mb)
        await asyncio.sleep(2)


async def rehearse(
    plan: Plan,
    target: Target,
    script: Script,
    *,
    hall: HallProcess | None = None,
    beside: Beside | None = None,
    candidates: int = 0,
    parameters: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], Run, Account]:
    """Play and account. ``hall``: the server, if this process started it (its journal is then read on disk too).

    ``beside`` runs meanwhile and may kill and restart the server; whatever it does, it leaves the server running.
    """
    raise_limits()
    run = Run(plan, target, people(plan)[: candidates or None], script)
    before = await _usage(target, plan)
    hall_before = hall.cpu_ms() if hall is not None else 0.0
    watch = asyncio.create_task(_watch(hall)) if hall is not None else None
    gc.collect()
    gc.freeze()  # the players' own pauses are not the server's
    started, cpu = time.perf_counter(), time.process_time()
    try:
        await run.play(beside)
    finally:
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    after = await _usage(target, plan)
    server: dict[str, Any] = {}
    if hall is not None:
        server = {
            "cpu_ms": round(hall.cpu_ms() - hall_before, 1),
            "rss_mb": hall.peak_mb(),
            "worker_rss_mb": after.rss_mb if after else None,
            "kills": hall.kills,
        }
    elif before is not None and after is not None:
        server = {"cpu_ms": round(after.cpu_ms - before.cpu_ms, 1), "rss_mb": after.rss_mb}
    result = account(run.players, *await _record(target, plan, hall), plan)
    report = figures(
        run,
        result,
        server=server,
        client_cpu_s=cpu,
        seconds=seconds,
        parameters={"seats": plan.seats, "halls": plan.halls, "minutes": plan.rules.minutes, **asdict(script)}
        | (parameters or {}),
    )
    return report, run, result


async def _record(target: Target, plan: Plan, hall: HallProcess | None) -> tuple[dict[str, Record], Life]:
    """The hall's record: the journal on disk where it is ours and a file, otherwise as the hall reads it."""
    path = hall.data / "rehearsal" / JOURNAL if hall is not None else None
    if path is not None and path.exists():
        return await asyncio.to_thread(fold, events_on_disk(path), f"{plan.id}-")
    return await ask_account(target, plan)


async def send_report(target: Target, plan: Plan, report: dict[str, Any]) -> bool:
    """Leave the report with the hall; False if it did not take it."""
    client = Client(target)
    try:
        body = msgspec.json.encode({"code": plan.code, "report": report})
        return (await client.send("POST", "/report.json", body)).status == 200
    except Unreachable:
        return False
    finally:
        client.close()


def own_hall(plan: Plan, **settings: Any) -> HallProcess:
    """A hall's server of its own on which ``plan`` is prepared; not yet started. ``settings`` go to ``HallProcess``."""
    hall = HallProcess(**settings)
    keep_plan(hall.data / "rehearsal", plan)
    return hall
