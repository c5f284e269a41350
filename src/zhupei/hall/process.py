"""The exam engine of this process, and its application under ``/exam``.

One engine holds one folder (``settings.HALL_DATA``). It is made at first use, from a request or when the server starts, and
loads the bundles again that are open: their keys lie encrypted beside them, so a hall without a line goes on too (I03).
The answers' journal is a SQLite file in that folder, or a table in PostgreSQL (``settings.HALL_JOURNAL``).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from zhupei.delivery import api as delivery
from zhupei.delivery.api import Engine, ExamApp, Journal, PostgresJournal, SqliteJournal
from zhupei.hall.choices import HallBatchState
from zhupei.kernel import clock, identity
from zhupei.kernel.errors import Refusal

log = logging.getLogger(__name__)

_lock = threading.RLock()
_engine: Engine | None = None
_failed: set[int] = set()  # batches whose bundle could not be loaded
OPEN_STATES = (HallBatchState.OPEN, HallBatchState.CLOSED)  # their bundles belong in the engine
RELOAD_S = 120.0  # between attempts to load bundles that failed: each costs a second of the processor
RETRY_S = 2.0  # after the engine could not start, until requests make it try again


def engine() -> Engine:
    """The engine of this process. Raises ``Refusal`` (503) when another process holds the folder."""
    global _engine
    with _lock:
        if _engine is None:
            folder = Path(settings.HALL_DATA)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                made = _open_engine(folder)
            except Refusal as refusal:
                if refusal.code != "engine_running":
                    raise
                text = _(
                    "The exam engine of this hall runs in another process. Use the pages of that server."
                )
                raise Refusal(refusal.code, text, status=503) from None
            _load_open(made)
            _engine = made
        return _engine


def _open_engine(folder: Path) -> Engine:
    journal = open_journal(folder)
    try:
        return Engine(journal, data_dir=folder)
    except BaseException:
        journal.close()
        raise


def open_journal(folder: Path) -> Journal:
    """The journal that the settings name. Raises ``Refusal`` when another server holds it or it cannot be reached."""
    if settings.HALL_JOURNAL:
        return PostgresJournal(journal_dsn())
    delivery.keep_reserve(folder)
    return SqliteJournal(folder / "journal.sqlite3", make_room=partial(_use_reserve, folder))


def _use_reserve(folder: Path) -> bool:
    log.error("the disk of %s is full: the reserve for answers is used", folder)
    return delivery.give_reserve(folder)


def journal_dsn() -> str:
    """Where the journal's PostgreSQL is, as libpq takes it; "" when the journal is a SQLite file."""
    if settings.HALL_JOURNAL != "database":
        return str(settings.HALL_JOURNAL)
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    own = connection.settings_dict
    known = {one.keyword.decode() for one in pq.Conninfo.get_defaults()}
    given = {name: value for name, value in own["OPTIONS"].items() if name in known}
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given |= {name: own[key] for name, key in names.items() if own[key]}
    return str(make_conninfo("", **given))


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
    from .keys import load_into
    from .models import HallBatch

    _failed.clear()
    for row in HallBatch.objects.filter(state__in=OPEN_STATES).select_related("file"):
        try:
            load_into(made, row)
        except Exception:  # one damaged bundle must not keep the others from going on
            log.exception("batch %s could not be loaded again", row.batch_no)
            _failed.add(row.pk)


def failed_loads() -> frozenset[int]:
    """Batches whose bundle could not be loaded when the engine started, and was not since."""
    return frozenset(_failed)


def note_loaded(pk: int) -> None:
    """The bundle of this batch is in the engine."""
    _failed.discard(pk)


def load_failed() -> None:
    """Try again to load the bundles that failed. Those that fail again wait for the next time."""
    from .keys import load_into
    from .models import HallBatch

    running = running_engine()
    if running is None or not _failed:
        return
    for row in HallBatch.objects.filter(pk__in=failed_loads(), state__in=OPEN_STATES).select_related("file"):
        try:
            load_into(running, row)
            log.warning("batch %s is loaded again", row.batch_no)
        except Exception as error:
            log.warning("batch %s could not be loaded again: %s", row.batch_no, error)


def identify(number: str) -> str:
    """The mark of a document number as a candidate types it or a card reader sends it, by which a bundle knows its people.

    How a number is normalised does not depend on the kind of document.
    """
    return identity.mark(identity.Kind.RESIDENT_ID, number)


def _in_thread(act: Callable[[], object], failure: str) -> None:
    try:
        act()
    except Exception:
        log.exception(failure)
    finally:
        connection.close()


async def _keep_loading() -> None:
    while True:
        await asyncio.sleep(RELOAD_S)
        if _failed:
            await asyncio.to_thread(_in_thread, load_failed, "bundles could not be loaded again")


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class ExamApplication:
    """The candidates' pages."""

    def __init__(self) -> None:
        self.pages = ExamApp(
            running_engine, identify=identify, practice="/practice/", peers=settings.HALL_PEERS
        )
        self._starting: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._retry_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if running_engine() is None and clock.monotonic() >= self._retry_at:
            await self.start()
        await self.pages(scope, receive, send)

    async def start(self) -> None:
        """With the server, or at a request after it could not start. All who ask meanwhile wait for the one attempt."""
        if self._loading is None:
            self._loading = asyncio.create_task(_keep_loading())
        if self._starting is None:
            self._starting = asyncio.create_task(
                asyncio.to_thread(_in_thread, engine, "the exam engine did not start")
            )
        try:
            await asyncio.shield(self._starting)
        finally:
            if self._starting is not None and self._starting.done():
                self._starting = None
                if running_engine() is None:
                    self._retry_at = clock.monotonic() + RETRY_S

    async def stop(self) -> None:
        """With the server."""
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
        await asyncio.to_thread(close_engine)


def exam_application() -> ExamApplication:
    """The ASGI application of the candidates' pages."""
    return ExamApplication()
