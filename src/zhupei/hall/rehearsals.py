"""The rehearsal of this process, and its application under ``/rehearsal``. Folder, journal and engine are its own."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from django.conf import settings

from zhupei.delivery.api import Journal, PostgresJournal, RehearsalApp, Stage, sqlite_journal
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

from .process import journal_dsn
from .readiness.queries import a_test_runs

log = logging.getLogger(__name__)

TEST_KNOWN_S = 2.0
_lock = threading.Lock()
_stage: Stage | None = None

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def open_journal(folder: Path) -> Journal:
    """The rehearsal's journal: of the kind that the hall's own is, never the same."""
    return PostgresJournal(journal_dsn(), "rehearsal") if settings.HALL_JOURNAL else sqlite_journal(folder)


def stage() -> Stage:
    """The rehearsal of this process, opened or not."""
    global _stage
    with _lock:
        folder = Path(settings.HALL_DATA) / "rehearsal"
        if _stage is None or _stage.folder != folder:
            if _stage is not None:
                _stage.close()
            _stage = Stage(folder, open_journal)
        return _stage


def close_stage() -> None:
    """Let go of the folder; the next ``stage().open()`` goes on from disk."""
    global _stage
    with _lock:
        if _stage is not None:
            _stage.close()
            _stage = None


def settle_memory() -> None:
    """Papers stay as long as the process: the collector need not look at them again and again while candidates wait."""
    gc.collect()
    gc.freeze()


def _open() -> None:
    try:
        stage().open()
        settle_memory()
    except Refusal as problem:
        log.warning("the rehearsal was not opened again: %s", problem)
    except Exception:  # the tests of the day go on without a rehearsal
        log.exception("the rehearsal could not be opened again")


class RehearsalApplication:
    """The rehearsal's pages; made at the first request, since the folder is the settings'."""

    def __init__(self) -> None:
        self._pages: RehearsalApp | None = None
        self._opening: asyncio.Task[None] | None = None
        self._test: tuple[float, bool] = (float("-inf"), False)

    def _test_runs(self) -> bool:
        """True while a test is being sat here; looked at every two seconds. What was prepared or started before makes way."""
        now = clock.monotonic()
        if now - self._test[0] > TEST_KNOWN_S:
            self._test = now, a_test_runs()
        return self._test[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pages = self._pages
        if pages is None or pages.stage is not _stage:
            pages = self._pages = RehearsalApp(stage(), is_busy=self._test_runs)
        await pages(scope, receive, send)

    async def start(self) -> None:
        """With the server: go on with a rehearsal that was on. The server does not wait for it."""
        self._opening = asyncio.create_task(asyncio.to_thread(_open))

    async def stop(self) -> None:
        """With the server."""
        if self._opening is not None:
            await self._opening
        await asyncio.to_thread(close_stage)


def rehearsal_application() -> RehearsalApplication:
    """The ASGI application of the rehearsal."""
    return RehearsalApplication()
