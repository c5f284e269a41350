"""One copy of what the papers of a bundle have in common: hundreds of candidates get the same few hundred items.

Decoded, every paper brings its own texts, some 200 kB a candidate. Shared, a candidate costs little more than the order of
his items and options. The values stay what they were, digests too.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from zhupei.delivery.formats.bundles import Bundle
from zhupei.delivery.formats.papers import Child, Paper, Unit

T = TypeVar("T")
Part = TypeVar("Part", Unit, Child)


class Sharing:
    """Gives for each value the first one seen that is equal to it."""

    def __init__(self) -> None:
        self._seen: dict[object, object] = {}

    def one(self, value: T) -> T:
        return self._seen.setdefault(value, value)  # type: ignore[return-value]

    def bundle(self, bundle: Bundle) -> Bundle:
        """``bundle`` with equal parts of its papers being the same ones."""
        people = [
            replace(
                candidate, papers={self.one(of): self._paper(one) for of, one in candidate.papers.items()}
            )
            for candidate in bundle.candidates
        ]
        keys = {
            self.one(key): replace(value, right=self.one(value.right)) for key, value in bundle.keys.items()
        }
        return replace(bundle, candidates=tuple(people), keys=keys)

    def _paper(self, paper: Paper) -> Paper:
        units = []
        for unit in paper.units:
            children = self.one(tuple(self.one(self._part(child)) for child in unit.children))
            units.append(
                self.one(replace(self._part(unit), item_uid=self.one(unit.item_uid), children=children))
            )
        return replace(
            paper,
            candidate_id=self.one(paper.candidate_id),
            subject=self.one(paper.subject),
            title=self.one(paper.title),
            algorithm=self.one(paper.algorithm),
            bank_version=self.one(paper.bank_version),
            sections=self.one(paper.sections),
            units=tuple(units),
        )

    def _part(self, part: Part) -> Part:
        options = self.one(tuple(self.one(option) for option in part.options))
        return replace(part, stem=self.one(part.stem), options=options, marks=self.one(part.marks))
