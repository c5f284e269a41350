"""Explicit transition tables: which act is possible in which state, and what it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zhupei.kernel.errors import Conflict


class Transitions:
    """A state machine as data: ``{"submit": {"draft": "submitted", "returned": "submitted"}}``.

    The table names acts (verbs); each maps the states it may start from to the state it leads to.
    """

    def __init__(self, table: Mapping[str, Mapping[Any, Any]]) -> None:
        self._table = {verb: {str(a): str(b) for a, b in moves.items()} for verb, moves in table.items()}

    @property
    def verbs(self) -> frozenset[str]:
        return frozenset(self._table)

    def allows(self, state: str, verb: str) -> bool:
        return str(state) in self._table[verb]

    def after(self, state: str, verb: str, *, message: Any = "") -> str:
        """The state that ``verb`` leads to from ``state``; raises ``Conflict`` if it is not possible."""
        try:
            return self._table[verb][str(state)]
        except KeyError:
            if verb not in self._table:
                raise
            raise Conflict("wrong_state", message) from None

    def possible(self, state: str) -> list[str]:
        """The verbs that are possible in ``state``, in the table's order."""
        return [verb for verb, moves in self._table.items() if str(state) in moves]

    def moves(self) -> Iterable[tuple[str, str, str]]:
        """Every (state, verb, next state) of the table, for tests that walk all of them."""
        for verb, moves in self._table.items():
            for a, b in moves.items():
                yield a, verb, b
