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

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

SEED = 20260101
BANDS, BAND_SIZE = 32, 3  # sets that overlap by half become candidates with a chance of 0.99, by a fifth 0.23
PROMISING = 0.3  # estimated overlap below which a candidate is not looked at
WINDOW = 12  # places in a band within which items meet
NEIGHBOURS = 12  # candidates of an item that are compared in full
CHUNK = 200_000
THRESHOLD = 0.75
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
    def numbers(self) -> Counter[str]:
        return Counter(_NUMBER.findall(self.stem))

    @cached_property
    def is_opposite(self) -> bool:
        return _OPPOSITE.search(self.stem) is not None

    @property
    def whole(self) -> str:
        return " ".join((self.stem, *self.sorted_parts))


def _stem_similarity(a: str, b: str) -> float:
    if a == b:
        return 1.0
    pairs_a, pairs_b = Counter(zip(a, a[1:], strict=False)), Counter(zip(b, b[1:], strict=False))
    common = (pairs_a & pairs_b).total()  # clauses may have changed places
    return max(fuzz.ratio(a, b) / 100, 2 * common / max(len(a) + len(b) - 2, 1))


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
    stems = _stem_similarity(a.stem, b.stem)
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
        yield Pair(*sorted((a.uid, b.uid)), *found)


def _shingles(texts: Iterable[str]) -> Iterator[list[int]]:
    for text in texts:
        signs = np.frombuffer(f"\n{text}\n".encode("utf-32-le", "replace"), dtype=np.uint32)
        yield np.unique(signs[:-1] * np.uint32(0x9E3779B1) + signs[1:]).tolist()


def _candidates(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of places (as ``low * len(texts) + high``) whose texts share many pairs of signs, and the estimated share."""
    n = len(texts)
    signatures = np.empty((n, BANDS * BAND_SIZE), dtype=np.uint32)
    sketches = MinHash.generator(
        _shingles(texts), num_perm=BANDS * BAND_SIZE, seed=SEED, hashfunc=int, scheme="affine32"
    )
    for place, sketch in enumerate(sketches):
        signatures[place] = sketch.hashvalues
    bands = [signatures[:, k * BAND_SIZE : (k + 1) * BAND_SIZE].astype(np.uint64) for k in range(BANDS)]
    mixer = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
    keys = [(band * mixer).sum(axis=1, dtype=np.uint64) for band in bands]
    del bands
    found = np.empty(0, dtype=np.int64)
    for k, key in enumerate(keys):
        order = np.lexsort((keys[(k + 1) % BANDS], key))  # in a crowded band the more alike stand together
        ordered = key[order]
        for step in range(1, min(WINDOW, n - 1) + 1):
            met = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not met.size:
                break
            one, other = order[met], order[met + step]
            pairs = np.minimum(one, other) * n + np.maximum(one, other)
            found = np.union1d(found, pairs[_shares(signatures, pairs) >= PROMISING])
    return found, _shares(signatures, found)


def _shares(signatures: NDArray[np.uint32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    n = len(signatures)
    shares = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        low, high = np.divmod(pairs[start : start + CHUNK], n)
        shares[start : start + CHUNK] = (signatures[low] == signatures[high]).mean(axis=1)
    return shares


def _best(pairs: NDArray[np.int64], shares: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Of the candidates those that are among the ``NEIGHBOURS`` best of either item."""
    low, high = np.divmod(pairs, n)
    order = np.lexsort((pairs, -shares))
    seen = np.zeros(n, dtype=np.int64)
    keep = []
    for at in order:
        a, b = low[at], high[at]
        if seen[a] < NEIGHBOURS or seen[b] < NEIGHBOURS:
            keep.append(at)
            seen[a] += 1
            seen[b] += 1
    return np.sort(pairs[np.array(keep, dtype=np.int64)])


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
        pairs, shares = _candidates([firsts[p].whole if whole else firsts[p].stem for p in places])
        for pair in _best(pairs, shares, len(places)).tolist():
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
    new = _Text(sketch)
    result = []
    for other in texts:
        if other.uid != sketch.uid and (found := _compare(new, _Text(other), threshold)):
            result.append(Pair(sketch.uid, other.uid, *found))
    return sorted(result, key=_rank)[:limit]
