"""HTML that cannot be injected into: every value is escaped unless it is already ``Html``."""

from __future__ import annotations

import html as standard
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def esc(value: object) -> Html:
    """``value`` as HTML text, safe also inside double-quoted attributes."""
    return value if isinstance(value, Html) else Html(standard.escape(str(value), quote=True))


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return esc(format(value, format_spec) if format_spec else value)

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if not isinstance(key, str):
            raise KeyError("templates name their values")
        return kwargs[key]


_formatter = _Formatter()


def fill(template: str, /, **values: object) -> Html:
    """``template`` (HTML of this program) with ``{names}`` replaced by escaped values."""
    return Html(_formatter.vformat(template, (), values))


def join(parts: Iterable[Html], between: str = "") -> Html:
    """Pieces of HTML one after another."""
    return Html(between.join(parts))


def paragraphs(text: str) -> Html:
    """Plain text as paragraphs: blank lines part them, single line breaks stay."""
    blocks = [block.strip() for block in text.replace("\r\n", "\n").split("\n\n")]
    return join(
        fill("<p>{lines}</p>", lines=join((esc(line) for line in block.split("\n")), "<br>"))
        for block in blocks
        if block
    )
