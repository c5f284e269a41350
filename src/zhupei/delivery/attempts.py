"""Counting failed sign-ins, in memory: a slip number cannot be tried against many ID numbers."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

MAX_NAMES = 10_000


class Attempts:
    """At most ``limit`` failures by one name in ``seconds``; successes do not count."""

    def __init__(self, limit: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._limit, self._seconds, self._monotonic = limit, seconds, monotonic
        self._failures: dict[str, deque[float]] = {}

    def wait(self, name: str) -> int:
        """Whole seconds until ``name`` may try again; 0 now."""
        failures = self._fresh(name)
        if failures is None or len(failures) < self._limit:
            return 0
        return max(math.ceil(failures[0] + self._seconds - self._monotonic()), 1)

    def failed(self, name: str) -> None:
        if len(self._failures) >= MAX_NAMES:
            for one in list(self._failures):
                self._fresh(one)
            if len(self._failures) >= MAX_NAMES:
                self._failures.clear()
        self._failures.setdefault(name, deque(maxlen=self._limit)).append(self._monotonic())

    def succeeded(self, name: str) -> None:
        self._failures.pop(name, None)

    def _fresh(self, name: str) -> deque[float] | None:
        failures = self._failures.get(name)
        if failures is None:
            return None
        while failures and failures[0] + self._seconds <= self._monotonic():
            failures.popleft()
        if not failures:
            self._failures.pop(name, None)  # another thread may have done so
            return None
        return failures
