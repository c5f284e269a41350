"""How large a demonstration city is. Every state of everything occurs in each size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """``classes`` are the sizes of the seven finished classes of 土建施工员, in the order of the batches they lead to."""

    name: str
    learners: int
    classes: tuple[int, int, int, int, int, int, int]
    other_class: int  # size of a class of another post
    extra_institutions: bool
    answered_share: float  # of a sitting's items that are saved one by one


FULL = Scale("full", 400, (40, 36, 30, 24, 20, 20, 20), 24, True, 1.0)
SMALL = Scale("small", 40, (7, 6, 6, 5, 4, 4, 4), 5, False, 1.0)
SCALES = {scale.name: scale for scale in (FULL, SMALL)}
