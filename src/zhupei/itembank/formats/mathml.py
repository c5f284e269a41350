"""MathML of other programs to LaTeX: the source that stands beside it, or the common elements; others are refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from .common import ItemRefused
from .shared import clean, words

MAX_DEPTH = 40
_TEX = frozenset({"application/x-tex", "application/x-latex", "tex", "latex"})
_FUNCTIONS = words(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log lg exp lim max min det"
)
_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b"))
_SPECIAL = re.compile(r"([#$%&_{}])")
_ACCENTS = {
    "¯": r"\overline",
    "―": r"\overline",
    "_": r"\underline",
    "^": r"\hat",
    "ˆ": r"\hat",
    "→": r"\vec",
    "⃗": r"\vec",
}
_ACCENTS |= {"~": r"\tilde", "˜": r"\tilde", "˙": r"\dot", ".": r"\dot", "¨": r"\ddot", "‾": r"\overline"}


def to_latex(math: Any) -> str:
    r"""A ``math`` element as ``\( \)`` or ``\[ \]``. Raises ``ItemRefused``."""
    open_, close = (r"\[", r"\]") if math.get("display") == "block" else (r"\(", r"\)")
    for note in math.iter("{*}annotation", "annotation"):
        if (note.get("encoding") or "").strip().lower() in _TEX and (note.text or "").strip():
            latex = clean(note.text).strip().removeprefix(r"\(").removesuffix(r"\)").strip()
            if not _delimited(latex):
                return f"{open_}{latex}{close}"
    latex = " ".join(_row(math, 0).split())
    return f"{open_}{latex}{close}" if latex else ""


def _delimited(latex: str) -> bool:
    return any(sign in latex for sign in (r"\(", r"\)", r"\[", r"\]"))


def _row(element: Any, depth: int) -> str:
    return " ".join(part for part in (_one(child, depth + 1) for child in element) if part)


def _group(element: Any, depth: int) -> str:
    return f"{{{_one(element, depth + 1)}}}"


def _token(element: Any) -> str:
    return " ".join(clean("".join(element.itertext())).replace("\xa0", " ").translate(_INVISIBLE).split())


def _symbols(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.replace("\\", r"\backslash "))


def _identifier(element: Any) -> str:
    text = _token(element)
    if text in _FUNCTIONS:
        return f"\\{text}"
    return _symbols(text) if len(text) < 2 else rf"\mathrm{{{_symbols(text)}}}"


def _words(element: Any) -> str:
    text = _token(element)
    return rf"\text{{{_symbols(text)}}}" if text else ""


def _fenced(element: Any, depth: int) -> str:
    marks = (element.get("separators", ",") or "").split() or [""]
    inner = f" {marks[0]} ".join(_one(child, depth + 1) for child in element)
    open_, close = (_symbols(element.get(key, sign)) or "." for key, sign in (("open", "("), ("close", ")")))
    return rf"\left{open_} {inner} \right{close}"


def _table(element: Any, depth: int) -> str:
    rows = [
        " & ".join(_row(cell, depth + 2) for cell in row)
        for row in element
        if isinstance(row.tag, str) and row.tag.endswith("mtr")
    ]
    return r"\begin{matrix} " + r" \\ ".join(rows) + r" \end{matrix}"


def _over(element: Any, depth: int) -> str:
    base, top = _parts(element, 2)
    sign = _token(top)
    if accent := _ACCENTS.get(sign):
        return f"{accent}{_group(base, depth)}"
    return (
        f"{_one(base, depth + 1)}^{_group(top, depth)}"
        if _is_large(base)
        else rf"\overset{_group(top, depth)}{_group(base, depth)}"
    )


def _under(element: Any, depth: int) -> str:
    base, low = _parts(element, 2)
    if _token(low) in ("_", "̲", "―"):
        return rf"\underline{_group(base, depth)}"
    return (
        f"{_one(base, depth + 1)}_{_group(low, depth)}"
        if _is_large(base)
        else rf"\underset{_group(low, depth)}{_group(base, depth)}"
    )


def _is_large(element: Any) -> bool:
    return _token(element) in ("∑", "∏", "∫", "lim", "max", "min", "⋃", "⋂")


def _under_over(element: Any, depth: int) -> str:
    base, low, top = _parts(element, 3)
    return f"{_one(base, depth + 1)}_{_group(low, depth)}^{_group(top, depth)}"


def _parts(element: Any, number: int) -> list[Any]:
    parts = [child for child in element if isinstance(child.tag, str)]
    if len(parts) != number:
        raise ItemRefused(_("A formula is incomplete."))
    return parts


def _scripts(element: Any, depth: int, signs: str) -> str:
    base, *scripts = _parts(element, 1 + len(signs))
    inner = _one(base, depth + 1)
    inner = inner if len(inner) == 1 else f"{{{inner}}}"
    return inner + "".join(sign + _group(one, depth) for sign, one in zip(signs, scripts, strict=True))


def _fixed(number: int, form: str) -> Callable[[Any, int], str]:
    """A converter of an element with ``number`` children, each a group of ``form``."""
    return lambda element, depth: form.format(*(_group(part, depth) for part in _parts(element, number)))


_ELEMENTS: dict[str, Callable[[Any, int], str]] = {
    **dict.fromkeys(("math", "mrow", "mstyle", "mpadded", "merror", "mtd"), _row),
    "mi": lambda element, _depth: _identifier(element),
    "mn": lambda element, _depth: _symbols(_token(element)),
    "mo": lambda element, _depth: _symbols(_token(element)),
    "ms": lambda element, _depth: _words(element),
    "mtext": lambda element, _depth: _words(element),
    "mspace": lambda _element, _depth: "",
    "mfrac": _fixed(2, r"\frac{}{}"),
    "mroot": lambda element, depth: (
        rf"\sqrt[{_one(_parts(element, 2)[1], depth + 1)}]{_group(_parts(element, 2)[0], depth)}"
    ),
    "msqrt": lambda element, depth: rf"\sqrt{{{_row(element, depth)}}}",
    "msup": lambda element, depth: _scripts(element, depth, "^"),
    "msub": lambda element, depth: _scripts(element, depth, "_"),
    "msubsup": lambda element, depth: _scripts(element, depth, "_^"),
    "munder": _under,
    "mover": _over,
    "munderover": _under_over,
    "mfenced": _fenced,
    "mtable": _table,
    "semantics": lambda element, depth: _one(element[0], depth + 1) if len(element) else "",
}


def _one(element: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ItemRefused(_("Elements stand too deep within each other."))
    if not isinstance(element.tag, str):
        return ""
    name = element.tag.rpartition("}")[2].rpartition(":")[2].lower()
    if name not in _ELEMENTS:
        raise ItemRefused(_("A formula holds <%(name)s>, which is not supported.") % {"name": name})
    return _ELEMENTS[name](element, depth)
