"""Answers made up from known parameters: for tests, measurements and the demonstration. Pure; no Django."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from scipy.special import expit

from .matrix import Answers, Floats


def forms(persons: int, items: int, each: int, rng: np.random.Generator) -> np.ndarray:
    """Persons × ``each``: a random form for everybody."""
    return np.argsort(rng.random((persons, items)), axis=1)[:, :each]


def simulate(
    theta: Floats, a: Floats, b: Floats, rng: np.random.Generator, *, drawn: np.ndarray | None = None
) -> Answers:
    """Right and wrong by the two-parameter logistic model; ``drawn`` gives the items of each person (all if None)."""
    persons, items = len(theta), len(a)
    if drawn is None:
        drawn = np.broadcast_to(np.arange(items), (persons, items))
    person = np.repeat(np.arange(persons), drawn.shape[1])
    item = np.asarray(drawn).ravel().astype(np.int64)
    right = rng.random(len(item)) < expit(a[item] * (theta[person] - b[item]))
    return Answers(
        person, item, right.astype(np.float64), np.ones(len(item)),
        persons, items, np.arange(items), np.zeros(items, dtype=np.int64),
    )  # fmt: skip


def difficulty_of(facility: float, a: float = 1.0) -> float:
    """The b of an item that a person of average ability gets right with probability ``facility`` (kept in 0.02 … 0.98).

    Over people who differ, the share of right answers lies a little nearer to a half than that.
    """
    p = min(max(facility, 0.02), 0.98)
    return float(-np.log(p / (1 - p)) / a)


def choose(
    right: Sequence[str],
    options: Sequence[str],
    knows: bool,
    ability: float,
    rng: np.random.Generator,
    *,
    several: bool = False,
    pull: Mapping[str, float] | None = None,
    blank: float = 0.02,
) -> tuple[str, ...]:
    """Options as a person would tick them: the right ones when he ``knows``, else something plausible but wrong.

    ``pull`` weighs the wrong options (1 each by default); the weak are drawn to the strongest, the able less so. Of several
    right options a person who does not know leaves one out or adds a wrong one. Now and then (``blank``) nothing is ticked.
    """
    if knows:
        return tuple(right)
    if rng.random() < blank:
        return ()
    wrong = [one for one in options if one not in right]
    strength = np.array([(pull or {}).get(one, 1.0) for one in wrong]) ** (1.0 + max(-ability, 0.0))
    tempting = str(rng.choice(wrong, p=strength / strength.sum()))
    if not several:
        return (tempting,)
    kept = list(right)
    if rng.random() < 0.6 and len(kept) > 1:
        kept.remove(str(rng.choice(kept)))
        if rng.random() < 0.6:
            return tuple(sorted(kept))
    return tuple(sorted({*kept, tempting}))


@dataclass(frozen=True)
class Asked:
    """One question on somebody's paper: its options and right ones, how many get it right on average, and its slope."""

    key: str
    kind: str
    options: tuple[str, ...]
    right: tuple[str, ...]
    facility: float = 0.7
    a: float = 1.0


def temptation(asked: Asked) -> dict[str, float]:
    """How strongly each wrong option tempts, the same for everybody and every run: some are far more plausible than others."""
    weights = np.random.default_rng(crc32(asked.key.encode())).lognormal(0, 0.8, len(asked.options))
    return {
        name: float(weight)
        for name, weight in zip(sorted(asked.options), weights, strict=True)
        if name not in asked.right
    }


def sit(paper: Iterable[Asked], ability: float, rng: np.random.Generator) -> dict[str, tuple[str, ...]]:
    """A person's answers to a paper, by slot key, as a hall would return them (blank ones left out)."""
    given = {}
    for asked in paper:
        b = difficulty_of(asked.facility, asked.a)
        knows = rng.random() < expit(asked.a * (ability - b))
        several = asked.kind == "multiple"
        chosen = choose(
            asked.right, asked.options, bool(knows), ability, rng, several=several, pull=temptation(asked)
        )
        if chosen:
            given[asked.key] = chosen
    return given
