"""Time in the demonstration: a clock that stands where the story is, and many stories told in the order of time."""

from __future__ import annotations

import heapq
import time as wall
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta

from django.db import transaction

from zhupei.kernel import clock
from zhupei.kernel.schedule import Period
from zhupei.rulebook.api import calendar

Story = Generator[datetime, None, None]  # yields the moment at which it goes on
CHUNK = 200  # steps in one transaction: one fsync instead of two hundred


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
    monotonic = clock._monotonic
    with clock.frozen(machine.moment):  # puts the real source back at the end
        clock.set_source(lambda: machine.moment)
        clock._monotonic = lambda: machine.moment.timestamp()  # elapsed time passes with the story
        try:
            yield machine
        finally:
            clock._monotonic = monotonic


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
    breaks = tuple((a[1], b[0]) for a, b in zip(halves, halves[1:], strict=False))
    return [Period(run[0], run[-1], halves[0][0], halves[-1][1], breaks) for run in runs]


class Timeline:
    """Stories, woven into one in the order of their moments."""

    def __init__(self, machine: TimeMachine, say: Callable[[str], None]) -> None:
        self._machine, self._say = machine, say
        self._heap: list[tuple[datetime, int, str, Story]] = []
        self._told = 0
        self.seconds: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()

    def tell(self, kind: str, story: Story) -> None:
        """Add a story; ``kind`` names the stage to which its time is counted. It may be added while others are told."""
        try:
            self._push(next(story), kind, story)
        except StopIteration:
            pass

    def _push(self, at: datetime, kind: str, story: Story) -> None:
        self._told += 1
        heapq.heappush(self._heap, (at, self._told, kind, story))

    def run(self) -> None:
        """Tell everything up to the present, a line for each month of the story. What lies ahead has not happened."""
        month, started, steps = "", wall.perf_counter(), 0
        while self._heap and self._heap[0][0] <= self._machine.present:
            here = f"{clock.local(max(self._heap[0][0], self._machine.moment)):%Y-%m}"
            if here != month:
                if month:
                    self._say(f"{month} … {steps} steps, {wall.perf_counter() - started:.1f} s")
                month, started, steps = here, wall.perf_counter(), 0
            with transaction.atomic():
                for _n in range(CHUNK):
                    at = self._heap[0][0] if self._heap else None
                    if at is None or at > self._machine.present or f"{clock.local(at):%Y-%m}" > month:
                        break
                    self._step()
                    steps += 1
        if month:
            self._say(f"{month} … {steps} steps, {wall.perf_counter() - started:.1f} s")

    def _step(self) -> None:
        at, _order, kind, story = heapq.heappop(self._heap)
        self._machine.go(at)
        started = wall.perf_counter()
        try:
            self._push(next(story), kind, story)
        except StopIteration:
            pass
        self.seconds[kind] += wall.perf_counter() - started
        self.steps[kind] += 1
