"""From released versions to papers and keys, as the exam engine takes them. Pure but for the rows it is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
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
from zhupei.itembank.api import ItemKind, ItemVersion, ReleasedVersion

from .assembly import (
    ALGORITHM,
    NO_SHARE,
    PERMILLE,
    Bank,
    Piece,
    SectionPlan,
    Targets,
    assemble,
    natural_mean,
    neighbour_array,
    plain_deal,
)
from .assembly import figures as figures_of
from .assembly import violations as violations_of
from .chance import Indices, Stream, derived_seed
from .choices import SECTION_TITLES, SUBJECT_TITLES


def plan_of(sections: Iterable[Mapping[str, Any]]) -> tuple[SectionPlan, ...]:
    """A blueprint's sections as the draw takes them."""
    return tuple(
        SectionPlan(
            s["kind"],
            int(s["count"]),
            Decimal(s["marks"]),
            s["rule"],
            int(s.get("children", 0)),
            tuple((p["kind"], int(p["number"]), Decimal(p["marks"])) for p in s.get("pattern", ())),
        )
        for s in sections
    )


def targets_of(targets: Mapping[str, Any], weights: Mapping[str, Fraction]) -> Targets:
    """A blueprint's targets as the draw takes them; ``weights``: the syllabus's, where the blueprint has none of its own."""
    base = Targets()

    def one(name: str, default: Any) -> Any:
        return Fraction(targets[name]) if targets.get(name) is not None else default

    def pair(value: Sequence[str]) -> tuple[Fraction, Fraction]:
        return Fraction(value[0]), Fraction(value[1])

    own = {chapter: Fraction(weight) for chapter, weight in targets.get("chapters", {}).items()}
    return Targets(
        weights=own or dict(weights),
        chapter_tolerance=one("chapter_tolerance", base.chapter_tolerance),
        levels={level: pair(bounds) for level, bounds in targets.get("levels", {}).items()},
        mean=one("mean", None),
        tolerance=one("tolerance", base.tolerance),
        spread=pair(targets["spread"]) if targets.get("spread") else None,
        information=one("information", base.information),
        overlap=one("overlap", base.overlap),
        exposure=one("exposure", base.exposure),
    )


def pieces_of(rows: Sequence[ReleasedVersion]) -> list[Piece]:
    """Released versions as the draw takes them. An item whose difficulty nobody judged counts as the mean of its cell."""
    judged: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row.share is not None:
            cell = (row.version.item.kind, row.version.chapter)
            judged.setdefault(cell, []).append(int(row.share * PERMILLE))
    means = {cell: round(Fraction(sum(shares), len(shares))) for cell, shares in judged.items()}
    pieces = []
    for row in rows:
        version, kind = row.version, row.version.item.kind
        if row.share is not None:
            share = int(row.share * PERMILLE)
        else:
            share = means.get((kind, version.chapter), NO_SHARE)
        children = tuple(child["kind"] for child in version.content["children"])
        pieces.append(
            Piece(
                version.item.uid,
                version.number,
                kind,
                version.chapter,
                version.level,
                share,
                len(children) or 1,
                version.content,
                children,
                row.a,
                row.b,
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
    """What a draw needs of one subject, for a post or for posts that share their items."""

    subject: str
    bank: Bank
    full_mark: Decimal
    bank_version: str

    @cached_property
    def mean(self) -> Fraction:
        """The expected share of the marks that every paper aims at."""
        return self.bank.targets.mean if self.bank.targets.mean is not None else natural_mean(self.bank)


@dataclass(frozen=True)
class Seat:
    """Where a candidate sits: the room in one session, and the seat in it, counted row by row from 1."""

    room: str
    number: int


@dataclass(frozen=True)
class Order:
    """What is wanted of a draw: candidates in the order of their keys, seats, and items that each met before."""

    batch_key: str
    candidates: tuple[str, ...]
    seats: Mapping[str, Seat] = field(default_factory=dict)
    row_length: int = 10
    met: Mapping[str, Collection[str]] = field(default_factory=dict)
    rested: Collection[str] = ()

    def seated(self) -> list[str]:
        """The candidates as they sit, room after room; those without a seat last."""

        def place(key: str) -> tuple[bool, str, int, str]:
            seat = self.seats.get(key)
            return (seat is None, seat.room if seat else "", seat.number if seat else 0, key)

        return sorted(self.candidates, key=place)

    def neighbours(self, keys: Sequence[str]) -> list[list[int]]:
        """For each of ``keys``, the positions in it of those beside, before and behind: eight at most."""
        at = {(s.room, s.number): n for n, key in enumerate(keys) if (s := self.seats.get(key))}
        found = []
        for key in keys:
            seat = self.seats.get(key)
            found.append([] if seat is None else [at[p] for p in self._around(seat) if p in at])
        return found

    def _around(self, seat: Seat) -> Iterator[tuple[str, int]]:
        across = (seat.number - 1) % self.row_length
        for down in (-self.row_length, 0, self.row_length):
            for side in (-1, 0, 1):
                if (down or side) and 0 <= across + side < self.row_length:
                    yield seat.room, seat.number + down + side


@dataclass(frozen=True)
class Selection:
    """The pieces of every candidate's paper in one subject, and how even they came out."""

    form: Form
    keys: tuple[str, ...]
    papers: Indices
    figures: dict[str, Any]


def select(seed: bytes, order: Order, form: Form, group: str) -> Selection:
    """Choose the pieces of every candidate's paper. ``group`` names the posts drawn together."""
    keys = order.seated()
    beside = order.neighbours(keys)
    met = {n: order.met[key] for n, key in enumerate(keys) if order.met.get(key)}
    names = (ALGORITHM, order.batch_key, form.subject, group)
    papers = assemble(
        form.bank,
        len(keys),
        Stream.of(seed, *names),
        met=met,
        neighbours=beside,
        rested=order.rested,
        mean=form.mean,
    )
    around = neighbour_array(beside, len(keys))
    result = figures_of(form.bank, papers, around, met)
    plain = figures_of(form.bank, plain_deal(form.bank, len(keys), Stream.of(seed, *names, "plain")), around)
    figures = {
        "subject": form.subject,
        "papers": result.papers,
        "distinct": result.distinct,
        "score": _score(result),
        "plain": _score(plain),
        "exposure": round(result.exposure, 3),
        "overlap": {"max": round(result.overlap_max, 3), "mean": round(result.overlap_mean, 3)},
        "plain_overlap": {"max": round(plain.overlap_max, 3), "mean": round(plain.overlap_mean, 3)},
        "met": result.met,
        "violations": dict(violations_of(form.bank, papers, form.mean, around)),
    }
    return Selection(form, tuple(keys), papers, figures)


def _score(figures: Any) -> dict[str, float]:
    return {
        "min": round(figures.score_min, 3),
        "max": round(figures.score_max, 3),
        "mean": round(figures.score_mean, 3),
        "sd": round(figures.score_sd, 3),
    }


class Printer:
    """Writes chosen pieces out as papers: options in an order of this candidate's own, right answers spread over the letters.

    The order follows from the seed of the draw, never from the seed that stands in the paper: right answers are put on their
    letters by it, so whoever has it and a paper can tell them.
    """

    def __init__(self, seed: bytes, batch_key: str, form: Form, right: Mapping[str, Sequence[str]]) -> None:
        """``right``: the option ids that are right, by slot key, of every piece that may be printed."""
        self.seed, self.batch_key, self.form, self.right = seed, batch_key, form, right
        plan = form.bank.plan
        self._places = [section for section in plan for _ in range(section.count)]
        self._sections = tuple(
            PaperSection(
                kind=cast(Kind, section.kind),
                title=SECTION_TITLES[section.kind],  # type: ignore[index]
                count=section.count,
                marks_each=section.marks if not section.pattern else Decimal(0),
            )
            for section in plan
        )
        self._slots: dict[str, _Slot] = {}
        self._pieces: dict[str, list[_Slot]] = {}

    def papers(self, selection: Selection, title_of: Mapping[str, str]) -> Iterator[tuple[str, Paper]]:
        """Every candidate's paper. ``title_of``: the name of each candidate's post."""
        for key, row in zip(selection.keys, selection.papers.tolist(), strict=True):
            yield key, self.paper(key, title_of[key], [self.form.bank.pieces[n] for n in row])

    def paper(self, key: str, post_name: str, pieces: Sequence[Piece]) -> Paper:
        """One paper of these pieces, in this order. Its ``seed`` is a mark of the draw's, from which nothing can be derived."""
        form = self.form
        names = (ALGORITHM, self.batch_key, key, form.subject)
        seed = derived_seed(self.seed, *names)
        orders = self._orders(pieces, Stream.of(self.seed, *names, "options"))
        return signed_off(
            Paper(
                paper_id=f"{self.batch_key}/{key}/{form.subject}",
                candidate_id=key,
                subject=form.subject,
                title=f"{post_name} {SUBJECT_TITLES[form.subject]}",  # type: ignore[index]
                seed=seed,
                algorithm=ALGORITHM,
                bank_version=form.bank_version,
                sections=self._sections,
                units=tuple(
                    [
                        self._unit(piece, place, orders)
                        for piece, place in zip(pieces, self._places, strict=True)
                    ]
                ),
                full_mark=form.full_mark,
            )
        )

    def _unit(self, piece: Piece, section: SectionPlan, orders: Mapping[str, Sequence[str]]) -> Unit:
        content = piece.content
        children = tuple(
            Child(
                no=child["no"],
                kind=cast(ChildKind, child["kind"]),
                stem=child["stem"],
                options=self._shown(slot_key(piece.uid, child["no"]), orders),
                marks=section.marks_of(child["kind"]),
            )
            for child in content["children"]
        )
        return Unit(
            item_uid=piece.uid,
            version=piece.version,
            kind=cast(Kind, piece.kind),
            stem=content["stem"],
            marks=section.worth(piece),
            options=() if children else self._shown(piece.uid, orders),
            children=children,
        )

    def _shown(self, slot: str, orders: Mapping[str, Sequence[str]]) -> tuple[Option, ...]:
        options = self._slots[slot].options
        return tuple([options[id_] for id_ in orders[slot]])

    def _orders(self, pieces: Sequence[Piece], stream: Stream) -> dict[str, Sequence[str]]:
        """The order of options of every slot. True/false keeps 正确, 错误; anchored options ("以上都对") keep their places; the
        right answers of single choice fall on each letter equally often, as far as numbers allow."""
        slots = [slot for piece in pieces for slot in self._slots_of(piece)]
        words = iter(stream.words(sum(len(slot.loose) for slot in slots)).tolist())
        orders: dict[str, Sequence[str]] = {}
        singles: dict[int, list[_Slot]] = {}
        for slot in slots:
            # each loose option with its word: sorted, they stand in random order
            shuffled = [id_ for _word, id_ in sorted((next(words), id_) for id_ in slot.loose)]
            if slot.even:
                singles.setdefault(len(slot.ids), []).append(slot)
            if slot.anchored:
                rest = iter(shuffled)
                shuffled = [id_ if id_ in slot.anchored else next(rest) for id_ in slot.ids]
            orders[slot.key] = shuffled or slot.ids
        for count, alike in sorted(singles.items()):
            for slot, place in zip(alike, even_places(len(alike), count, stream), strict=True):
                right = slot.even
                ids = [id_ for id_ in orders[slot.key] if id_ != right]
                ids.insert(place, right)
                orders[slot.key] = ids
        return orders

    def _slots_of(self, piece: Piece) -> list[_Slot]:
        found = self._pieces.get(piece.uid)
        if found is None:
            found = [self._slot(*facts) for facts in _slots(piece)]
            self._pieces[piece.uid] = found
            self._slots.update((slot.key, slot) for slot in found)
        return found

    def _slot(self, key: str, kind: str, source: Mapping[str, Any]) -> _Slot:
        ids = [option["id"] for option in source["options"]]
        anchored = frozenset(source.get("anchored", ()))
        fixed = kind == ItemKind.TRUE_FALSE
        return _Slot(
            key,
            ids,
            [] if fixed else [id_ for id_ in ids if id_ not in anchored],
            frozenset() if fixed else anchored,
            self.right[key][0] if kind == ItemKind.SINGLE and not anchored else "",
            {o["id"]: Option(id=o["id"], text=o["text"]) for o in source["options"]},
        )


@dataclass(frozen=True)
class _Slot:
    """A slot as it is printed. ``loose``: the options that are shuffled; ``even``: the right one, where its place is balanced."""

    key: str
    ids: Sequence[str]
    loose: Sequence[str]
    anchored: frozenset[str]
    even: str
    options: Mapping[str, Option]


def even_places(slots: int, letters: int, stream: Stream) -> list[int]:
    """A place among the letters for each slot's right answer, each letter equally often; what is left over falls at random."""
    rounds = -(-slots // letters)
    places = stream.orders(rounds, letters).ravel()[:slots]
    result: list[int] = places[stream.order(slots)].tolist()
    return result


def _slots(piece: Piece) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every slot of a piece, with its kind and where its options stand."""
    if not piece.children:
        yield piece.uid, piece.kind, piece.content
    for child in piece.content["children"]:
        yield slot_key(piece.uid, child["no"]), child["kind"], child
