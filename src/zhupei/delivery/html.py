"""HTML that cannot be injected into: every value is escaped unless it is already ``Html``."""

from __future__ import annotations

import html as standard
import string
from collections.abc import Iterable
from functools import lru_cache


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def esc(value: object) -> Html:
    """``value`` as HTML text, safe also inside double-quoted attributes."""
    if isinstance(value, Html):
        return value
    text = str(value)
    return Html(text if text.isalnum() else standard.escape(text, quote=True))  # most need no closer look


@lru_cache(maxsize=1024)  # templates are constants of this program, some with a look's words filled in
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    """``template`` as runs of text, each with the name of the value behind it (None behind the last)."""
    parts = []
    for text, name, spec, conversion in string.Formatter().parse(template):
        if name is not None and (not name.isidentifier() or spec or conversion):
            raise ValueError(f"templates name their values plainly: {name}")
        parts.append((text, name))
    return tuple(parts)


def fill(template: str, /, **values: object) -> Html:
    """``template`` (HTML of this program) with ``{names}`` replaced by escaped values."""
    pieces = []
    for text, name in _parts(template):
        pieces.append(text)
        if name is not None:
            value = values[name]
            pieces.append(value if type(value) is Html else esc(value))
    return Html("".join(pieces))


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
