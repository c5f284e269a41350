"""A room is entered by its ``api.py`` alone."""

from __future__ import annotations

import ast
from pathlib import Path

from django.conf import settings

OPEN_FLOORS = {"kernel", "web"}  # furniture: entered by module
WIRING = {"config"}  # imports everything


def imports_of(path: Path) -> set[str]:
    """The modules that a file names in its imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.count(".") == 1:  # from zhupei.room import api
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_rooms_are_entered_by_their_door() -> None:
    wrong = []
    for path in settings.PACKAGE.rglob("*.py"):
        room = path.relative_to(settings.PACKAGE).parts[0]
        if room in WIRING or "tests" in path.parts or "migrations" in path.parts:
            continue
        for module in imports_of(path):
            parts = module.split(".")
            closed = parts[0] == "zhupei" and len(parts) > 1 and parts[1] not in OPEN_FLOORS | {room}
            if closed and parts[2:] != ["api"]:
                wrong.append(f"{path.relative_to(settings.PACKAGE)} imports {module}")
    assert not wrong, "\n".join(sorted(wrong))
