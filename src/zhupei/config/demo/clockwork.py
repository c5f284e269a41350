"""Time in the demonstration: a clock that stands where the story is, and many stories told in the order of time."""

from __future__ import annotations

import heapq
import time as wall
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from django.db import transaction

from zhupei.kernel import clock
from zhupei.kernel.schedule import Period
from zhupei.rulebook.api import calendar

Story = Generator[datetime, None, None]  # yields the moment at which it goes on
CHUNK = 200  # steps in one transaction: one fsync instead of two hundred
PATIENCE = 8.0  # seconds without a line


class TimeMachine:
    """The clock of the platform while the demonstration is built."""

    def __init__(self, present: datetime) -> None:
        self.present = self.moment = present

    def go(self, moment: datetime) -> None:
        """On to ``moment``; never back, since the exam engine's own time would run backwards."""
        self.moment = max(self.moment, moment)


@contextmanager
def travelling(start: Callable[[datetime], datetime]) -> Iterator[TimeMachine]:
    """Hold the clock, civil and monotonic, at the machine's moment inside the block. ``start``: present → first moment."""
    machine = TimeMachine(clock.now())
    machine.moment = start(machine.present)
    monotonic = clock.elapsed_source()
    with clock.frozen(machine.moment):  # puts the real source back at the end
        clock.set_source(lambda: machine.moment)
        clock.set_monotonic(lambda: machine.moment.timestamp())  # elapsed time passes with the story
        try:
            yield machine
        finally:
            clock.set_monotonic(monotonic)


class Days:
    """Days counted from today: working days before and after, and the moments on them."""

    def __init__(self, today: date) -> None:
        self.today = today
        self._calendar = calendar()

    def day(self, n: int) -> date:
        """The ``n``-th working day after today (before it if negative); 0 is today, whatever day it is."""
        if n < 0:
            return self._calendar.workdays_before(self.today, -n).date
        return self._calendar.add_workdays(self.today, n).date if n else self.today

    def at(self, n: int, hour: int, minute: int = 0) -> datetime:
        """A moment of ``day(n)`` in Shanghai."""
        return moment(self.day(n), hour, minute)

    def teaching(self, last: int, count: int) -> list[date]:
        """``count`` working days, the last of which is ``day(last)``."""
        return [self.day(last - n) for n in reversed(range(count))]


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment of Shanghai's clock."""
    return datetime.combine(day, time(hour, minute), clock.SHANGHAI)


def periods_of(days: list[date], halves: tuple[tuple[time, time], ...]) -> list[Period]:
    """Days of the same hours as periods, one for each run of days."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    breaks = tuple((a[1], b[0]) for a, b in pairwise(halves))
    return [Period(run[0], run[-1], halves[0][0], halves[-1][1], breaks) for run in runs]


class Timeline:
    """Stories, woven into one in the order of their moments."""

    def __init__(self, machine: TimeMachine, say: Callable[[str], None]) -> None:
        self._machine, self._say = machine, say
        self._heap: list[tuple[datetime, int, str, Story]] = []
        self._told = 0
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.steps: Counter[str] = Counter()

    def tell(self, kind: str, story: Story) -> None:
        """Add a story; ``kind`` names the stage to which its time is counted. It may be added while others are told."""
        with suppress(StopIteration):
            self._push(next(story), kind, story)

    def _push(self, at: datetime, kind: str, story: Story) -> None:
        self._told += 1
        heapq.heappush(self._heap, (at, self._told, kind, story))

    def run(self) -> None:
        """Tell everything up to the present, a line for each month of the story. What lies ahead has not happened."""
        month, started, steps, said = "", wall.perf_counter(), 0, wall.perf_counter()

        def close() -> None:
            self._say(f"{month} … {wall.perf_counter() - started:.1f} s, {steps} steps")

        while self._due():
            here = self._month(max(self._heap[0][0], self._machine.moment))
            if here != month:
                if month:
                    close()
                month, started, steps, said = here, wall.perf_counter(), 0, wall.perf_counter()
            elif wall.perf_counter() - said > PATIENCE:
                self._say(f"  {clock.local(self._machine.moment):%Y-%m-%d %H:%M}")
                said = wall.perf_counter()
            with transaction.atomic():
                for _n in range(CHUNK):
                    if not self._due() or self._month(self._heap[0][0]) > month:
                        break
                    self._step()
                    steps += 1
        if month:
            close()

    def _due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= self._machine.present

    def _month(self, at: datetime) -> str:
        return f"{clock.local(at):%Y-%m}"

    def _step(self) -> None:
        at, _order, kind, story = heapq.heappop(self._heap)
        self._machine.go(at)
        started = wall.perf_counter()
        with suppress(StopIteration):
            self._push(next(story), kind, story)
        self.seconds[kind] += wall.perf_counter() - started
        self.steps[kind] += 1
