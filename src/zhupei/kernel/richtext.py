r"""Item texts: plain text with images, tables and formulas, kept as it is and rendered only for display.

The markup, all of it:

- a line break is a line break (and a blank line parts paragraphs where there are paragraphs);
- ``![alt](media:<64 hex digits>)`` is an image, named by the SM3 of its bytes;
- lines ``| a | b |``, ``|---|---|``, ``| 1 | 2 |`` … are a table; a bar within a cell is ``\|`` (or stands in a formula);
- LaTeX between ``\(`` and ``\)`` is a formula in the line, between ``\[`` and ``\]`` one on a line of its own.

Everything else is text and is escaped. Formulas become MathML of known elements and attributes only; one that cannot be
converted is shown as its source. ``faults`` says what an author must mend. All functions are linear in the text, and
``to_html`` is safe for any text whatever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from html import escape, unescape
from itertools import pairwise
from typing import NamedTuple, TypeAlias
from unicodedata import category
from xml.etree.ElementTree import Element  # only the type: nothing is parsed

from latex2mathml.commands import FUNCTIONS
from latex2mathml.converter import convert_to_element
from latex2mathml.symbols_parser import convert_symbol

MAX_FORMULA = 1000
"""Characters of one formula."""
MAX_BRACES, MAX_DEPTH = 16, 60
"""Braces within braces of one formula; elements within elements of its MathML."""
MAX_ROWS, MAX_COLUMNS, MAX_IMAGES = 20, 8, 6
"""Rows below a table's head, columns of a table, images of a text."""


class _Formula(NamedTuple):
    latex: str
    own: bool
    """On a line of its own."""


class _Image(NamedTuple):
    alt: str
    digest: str


_Token: TypeAlias = str | _Formula | _Image
_Line: TypeAlias = list[_Token]


class _Table(NamedTuple):
    head: list[_Line]
    rows: list[list[_Line]]


# ── what others call ────────────────────────────────────────────────────────────────────────────────────────


def to_html(text: str, media_url: Callable[[str], str], *, inline: bool = False) -> str:
    """``text`` as safe HTML; ``media_url`` gives the address of an image by its digest.

    With ``inline`` (options, legends) there are no paragraphs and no tables: lines of a table stay text.
    """
    if not _may_be_rich(text):
        return _plain_html(text, inline)
    pieces = _pieces(text, inline)
    if len(pieces) == 1:
        return pieces[0]
    return "".join(escape(media_url(one)) if at % 2 else one for at, one in enumerate(pieces))


def plain(text: str) -> str:
    """``text`` for search, comparison and lists: alt texts, cells parted by spaces, the LaTeX of formulas."""
    if not _may_be_rich(text):
        return text
    lines: list[str] = []
    for block in _blocks(text):
        if isinstance(block, _Table):
            lines += [" ".join(map(_line_text, row)) for row in (block.head, *block.rows)]
        else:
            lines += map(_line_text, block)
    return "\n".join(lines)


def media_in(text: str) -> tuple[str, ...]:
    """The digests of the images of ``text``, each once, in order."""
    if "](media:" not in text:
        return ()
    return tuple(dict.fromkeys(one.digest for one in _tokens(text) if isinstance(one, _Image)))


def has_table(text: str) -> bool:
    """True if ``text`` needs room for blocks: it cannot stand in a legend or an option as it is meant."""
    return "|" in text and any(isinstance(block, _Table) for block in _blocks(text))


def faults(text: str, *, inline: bool = False) -> list[str]:
    """Codes of what is wrong with the markup of ``text``, each once; empty if it will be shown as it is meant.

    ``formula_open`` (no end) ``formula_long`` ``formula_deep`` ``formula_invalid`` ``table_ragged`` ``table_large``
    ``table_in_option`` (with ``inline``) ``image_many`` ``image_remote`` ``image_form`` (not ``media:`` and a digest).
    """
    if not _may_be_rich(text):
        return []
    found: list[str] = []
    images = 0
    for token in _tokens(text):
        if isinstance(token, _Formula):
            found.append(_formula(token)[1])
        elif isinstance(token, _Image):
            images += 1
        else:
            found += ["formula_open"] if _OPEN.search(token) else []
            found += [
                "image_remote" if _REMOTE.match(one[2]) else "image_form" for one in _IMAGE.finditer(token)
            ]
    found += ["image_many"] if images > MAX_IMAGES else []
    lines = _lines(text)
    for head, rule in pairwise(lines):
        columns, rules = _cells(head), _cells(rule)
        if columns and rules and not _is_rule(columns) and _is_rule(rules) and len(columns) != len(rules):
            found.append("table_ragged")
    for block in _blocks(text):
        if isinstance(block, _Table):
            found += ["table_in_option"] if inline else []
            found += ["table_ragged"] if any(len(row) != len(block.head) for row in block.rows) else []
            found += ["table_large"] if len(block.rows) > MAX_ROWS or len(block.head) > MAX_COLUMNS else []
    return [code for code in dict.fromkeys(found) if code]


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────

_START = re.compile(r"\\\(|\\\[|!\[([^\[\]\n]*)\]\(media:([0-9a-f]{64})\)")
_OPEN = re.compile(r"\\[(\[]")
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(([^()\n]*)\)")
_REMOTE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//|\s*(?:data|javascript|file|mailto):", re.IGNORECASE)
_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


def _may_be_rich(text: str) -> bool:
    return "\\" in text or "![" in text or "|" in text


def _tokens(text: str) -> Iterator[_Token]:
    """``text`` as runs of text, formulas and images."""
    text = text.replace("\r\n", "\n")
    done = at = 0
    ends: dict[str, int] = {}
    while found := _START.search(text, at):
        token: _Token
        if found[2]:
            token, at = _Image(found[1], found[2]), found.end()
        else:
            own = found[0] == r"\["
            close = r"\]" if own else r"\)"
            if ends.get(close, 0) >= 0:
                ends[close] = text.find(close, found.end())
            if ends[close] < 0:  # never closed: text
                at = found.end()
                continue
            token, at = _Formula(text[found.end() : ends[close]].strip(), own), ends[close] + 2
        if done < found.start():
            yield text[done : found.start()]
        yield token
        done = at
    if done < len(text):
        yield text[done:]


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = [[]]
    for token in _tokens(text):
        if isinstance(token, str):
            first, *rest = token.split("\n")
            lines[-1].append(first)
            lines += [[one] for one in rest]
        else:
            lines[-1].append(token)
    return lines


def _cells(line: _Line) -> list[_Line] | None:
    """The cells of a line of a table: None if it is none."""
    if not line or not isinstance(line[0], str) or not line[0].lstrip().startswith("|"):
        return None
    cells: list[_Line] = [[]]
    for token in line:
        if isinstance(token, str):
            first, *rest = (one.replace(r"\|", "|") for one in _BAR.split(token))
            cells[-1].append(first)
            cells += [[one] for one in rest]
        else:
            cells[-1].append(token)
    if len(cells) > 2 and not any(isinstance(one, tuple) or one.strip() for one in cells[-1]):
        del cells[-1]
    return cells[1:]


def _is_rule(cells: list[_Line]) -> bool:
    return all(len(one) == 1 and isinstance(one[0], str) and _RULE.fullmatch(one[0].strip()) for one in cells)


def _blocks(text: str) -> Iterator[list[_Line] | _Table]:
    """Tables, and the runs of lines between them."""
    lines = _lines(text)
    rows = [_cells(line) for line in lines]
    run: list[_Line] = []
    at = 0
    while at < len(lines):
        head, rule = rows[at], rows[at + 1] if at + 1 < len(lines) else None
        if not head or not rule or not _is_rule(rule) or len(head) != len(rule):
            run.append(lines[at])
            at += 1
            continue
        if run:
            yield run
            run = []
        body: list[list[_Line]] = []
        at += 2
        while at < len(lines) and (cells := rows[at]):
            body.append(cells)
            at += 1
        yield _Table(head, body)
    if run:
        yield run


def _line_text(line: _Line) -> str:
    return "".join(map(_words, line)).strip()


def _words(token: _Token) -> str:
    if isinstance(token, _Formula):
        return token.latex
    return token.alt if isinstance(token, _Image) else token


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────

_STOP = re.compile(
    "</span>([，。；：、！？）》”]+)"
)  # stays on the formula's line; only formulas have a span
_MARK = "\0"  # stands about a digest until the address is known; texts cannot hold it (see ``_token_html``)


def _plain_html(text: str, inline: bool) -> str:
    text = escape(text.replace("\r\n", "\n"))
    if inline:
        return text.replace("\n", "<br>")
    blocks = (block.strip() for block in text.split("\n\n"))
    return "".join("<p>" + block.replace("\n", "<br>") + "</p>" for block in blocks if block)


@lru_cache(maxsize=2048)
def _pieces(text: str, inline: bool) -> tuple[str, ...]:
    """The HTML in pieces: every second one is the digest of an image."""
    if inline:
        return tuple(_lines_html(_lines(text)).split(_MARK))
    html = []
    for block in _blocks(text):
        if isinstance(block, _Table):
            html.append(_table_html(block))
            continue
        paragraph: list[_Line] = []
        end: _Line = [""]
        for line in [*block, end]:
            if any(isinstance(one, tuple) or one.strip() for one in line):
                paragraph.append(line)
            elif paragraph:
                html.append(f"<p>{_lines_html(paragraph)}</p>")
                paragraph = []
    return tuple("".join(html).split(_MARK))


def _lines_html(lines: Iterable[_Line]) -> str:
    html, own_before = "", True
    for line in lines:
        filled = [one for one in line if isinstance(one, tuple) or one.strip()]
        own = bool(filled) and all(isinstance(one, _Formula) and one.own for one in filled)
        html += ("" if own or own_before else "<br>") + "".join(map(_token_html, filled if own else line))
        own_before = own
    return _STOP.sub(r"\1</span>", html)


def _table_html(table: _Table) -> str:
    head = "".join(f'<th scope="col">{_cell_html(cell)}</th>' for cell in table.head)
    rows = ""
    for row in table.rows:
        empty: list[_Line] = [[""]] * (len(table.head) - len(row))
        rows += "<tr>" + "".join(f"<td>{_cell_html(cell)}</td>" for cell in [*row, *empty]) + "</tr>"
    return (
        f'<div class="rich-table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell_html(cell: _Line) -> str:
    return "".join(map(_token_html, cell)).strip()


def _token_html(token: _Token) -> str:
    if isinstance(token, _Formula):
        return _formula(token)[0]
    if isinstance(token, _Image):
        alt = _escape(token.alt)
        return f'<img class="rich-image" src="{_MARK}{token.digest}{_MARK}" alt="{alt}">'
    return _escape(token)


def _escape(text: str) -> str:
    return escape(text.replace(_MARK, "\ufffd"))


# ── formulas ────────────────────────────────────────────────────────────────────────────────────────────────


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_COMMANDS = _set(
    "frac dfrac tfrac cfrac binom dbinom tbinom sqrt root of over choose atop left right middle begin end text"
    " textrm textbf textit textnormal textup mbox mathrm mathbf mathit mathsf mathtt mathbb mathcal mathscr mathfrak"
    " mathnormal boldsymbol bm operatorname overline underline overbrace underbrace overrightarrow overleftarrow"
    " overset underset stackrel hat widehat tilde widetilde bar vec dot ddot acute grave check breve mathring"
    " quad qquad enspace thinspace limits nolimits lim sup inf max min arg det gcd Pr liminf limsup bmod pmod mod"
    " displaystyle textstyle scriptstyle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm"
    " substack hline not phantom hphantom vphantom xrightarrow xleftarrow xlongequal rm bf it nobreakspace prime"
)
_ENVIRONMENTS = {name: name for name in _set("array cases split align* smallmatrix matrix pmatrix bmatrix")}
_ENVIRONMENTS |= {name: name for name in _set("Bmatrix vmatrix Vmatrix")}
_ENVIRONMENTS |= dict.fromkeys(_set("align aligned gathered"), "align*")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_PERCENT = re.compile(r"(?<!\\)%")  # a comment in LaTeX, per cent to whoever writes items
_ESCAPED_BRACE = re.compile(r"\\[{}\\]")
_ENTITY = re.compile(r"&#x[0-9A-Fa-f]{1,6};")
_TAGS = _set(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mstyle"
    " mpadded mphantom"
)
_CHILDREN = dict.fromkeys(_set("mfrac mroot msub msup munder mover"), 2) | {"msubsup": 3, "munderover": 3}
_ATTRIBUTES = _set(
    "display displaystyle scriptlevel mathvariant stretchy fence form accent accentunder movablelimits largeop minsize"
    " maxsize linethickness width height depth lspace voffset mathsize"
)
_VALUE = re.compile(r"[-+]?[\w.]{1,20}")


class _Unfit(Exception):
    """A formula that is not shown as one; its argument is the fault's code."""


def _formula(token: _Formula) -> tuple[str, str]:
    """The HTML of a formula and the code of its fault, "" if it has none."""
    if len(token.latex) > MAX_FORMULA:
        return _source(token), "formula_long"
    return _converted(token)


def _source(token: _Formula) -> str:
    return f'<code class="rich-source">{_escape(token.latex)}</code>'


@lru_cache(maxsize=2048)
def _converted(token: _Formula) -> tuple[str, str]:
    try:
        root = convert_to_element(_checked(token.latex), xmlns="", display="block" if token.own else "inline")
        mathml = _mathml(root, 0)
    except _Unfit as problem:
        return _source(token), str(problem)
    except RecursionError:
        return _source(token), "formula_deep"
    except Exception:  # the library raises whatever comes: StopIteration, IndexError, its own
        return _source(token), "formula_invalid"
    # the source stands beside it for browsers without MathML: the style sheet shows one of the two
    own = " rich-own" if token.own else ""
    return f'<span class="rich-formula{own}">{mathml}{_source(token)}</span>', ""


def _checked(latex: str) -> str:
    """``latex`` as the library is to have it. Only known commands: some of the library's define others, write attributes
    or double their argument at each level."""
    braces = deep = 0
    for sign in _ESCAPED_BRACE.sub("", latex):
        braces += (sign == "{") - (sign == "}")
        deep = max(deep, braces)
        if braces < 0:
            raise _Unfit("formula_invalid")
    if braces or not latex:
        raise _Unfit("formula_invalid")
    if deep > MAX_BRACES:
        raise _Unfit("formula_deep")
    for found in _COMMAND.finditer(latex.replace(r"\\", " ")):
        if found[1] not in _COMMANDS and found[0] not in FUNCTIONS and convert_symbol(found[0]) is None:
            raise _Unfit("formula_invalid")
    latex = _ENVIRONMENT.sub(lambda one: f"\\{one[1]}{{{_environment(one[2])}}}", latex)
    return _PERCENT.sub(r"\%", latex)


def _environment(name: str) -> str:
    try:
        return _ENVIRONMENTS[name]
    except KeyError:
        raise _Unfit("formula_invalid") from None


def _mathml(element: Element, depth: int) -> str:
    """The element as text, with known tags and attributes only."""
    if depth > MAX_DEPTH:
        raise _Unfit("formula_deep")
    tag, words = element.tag, element.text or ""
    if tag not in _TAGS or "\\" in words:  # a command that the library does not know stays as it is
        raise _Unfit("formula_invalid")
    if len(element) != _CHILDREN.get(tag, len(element)):  # an argument is missing
        raise _Unfit("formula_invalid")
    words = _ENTITY.sub(lambda one: unescape(one[0]), words)
    if tag in ("mi", "mo") and len(words) == 1:  # the library takes ± and ⩽ for names, ∞ for an operator
        tag = "mi" if words in "∞∅" else "mo" if category(words) == "Sm" else tag
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _VALUE.fullmatch(value)
    )
    if tag == "mtd" and element.get("columnalign") in ("left", "right"):
        attributes += f' class="{element.get("columnalign")}"'
    inner = "".join(_mathml(child, depth + 1) for child in element)
    return f"<{tag}{attributes}>{_escape(words)}{inner}</{tag}>"
