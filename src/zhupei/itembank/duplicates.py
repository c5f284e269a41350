"""Items that stand in the bank twice in slightly other words (plain functions, no database).

Candidates come from MinHash signatures (datasketch) over pairs of characters, cut into bands that are met by sorting; each
candidate is then compared in full (rapidfuzz). datasketch's own table of bands holds a set per band and item, over one
gigabyte for 100,000 items; sorting needs a hundredth of it. Everything is bounded: long texts are cut, and an item is
compared with its ``NEIGHBOURS`` most promising candidates only, so that a family of thousands of alike items stays cheap.
The seed is fixed, and so are the results, on any machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

SEED = 20260101
BANDS, BAND_SIZE = (
    32,
    4,
)  # sets that overlap by six tenths become candidates with a chance of 0.99, by a fifth 0.05
PROMISING = 0.38  # estimated overlap below which a candidate is not looked at
WINDOW = 12  # places in a band within which items meet
NEIGHBOURS = 12  # candidates of an item that are compared in full
CHUNK = 100_000  # pairs looked at together
HELD = 3_000_000  # candidates held before the worse ones are dropped
THRESHOLD = 0.75
NEAR = 40  # percent of a stem, as written, that must be met before an item is compared with a new one
MAX_STEM, MAX_PART, MAX_PARTS = 1000, 300, 10  # characters and parts that are compared
NUMBERS_FACTOR, OPPOSITE_FACTOR = 0.85, 0.9  # siblings stand below duplicates
SAME_STEM = 0.9
TOPIC_SHARE, QUESTION_SHARE, CASE_SHARE = (
    0.75,
    0.3,
    0.5,
)  # of the options (a case: of its children) in the similarity

_SIGNS = re.compile(r"\d+(?:\.\d+)+|[^\W_]|[<>=≤≥±%‰]")
_NUMBER = re.compile(r"[a-z]*\d+(?:\.\d+)*")
_STATEMENTS = re.compile(
    r"说法|表述|描述|叙述|陈述|做法|正确|错误|有误|不妥"
)  # the stem names a topic, the options say it
_FRAME = re.compile(
    r"下列|以下|下面|关于|有关|对于|说法|表述|描述|叙述|陈述|做法|选项|内容|正确|错误|有误|不妥|属于|包括|符合|规定|哪些|哪项|哪个|[不是的有中应为]"
)
_OPPOSITE = re.compile(r"不(?!少|小|大|低|高|超|多|足|同|锈|良|均|合格|利)|错误|有误|禁止|严禁|除外")


class Reason(StrEnum):
    """Why two items are shown side by side."""

    SAME_STEM = "same stem"
    SHUFFLED = "options shuffled"
    WORDING = "similar wording"
    NUMBERS = "differs in numbers"
    OPPOSITE = "asks the opposite"


@dataclass(frozen=True)
class Sketch:
    """What of an item is compared: its stem, its options (true/false: none) or, of a case, the texts of its children."""

    uid: str
    kind: str
    stem: str
    options: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two items alike: ``similarity`` from 0 to 1 (1: the same but for signs and the options' order)."""

    uid_a: str
    uid_b: str
    similarity: float
    reason: Reason


def _plain(text: str, limit: int) -> str:
    """Letters, digits and signs that carry meaning; width and case folded; blanks, brackets and punctuation left out."""
    return "".join(_SIGNS.findall(unicodedata.normalize("NFKC", text[: 2 * limit]).casefold()))[:limit]


class _Text:
    """An item made ready for comparison."""

    def __init__(self, sketch: Sketch) -> None:
        self.uid = sketch.uid
        self.stem = _plain(sketch.stem, MAX_STEM)
        parts = sketch.children if sketch.children else () if sketch.kind == "true_false" else sketch.options
        self.parts = tuple(_plain(part, MAX_PART) for part in parts[:MAX_PARTS])
        self.is_case = bool(sketch.children)
        # "Which of the following is right about X?" asks nothing by itself
        self.is_topic = (
            len(_FRAME.sub("", self.stem)) < 6 or _STATEMENTS.search(self.stem) is not None
        ) and bool(self.parts)

    @cached_property
    def sorted_parts(self) -> tuple[str, ...]:
        return tuple(sorted(self.parts))

    @cached_property
    def pairs(self) -> str:
        """The stem's pairs of signs, one character each, sorted: what two texts share of it is what they have in common
        wherever it stands, so that clauses may change places."""
        return "".join(sorted(chr(1 + (ord(x) * 31_337 + ord(y)) % 50_000) for x, y in pairwise(self.stem)))

    @cached_property
    def numbers(self) -> Counter[str]:
        return Counter(_NUMBER.findall(self.stem))

    @cached_property
    def is_opposite(self) -> bool:
        return _OPPOSITE.search(self.stem) is not None

    @property
    def whole(self) -> str:
        return " ".join((self.stem, *self.sorted_parts))


def _stem_similarity(a: _Text, b: _Text) -> float:
    if a.stem == b.stem:
        return 1.0
    return max(fuzz.ratio(a.stem, b.stem), fuzz.ratio(a.pairs, b.pairs)) / 100


def _parts_similarity(a: _Text, b: _Text) -> float:
    """Each part of the one against its best match in the other, both ways; the mean, from 0 to 1."""
    if a.sorted_parts == b.sorted_parts:
        return 1.0
    scores = process.cdist(a.parts, b.parts, scorer=fuzz.ratio)
    return float(scores.max(axis=1).sum() + scores.max(axis=0).sum()) / (100 * sum(scores.shape))


def _compare(a: _Text, b: _Text, threshold: float) -> tuple[float, Reason] | None:
    """How alike two items are, and why; ``None`` below the threshold or where one has options and the other has none."""
    if bool(a.parts) != bool(b.parts) or a.is_case != b.is_case or not (a.stem or a.parts):
        return None
    stems = _stem_similarity(a, b)
    similarity, same_parts = stems, True
    if a.parts:
        share = CASE_SHARE if a.is_case else TOPIC_SHARE if a.is_topic and b.is_topic else QUESTION_SHARE
        same_stem = a.stem == b.stem and not a.is_topic
        if stems * (1 - share) + share < threshold:
            return None
        parts = _parts_similarity(a, b)
        same_parts = parts == 1.0
        similarity = stems * (1 - share) + parts * share
        if same_stem:
            similarity = SAME_STEM + (1 - SAME_STEM) * parts
    if a.stem != b.stem and a.numbers != b.numbers:
        similarity, reason = similarity * NUMBERS_FACTOR, Reason.NUMBERS
    elif a.is_opposite != b.is_opposite:
        similarity, reason = similarity * OPPOSITE_FACTOR, Reason.OPPOSITE
    elif same_parts and a.parts != b.parts:
        reason = Reason.SHUFFLED
    else:
        reason = Reason.SAME_STEM if a.stem == b.stem else Reason.WORDING
    return (round(similarity, 4), reason) if similarity >= threshold else None


def _pair(a: _Text, b: _Text, threshold: float) -> Iterator[Pair]:
    if found := _compare(a, b, threshold):
        yield Pair(min(a.uid, b.uid), max(a.uid, b.uid), *found)


def _shingles(texts: Iterable[str]) -> Iterator[list[int]]:
    for text in texts:
        signs = np.frombuffer(f"\n{text}\n".encode("utf-32-le", "replace"), dtype=np.uint32)
        yield (signs[:-1] * np.uint32(0x9E3779B1) + signs[1:]).tolist()


def _signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    from datasketch import MinHash  # brings scipy along, which a hall's server has no use for

    signatures = np.empty((len(texts), BANDS * BAND_SIZE), dtype=np.uint32)
    sketches = MinHash.generator(
        _shingles(texts), num_perm=BANDS * BAND_SIZE, seed=SEED, hashfunc=int, scheme="affine32"
    )
    for place, sketch in enumerate(sketches):
        signatures[place] = sketch.hashvalues
    return signatures


def _candidates(texts: Sequence[str]) -> NDArray[np.int64]:
    """Pairs of places (as ``low * len(texts) + high``) whose texts share many pairs of signs: of each its best ones."""
    n, signatures = len(texts), _signatures(texts)
    mixer = np.array(
        [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64
    )
    keys = [
        (signatures[:, k * BAND_SIZE : (k + 1) * BAND_SIZE] * mixer).sum(axis=1, dtype=np.uint64)
        for k in range(BANDS)
    ]
    digits = signatures.astype(
        np.uint8
    )  # the last of each hash: enough to tell equal ones, and four times as quick
    found, held = [(np.empty(0, dtype=np.int64), np.empty(0))], 0
    for k, key in enumerate(keys):
        order = np.lexsort((keys[(k + 1) % BANDS], key))  # in a crowded band the more alike stand together
        ordered = key[order]
        for step in range(1, min(WINDOW, n - 1) + 1):
            at = np.flatnonzero(ordered[step:] == ordered[:-step])
            one, other = order[at], order[at + step]
            pairs = np.minimum(one, other) * n + np.maximum(one, other)
            shares = _shares(pairs, digits)
            enough = shares >= PROMISING
            found.append((pairs[enough], shares[enough]))
            held += len(found[-1][0])
        if held > HELD or k == BANDS - 1:
            found = [_best(np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]), n)]
            held = 0
    return found[0][0]


def _shares(pairs: NDArray[np.int64], digits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The share of equal hashes of each pair: an estimate of what their texts have in common."""
    shares = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        low, high = np.divmod(pairs[start : start + CHUNK], len(digits))
        shares[start : start + CHUNK] = (
            np.count_nonzero(digits[low] == digits[high], axis=1) / digits.shape[1]
        )
    return shares


def _best(
    pairs: NDArray[np.int64], shares: NDArray[np.float64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of the pairs (which may repeat themselves) those that are among the ``NEIGHBOURS`` best of either item."""
    order = np.argsort(pairs, kind="stable")
    pairs, shares = pairs[order], shares[order]
    first = np.diff(pairs, prepend=-1) > 0
    pairs, shares = pairs[first], shares[first]
    items = np.concatenate(np.divmod(pairs, n))
    order = np.lexsort((np.tile(pairs, 2), -np.tile(shares, 2), items))
    ordered = items[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    keep = np.zeros(len(pairs), dtype=bool)
    keep[order[rank < NEIGHBOURS] % max(len(pairs), 1)] = True
    return pairs[keep], shares[keep]


def find_duplicates(sketches: Sequence[Sketch], *, threshold: float = THRESHOLD) -> list[Pair]:
    """The pairs of items that are alike, most alike first.

    Items that say the same but for signs and the options' order are each paired with the first of them (not with one
    another), and only the first is compared with the rest of the bank.
    """
    same: dict[tuple[str, tuple[str, ...], bool], list[_Text]] = defaultdict(list)
    for sketch in sorted(sketches, key=lambda s: s.uid):
        text = _Text(sketch)
        same[text.stem, text.sorted_parts, text.is_case].append(text)
    firsts = [group[0] for group in same.values()]
    result = [
        pair for first, *rest in same.values() for text in rest for pair in _pair(first, text, threshold)
    ]
    wanted: set[int] = set()
    n = len(firsts)
    views = (
        [place for place, text in enumerate(firsts) if text.parts and not text.is_topic],  # their stems
        list(range(n)),  # stem and options
    )
    for places, whole in zip(views, (False, True), strict=True):
        if len(places) < 2:
            continue
        for pair in _candidates([firsts[p].whole if whole else firsts[p].stem for p in places]).tolist():
            low, high = divmod(pair, len(places))
            wanted.add(places[low] * n + places[high])
    for pair in sorted(wanted):
        result.extend(_pair(firsts[pair // n], firsts[pair % n], threshold))
    return sorted(result, key=_rank)


def _rank(pair: Pair) -> tuple[float, str, str]:
    return -pair.similarity, pair.uid_a, pair.uid_b


def similar_to(
    sketch: Sketch, texts: Iterable[Sketch], *, threshold: float = THRESHOLD, limit: int = 20
) -> list[Pair]:
    """The items most like one that is being written (``uid_a`` is its own), itself left out."""
    bank = [other for other in texts if other.uid != sketch.uid]
    stems = [other.stem[:MAX_STEM] for other in bank]
    near = process.extract_iter(sketch.stem[:MAX_STEM], stems, scorer=fuzz.ratio, score_cutoff=NEAR)
    new = _Text(sketch)
    result = [
        Pair(sketch.uid, bank[place].uid, *found)
        for _stem, _score, place in near
        if (found := _compare(new, _Text(bank[place]), threshold))
    ]
    return sorted(result, key=_rank)[:limit]
