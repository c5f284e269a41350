"""Papers sat by people made up: what ``exams.api.responses`` would give of a large batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from scipy.special import expit

from zhupei.analysis.simulate import choose
from zhupei.exams.api import SatPaper, SlotAnswer

OPTIONS = ("a", "b", "c", "d")
FIRST_DAY = date(2026, 1, 5)


def sat_papers(
    people: int = 300,
    *,
    items: int = 30,
    cases: int = 0,
    post: int = 1,
    subject: str = "general",
    wrong_key: str = "",
    leaked: str = "",
    hard_for_women: str = "",
    days: int = 1,
    seed: int = 1,
) -> Iterator[SatPaper]:
    """``items`` single questions (G001 …) and ``cases`` of three children (C001 …) for everybody.

    ``wrong_key`` names an item whose key says ``b`` though ``a`` is right; ``leaked`` one that all know in the later half of
    the ``days``; ``hard_for_women`` one that costs them 1.5 logits.
    """
    rng = np.random.default_rng(seed)
    uids = [f"G{k:03d}" for k in range(1, items + 1)]
    slots = [(uid, uid, "single") for uid in uids]
    slots += [(f"C{k:03d}#{no}", f"C{k:03d}", "case") for k in range(1, cases + 1) for no in (1, 2, 3)]
    difficulty = {
        key: b for (key, _uid, _section), b in zip(slots, rng.normal(-0.7, 0.8, len(slots)), strict=True)
    }
    for number in range(people):
        theta, sex = rng.standard_normal(), "12"[number % 2]
        day = FIRST_DAY + timedelta(days=days * number // people)
        late = number >= people // 2
        answers = []
        for key, uid, section in slots:
            chance = expit(1.2 * (theta - difficulty[key]) - 1.5 * (uid == hard_for_women and sex == "2"))
            knows = rng.random() < (0.97 if uid == leaked and late else chance)
            chosen = choose(("a",), OPTIONS, bool(knows), theta, rng)
            right = ("b",) if uid == wrong_key else ("a",)
            mark = Decimal(2) if chosen == right else Decimal(0)
            answers.append(
                SlotAnswer(key, uid, 1, "single", section, OPTIONS, right, chosen, mark, Decimal(2))
            )
        earned = sum((one.marks for one in answers), Decimal(0))
        yield SatPaper(
            str(number), 1, post, subject, day, "contractor" if number % 3 else "college", f"50010{number % 4}", sex,
            earned * 100 >= 60 * sum(one.full for one in answers), tuple(answers),
        )  # fmt: skip
