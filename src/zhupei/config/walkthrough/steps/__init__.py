"""The acts, in the order of the story."""

from __future__ import annotations

from collections.abc import Callable

from zhupei.config.walkthrough.story import Story

from . import application, bank, hall, institution, outcome, plan, sitting, training, units

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
    bank.fill_bank,
    bank.half_marks,
    bank.draw,
    hall.staff_of_hall,
    sitting.slips,
    hall.open_hall,
    sitting.sit,
    hall.close_hall,
    outcome.certificate,
    outcome.void,
    outcome.trace,
]
