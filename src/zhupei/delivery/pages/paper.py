"""The paper: one unit at a time with the answer sheet beside it, and the watermark behind."""

from __future__ import annotations

import urllib.parse
from collections import deque
from collections.abc import Sequence
from functools import lru_cache

from zhupei.delivery.engine.replies import View
from zhupei.delivery.formats.papers import Paper, Section, Slot
from zhupei.delivery.html import Html, esc, fill, join
from zhupei.delivery.pages.frame import (
    NOTHING,
    Look,
    hidden,
    moved_words,
    page,
    person_top,
    warning_box,
)
from zhupei.delivery.pages.units import unit_html


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
        _template(look),
        subject=sheet.subject,
        paper_id=sheet.paper_id,
        form=form,
        candidate=sheet.candidate_id,
        n=slot_no,
        order=view.bundle.rules.order,
        watermark=watermark(view),
        hidden=hidden(form=form, subject=sheet.subject, n=str(slot_no), paper=sheet.paper_id),
        warning=warning_box(look, view),
        moved=moved_words(look),
        still=NOTHING if look.moved else Html(" hidden"),
        title=sheet.title,
        of=look.t("paper.of", total=len(slots)),
        unit=unit_html(look, sheet, current.unit_no, unit_slots_, chosen),
        no_prev=Html(" disabled") if first else NOTHING,
        mark_value="unmark" if is_marked else "mark",
        pressed="true" if is_marked else "false",
        mark=look.t("go.unmark" if is_marked else "go.mark"),
        next=look.t("go.review") if last else look.t("go.next"),
        count=look.t("sheet.count", answered=len(chosen), total=len(slots)),
        cells=_cells(
            look,
            sheet.sections,
            tuple(slot.unit_no for slot in slots),
            frozenset(slot.no for slot in slots if slot.key in chosen) if chosen else frozenset(),
            frozenset(slot.no for slot in slots if slot.key in marked) if marked else frozenset(),
            slot_no,
        ),
        others=others,
    )
    return page(look, sheet.title, body, top=person_top(look, view, timer=True), kind="exam")


@lru_cache(maxsize=1_024)
def _template(look: Look) -> str:
    """The template of a paper's page, with all that is the same for everybody."""
    return fill(
        """<div id="main" role="main" class="wrap exam" data-page="paper" data-subject="{{subject}}" data-paper="{{paper_id}}"
 data-form="{{form}}" data-candidate="{{candidate}}" data-n="{{n}}" data-order="{{order}}">
<img class="watermark" src="{{watermark}}" alt="">
<form method="post" action="{action}" id="exam" autocomplete="off">{{hidden}}
<button type="submit" name="go" value="stay" class="default" tabindex="-1" aria-hidden="true"></button>
{{warning}}
<div class="columns">
<div class="stage" id="stage">
<h1 class="subject">{{title}} <span class="of" id="of">{{of}}</span></h1>
<p id="message" class="notice" role="status"{{still}}>{{moved}}</p>
<div id="item">{{unit}}</div>
<div class="bar" id="bar">
<button type="submit" name="go" value="prev" id="go-prev"{{no_prev}}>{prev}</button>
<button type="submit" name="go" value="{{mark_value}}" id="go-mark" class="flag" aria-pressed="{{pressed}}">{{mark}}</button>
<button type="submit" name="go" value="next" id="go-next" class="main">{{next}}</button>
</div>
</div>
<div class="sheet" id="sheet" role="complementary" aria-labelledby="sheet-title">
<h2 id="sheet-title">{sheet_title} <span id="count" class="count">{{count}}</span></h2>
<div class="cells" id="cells">{{cells}}</div>
<ul class="legend" aria-hidden="true"><li><span class="cell"></span>{l_empty}</li>
<li class="given-key"><span class="cell given"></span>{l_given}</li>
<li><span class="cell kept"></span>{l_kept}</li><li><span class="cell marked"></span>{l_marked}</li></ul>
<p class="unsaved" id="unsaved" role="status"></p>
<div class="onward" id="onward">{{others}}</div>
</div>
</div></form>
<div id="overlay" class="overlay" hidden>
<div class="card" role="alertdialog" aria-modal="true" aria-labelledby="pause-title">
<h2 id="pause-title">{paused_title}</h2><p>{paused}</p></div></div>
<div id="say" class="unseen" aria-live="polite"></div>
</div>""",
        action=look.url("/save"),
        prev=look.t("go.prev"),
        sheet_title=look.t("sheet.title"),
        l_empty=look.t("sheet.empty"),
        l_given=look.t("sheet.given"),
        l_kept=look.t("sheet.kept"),
        l_marked=look.t("sheet.marked"),
        paused_title=look.t("paused.title"),
        paused=look.t("paused.lead"),
    )


@lru_cache(maxsize=256)
def _cells(
    look: Look,
    sections: tuple[Section, ...],
    units: tuple[int, ...],
    kept: frozenset[int],
    marked: frozenset[int],
    current: int,
) -> Html:
    """The answer sheet, by section. Each cell is a button of the form: going there saves this page first.

    ``units``: of each question. Remembered for those who start: they all get the same.
    """
    groups, rest, at = [], deque(enumerate(units, 1)), 0
    for section in sections:
        at += section.count
        cells = []
        while rest and rest[0][1] <= at:
            no, _ = rest.popleft()
            cells.append(_cell(look.lang, look.practice, no, no in kept, no in marked, no == current))
        groups.append(
            fill('<div class="group"><h3>{t}</h3>{cells}</div>', t=section.title, cells=join(cells))
        )
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


_WATERMARK = urllib.parse.quote(
    '<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%"><defs><pattern id="w" width="340" height="200" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(-24)"><text x="10" y="80" font-size="17" '
    'font-family="sans-serif" fill="#073e49" fill-opacity="0.055">\0</text><text x="160" y="180" font-size="17" '
    'font-family="sans-serif" fill="#073e49" fill-opacity="0.055">\0</text></pattern></defs>'
    '<rect width="100%" height="100%" fill="url(#w)"/></svg>',
    safe="/:= ",
).split("%00")


def watermark(view: View) -> Html:
    """Candidate and seat all over the page, faint: a photo of the screen says whose it is. An image's address, which holds it."""
    words = esc(f"{view.candidate.slip_no} {view.candidate.name} {view.seat_no}")
    return Html("data:image/svg+xml;charset=utf-8," + urllib.parse.quote(words).join(_WATERMARK))
