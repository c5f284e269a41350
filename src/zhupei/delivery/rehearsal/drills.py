"""What may go wrong while candidates sit: the server killed, its database killed, the disk full, the wall clock stepped.

A drill runs beside a rehearsal (``runner.rehearse(beside=...)``) and leaves the server running. What it did is in its report;
whether anything was lost says the account of the rehearsal.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zhupei.delivery.rehearsal.player import Run
from zhupei.delivery.rehearsal.servers import HallProcess, ServerFailed
from zhupei.delivery.reserve import NAME as RESERVE
from zhupei.delivery.reserve import free_bytes

PERIOD_S = 10.0
"""From one kill to the next, on the average: the time to start again (about 4 s) and a while of answering."""
CHUNK = 1 << 20
NO_CAPTURES = 512 * 2**20
STEPS_S = (3600.0, -7200.0, 0.0)


class Killable(Protocol):
    """A database server of one's own."""

    def kill(self) -> None: ...
    def start(self) -> None: ...


@dataclass
class Drill:
    """``act`` runs beside the rehearsal; ``report`` says what happened. ``seconds``: how long candidates must answer."""

    name: str
    seconds: float
    act: Callable[[Run], Awaitable[None]]
    report: dict[str, Any] = field(default_factory=dict)
    done: bool = False
    """True once all of it has happened; a drill that did not come to its end proves nothing."""

    async def __call__(self, run: Run) -> None:
        await run.until(run.starts_at + 1)
        await self.act(run)
        self.done = True


def kill_server(hall: HallProcess, times: int, *, seed: int = 1) -> Drill:
    """``kill -9`` of the hall's server at random moments, and its start again."""
    rng = random.Random(seed)  # noqa: S311 - moments of a drill
    drill = Drill("kill_server", times * PERIOD_S, _nothing)

    async def act(run: Run) -> None:
        down: list[float] = []
        drill.report["down_s"] = down
        for _ in range(times):
            await asyncio.sleep(rng.uniform(0.5, 7))
            began = time.perf_counter()
            await asyncio.to_thread(hall.kill9)
            await asyncio.sleep(rng.uniform(0, 0.5))
            await asyncio.to_thread(hall.start)
            down.append(round(time.perf_counter() - began, 2))
        drill.report["kills"] = len(down)

    drill.act = act
    return drill


def kill_database(hall: HallProcess, database: Killable, times: int, *, seed: int = 1) -> Drill:
    """``kill -9`` of the PostgreSQL that holds the journal, and its start again; the hall's server lives on."""
    rng = random.Random(seed)  # noqa: S311 - moments of a drill
    drill = Drill("kill_database", times * PERIOD_S, _nothing)

    async def act(run: Run) -> None:
        down: list[float] = []
        drill.report["down_s"] = down
        for _ in range(times):
            await asyncio.sleep(rng.uniform(2, 7))
            began = time.perf_counter()
            await asyncio.to_thread(database.kill)
            await asyncio.sleep(rng.uniform(0, 2))
            await asyncio.to_thread(database.start)
            while not await asyncio.to_thread(hall.answers):
                await asyncio.sleep(0.1)
            down.append(round(time.perf_counter() - began, 2))
            if not hall.is_running():
                raise ServerFailed("the hall's server ended with its database")
        drill.report["kills"] = len(down)

    drill.act = act
    return drill


def fill_disk(hall: HallProcess) -> Drill:
    """Fill the disk on which the hall's folder lies to the last byte, in mid-test, and let answers go on.

    Only on a file system made for this (``hall.folder`` is a mount of its own): a machine's own disk is never filled. First
    photos are refused (below ``NO_CAPTURES`` free bytes), then the journal takes its reserve. Nothing is freed before the end.
    """
    if not hall.folder.is_mount():
        raise ValueError(f"{hall.folder} is no file system of its own; it will not be filled")
    drill = Drill("fill_disk", 25.0, _nothing)

    async def act(run: Run) -> None:
        await asyncio.sleep(4)
        reserve = hall.data / "rehearsal" / RESERVE
        drill.report["reserve_bytes"] = reserve.stat().st_size if reserve.exists() else 0
        filled = await asyncio.to_thread(_fill, hall.folder / "filling")
        drill.report |= {"filled_bytes": filled, "captures_shed": free_bytes(hall.folder) < NO_CAPTURES}
        acknowledged = sum(player.acks for player in run.players)
        for _ in range(150):  # until the journal has had to take the reserve
            if not reserve.exists():
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
        drill.report |= {
            "reserve_used": not reserve.exists(),
            "acknowledged_after": sum(player.acks for player in run.players) - acknowledged,
            "free_bytes_after": free_bytes(hall.folder),
        }
        if reserve.exists() or not drill.report["acknowledged_after"]:
            raise ServerFailed("the disk was full, and the answers did not go on from the reserve")

    drill.act = act
    return drill


def step_clock(offset: Path, *, seconds: float = 20.0) -> Drill:
    """Step the server's wall clock an hour ahead, then two hours back, then right again. ``offset``: its clock file."""
    drill = Drill("step_clock", seconds, _nothing)

    async def act(run: Run) -> None:
        for step in STEPS_S:
            offset.write_text(str(step))
            await asyncio.sleep(seconds / (len(STEPS_S) + 1))
        drill.report["steps_s"] = list(STEPS_S)

    drill.act = act
    return drill


def _fill(path: Path) -> int:
    """Write until nothing more fits; the bytes written."""
    written, size = 0, CHUNK
    with path.open("wb", buffering=0) as file:
        while size:
            try:
                written += file.write(b"\0" * size)
            except OSError:
                size //= 2
    return written


async def _nothing(run: Run) -> None:
    return
