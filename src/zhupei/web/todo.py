"""What waits for a person: each room's ``todo.tasks_for(actor)`` says its part, the home page shows them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps

from zhupei.kernel.actor import Actor


@dataclass(frozen=True)
class Task:
    """Something to do: ``count`` things wait at ``url``. The earliest deadline, where there is one, sorts them."""

    label: Any
    count: int
    url: str
    deadline: date | None = None
    workdays_left: int | None = None


def tasks_for(actor: Actor) -> list[Task]:
    """Everything that waits for ``actor``, the nearest deadline first; nothing that has a count of 0."""
    found: list[Task] = []
    for config in apps.get_app_configs():
        if config.name.startswith("zhupei.") and config.label != "web" and find_spec(f"{config.name}.todo"):
            tasks: Iterable[Task] = import_module(f"{config.name}.todo").tasks_for(actor)
            found += [task for task in tasks if task.count]
    return sorted(found, key=lambda task: (task.deadline or date.max, -task.count))
