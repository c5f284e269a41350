"""From papers that were sat to the tables that the measures take. No database."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from zhupei.exams.api import SatPaper, SlotAnswer

from .matrix import Answers, Floats, Ints


@dataclass(frozen=True)
class Question:
    """One question: a slot of one item version."""

    key: str
    item_uid: str
    version: int
    kind: str
    options: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """What is known of somebody who sat: the groups for differences, when, and whether he passed. No name."""

    institution_kind: str
    division: str
    sex: str
    month: str
    day: int
    passed: bool


@dataclass(frozen=True)
class Table:
    """All answers of one post and subject. Persons, questions and their indices are those of ``answers``."""

    answers: Answers
    questions: list[Question]
    people: list[Person]

    @property
    def days(self) -> Ints:
        """The day of each person's test, as a number."""
        return np.array([one.day for one in self.people], dtype=np.int64)


@dataclass
class Gatherer:
    """Takes papers of one post and subject, one by one."""

    people: list[Person] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    chosen: list[tuple[str, ...]] = field(default_factory=list)
    _number: dict[tuple[str, int], int] = field(default_factory=dict)
    _units: dict[tuple[str, int], int] = field(default_factory=dict)
    _strata: dict[str, int] = field(default_factory=dict)
    _unit: array[int] = field(default_factory=lambda: array("q"))
    _stratum: array[int] = field(default_factory=lambda: array("q"))
    _person: array[int] = field(default_factory=lambda: array("q"))
    _item: array[int] = field(default_factory=lambda: array("q"))
    _marks: array[float] = field(default_factory=lambda: array("d"))
    _full: array[float] = field(default_factory=lambda: array("d"))

    def add(self, paper: SatPaper) -> None:
        """One more paper."""
        who = len(self.people)
        self.people.append(
            Person(
                paper.institution_kind,
                paper.division,
                paper.sex,
                f"{paper.day:%Y-%m}",
                paper.day.toordinal(),
                paper.passed,
            )
        )
        for answer in paper.answers:
            self._person.append(who)
            self._item.append(self._question(answer))
            self._marks.append(float(answer.marks))
            self._full.append(float(answer.full))
            self.chosen.append(answer.chosen)

    def _question(self, answer: SlotAnswer) -> int:
        name = answer.key, answer.version
        number = self._number.get(name)
        if number is None:
            number = self._number[name] = len(self.questions)
            self.questions.append(
                Question(
                    answer.key, answer.item_uid, answer.version, answer.kind, answer.options, answer.right
                )
            )
            self._unit.append(self._units.setdefault((answer.item_uid, answer.version), len(self._units)))
            self._stratum.append(self._strata.setdefault(answer.section, len(self._strata)))
        return number

    def table(self) -> Table:
        """Everything taken so far."""

        def ints(values: array[int]) -> Ints:
            return np.array(values, dtype=np.int64)

        def floats(values: array[float]) -> Floats:
            return np.array(values, dtype=np.float64)

        answers = Answers(
            ints(self._person), ints(self._item), floats(self._marks), floats(self._full),
            len(self.people), len(self.questions), ints(self._unit), ints(self._stratum), self.chosen,
        )  # fmt: skip
        return Table(answers, self.questions, self.people)


Scope = tuple[int, str]
"""A post's primary key and a subject."""


def gather(papers: Iterable[SatPaper], into: dict[Scope, Gatherer]) -> None:
    """Sort papers by post and subject."""
    for paper in papers:
        into.setdefault((paper.post_id, paper.subject), Gatherer()).add(paper)


def tables(gathered: Mapping[Scope, Gatherer]) -> dict[Scope, Table]:
    return {scope: one.table() for scope, one in sorted(gathered.items())}
