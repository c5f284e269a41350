"""``zhupei check-requirements``: which requirements are shown by a test, by the ``req`` marks in the sources."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

ALL = [f"R{n:03d}" for n in range(1, 198)] + [f"I{n:02d}" for n in range(1, 14)]

AMBIGUITIES = [f"J{n:02d}" for n in range(1, 28)]  # their defaults may be marked too; they are not counted


def test_files() -> Iterable[Path]:
    """Every test module of the project."""
    yield from sorted(settings.PACKAGE.rglob("tests/**/test_*.py"))
    yield from sorted((settings.PROJECT / "tests").rglob("test_*.py"))


def _marks(expression: ast.AST) -> Iterable[str]:
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def shown_by(path: Path) -> dict[str, list[str]]:
    """Requirement ID → tests that carry its mark, in one file. A mark on the module counts for all its tests."""
    found: dict[str, list[str]] = {}
    tree = ast.parse(path.read_text())
    tests = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    for node in ast.walk(tree):
        marks: list[str] = []
        name = ""
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            marks = [mark for decorator in node.decorator_list for mark in _marks(decorator)]
            name = node.name
        elif isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets
        ):
            marks, name = list(_marks(node.value)), "the module"
        for mark in marks:
            if tests:
                found.setdefault(mark, []).append(f"{path.name}::{name}")
    return found


class Command(BaseCommand):
    help = "List the requirements (R001–R197, I01–I13) that no test shows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
        parser.add_argument("--tests", action="store_true", help="list the tests of each requirement")

    def handle(self, *args: Any, **options: Any) -> None:
        shown: dict[str, list[str]] = {}
        for path in test_files():
            for mark, tests in shown_by(path).items():
                shown.setdefault(mark, []).extend(tests)
        unknown = sorted(set(shown) - set(ALL) - set(AMBIGUITIES))
        if unknown:
            raise CommandError(f"marks that name no requirement: {', '.join(unknown)}")
        missing = [mark for mark in ALL if mark not in shown]
        if options["tests"]:
            for mark in sorted(shown):
                self.stdout.write(f"{mark}: {', '.join(shown[mark])}")
        if options["json"]:
            self.stdout.write(
                json.dumps({"total": len(ALL), "shown": len(ALL) - len(missing), "missing": missing})
            )
        else:
            self.stdout.write(f"{len(ALL) - len(missing)} of {len(ALL)} requirements are shown by a test.")
            self.stdout.write("Missing: " + " ".join(missing))
