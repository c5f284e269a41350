"""The candidates in memory, with the papers they came with."""

from __future__ import annotations

from zhupei.delivery.formats.bundles import Bundle, Candidate
from zhupei.delivery.formats.papers import Paper, Slot


class Sheet:
    """A loaded paper with its slots by key."""

    __slots__ = ("paper", "slots")

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.slots: dict[str, Slot] = {slot.key: slot for slot in paper.slots()}


class Person:
    """A candidate with the bundle it came in."""

    __slots__ = ("bundle", "candidate", "papers")

    def __init__(self, bundle: Bundle, candidate: Candidate) -> None:
        self.bundle, self.candidate = bundle, candidate
        order = [subject for subject in bundle.rules.subjects if subject in candidate.papers]
        self.papers = {subject: Sheet(candidate.papers[subject]) for subject in order}
