"""The one exception by which a rule says no."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A rule refused an act. Pages turn it into a clear 4xx answer; nothing was written.

    ``message`` is what happened and what to do, already translated or lazily translatable.
    ``clause`` cites the rule ("二（一）3" or a requirement ID), ``field`` names the form field it belongs to,
    ``fields`` carries several messages at once, ``status`` is the HTTP status (403 not allowed,
    404 not there for this person, 409 wrong state, 422 wrong value, 429 too often).
    """

    def __init__(
        self,
        code: str,
        message: Any = "",
        *,
        clause: str = "",
        field: str | None = None,
        fields: dict[str, list[Any]] | None = None,
        status: int = 422,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.clause = clause
        self.fields: dict[str, list[Any]] = dict(fields or {})
        if field is not None:
            self.fields.setdefault(field, []).append(message)
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Forbidden(Refusal):
    """The actor may not do this (HTTP 403)."""

    def __init__(self, code: str = "forbidden", message: Any = "", *, clause: str = "") -> None:
        super().__init__(code, message, clause=clause, status=403)


class Conflict(Refusal):
    """The thing is not in a state that allows this act (HTTP 409)."""

    def __init__(self, code: str, message: Any = "", *, clause: str = "") -> None:
        super().__init__(code, message, clause=clause, status=409)
