"""The exam engine of this process, and its application under ``/exam``.

One engine holds one folder (``settings.HALL_DATA``). It is made at first use, from a request or when the server starts, and
loads the bundles again that are open: their keys lie encrypted beside them, so a hall without a line goes on too (I03).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from zhupei.delivery.api import Engine, ExamApp, SqliteJournal
from zhupei.kernel.errors import Refusal
from zhupei.people.api import IdentityKind, identity_index

log = logging.getLogger(__name__)

_lock = threading.RLock()
_engine: Engine | None = None


def engine() -> Engine:
    """The engine of this process. Raises ``Refusal`` (503) when another process holds the folder."""
    global _engine
    with _lock:
        if _engine is None:
            folder = Path(settings.HALL_DATA)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal = SqliteJournal(folder / "journal.sqlite3")
            try:
                made = Engine(journal, data_dir=folder)
            except Refusal as refusal:
                journal.close()
                text = _(
                    "The exam engine of this hall runs in another process. Use the pages of that server."
                )
                raise Refusal(refusal.code, text, status=503) from None
            _load_open(made)
            _engine = made
        return _engine


def running_engine() -> Engine | None:
    """The engine if it is up; None before. Touches no database."""
    return _engine


def close_engine() -> None:
    """Write out and release the folder; the next ``engine()`` starts anew from disk."""
    global _engine
    with _lock:
        if _engine is not None:
            _engine.close()
            _engine = None


def _load_open(made: Engine) -> None:
    from .choices import HallBatchState
    from .keys import load_into
    from .models import HallBatch

    for row in HallBatch.objects.filter(
        state__in=(HallBatchState.OPEN, HallBatchState.CLOSED)
    ).select_related("file"):
        try:
            load_into(made, row)
        except Exception:  # one damaged bundle must not keep the others from going on
            log.exception("batch %s could not be loaded again", row.batch_no)


def identify(number: str) -> str:
    """The index of a document number as a candidate types it or a card reader sends it.

    How a number is normalised does not depend on the kind of document.
    """
    return identity_index(IdentityKind.RESIDENT_ID, number)


def _start_in_thread() -> None:
    try:
        engine()
    except Exception:
        log.exception("the exam engine did not start")
    finally:
        connection.close()


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class ExamApplication:
    """The candidates' pages."""

    def __init__(self) -> None:
        self.pages = ExamApp(running_engine, identify=identify)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if running_engine() is None:
            await self.start()
        await self.pages(scope, receive, send)

    async def start(self) -> None:
        """With the server, or at the first request after it could not start."""
        await asyncio.to_thread(_start_in_thread)

    async def stop(self) -> None:
        """With the server."""
        await asyncio.to_thread(close_engine)


def exam_application() -> ExamApplication:
    """The ASGI application of the candidates' pages."""
    return ExamApplication()
