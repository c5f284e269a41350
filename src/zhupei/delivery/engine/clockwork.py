"""The clockwork: sittings whose time is over are handed in, and the journal learns how far the clock has come."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

from zhupei.delivery.engine.core import Clock
from zhupei.delivery.engine.hand_in import HandIn
from zhupei.delivery.formats import events as ev
from zhupei.delivery.journal import Journal, JournalError
from zhupei.delivery.tickets import Ticket
from zhupei.kernel import clock as kernel_clock

TICK_EVERY_MS = 2_000  # how much time a crash can give back to the candidates, at most


class Clockwork(HandIn):
    """The engine's own thread, twice a second."""

    def __init__(
        self,
        journal: Journal,
        *,
        data_dir: Path | str,
        clock: Clock = kernel_clock,
        ticking: bool = True,
    ) -> None:
        """``ticking`` False leaves the automatic hand-in to calls of ``tick()`` (tests)."""
        super().__init__(journal, data_dir=data_dir, clock=clock)
        self._ticked = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        if ticking:
            self._thread = threading.Thread(target=self._run, name="exam-ticks", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop ticking, write out, close the journal, release the folder."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        super().close()

    def _run(self) -> None:
        while not self._stopped.wait(0.5):
            with contextlib.suppress(JournalError):
                self.tick()

    def tick(self) -> list[str]:
        """Hand in every sitting whose deadline and grace have passed; returns their candidates. Runs twice a
        second."""
        with self._lock:
            self._ready()
            tick = self._tick()
            times = self._hall.due
            due = []
            if times and min(times.values()) <= tick:
                due = [one for one, moment in times.items() if moment <= tick and one in self._people]
            tickets: list[Ticket[Any]] = [self._submit(candidate_id, "auto") for candidate_id in due]
            if times and not due and tick - self._ticked >= TICK_EVERY_MS:
                self._ticked = tick
                tickets.append(self._write(ev.Ticked(**self._stamp())))
        for ticket in tickets:
            ticket.wait()
        return due
