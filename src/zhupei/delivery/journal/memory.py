"""A journal that keeps nothing: for practice, where there is nothing to lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from zhupei.delivery.formats.events import AnyEvent, Entry
from zhupei.delivery.journal.base import Batch, ignore


class MemoryJournal:
    """Every batch is done at once; ``replay`` gives nothing."""

    def __init__(self) -> None:
        self.on_failure: Callable[[], None] = ignore

    def append(self, events: Sequence[AnyEvent]) -> Batch:
        """See ``Journal``."""
        batch = Batch()
        batch.finish()
        return batch

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """See ``Journal``."""
        return iter(())

    def settle(self) -> None:
        """See ``Journal``."""

    def close(self) -> None:
        """See ``Journal``."""
