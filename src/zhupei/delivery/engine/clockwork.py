"""The clockwork: sittings whose time is over are handed in, and the journal learns how far the clock has come."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from zhupei.delivery.engine.core import Clock
from zhupei.delivery.engine.hand_in import HandIn
from zhupei.delivery.formats import events as ev
from zhupei.delivery.journal import Journal, JournalError
from zhupei.delivery.tickets import Ticket
from zhupei.kernel import clock as kernel_clock

log = logging.getLogger("zhupei.delivery")

TURN_S = 0.5
TICK_EVERY_MS = 2_000  # how much time a crash can give back to the candidates, at most


class Clockwork(HandIn):
    """The engine's own thread, twice a second. It never waits for the disk but to mend a journal that failed."""

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
        self._stuck: set[str] = set()
        self._mends_itself = not ticking
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
        said = ""
        while not self._stopped.wait(TURN_S):
            try:
                if self._failed:
                    self._mend()
                self._turn()
                said = ""
            except JournalError:
                pass  # the journal said why
            except Exception as problem:  # nobody else would hand in
                if said != repr(problem):
                    said = repr(problem)
                    log.exception("the exam clock goes on after a fault")

    def tick(self) -> list[str]:
        """Hand in every sitting whose deadline and grace have passed; returns their candidates once it is on disk."""
        due, tickets = self._turn()
        for ticket in tickets:
            ticket.wait()
        return due

    def _turn(self) -> tuple[list[str], list[Ticket[Any]]]:
        with self._lock:
            self._ready()
            tick = self._tick()
            if self._thread is not None:
                self._alive, self._alive_tick = self._real(), tick
                self._watch_disk()
                self._ready()
            times = self._hall.due
            due: list[str] = []
            tickets: list[Ticket[Any]] = []
            if times and min(times.values()) <= tick:
                for one in [one for one, moment in times.items() if moment <= tick and one in self._people]:
                    try:
                        tickets.append(self._submit(one, "auto"))
                    except Exception:  # the others' time is over all the same
                        if one not in self._stuck:
                            self._stuck.add(one)
                            log.exception("candidate %s could not be handed in", one)
                        continue
                    due.append(one)
            if times and not tickets and tick - self._ticked >= TICK_EVERY_MS and not self._nobody_can_sit():
                self._ticked = tick
                tickets.append(self._write(ev.Ticked(**self._stamp())))
        return due, tickets
