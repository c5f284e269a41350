"""The paper: one unit at a time with the answer sheet beside it, and the watermark behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

from zhupei.delivery.engine.replies import View
from zhupei.delivery.formats.papers import Option, Paper, Slot
from zhupei.delivery.html import Html, esc, fill, join
from zhupei.delivery.pages.frame import (
    NOTHING,
    Look,
    hidden,
    moved_words,
    number,
    page,
    person_top,
    warning_box,
)
from zhupei.kernel import richtext

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NO, _CHOICES = Html("\x01"), Html("\x02")  # stand where a question's number and its choices go


def unit_html(
    look: Look, paper: Paper, unit_no: int, slots: Sequence[Slot], chosen: dict[str, tuple[str, ...]]
) -> Html:
    """One unit with its choices: the same piece for the page without script and for the script."""
    unit = paper.units[unit_no - 1]
    section = _section_of(paper, unit_no)
    if unit.kind == "case":
        questions = join(
            fill(
                '<div class="child">{question}</div>',
                question=_question(look, slot, child.stem, child.options, chosen.get(slot.key, ())),
            )
            for slot, child in zip(slots, unit.children, strict=True)
        )
        inner = fill(
            '<div class="case"><div class="background" tabindex="0" role="region" aria-label="{label}">'
            '<h3>{label}</h3>{stem}</div><div class="children">{questions}</div></div>',
            label=look.t("paper.case"),
            stem=_rich(look.root, unit.stem),
            questions=questions,
        )
    else:
        inner = _question(look, slots[0], unit.stem, unit.options, chosen.get(slots[0].key, ()))
    first, last = (slots[0].no, slots[-1].no) if unit.kind == "case" else (0, 0)
    return Html(
        _head(look.lang, look.practice, unit.kind, section, unit.marks, first, last) + inner + "</div>"
    )


def _rich(root: str, text: str, *, inline: bool = False) -> Html:
    html = richtext.to_html(text, lambda digest: f"{root}/media/{digest}", inline=inline)
    return Html(html.replace(_NO, "").replace(_CHOICES, ""))


def _section_of(paper: Paper, unit_no: int) -> str:
    last = 0
    for section in paper.sections:
        last += section.count
        if unit_no <= last:
            return section.title
    return ""


@lru_cache(maxsize=1_024)
def _head(lang: str, practice: bool, kind: str, section: str, marks: Decimal, first: int, last: int) -> Html:
    """The head of a unit: its section, the questions of a case, the marks."""
    look = Look(lang=lang, practice=practice)
    words = look.t("paper.marks", marks=number(marks))
    if kind == "case":
        words = f"{look.t('paper.questions', first=first, last=last)} · {words}"
    return fill(
        '<div class="unit kind-{kind}"><p class="section">{section} <span class="sum">{words}</span></p>',
        kind=kind,
        section=section,
        words=words,
    )


def _question(look: Look, slot: Slot, stem: str, options: Iterable[Option], chosen: Sequence[str]) -> Html:
    many = slot.kind == "multiple"
    pieces: list[str] = []
    for letter, option in zip(LETTERS, options, strict=False):
        before, after = _choice(look.root, many, slot.key, option.id, option.text, option.id in chosen)
        pieces += (before, letter, after)
    kind = (slot.kind, slot.marks, bool(chosen))
    parts = _frame(look.lang, look.practice, look.root, slot.key, stem, *kind)
    return Html(str(slot.no).join(parts).replace(_CHOICES, "".join(pieces)))


@lru_cache(maxsize=131_072)
def _choice(root: str, many: bool, key: str, option: str, text: str, on: bool) -> tuple[str, str]:
    """One option, before its letter and after. Remembered: the candidates of a batch see the same ones again and again."""
    before = fill(
        '<li><label class="choice{on}"><input type="{type}" name="a:{key}" value="{value}"{checked}><span class="letter">',
        on=" on" if on else "",
        type="checkbox" if many else "radio",
        key=key,
        value=option,
        checked=Html(" checked") if on else NOTHING,
    )
    return before, f'</span><span class="text">{_rich(root, text, inline=True)}</span></label></li>'


@lru_cache(maxsize=32_768)
def _frame(
    lang: str, practice: bool, root: str, key: str, stem: str, kind: str, marks: Decimal, given: bool
) -> tuple[str, ...]:
    """A question without its number and its choices, in pieces between which the number goes. Remembered like ``_choice``."""
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
    return tuple(html.split(_NO))


def paper(look: Look, view: View, sheet: Paper, slots: Sequence[Slot], slot_no: int, form: str) -> Html:
    """One unit of the paper with the answer sheet around it. A single form: every button saves what is on the page."""
    current = slots[slot_no - 1]
    unit_slots_ = [slot for slot in slots if slot.unit_no == current.unit_no]
    chosen = {key: answer for (subject, key), answer in view.answers.items() if subject == sheet.subject}
    marked = {key for subject, key in view.marked if subject == sheet.subject}
    is_marked = current.key in marked
    first, last = unit_slots_[0].no == 1, unit_slots_[-1].no == len(slots)
    others = _onward(look, view, sheet)
    body = fill(
        """<div id="main" role="main" class="wrap exam" data-page="paper" data-subject="{subject}" data-paper="{paper_id}"
 data-form="{form}" data-candidate="{candidate}" data-n="{n}" data-order="{order}">
<img class="watermark" src="{watermark}" alt="">
<form method="post" action="{action}" id="exam" autocomplete="off">{hidden}
<button type="submit" name="go" value="stay" class="default" tabindex="-1" aria-hidden="true"></button>
{warning}
<div class="columns">
<div class="stage" id="stage">
<h1 class="subject">{title} <span class="of" id="of">{of}</span></h1>
<p id="message" class="notice" role="status"{still}>{moved}</p>
<div id="item">{unit}</div>
<div class="bar" id="bar">
<button type="submit" name="go" value="prev" id="go-prev"{no_prev}>{prev}</button>
<button type="submit" name="go" value="{mark_value}" id="go-mark" class="flag" aria-pressed="{pressed}">{mark}</button>
<button type="submit" name="go" value="next" id="go-next" class="main">{next}</button>
</div>
</div>
<div class="sheet" id="sheet" role="complementary" aria-labelledby="sheet-title">
<h2 id="sheet-title">{sheet_title} <span id="count" class="count">{count}</span></h2>
<div class="cells" id="cells">{cells}</div>
<ul class="legend" aria-hidden="true"><li><span class="cell"></span>{l_empty}</li>
<li class="given-key"><span class="cell given"></span>{l_given}</li>
<li><span class="cell kept"></span>{l_kept}</li><li><span class="cell marked"></span>{l_marked}</li></ul>
<p class="unsaved" id="unsaved" role="status"></p>
<div class="onward" id="onward">{others}</div>
</div>
</div></form>
<div id="overlay" class="overlay" hidden>
<div class="card" role="alertdialog" aria-modal="true" aria-labelledby="pause-title">
<h2 id="pause-title">{paused_title}</h2><p>{paused}</p></div></div>
<div id="say" class="unseen" aria-live="polite"></div>
</div>""",
        subject=sheet.subject,
        paper_id=sheet.paper_id,
        form=form,
        candidate=sheet.candidate_id,
        n=slot_no,
        order=view.bundle.rules.order,
        watermark=look.url("/watermark.svg"),
        action=look.url("/save"),
        hidden=hidden(form=form, subject=sheet.subject, n=str(slot_no), paper=sheet.paper_id),
        warning=warning_box(look, view),
        moved=moved_words(look),
        still=NOTHING if look.moved else Html(" hidden"),
        title=sheet.title,
        of=look.t("paper.of", total=len(slots)),
        unit=unit_html(look, sheet, current.unit_no, unit_slots_, chosen),
        no_prev=Html(" disabled") if first else NOTHING,
        prev=look.t("go.prev"),
        mark_value="unmark" if is_marked else "mark",
        pressed="true" if is_marked else "false",
        mark=look.t("go.unmark" if is_marked else "go.mark"),
        next=look.t("go.review") if last else look.t("go.next"),
        sheet_title=look.t("sheet.title"),
        count=look.t("sheet.count", answered=sum(slot.key in chosen for slot in slots), total=len(slots)),
        cells=_cells(look, sheet, slots, chosen, marked, slot_no),
        l_empty=look.t("sheet.empty"),
        l_given=look.t("sheet.given"),
        l_kept=look.t("sheet.kept"),
        l_marked=look.t("sheet.marked"),
        others=others,
        paused_title=look.t("paused.title"),
        paused=look.t("paused.lead"),
    )
    return page(look, sheet.title, body, top=person_top(look, view, timer=True), kind="exam")


def _cells(
    look: Look,
    sheet: Paper,
    slots: Sequence[Slot],
    chosen: dict[str, tuple[str, ...]],
    marked: set[str],
    current: int,
) -> Html:
    """The answer sheet, by section. Each cell is a button of the form: going there saves this page first."""
    groups, at = [], 0
    for section in sheet.sections:
        units = range(at + 1, at + section.count + 1)
        at += section.count
        cells = join(
            _cell(
                look.lang,
                look.practice,
                slot.no,
                slot.key in chosen,
                slot.key in marked,
                slot.no == current,
            )
            for slot in slots
            if slot.unit_no in units
        )
        groups.append(fill('<div class="group"><h3>{t}</h3>{cells}</div>', t=section.title, cells=cells))
    return join(groups)


@lru_cache(maxsize=4_096)
def _cell(lang: str, practice: bool, no: int, kept: bool, marked: bool, current: bool) -> Html:
    return fill(
        '<button type="submit" name="go" value="n:{no}" id="cell-{no}" class="cell{kept}{marked}{current}" '
        'aria-label="{label}"{now}>{no}</button>',
        no=no,
        kept=" kept" if kept else "",
        marked=" marked" if marked else "",
        current=" current" if current else "",
        label=cell_label(Look(lang=lang, practice=practice), no, kept, marked),
        now=Html(' aria-current="true"') if current else NOTHING,
    )


def cell_label(look: Look, no: int, kept: bool, marked: bool) -> str:
    words = [look.t("paper.question", no=no), look.t("sheet.kept" if kept else "sheet.empty")]
    return ", ".join(words + ([look.t("sheet.marked")] if marked else []))


def _onward(look: Look, view: View, sheet: Paper) -> Html:
    """Where one goes from this subject: the next one, another one, or hand-in."""
    order = [code for code in view.bundle.rules.subjects if code in view.candidate.papers]
    buttons = []
    free = view.bundle.rules.order == "free"
    for code in order:
        if code == sheet.subject or (not free and order.index(code) != order.index(sheet.subject) + 1):
            continue
        title = view.candidate.papers[code].title
        words = look.t("go.switch" if free else "go.subject", subject=title)
        buttons.append(
            fill(
                '<button type="submit" name="go" value="subject:{code}" class="wide turn">{words}</button>',
                code=code,
                words=words,
            )
        )
    if free or order[-1] == sheet.subject:
        buttons.append(
            fill(
                '<button type="submit" name="go" value="hand-in" class="wide turn strong">{words}</button>',
                words=look.t("go.hand_in"),
            )
        )
    return join(buttons)


def watermark(view: View) -> Html:
    """Candidate and seat all over the page, faint: a photo of the screen says whose it is."""
    words = f"{view.candidate.slip_no} {view.candidate.name} {view.seat_no}"
    return fill(
        '<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%"><defs><pattern id="w" width="340" height="200" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(-24)"><text x="10" y="80" font-size="17" '
        'font-family="sans-serif" fill="#073e49" fill-opacity="0.055">{words}</text><text x="160" y="180" font-size="17" '
        'font-family="sans-serif" fill="#073e49" fill-opacity="0.055">{words}</text></pattern></defs>'
        '<rect width="100%" height="100%" fill="url(#w)"/></svg>',
        words=esc(words),
    )
