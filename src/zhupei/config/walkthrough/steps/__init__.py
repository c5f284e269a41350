"""The acts, in the order of the story."""

from __future__ import annotations

from collections.abc import Callable

from ..story import Story
from . import application, institution, plan, training, units

ACTS: list[Callable[[Story], None]] = [
    units.first_administrator,
    units.give_roles,
    institution.register,
    institution.staff,
    institution.sites,
    plan.file_plan,
    training.open_class,
    training.sign_up,
    training.import_tables,
    training.lessons,
    application.apply,
    application.candidates,
]
