"""Saying no: refusals with their code and HTTP status, and the checks that all staff acts share."""

from __future__ import annotations

from zhupei.kernel.errors import Refusal


def refuse(code: str, message: str, status: int = 409) -> Refusal:
    return Refusal(code, message, status=status)


def need(**values: str) -> None:
    for name, value in values.items():
        if not value.strip():
            raise Refusal("value_missing", f"{name} is needed", field=name, status=422)


def two_persons(first: str, second: str) -> None:
    if first.strip() == second.strip():
        raise refuse("two_persons", "two different persons are needed", 422)
