"""Choosing items: exact counts, marks and chapters; no repeats; chance that is fair and the same everywhere."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhupei.delivery.api import Key, check_paper
from zhupei.kernel.digests import digest
from zhupei.papers.assembly import (
    TOLERANCE,
    Bank,
    CannotFill,
    Piece,
    SectionPlan,
    allocate,
    choose,
    expected_score,
    permuted,
    quotas,
)
from zhupei.papers.chance import Chance
from zhupei.papers.drawing import Drawer, Form

PLAN = (
    SectionPlan("single", 20, Decimal(2)),
    SectionPlan("multiple", 5, Decimal(4)),
    SectionPlan("true_false", 10, Decimal(2)),
    SectionPlan("case", 2, Decimal(4), children=5),
)
WEIGHTS = {"1": Fraction(4, 10), "2": Fraction(35, 100), "3": Fraction(25, 100)}


def piece(no: int, kind: str, chapter: str, share: Fraction, slots: int = 1) -> Piece:
    def options(count: int) -> list[dict[str, str]]:
        return [{"id": "abcdef"[n], "text": f"{no}{n}"} for n in range(count)]

    content: dict[str, object] = {"stem": f"S{no}", "options": options(4), "children": [], "anchored": []}
    if kind == "true_false":
        content["options"] = [{"id": "t", "text": "正确"}, {"id": "f", "text": "错误"}]
    if kind == "case":
        children = [
            {"no": n, "kind": "single", "stem": "c", "options": options(4)} for n in range(1, slots + 1)
        ]
        content = {"stem": f"S{no}", "options": [], "children": children, "anchored": []}
    return Piece(f"{kind}-{no:04d}", 1, kind, chapter, "掌握", share, slots, content)


@st.composite
def banks(draw: st.DrawFn) -> list[Piece]:
    """Banks of many shapes that can fill the plan."""
    shares = st.integers(300, 950).map(lambda n: Fraction(n, 1000))
    pieces: list[Piece] = []
    for section in PLAN:
        for chapter, weight in WEIGHTS.items():
            least = ceil(section.count * weight)
            for _n in range(draw(st.integers(least, least + 8))):
                pieces.append(piece(len(pieces), section.kind, chapter, draw(shares), 2))
    for chapter in WEIGHTS:
        pieces.append(piece(len(pieces), "case", chapter, draw(shares), 3))
    return [p if p.kind == "case" else piece(n, p.kind, p.chapter, p.share) for n, p in enumerate(pieces)]


@pytest.mark.req("R034", "R035", "R036", "R037", "R041")
@settings(max_examples=40, deadline=None)
@given(banks(), st.binary(min_size=32, max_size=32), st.booleans())
def test_every_paper_is_exact(pieces: list[Piece], seed: bytes, balance: bool) -> None:
    bank = Bank(PLAN, pieces, WEIGHTS)
    drawer = Drawer(seed, "b")
    form = Form("professional", "土建施工员", bank, Decimal(100), "1")
    keys = {p.uid: Key(right=("t" if p.kind == "true_false" else "a",)) for p in pieces}
    keys |= {p.uid: Key(right=("a", "b")) for p in pieces if p.kind == "multiple"}
    keys |= {f"{p.uid}#{n}": Key(right=("a",)) for p in pieces if p.kind == "case" for n in (1, 2, 3)}
    by_uid = {p.uid: p for p in pieces}
    for n in range(3):
        paper = drawer.paper(f"c{n}", form, balance=balance)
        check_paper(paper, keys, full_mark=Decimal(100))
        uids = [u.item_uid for u in paper.units]
        assert len(set(uids)) == len(uids)
        assert sum(u.marks for u in paper.units) == 100
        at = 0
        for number, section in enumerate(PLAN):
            found = Counter(by_uid[uid].chapter for uid in uids[at : at + section.count])
            at += section.count
            if section.kind != "case":
                for chapter, quota in bank.quotas[number].items():
                    assert floor(quota) <= found[chapter] <= ceil(quota)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60)), min_size=1, max_size=10),
    st.binary(min_size=32, max_size=32),
)
def test_places_are_shared_out_whole_and_within_what_there_is(
    count: int, cells: list[tuple[int, int]], key: bytes
) -> None:
    weights = {str(n): Fraction(w) for n, (w, _cap) in enumerate(cells)}
    caps = {str(n): cap for n, (_w, cap) in enumerate(cells)}
    quota = quotas(count, weights, caps)
    places = allocate(quota, Chance(key))
    assert sum(places.values()) == min(count, sum(caps.values()))
    assert all(places[c] <= caps[c] for c in caps)
    assert all(floor(quota[c]) <= places[c] <= ceil(quota[c]) for c in caps)


def test_no_chapter_starves_and_each_gets_its_weight_on_average() -> None:
    quota = quotas(
        5, {"a": Fraction(6, 10), "b": Fraction(3, 10), "c": Fraction(1, 10)}, dict.fromkeys("abc", 9)
    )
    totals: Counter[str] = Counter()
    for n in range(2000):
        totals.update(allocate(quota, Chance.of(b"seed", str(n))))
    assert totals["a"] == 6000
    assert abs(totals["b"] - 3000) < 150
    assert abs(totals["c"] - 1000) < 150


@pytest.mark.parametrize(
    ("kind", "drop", "chapter"), [("single", "1", "1"), ("multiple", None, None), ("case", None, None)]
)
def test_a_short_cell_is_named(kind: str, drop: str | None, chapter: str | None) -> None:
    pieces = [piece(n, s.kind, c, Fraction(1, 2), 2) for s in PLAN for c in WEIGHTS for n in range(30)]
    kept = [p for p in pieces if p.kind != kind or (drop is not None and p.chapter != drop)]
    with pytest.raises(CannotFill) as caught:
        Bank(PLAN, kept, WEIGHTS)
    short = caught.value.shortage
    assert (short.section.kind, short.chapter) == (kind, chapter)
    assert short.has < short.needed


def test_cases_that_cannot_add_up_are_refused() -> None:
    pieces = [piece(n, s.kind, c, Fraction(1, 2), 2) for s in PLAN for c in WEIGHTS for n in range(30)]
    with pytest.raises(CannotFill) as caught:  # only cases of two: five is out of reach
        Bank(PLAN, pieces, WEIGHTS)
    assert caught.value.shortage.needed == 5


def test_anchored_options_keep_their_place() -> None:
    options = [{"id": i, "text": i} for i in "abcde"]
    orders = {
        tuple(o["id"] for o in permuted(options, {"e", "b"}, Chance.of(b"s", str(n)))) for n in range(200)
    }
    assert all(order[1] == "b" and order[4] == "e" for order in orders)
    assert len(orders) == 6


def test_items_met_before_come_only_when_nothing_else_is_left() -> None:
    plan = (SectionPlan("single", 4, Decimal(25)),)
    pieces = [piece(n, "single", "", Fraction(1, 2)) for n in range(6)]
    bank = Bank(plan, pieces, {})
    met = {pieces[0].uid, pieces[1].uid}
    for n in range(30):
        chosen = {p.uid for p in choose(bank, Chance.of(b"s", str(n)), {}, met)[0]}
        assert not chosen & met
    more = {p.uid for p in pieces[:4]}
    chosen = {p.uid for p in choose(bank, Chance.of(b"s"), {}, more)[0]}
    assert len(chosen) == 4
    assert {pieces[4].uid, pieces[5].uid} <= chosen


def test_the_exchange_makes_papers_parallel() -> None:
    chance = Chance.of(b"bank")
    pieces = [
        piece(n, s.kind, c, Fraction(300 + chance.below(650), 1000), 2 + n % 2)
        for s in PLAN
        for c in WEIGHTS
        for n in range(100 * len(s.kind), 100 * len(s.kind) + 40)
    ]
    pieces = [p if p.kind == "case" else piece(n, p.kind, p.chapter, p.share) for n, p in enumerate(pieces)]
    bank = Bank(PLAN, pieces, WEIGHTS)

    def scores(balance: bool) -> list[Fraction]:
        return [
            expected_score(PLAN, choose(bank, Chance.of(b"x", str(n)), {}, balance=balance))
            for n in range(200)
        ]

    plain, even = scores(False), scores(True)
    assert max(plain) - min(plain) > 10
    assert max(even) - min(even) <= 2 * TOLERANCE


def chi_square(counts: list[int]) -> float:
    mean = sum(counts) / len(counts)
    return sum((c - mean) ** 2 for c in counts) / mean


def test_chance_is_even() -> None:
    chance = Chance.of(b"even")
    assert (
        chi_square(list(Counter(chance.below(10) for _ in range(20000)).values())) < 27.9
    )  # 9 degrees, p = 0.001
    planted = [min(chance.below(10), chance.below(11)) for _ in range(20000)]
    assert chi_square(list(Counter(planted).values())) > 27.9  # a bias is seen
    with pytest.raises(ValueError, match="0"):
        chance.below(0)


GOLDEN_NUMBERS = [388, 946, 769, 861, 774, 713]
GOLDEN_PAPERS = "b86e934c04191a7fb231a4d8930a6c5c99fbc02e596d3df7bb9a9a8d1f421c5d"


@pytest.mark.req("R037")
def test_a_seed_gives_the_same_choices_on_any_machine() -> None:
    """A change of these values needs a new version string of the algorithm: old draws must stay reproducible."""
    chance = Chance.of(bytes(32), "stratified-1", "b1", "c1")
    assert [chance.below(1000) for _ in range(6)] == GOLDEN_NUMBERS
    pieces = [
        piece(
            100 * i + n, s.kind, c, Fraction(400 + 7 * n + 10 * i, 1000), 2 + n % 2 if s.kind == "case" else 1
        )
        for i, s in enumerate(PLAN)
        for c in WEIGHTS
        for n in range({"1": 0, "2": 30, "3": 60}[c], {"1": 0, "2": 30, "3": 60}[c] + 30)
    ]
    drawer = Drawer(bytes(range(32)), "b1")
    form = Form("professional", "土建施工员", Bank(PLAN, pieces, WEIGHTS), Decimal(100), "1")
    assert digest([drawer.paper(f"c{n}", form).digest for n in range(5)]) == GOLDEN_PAPERS
