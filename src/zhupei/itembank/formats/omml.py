"""Equations of Word (Office Math, ECMA-376 part 1, 22.1) as LaTeX: what items use, and nothing that is not certain."""

from __future__ import annotations

import re
from typing import Any

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MAX_NODES = 500
"""Elements of one equation."""
_SIGNS = {
    "\\": r"\backslash ",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "$": r"\$",
    "~": r"\sim ",
    "^": r"\hat{}",
    "×": r"\times ",
    "÷": r"\div ",
    "±": r"\pm ",
    "≤": r"\le ",
    "⩽": r"\le ",
    "≥": r"\ge ",
    "⩾": r"\ge ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "·": r"\cdot ",
    "∙": r"\cdot ",
    "∞": r"\infty ",
    "∑": r"\sum ",
    "√": r"\surd ",
    "∠": r"\angle ",
    "△": r"\triangle ",
    "°": r"^{\circ}",
    "α": r"\alpha ",
    "β": r"\beta ",
    "γ": r"\gamma ",
    "δ": r"\delta ",
    "ε": r"\varepsilon ",
    "η": r"\eta ",
    "θ": r"\theta ",
    "λ": r"\lambda ",
    "μ": r"\mu ",
    "ν": r"\nu ",
    "ξ": r"\xi ",
    "π": r"\pi ",
    "ρ": r"\rho ",
    "σ": r"\sigma ",
    "τ": r"\tau ",
    "φ": r"\varphi ",
    "ϕ": r"\phi ",
    "ψ": r"\psi ",
    "ω": r"\omega ",
    "Δ": r"\Delta ",
    "Σ": r"\Sigma ",
    "Φ": r"\Phi ",
    "Ω": r"\Omega ",
}
_SUMS = {"∑": r"\sum", "∫": r"\int", "∏": r"\prod", "": r"\int"}
_OPEN = {"(": "(", "[": "[", "|": "|", "{": r"\{", "": "."}
_CLOSE = {")": ")", "]": "]", "|": "|", "}": r"\}", "": "."}
_ACCENTS = {"\u0305": r"\bar", "\u0302": r"\hat", "\u0303": r"\tilde", "\u20d7": r"\vec", "\u0307": r"\dot"}
_FUNCTIONS = {"sin", "cos", "tan", "cot", "log", "ln", "lg", "lim", "max", "min", "exp"}
_NAMED = ("r", "ctrl", "f", "sSup", "sSub", "sSubSup", "rad", "d", "nary", "func", "acc", "bar", "oMathPara")
_PROPERTIES = {f"{M}{name}Pr" for name in _NAMED}


class Unfit(Exception):
    """An equation with something that is not converted."""


def latex_of(node: Any) -> str:
    """The LaTeX of an ``m:oMath`` or ``m:oMathPara``. Raises ``Unfit``."""
    nodes = sum(1 for _one in node.iter())
    if nodes > MAX_NODES:
        raise Unfit
    latex = _inside(node).strip()
    if not latex:
        raise Unfit
    return latex


def _inside(node: Any) -> str:
    return "".join(_one(child) for child in node)


def _part(node: Any, name: str) -> str:
    part = node.find(f"{M}{name}")
    if part is None:
        raise Unfit
    return _inside(part).strip()


def _property(node: Any, path: str, default: str) -> str:
    found = node.find("/".join(f"{M}{step}" for step in path.split("/")))
    if found is None:
        return default
    value = found.get(f"{M}val")
    return default if value is None else str(value)


def _is_on(node: Any, path: str) -> bool:
    found = node.find("/".join(f"{M}{step}" for step in path.split("/")))
    return found is not None and found.get(f"{M}val", "1") in ("1", "on", "true")


_HAN = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+")


def _text(text: str) -> str:
    if any("\U0001d400" <= sign <= "\U0001d7ff" for sign in text):  # letters of mathematical alphabets
        raise Unfit
    out, done = "", 0
    for found in _HAN.finditer(text):
        out += "".join(_SIGNS.get(sign, sign) for sign in text[done : found.start()])
        out += rf"\text{{{found[0]}}}"
        done = found.end()
    return out + "".join(_SIGNS.get(sign, sign) for sign in text[done:])


def _one(node: Any) -> str:
    tag = node.tag
    if not isinstance(tag, str) or tag in _PROPERTIES:
        return ""
    if not tag.startswith(M):  # run properties and marks of Word's own
        if len(node) and any(str(child.tag).startswith(M) for child in node.iter()):
            raise Unfit
        return ""
    make = _MAKERS.get(tag.removeprefix(M))
    if make is None:
        raise Unfit
    return make(node)


def _run(node: Any) -> str:
    words = "".join(part.text or "" for part in node.findall(f"{M}t"))
    return rf"\{words.strip()} " if words.strip() in _FUNCTIONS else _text(words)


def _fraction(node: Any) -> str:
    kind = _property(node, "fPr/type", "bar")
    if kind not in ("bar", "lin", "skw"):
        raise Unfit
    return rf"\frac{{{_part(node, 'num')}}}{{{_part(node, 'den')}}}"


def _root(node: Any) -> str:
    degree = "" if _is_on(node, "radPr/degHide") or node.find(f"{M}deg") is None else _part(node, "deg")
    return rf"\sqrt[{degree}]{{{_part(node, 'e')}}}" if degree else rf"\sqrt{{{_part(node, 'e')}}}"


def _delimited(node: Any) -> str:
    left, right = _property(node, "dPr/begChr", "("), _property(node, "dPr/endChr", ")")
    left, right = {"（": "("}.get(left, left), {"）": ")"}.get(right, right)
    if left not in _OPEN or right not in _CLOSE:
        raise Unfit
    between = _text(_property(node, "dPr/sepChr", ","))
    inner = between.join(_inside(part).strip() for part in node.findall(f"{M}e"))
    return rf"\left{_OPEN[left]} {inner} \right{_CLOSE[right]}"


def _sum(node: Any) -> str:
    sign = _property(node, "naryPr/chr", "")
    if sign not in _SUMS:
        raise Unfit
    low = "" if _is_on(node, "naryPr/subHide") else _part(node, "sub")
    high = "" if _is_on(node, "naryPr/supHide") else _part(node, "sup")
    marks = (f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else "")
    return f"{_SUMS[sign]}{marks} {_part(node, 'e')}"


def _accent(node: Any) -> str:
    sign = _property(node, "accPr/chr", "\u0302")
    if sign not in _ACCENTS:
        raise Unfit
    return rf"{_ACCENTS[sign]}{{{_part(node, 'e')}}}"


def _bar(node: Any) -> str:
    name = "overline" if _property(node, "barPr/pos", "bot") == "top" else "underline"
    return rf"\{name}{{{_part(node, 'e')}}}"


_MAKERS = {
    "oMath": _inside,
    "oMathPara": lambda node: " ".join(_inside(one).strip() for one in node.findall(f"{M}oMath")),
    "r": _run,
    "f": _fraction,
    "sSup": lambda node: f"{{{_part(node, 'e')}}}^{{{_part(node, 'sup')}}}",
    "sSub": lambda node: f"{{{_part(node, 'e')}}}_{{{_part(node, 'sub')}}}",
    "sSubSup": lambda node: f"{{{_part(node, 'e')}}}_{{{_part(node, 'sub')}}}^{{{_part(node, 'sup')}}}",
    "rad": _root,
    "d": _delimited,
    "nary": _sum,
    "func": lambda node: f"{_part(node, 'fName')} {_part(node, 'e')}",
    "acc": _accent,
    "bar": _bar,
}
