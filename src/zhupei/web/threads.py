"""Threads that keep a connection to the database from one piece of work to the next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

from django.db import connections


def close_connections(pool: ThreadPoolExecutor, count: int, seconds: float = 5.0) -> None:
    """Close the connections of the ``count`` threads that ``pool`` may have, each after the work that it has begun.

    A thread that is busy for longer than ``seconds`` keeps its own. Otherwise they stay open until the process has ended.
    """
    together = threading.Barrier(count)  # so that no thread takes the place of another

    def close() -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait(seconds)
        connections.close_all()

    wait([pool.submit(close) for _ in range(count)], seconds)
