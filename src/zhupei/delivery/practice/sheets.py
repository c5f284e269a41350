"""A bundle of one person, with the practice's two papers in an order of its own."""

from __future__ import annotations

import random
from decimal import Decimal

from zhupei.delivery.formats.bundles import Bundle, Candidate, Party, Room, Rules, Session, complete
from zhupei.delivery.formats.papers import Child, Key, Kind, Option, Paper, Section, Unit, slot_key
from zhupei.delivery.practice.items import MARKS, SUBJECTS, Case, Question

MINUTES = 30
TITLES: dict[Kind, str] = {
    "single": "单项选择题",
    "true_false": "判断题",
    "multiple": "多项选择题",
    "case": "综合题",
}


def explanations() -> dict[str, str]:
    """Why the right answer is right, by slot."""
    found: dict[str, str] = {}
    for subject, (_, items) in SUBJECTS.items():
        for no, item in enumerate(items, 1):
            uid = f"{subject}-{no}"
            if isinstance(item, Case):
                found |= {slot_key(uid, at): one.why for at, one in enumerate(item.questions, 1)}
            else:
                found[uid] = item.why
    return found


def bundle_for(candidate_id: str, number: int, now_ms: int) -> Bundle:
    """The practice of one visitor, the ``number``-th since the program came up."""
    rng = random.Random(candidate_id)  # noqa: S311  # the order of a sample paper is no secret
    keys: dict[str, Key] = {}
    papers = {subject: _paper(subject, candidate_id, rng, keys) for subject in SUBJECTS}
    person = Candidate(
        candidate_id=candidate_id,
        slip_no=f"{number:04d}",
        name="练习者",
        id_masked="",
        id_hash="",
        post_code="",
        post_name="",
        room_id="practice",
        seat_no="练习",
        session_id=candidate_id,
        papers=papers,
    )
    return complete(
        Bundle(
            bundle_id=candidate_id,
            batch_no="practice",
            institution=Party(id="practice", name="模拟练习"),
            hall=Party(id="practice", name="模拟练习"),
            sessions=(Session(id=candidate_id, starts_at=now_ms, ends_at=now_ms + MINUTES * 60_000),),
            rooms=(Room(id="practice", name="模拟练习"),),
            rules=Rules(minutes=MINUTES),
            candidates=(person,),
            keys=keys,
            created_at=now_ms,
        )
    )


def _paper(subject: str, candidate_id: str, rng: random.Random, keys: dict[str, Key]) -> Paper:
    title, items = SUBJECTS[subject]
    units: dict[Kind, list[Unit]] = {kind: [] for kind in TITLES}
    for no, item in enumerate(items, 1):
        unit = _unit(f"{subject}-{no}", item, rng, keys)
        units[unit.kind].append(unit)
    for some in units.values():
        rng.shuffle(some)
    return Paper(
        paper_id=f"{candidate_id}-{subject}",
        candidate_id=candidate_id,
        subject=subject,
        title=title,
        seed=candidate_id,
        algorithm="practice-1",
        bank_version="practice",
        sections=tuple(
            Section(kind=kind, title=TITLES[kind], count=len(some), marks_each=MARKS[kind])
            for kind, some in units.items()
        ),
        units=tuple(unit for some in units.values() for unit in some),
        full_mark=Decimal(100),
    )


def _unit(uid: str, item: Question | Case, rng: random.Random, keys: dict[str, Key]) -> Unit:
    if isinstance(item, Question):
        options = _options(item, rng, keys, uid)
        return Unit(
            item_uid=uid, version=1, kind=item.kind, stem=item.stem, options=options, marks=MARKS[item.kind]
        )
    children = tuple(
        Child(
            no=no,
            kind=one.kind,
            stem=one.stem,
            options=_options(one, rng, keys, slot_key(uid, no)),
            marks=MARKS["case"],
        )
        for no, one in enumerate(item.questions, 1)
    )
    return Unit(
        item_uid=uid,
        version=1,
        kind="case",
        stem=item.stem,
        children=children,
        marks=MARKS["case"] * len(children),
    )


def _options(item: Question, rng: random.Random, keys: dict[str, Key], slot: str) -> tuple[Option, ...]:
    options = [Option(id=f"o{no}", text=text) for no, text in enumerate(item.options, 1)]
    if item.kind == "true_false":
        keys[slot] = Key(right=(options[item.right - 1].id,))
    else:
        keys[slot] = Key(right=tuple(one.id for one in options[: item.right]))
        rng.shuffle(options)
    return tuple(options)
