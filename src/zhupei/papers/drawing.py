"""From item versions to papers and keys, as the exam engine takes them. Pure but for the item versions it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from zhupei.delivery.api import (
    Child,
    ChildKind,
    Key,
    Kind,
    Option,
    Paper,
    ScoreRule,
    Unit,
    signed_off,
    slot_key,
)
from zhupei.delivery.api import Section as PaperSection
from zhupei.itembank.api import ItemKind, ItemVersion

from .assembly import ALGORITHM, NO_DIFFICULTY, Bank, Piece, SectionPlan, choose, permuted
from .chance import Chance, derived_seed
from .choices import SECTION_TITLES, SUBJECT_TITLES


def plan_of(sections: Iterable[Mapping[str, Any]]) -> tuple[SectionPlan, ...]:
    """A blueprint's sections as the draw takes them."""
    return tuple(
        SectionPlan(s["kind"], int(s["count"]), Decimal(s["marks"]), s["rule"], int(s.get("children", 0)))
        for s in sections
    )


def pieces_of(versions: Sequence[ItemVersion]) -> list[Piece]:
    """Item versions as the draw takes them. An item whose difficulty nobody judged counts as the mean of its cell."""
    judged: dict[tuple[str, str], list[Fraction]] = {}
    for version in versions:
        if version.difficulty is not None:
            judged.setdefault((version.item.kind, version.item.chapter), []).append(
                Fraction(version.difficulty)
            )
    pieces = []
    for version in versions:
        item = version.item
        cell = judged.get((item.kind, item.chapter))
        if version.difficulty is not None:
            share = Fraction(version.difficulty)
        else:
            # to the thousandth, as authors write it: a common denominator for exact sums
            share = (
                Fraction(round(sum(cell, Fraction(0)) / len(cell) * 1000), 1000) if cell else NO_DIFFICULTY
            )
        slots = len(version.content["children"]) if item.kind == ItemKind.CASE else 1
        pieces.append(
            Piece(
                item.uid, version.number, item.kind, item.chapter, item.level, share, slots, version.content
            )
        )
    return pieces


def keys_for(versions: Iterable[ItemVersion], rules: Mapping[str, str]) -> dict[str, Key]:
    """The key of every slot of these versions; ``rules`` maps item numbers to the scoring rule of their section."""
    keys: dict[str, Key] = {}
    for version in versions:
        uid, kind = version.item.uid, version.item.kind
        if kind == ItemKind.CASE:
            kinds = {str(child["no"]): child["kind"] for child in version.content["children"]}
            for no, right in version.key["children"].items():
                keys[slot_key(uid, int(no))] = _key(kinds[no], right, rules[uid])
        else:
            keys[uid] = _key(kind, version.key["answer"], rules[uid])
    return keys


def _key(kind: str, right: Sequence[str], rule: str) -> Key:
    """Only multiple choice can earn part of its marks."""
    chosen = rule if kind == ItemKind.MULTIPLE else "all_or_nothing"
    return Key(right=tuple(right), rule=cast(ScoreRule, chosen))


@dataclass(frozen=True)
class Form:
    """What a draw needs of one post and subject."""

    subject: str
    post_name: str
    bank: Bank
    full_mark: Decimal
    bank_version: str


class Drawer:
    """Draws one batch: the same seed, candidates and forms give the same papers on any machine."""

    def __init__(self, seed: bytes, batch_key: str) -> None:
        self.seed, self.batch_key = seed, batch_key
        self.drawn: Counter[str] = Counter()
        self._seen: set[tuple[Any, ...]] = set()

    def paper(
        self, candidate_key: str, form: Form, avoid: Collection[str] = (), *, balance: bool = True
    ) -> Paper:
        """The next candidate's paper; its items count as drawn from here on. No two papers of a batch are equal."""
        attempt = 0
        while True:
            names = (
                ALGORITHM,
                self.batch_key,
                candidate_key,
                form.subject,
                *([str(attempt)] if attempt else []),
            )
            chance = Chance.of(self.seed, *names)
            sections = choose(form.bank, chance, self.drawn, avoid, balance=balance)
            units = tuple(
                _unit(piece, plan, chance)
                for plan, pieces in zip(form.bank.plan, sections, strict=True)
                for piece in pieces
            )
            face = tuple((u.item_uid, tuple(o.id for o in u.options)) for u in units)
            if face not in self._seen or attempt == 20:  # a bank so small that nothing else can be drawn
                break
            attempt += 1
        self._seen.add(face)
        self.drawn.update(unit.item_uid for unit in units)
        return signed_off(
            Paper(
                paper_id=f"{self.batch_key}/{candidate_key}/{form.subject}",
                candidate_id=candidate_key,
                subject=form.subject,
                title=f"{form.post_name} {SUBJECT_TITLES[form.subject]}",  # type: ignore[index]
                seed=derived_seed(self.seed, *names),
                algorithm=ALGORITHM,
                bank_version=form.bank_version,
                sections=tuple(
                    PaperSection(
                        kind=cast(Kind, plan.kind),
                        title=SECTION_TITLES[plan.kind],  # type: ignore[index]
                        count=plan.count,
                        marks_each=plan.marks,
                    )
                    for plan in form.bank.plan
                ),
                units=units,
                full_mark=form.full_mark,
            )
        )


def _options(source: Mapping[str, Any], kind: str, chance: Chance) -> tuple[Option, ...]:
    """Options in this paper's order. 正确 and 错误 always stand in that order."""
    options: Sequence[Mapping[str, str]] = source["options"]
    if kind != ItemKind.TRUE_FALSE:
        options = permuted(options, source.get("anchored", ()), chance)
    return tuple(Option(id=o["id"], text=o["text"]) for o in options)


def _unit(piece: Piece, plan: SectionPlan, chance: Chance) -> Unit:
    children = tuple(
        Child(
            no=child["no"],
            kind=cast(ChildKind, child["kind"]),
            stem=child["stem"],
            options=_options(child, child["kind"], chance),
            marks=plan.marks,
        )
        for child in piece.content["children"]
    )
    return Unit(
        item_uid=piece.uid,
        version=piece.version,
        kind=cast(Kind, piece.kind),
        stem=piece.content["stem"],
        marks=plan.marks * piece.slots,
        options=() if children else _options(piece.content, piece.kind, chance),
        children=children,
    )
