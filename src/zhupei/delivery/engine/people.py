"""The candidates in memory, with the papers they came with."""

from __future__ import annotations

from msgspec.structs import replace

from zhupei.delivery.engine.sharing import Sharing
from zhupei.delivery.formats.bundles import Bundle, Candidate
from zhupei.delivery.formats.papers import Paper, Slot


class Sheet:
    """A loaded paper with its slots, by key and in order."""

    __slots__ = ("order", "paper", "slots")

    def __init__(self, paper: Paper, sharing: Sharing) -> None:
        one = sharing.one
        self.paper = paper
        self.order = tuple(
            replace(slot, key=one(slot.key), option_ids=one(slot.option_ids)) for slot in paper.slots()
        )
        self.slots: dict[str, Slot] = {slot.key: slot for slot in self.order}


class Person:
    """A candidate with the bundle it came in."""

    __slots__ = ("bundle", "candidate", "papers")

    def __init__(self, bundle: Bundle, candidate: Candidate, sharing: Sharing) -> None:
        self.bundle, self.candidate = bundle, candidate
        order = [subject for subject in bundle.rules.subjects if subject in candidate.papers]
        self.papers = {subject: Sheet(candidate.papers[subject], sharing) for subject in order}
