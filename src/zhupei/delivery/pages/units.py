"""The units of a paper, as HTML with what was answered and as JSON without.

Thousands of candidates get the same few hundred items, each in another order. What does not depend on the candidate is therefore
remembered ready-made, and his paper is a join: the number goes between the pieces of a question, and every option is there
under each letter it may stand at.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import islice

import msgspec

from zhupei.delivery.formats.papers import Child, Option, Paper, Slot, Unit
from zhupei.delivery.html import Html, fill
from zhupei.delivery.pages.frame import NOTHING, Look, number
from zhupei.kernel import richtext

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Where the number of a question (the letter of an option) and its choices go; such characters in texts are dropped.
_NO, _CHOICES = Html("\x01"), Html("\x02")
_NO_JSON = _NO.encode()


def unit_html(
    look: Look, paper: Paper, unit_no: int, slots: Sequence[Slot], chosen: dict[str, tuple[str, ...]]
) -> Html:
    """One unit with its choices and what is chosen in them."""
    unit = paper.units[unit_no - 1]
    is_case = unit.kind == "case"
    opening, between, closing = _around(
        look.lang,
        look.practice,
        look.root,
        unit.kind,
        _titles(paper)[unit_no - 1],
        unit.marks,
        *((slots[0].no, slots[-1].no, unit.stem) if is_case else ()),
    )
    questions = []
    for slot, asked in zip(slots, _asked(unit), strict=True):
        given = chosen.get(slot.key, ())
        before, after = _question(
            look.lang, look.practice, look.root, slot.key, asked.stem, slot.kind, slot.marks, bool(given)
        )
        choices = "".join(
            _choice(look.root, slot.kind, slot.key, option, letter, option.id in given)
            for letter, option in zip(LETTERS, asked.options, strict=False)
        )
        no = str(slot.no)
        questions.append(before.replace(_NO, no) + choices + after.replace(_NO, no))
    return Html(opening + between.join(questions) + closing)


def units_json(look: Look, paper: Paper, slots: Sequence[Slot]) -> bytes:
    """All units, nothing chosen: a JSON list of ``{"html": as unit_html, "slots": [numbers]}``."""
    pieces: list[bytes] = []
    lang, practice, root = look.lang, look.practice, look.root
    start, rest = b'[{"html":"', iter(slots)
    for unit, section in zip(paper.units, _titles(paper), strict=True):
        parts = _asked(unit)
        own = list(islice(rest, len(parts)))
        of_case = (own[0].no, own[-1].no, unit.stem) if unit.kind == "case" else ()
        opening, between, closing = _around_json(
            lang, practice, root, unit.kind, section, unit.marks, *of_case
        )
        pieces += (start, opening)
        numbers: list[bytes] = []
        for slot, asked in zip(own, parts, strict=True):
            if numbers:
                pieces.append(between)
            before, choices, after = _question_json(
                lang, practice, root, slot.key, asked.stem, slot.kind, slot.marks, len(asked.options)
            )
            no = b"%d" % slot.no
            numbers.append(no)
            question = [before, *[choices[option][at] for at, option in enumerate(asked.options)], after]
            pieces.append(b"".join(question).replace(_NO_JSON, no))
        pieces += (closing, b'","slots":[', b",".join(numbers), b"]}")
        start = b',{"html":"'
    pieces.append(b"]")
    return b"".join(pieces)


def _asked(unit: Unit) -> tuple[Unit | Child, ...]:
    """The questions of a unit: itself, or those of a case."""
    return unit.children or (unit,)


def _titles(paper: Paper) -> list[str]:
    """The title of its section for each unit."""
    return [section.title for section in paper.sections for _ in range(section.count)]


def _rich(root: str, text: str, *, inline: bool = False) -> Html:
    html = richtext.to_html(text, lambda digest: f"{root}/media/{digest}", inline=inline)
    return Html(html.replace(_NO, "").replace(_CHOICES, ""))


def _json(text: str) -> bytes:
    """``text`` as it stands within a JSON string."""
    return msgspec.json.encode(str(text))[1:-1]


@lru_cache(maxsize=2_048)
def _around(
    lang: str,
    practice: bool,
    root: str,
    kind: str,
    section: str,
    marks: Decimal,
    first: int = 0,
    last: int = 0,
    background: str = "",
) -> tuple[str, str, str]:
    """What stands before the questions of a unit, between them and behind them. ``first`` and ``last`` question and
    ``background`` of a case only."""
    look = Look(lang=lang, practice=practice, root=root)
    words = look.t("paper.marks", marks=number(marks))
    if kind == "case":
        words = f"{look.t('paper.questions', first=first, last=last)} · {words}"
    head = fill(
        '<div class="unit kind-{kind}"><p class="section">{section} <span class="sum">{words}</span></p>',
        kind=kind,
        section=section,
        words=words,
    )
    if kind != "case":
        return head, "", "</div>"
    case = fill(
        '<div class="case"><div class="background" tabindex="0" role="region" aria-label="{label}">'
        '<h3>{label}</h3>{stem}</div><div class="children"><div class="child">',
        label=look.t("paper.case"),
        stem=_rich(root, background),
    )
    return head + case, '</div><div class="child">', "</div></div></div></div>"


@lru_cache(maxsize=2_048)
def _around_json(
    lang: str, practice: bool, root: str, kind: str, section: str, marks: Decimal, *of_case: int | str
) -> tuple[bytes, ...]:
    return tuple(map(_json, _around(lang, practice, root, kind, section, marks, *of_case)))


@lru_cache(maxsize=16_384)
def _choice(root: str, kind: str, key: str, option: Option, letter: str, on: bool) -> Html:
    """One option under its letter."""
    return fill(
        '<li><label class="choice{on}"><input type="{type}" name="a:{key}" value="{value}"{checked}>'
        '<span class="letter">{letter}</span><span class="text">{text}</span></label></li>',
        on=" on" if on else "",
        type="checkbox" if kind == "multiple" else "radio",
        key=key,
        value=option.id,
        checked=Html(" checked") if on else NOTHING,
        letter=letter,
        text=_rich(root, option.text, inline=True),
    )


class _Choices(dict[Option, tuple[bytes, ...]]):
    """The options of a question as JSON text, each under the first, the second … letter; made when first asked for."""

    __slots__ = ("_count", "_of")

    def __init__(self, root: str, kind: str, key: str, count: int) -> None:
        self._of, self._count = (root, kind, key), count

    def __missing__(self, option: Option) -> tuple[bytes, ...]:
        before, _, after = _choice.__wrapped__(*self._of, option, _NO, False).partition(_NO)
        start, end = _json(before), _json(after)
        made = self[option] = tuple(start + letter.encode() + end for letter in LETTERS[: self._count])
        return made


@lru_cache(maxsize=4_096)
def _question(
    lang: str, practice: bool, root: str, key: str, stem: str, kind: str, marks: Decimal, given: bool
) -> tuple[str, str]:
    """A question before its choices and behind them, with ``_NO`` where its number goes."""
    look = Look(lang=lang, practice=practice, root=root)
    state = "kept" if given else "empty"
    if richtext.has_table(stem):  # no legend holds one: the number is the legend, the rest stands beside it
        asked = fill(
            '<legend class="apart"><span class="no">{no}</span></legend><div class="stem" id="stem-{no}">{stem}</div>',
            no=_NO,
            stem=_rich(root, stem),
        )
        described = fill(' aria-describedby="stem-{no}"', no=_NO)
    else:
        asked = fill(
            '<legend><span class="no">{no}</span><span class="stem">{stem}</span></legend>',
            no=_NO,
            stem=_rich(root, stem, inline=True),
        )
        described = NOTHING
    html = fill(
        '<fieldset class="question" id="q{no}" data-key="{key}" data-no="{no}" data-kind="{kind}"{described}>{asked}'
        '<p class="hint">{hint} · {marks}<span class="keep keep-{state}" id="keep-{no}">{keep}</span></p>'
        '<ul class="choices">{choices}</ul>'
        '<p class="clear"><button type="submit" name="go" value="clear:{no}" class="quiet">{clear}</button></p>'
        "</fieldset>",
        no=_NO,
        key=key,
        kind=kind,
        asked=asked,
        described=described,
        hint=look.t(f"hint.{kind}"),
        marks=look.t("paper.marks", marks=number(marks)),
        state=state,
        keep=look.t(f"state.{state}"),
        choices=_CHOICES,
        clear=look.t("go.clear"),
    )
    before, _, after = html.partition(_CHOICES)
    return before, after


@lru_cache(maxsize=8_192)
def _question_json(
    lang: str, practice: bool, root: str, key: str, stem: str, kind: str, marks: Decimal, count: int
) -> tuple[bytes, _Choices, bytes]:
    """The same as JSON text with nothing chosen, the choices between; ``_NO_JSON`` where its number goes. ``count``: how many
    options it has."""
    pieces = _question(lang, practice, root, key, stem, kind, marks, False)
    before, after = (_NO_JSON.join(map(_json, piece.split(_NO))) for piece in pieces)
    return before, _Choices(root, kind, key, count), after
