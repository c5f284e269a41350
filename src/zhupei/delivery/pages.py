"""The candidate's pages as HTML. They read a ``View`` and never change anything.

Each page stands alone without script; ``static/exam.js`` finds its places by the ``id`` and ``data-`` attributes written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from zhupei.delivery.engine import View
from zhupei.delivery.formats import Option, Paper, Slot, Unit
from zhupei.delivery.html import Html, esc, fill, join, paragraphs
from zhupei.delivery.texts import say
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NOTHING = Html("")


@dataclass(frozen=True)
class Look:
    """How pages are to look and where they stand: language, settings, root path, addresses of static files."""

    lang: str = "zh"
    large: bool = False
    contrast: bool = False
    root: str = ""
    assets: dict[str, str] = field(default_factory=dict)
    here: str = "/"

    def t(self, key: str, **values: object) -> str:
        return say(self.lang, key, **values)

    def url(self, path: str) -> str:
        return self.root + path


def number(value: Decimal) -> str:
    """Marks without needless zeros: 60, 59.5."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def clock_text(milliseconds: int) -> str:
    """``1:59:07`` or ``59:07``."""
    seconds = max(-(-milliseconds // 1000), 0)
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


# --- the frame ------------------------------------------------------------------------------------------------


def page(
    look: Look, title: str, body: Html, *, head: Html = NOTHING, top: Html = NOTHING, kind: str = "plain"
) -> Html:
    """A whole document."""
    classes = " ".join(
        [f"page-{kind}"] + (["large"] if look.large else []) + (["contrast"] if look.contrast else [])
    )
    return fill(
        """<!DOCTYPE html>
<html lang="{lang}" class="{classes}" data-root="{root}">
<head>
<meta charset="utf-8">
<meta http-equiv="X-UA-Compatible" content="IE=edge">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · {product}</title>
<link rel="stylesheet" href="{css}">
<link rel="icon" href="data:,">
{head}</head>
<body>
<a class="skip" href="#main">{skip}</a>
{top}
{body}
{settings}
<script src="{js}"></script>
</body>
</html>
""",
        lang="zh-CN" if look.lang == "zh" else "en",
        classes=classes,
        root=look.root,
        title=title,
        product=look.t("product"),
        css=look.assets.get("exam.css", ""),
        js=look.assets.get("exam.js", ""),
        head=head,
        skip=look.t("skip"),
        top=top or _plain_top(look),
        body=body,
        settings=_settings(look),
    )


def _plain_top(look: Look) -> Html:
    return fill(
        '<div class="top" role="banner"><div class="wrap"><p class="product">{product}</p></div></div>',
        product=look.t("product"),
    )


def _settings(look: Look) -> Html:
    """Large type, contrast and language: plain links, so that they work everywhere."""

    def link(name: str, value: str, words: str, lang: str = "") -> Html:
        return fill(
            '<li><a href="{url}" data-look="{name}"{lang}>{words}</a></li>',
            url=look.url(f"/look?{name}={value}&back={look.here}"),
            name=name,
            words=words,
            lang=fill(' lang="{lang}"', lang=lang) if lang else NOTHING,
        )

    return fill(
        '<div class="settings" role="navigation" aria-label="{label}"><ul class="wrap">{size}{contrast}{lang}</ul></div>',
        label=look.t("look.label"),
        size=link(
            "size", "normal" if look.large else "large", look.t("look.normal" if look.large else "look.large")
        ),
        contrast=link(
            "contrast",
            "plain" if look.contrast else "high",
            look.t("look.plain" if look.contrast else "look.contrast"),
        ),
        lang=link(
            "lang",
            "en" if look.lang == "zh" else "zh",
            look.t("lang.other"),
            "en" if look.lang == "zh" else "zh-CN",
        ),
    )


def person_top(look: Look, view: View, *, timer: bool = False) -> Html:
    """Photo, name, slip number and seat; with ``timer`` the countdown and the word on the link."""
    person = view.candidate
    photo = (
        fill(
            '<img class="face" src="{url}" alt="{alt}" width="44" height="60">',
            url=look.url("/photo"),
            alt=look.t("photo.alt", name=person.name),
        )
        if person.photo
        else NOTHING
    )
    right = NOTHING
    if timer:
        right = fill(
            '<div class="clock"><p class="time"><span class="label">{left}</span> '
            '<strong id="countdown" role="timer" data-left="{ms}" data-version="{version}">{text}</strong></p>'
            '<p class="link" id="link" data-label="{label}"><span class="dot" aria-hidden="true"></span>'
            '<span id="link-word"></span></p></div>',
            left=look.t("time.left"),
            ms=max(view.remaining_ms, 0),
            version=view.deadline_version,
            text=clock_text(view.remaining_ms),
            label=look.t("link.label"),
        )
    return fill(
        '<div class="top" role="banner"><div class="wrap">{photo}<div class="who"><p class="name">{name}</p>'
        '<p class="ids"><span><span class="label">{slip_label}</span> {slip}</span> '
        '<span class="seat"><span class="label">{seat_label}</span> <b>{seat}</b></span> '
        '<span class="room">{room}</span></p></div>{right}</div></div>',
        photo=photo,
        name=person.name,
        slip_label=look.t("who.slip"),
        slip=person.slip_no,
        seat_label=look.t("who.seat"),
        seat=view.seat_no,
        room=view.room_name,
        right=right,
    )


def _hidden(**values: str) -> Html:
    return join(
        fill('<input type="hidden" name="{name}" value="{value}">', name=name, value=value)
        for name, value in values.items()
    )


# --- sign-in and waiting --------------------------------------------------------------------------------------


def sign_in(look: Look, *, slip_no: str = "", problem: Refusal | None = None, wait_s: int = 0) -> Html:
    trouble = NOTHING
    if problem is not None:
        trouble = fill(
            '<div class="notice bad" role="alert" id="problem"><h2>{title}</h2><p>{what}</p><p>{todo}</p></div>',
            title=look.t("signin.problem"),
            what=look.t(f"error.{problem.code}"),
            todo=look.t(f"error.{problem.code}.do", seconds=wait_s),
        )
    body = fill(
        """<div id="main" role="main" class="wrap narrow"><div class="card">
<h1>{title}</h1>
<p class="lead">{lead}</p>
{trouble}
<form method="post" action="{action}" autocomplete="off">
<p class="field"><label for="slip_no">{slip}</label><span class="help" id="slip-help">{slip_help}</span>
<input id="slip_no" name="slip_no" value="{slip_no}" required maxlength="40" aria-describedby="slip-help"{bad}
 autocapitalize="characters" spellcheck="false"></p>
<p class="field"><label for="id_number">{id}</label><span class="help" id="id-help">{id_help}</span>
<input id="id_number" name="id_number" required maxlength="40" aria-describedby="id-help"{bad}
 autocapitalize="characters" spellcheck="false"></p>
<p><button class="main wide" type="submit">{button}</button></p>
</form></div></div>""",
        title=look.t("signin.title"),
        lead=look.t("signin.lead"),
        trouble=trouble,
        action=look.url("/enter"),
        slip=look.t("signin.slip"),
        slip_help=look.t("signin.slip.help"),
        slip_no=slip_no,
        id=look.t("signin.id"),
        id_help=look.t("signin.id.help"),
        button=look.t("signin.button"),
        bad=Html(' aria-invalid="true"') if problem is not None else NOTHING,
    )
    return page(look, look.t("signin.title"), body, kind="signin")


def wait(look: Look, view: View, form: str) -> Html:
    """The waiting page. It asks again by itself until the invigilator opens the room."""
    person, rules = view.candidate, view.bundle.rules
    titles = [
        paper.title for paper in (person.papers[code] for code in rules.subjects if code in person.papers)
    ]
    values = {"minutes": rules.minutes, "full": number(rules.full_mark), "mark": number(rules.pass_mark)}
    points = [look.t("wait.rule.time" if len(titles) > 1 else "wait.rule.time.one", **values)]
    if len(titles) > 1 and rules.order == "sequence":
        points.append(look.t("wait.rule.sequence", first=titles[0], second=titles[1]))
    elif len(titles) > 1:
        points.append(look.t("wait.rule.free"))
    points += [look.t("wait.rule.pass", **values), look.t("wait.rule.saved"), look.t("wait.rule.window")]
    if person.extra_seconds:
        points.append(look.t("wait.extra", minutes=person.extra_seconds // 60))
    facts = [
        ("who.slip", person.slip_no),
        ("who.id", person.id_masked),
        ("who.post", person.post_name),
        ("who.hall", view.bundle.hall.name),
        ("who.room", view.room_name),
        ("who.seat", view.seat_no),
    ]
    photo = (
        fill(
            '<img class="portrait" src="{url}" alt="{alt}" width="120" height="164">',
            url=look.url("/photo"),
            alt=look.t("photo.alt", name=person.name),
        )
        if person.photo
        else NOTHING
    )
    go = (
        fill(
            '<p class="state" id="wait-state">{words}</p><form method="post" action="{action}">{hidden}'
            '<button class="main wide big" type="submit">{button}</button></form>',
            words=look.t("wait.open"),
            action=look.url("/start"),
            hidden=_hidden(form=form),
            button=look.t("wait.start"),
        )
        if view.opened
        else fill(
            '<p class="state quiet" id="wait-state" role="status">{words}</p>', words=look.t("wait.closed")
        )
    )
    body = fill(
        """<div id="main" role="main" class="wrap medium" data-page="wait"
 data-opened="{opened}" data-form="{form}"><div class="card">
<h1>{title}</h1>
<div class="identity">{photo}<div class="facts"><p class="bigname">{name}</p><dl>{facts}</dl></div></div>
<p class="lead">{check}</p>
{go}
</div>
<div class="card"><h2>{rules_title}</h2>{notice}<ul class="points">{points}</ul></div></div>""",
        opened="1" if view.opened else "0",
        form=form,
        title=look.t("wait.title"),
        photo=photo,
        name=person.name,
        facts=join(fill("<dt>{k}</dt><dd>{v}</dd>", k=look.t(key), v=value) for key, value in facts),
        check=look.t("wait.check"),
        go=go,
        rules_title=look.t("wait.rules"),
        notice=paragraphs(view.bundle.notice),
        points=join(fill("<li>{p}</li>", p=point) for point in points),
    )
    head = NOTHING
    if not view.opened:
        head = Html('<noscript><meta http-equiv="refresh" content="5"></noscript>\n')
    return page(look, look.t("wait.title"), body, head=head, kind="wait")


# --- the paper ------------------------------------------------------------------------------------------------


def unit_slots(paper: Paper, unit_no: int) -> list[Slot]:
    """The slots of one unit (from 1)."""
    return [slot for slot in paper.slots() if slot.unit_no == unit_no]


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
            stem=paragraphs(unit.stem),
            questions=questions,
        )
    else:
        inner = _question(look, slots[0], unit.stem, unit.options, chosen.get(slots[0].key, ()))
    return fill(
        '<div class="unit kind-{kind}"><p class="section">{section} <span class="sum">{kind_words}</span></p>{inner}</div>',
        kind=unit.kind,
        section=section,
        kind_words=_count_words(look, unit, slots),
        inner=inner,
    )


def _section_of(paper: Paper, unit_no: int) -> str:
    last = 0
    for section in paper.sections:
        last += section.count
        if unit_no <= last:
            return section.title
    return ""


def _count_words(look: Look, unit: Unit, slots: Sequence[Slot]) -> str:
    if unit.kind == "case":
        words = look.t("paper.questions", first=slots[0].no, last=slots[-1].no)
        return f"{words} · {look.t('paper.marks', marks=number(unit.marks))}"
    return look.t("paper.marks", marks=number(unit.marks))


def _question(look: Look, slot: Slot, stem: str, options: Iterable[Option], chosen: Sequence[str]) -> Html:
    many = slot.kind == "multiple"
    state = "kept" if chosen else "empty"
    choices = join(
        fill(
            '<li><label class="choice{on}"><input type="{type}" name="a:{key}" value="{value}"{checked}>'
            '<span class="letter">{letter}</span><span class="text">{text}</span></label></li>',
            on=" on" if option.id in chosen else "",
            type="checkbox" if many else "radio",
            key=slot.key,
            value=option.id,
            checked=Html(" checked") if option.id in chosen else NOTHING,
            letter=LETTERS[place],
            text=option.text,
        )
        for place, option in enumerate(options)
    )
    return fill(
        '<fieldset class="question" id="q{no}" data-key="{key}" data-no="{no}" data-kind="{kind}">'
        '<legend><span class="no">{no}</span><span class="stem">{stem}</span></legend>'
        '<p class="hint">{hint} · {marks}<span class="keep keep-{state}" id="keep-{no}">{keep}</span></p>'
        '<ul class="choices">{choices}</ul>'
        '<p class="clear"><button type="submit" name="go" value="clear:{no}" class="quiet">{clear}</button></p>'
        "</fieldset>",
        no=slot.no,
        key=slot.key,
        kind=slot.kind,
        stem=stem,
        hint=look.t(f"hint.{slot.kind}"),
        marks=look.t("paper.marks", marks=number(slot.marks)),
        state=state,
        keep=look.t(f"state.{state}"),
        choices=choices,
        clear=look.t("go.clear"),
    )


def paper(look: Look, view: View, sheet: Paper, slot_no: int, form: str) -> Html:
    """One unit of the paper with the answer sheet around it. A single form: every button saves what is on the page."""
    slots = list(sheet.slots())
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
<div class="columns">
<div class="stage" id="stage">
<h1 class="subject">{title} <span class="of" id="of">{of}</span></h1>
<p id="message" class="notice" role="status" hidden></p>
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
        hidden=_hidden(form=form, subject=sheet.subject, n=str(slot_no), paper=sheet.paper_id),
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
            fill(
                '<button type="submit" name="go" value="n:{no}" id="cell-{no}" class="cell{kept}{marked}{current}" '
                'aria-label="{label}"{now}>{no}</button>',
                no=slot.no,
                kept=" kept" if slot.key in chosen else "",
                marked=" marked" if slot.key in marked else "",
                current=" current" if slot.no == current else "",
                label=cell_label(look, slot, slot.key in chosen, slot.key in marked),
                now=Html(' aria-current="true"') if slot.no == current else NOTHING,
            )
            for slot in slots
            if slot.unit_no in units
        )
        groups.append(fill('<div class="group"><h3>{t}</h3>{cells}</div>', t=section.title, cells=cells))
    return join(groups)


def cell_label(look: Look, slot: Slot, kept: bool, marked: bool) -> str:
    words = [look.t("paper.question", no=slot.no), look.t("sheet.kept" if kept else "sheet.empty")]
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


# --- summaries ------------------------------------------------------------------------------------------------


def _summary(look: Look, view: View, subjects: Sequence[str]) -> Html:
    """A table of what is answered, and the cells of what is not, with links back where that is possible."""
    rows, missing = [], []
    for code in subjects:
        sheet = view.candidate.papers[code]
        slots = list(sheet.slots())
        empty = [slot for slot in slots if (code, slot.key) not in view.answers]
        flagged = [slot for slot in slots if (code, slot.key) in view.marked]
        closed = code in view.closed
        rows.append(
            fill(
                '<tr><th scope="row">{title}{closed}</th><td>{answered}</td>'
                '<td class="{warn}">{empty}</td><td>{marked}</td></tr>',
                title=sheet.title,
                closed=fill(" <small>({words})</small>", words=look.t("summary.closed"))
                if closed
                else NOTHING,
                answered=len(slots) - len(empty),
                warn="warn" if empty else "fine",
                empty=len(empty),
                marked=len(flagged),
            )
        )
        if closed:
            continue
        for title, which, kind in (
            ("summary.missing", empty, ""),
            ("summary.flagged", flagged, " marked"),
        ):
            if which:
                missing.append(
                    fill(
                        '<h2>{subject} · {title}</h2><p class="cells">{cells}</p>',
                        subject=sheet.title,
                        title=look.t(title),
                        cells=join(
                            fill(
                                '<a class="cell{kind}" href="{url}" data-go="{no}" data-go-subject="{code}">{no}</a> ',
                                kind=kind,
                                url=look.url(f"/paper?subject={code}&n={slot.no}"),
                                no=slot.no,
                                code=code,
                            )
                            for slot in which
                        ),
                    )
                )
        if not empty:
            missing.append(
                fill('<p class="notice good">{t} {w}</p>', t=sheet.title, w=look.t("summary.full"))
            )
    return fill(
        '<table class="summary"><thead><tr><th scope="col">{s}</th><th scope="col">{a}</th><th scope="col">{e}</th>'
        '<th scope="col">{m}</th></tr></thead><tbody>{rows}</tbody></table>{missing}',
        s=look.t("summary.subject"),
        a=look.t("summary.answered"),
        e=look.t("summary.empty"),
        m=look.t("summary.marked"),
        rows=join(rows),
        missing=join(missing),
    )


def next_subject_part(look: Look, view: View, following: str, form: str) -> Html:
    """The summary before leaving the present subject."""
    done = view.candidate.papers[view.subject].title
    title = view.candidate.papers[following].title
    return fill(
        """<div class="card"><h1>{title}</h1><p class="lead">{lead}</p>{summary}
<form method="post" action="{action}" data-confirm="subject" data-subject="{following}">{hidden}
<p class="actions"><a class="button" href="{back_url}" data-back="1">{back}</a>
<button class="main" type="submit">{button}</button></p></form></div>""",
        title=look.t("next.title", subject=done),
        lead=look.t("next.lead", subject=title, done=done),
        summary=_summary(look, view, [view.subject]),
        action=look.url("/next-subject"),
        following=following,
        hidden=_hidden(form=form, subject=following),
        back_url=look.url(f"/paper?subject={view.subject}"),
        back=look.t("back"),
        button=look.t("next.button", done=done, subject=title),
    )


def hand_in_part(look: Look, view: View, form: str) -> Html:
    """The summary before hand-in."""
    subjects = [code for code in view.bundle.rules.subjects if code in view.candidate.papers]
    early = view.may_hand_in_after_s > 0
    button = (
        fill(
            '<p class="notice">{words}</p>',
            words=look.t(
                "hand.early",
                minutes=view.bundle.rules.min_minutes_before_hand_in,
                left=-(-view.may_hand_in_after_s // 60),
            ),
        )
        if early
        else NOTHING
    )
    return fill(
        """<div class="card"><h1>{title}</h1><p class="lead">{lead}</p>{summary}{early}
<form method="post" action="{action}" data-confirm="hand-in">{hidden}
<p class="actions"><a class="button" href="{back_url}" data-back="1">{back}</a>
<button class="main strong" type="submit"{off}>{button}</button></p></form></div>""",
        title=look.t("hand.title"),
        lead=look.t("hand.lead"),
        summary=_summary(look, view, subjects),
        early=button,
        action=look.url("/hand-in"),
        hidden=_hidden(form=form),
        back_url=look.url(f"/paper?subject={view.subject}"),
        back=look.t("back"),
        button=look.t("hand.button"),
        off=Html(" disabled") if early else NOTHING,
    )


def around(look: Look, view: View, title: str, part: Html) -> Html:
    """A summary as a page of its own."""
    body = fill('<div id="main" role="main" class="wrap medium">{part}</div>', part=part)
    return page(look, title, body, top=person_top(look, view, timer=True), kind="summary")


def paused(look: Look, view: View) -> Html:
    body = fill(
        '<div id="main" role="main" class="wrap narrow" data-page="paused"><div class="card pause"><h1>{title}</h1>'
        '<p class="lead">{lead}</p></div></div>',
        title=look.t("paused.title"),
        lead=look.t("paused.lead"),
    )
    head = Html('<meta http-equiv="refresh" content="5">\n')
    return page(
        look, look.t("paused.title"), body, head=head, top=person_top(look, view, timer=True), kind="paused"
    )


# --- the end --------------------------------------------------------------------------------------------------


def result(look: Look, view: View, form: str) -> Html:
    """Both scores, large, what they mean and what comes next (R038)."""
    receipt, rules = view.receipt, view.bundle.rules
    scores = receipt.scores
    values = {"mark": number(rules.pass_mark), "full": number(rules.full_mark)}
    passed = bool(scores and scores.passed)
    boxes = join(
        fill(
            '<div class="score {kind}"><h2>{title}</h2><p class="figure"><b>{marks}</b> <span>{unit}</span></p>'
            '<p class="verdict"><span class="sign" aria-hidden="true">{sign}</span>{word}</p><p class="quiet">{full}</p></div>',
            kind="pass" if one.passed else "fail",
            title=view.candidate.papers[code].title,
            marks=number(one.marks),
            unit=look.t("result.marks"),
            sign="√" if one.passed else "×",
            word=look.t("result.passed" if one.passed else "result.failed"),
            full=look.t("result.full", **values),
        )
        for code, one in (scores.subjects.items() if scores else ())
    )
    if passed:
        steps = ["result.next.passed.1", "result.next.passed.2"]
    else:
        steps = [
            "result.next.failed.1.carry" if rules.carry_over else "result.next.failed.1",
            "result.next.failed.2",
        ]
    steps += ["result.next.appeal", "result.next.leave"]
    moment = ""
    if receipt.submitted_at is not None:
        when = clock.local(datetime.fromtimestamp(receipt.submitted_at / 1000, tz=UTC))
        moment = when.strftime("%Y-%m-%d %H:%M:%S")
    body = fill(
        """<div id="main" role="main" class="wrap medium" data-page="result"><div class="card">
<h1>{title}</h1>
<p class="outcome {kind}"><b>{verdict}</b> <span>{lead}</span></p>
<div class="scores">{boxes}</div>
<p class="quiet how">{at_label} {moment} · {how}</p>
</div>
<div class="card"><h2>{next_title}</h2><ol class="points">{steps}</ol>
<form method="post" action="{leave}">{hidden}
<p class="actions"><button type="submit">{leave_words}</button></p></form></div></div>""",
        title=look.t("result.title"),
        kind="pass" if passed else "fail",
        verdict=look.t("result.passed" if passed else "result.failed"),
        lead=look.t("result.lead.passed" if passed else "result.lead.failed", **values),
        boxes=boxes,
        at_label=look.t("result.at"),
        moment=moment,
        how=look.t(f"result.how.{receipt.submit_kind or 'hand'}"),
        next_title=look.t("result.next"),
        steps=join(fill("<li>{s}</li>", s=look.t(step)) for step in steps),
        leave=look.url("/leave"),
        hidden=_hidden(form=form),
        leave_words=look.t("result.leave"),
    )
    return page(look, look.t("result.title"), body, top=person_top(look, view), kind="result")


def message(
    look: Look,
    title: str,
    lines: Iterable[str],
    *,
    links: Iterable[tuple[str, str]] = (),
    kind: str = "message",
) -> Html:
    """A page that says one thing, with ways on."""
    body = fill(
        '<div id="main" role="main" class="wrap narrow"><div class="card"><h1>{title}</h1>{lines}'
        '<p class="actions">{links}</p></div></div>',
        title=title,
        lines=join(fill("<p>{line}</p>", line=line) for line in lines),
        links=join(
            fill('<a class="button" href="{url}">{words}</a> ', url=look.url(path), words=words)
            for path, words in links
        ),
    )
    return page(look, title, body, kind=kind)


def error(
    look: Look, problem: Refusal, *, home: bool = False, values: dict[str, object] | None = None
) -> Html:
    """What happened and what to do, for a refusal."""
    what, todo = look.t(f"error.{problem.code}"), look.t(f"error.{problem.code}.do", **(values or {}))
    body = fill(
        '<div id="main" role="main" class="wrap narrow"><div class="card"><p class="quiet">{title}</p><h1>{what}</h1>'
        '<h2>{do}</h2><p class="lead">{todo}</p><p class="actions"><a class="button main" href="{url}">{words}</a></p>'
        '<p class="quiet">{code}</p></div></div>',
        title=look.t("error.title"),
        what=what,
        do=look.t("error.do"),
        todo=todo,
        url=look.url("/"),
        words=look.t("error.home" if home else "error.back"),
        code=problem.code,
    )
    return page(look, what, body, kind="error")


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
