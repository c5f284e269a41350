"""The append-only journal: the one thing that must survive a pulled plug.

``Journal`` is the whole interface. ``append`` hands events over in order and returns the ``Batch`` they belong to, which is done
when it is on disk (after the fsync) and never before; ``replay`` reads everything back in that order. An acknowledgement to a
candidate is sent only after its batch. There is one writer, so the order of ``append`` calls is the order of the journal.

Modules
    ``base``        ``Journal``, ``Batch`` (what one waits for), ``GroupCommit`` (one writer thread, one transaction a batch)
    ``sqlite``      ``SqliteJournal``: one file, WAL, ``synchronous=FULL``
    ``postgresql``  ``PostgresJournal``: a table, on a standby server too where there is one
    ``memory``      ``MemoryJournal``: nothing on disk; for practice, never for a test

If a batch fails (disk full, server gone), it and everything queued behind it fail with ``JournalError``: nothing of it was
acknowledged, and the engine folds its state anew from what is on disk. Entries are never changed or deleted.
"""

from zhupei.delivery.journal.base import Batch, Journal, JournalError, JournalTaken
from zhupei.delivery.journal.memory import MemoryJournal
from zhupei.delivery.journal.postgresql import PostgresJournal, last_generation
from zhupei.delivery.journal.sqlite import SqliteJournal

__all__ = [
    "Batch",
    "Journal",
    "JournalError",
    "JournalTaken",
    "MemoryJournal",
    "PostgresJournal",
    "SqliteJournal",
    "last_generation",
]
