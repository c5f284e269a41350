"""The frame of every page: the look, the document, the head with the candidate, and small pieces."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec

from zhupei.delivery.engine.replies import View
from zhupei.delivery.html import Html, esc, fill, join
from zhupei.delivery.texts import has, say

NOTHING = Html("")
SCRIPTS = ("exam-line.js", "exam-answers.js", "exam-sheet.js", "elsewhere.js", "exam.js")
"""In this order; the last one starts the page, if the others came. All on every page: by the start, browsers have them."""


class Look(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """How pages are to look and where they stand: language, settings, root path, addresses of static files.

    One and the same ``Look`` serves all requests that are alike, so what follows from it alone is remembered with it.
    """

    lang: str = "zh"
    large: bool = False
    contrast: bool = False
    root: str = ""
    assets: dict[str, str] = {}
    here: str = "/"
    peers: tuple[str, ...] = ()
    """The other servers of the hall."""
    moved: tuple[int, int] | None = None
    """Just come from the other server: how many answers were taken along, how many refused."""
    practice: bool = False
    """These are the pages of the practice, which say so; ``texts`` has other words for some keys there."""

    def t(self, key: str, **values: object) -> str:
        if self.practice and has(f"practice.{key}"):
            key = f"practice.{key}"
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


def page(
    look: Look, title: str, body: Html, *, head: Html = NOTHING, top: Html = NOTHING, kind: str = "plain"
) -> Html:
    """A whole document."""
    return fill(_document(look, kind), title=title, head=head, top=top or _plain_top(look), body=body)


@lru_cache(maxsize=1_024)
def _document(look: Look, kind: str) -> str:
    """The template of a document: all that is the same on all pages of a kind."""
    classes = " ".join(
        [f"page-{kind}"] + (["large"] if look.large else []) + (["contrast"] if look.contrast else [])
    )
    return fill(
        """<!DOCTYPE html>
<html lang="{lang}" class="{classes}" data-root="{root}"{peers}>
<head>
<meta charset="utf-8">
<meta http-equiv="X-UA-Compatible" content="IE=edge">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}} · {product}</title>
<link rel="stylesheet" href="{css}">
<link rel="icon" href="data:,">
{{head}}</head>
<body>
<a class="skip" href="#main">{skip}</a>
{{top}}{practice}
{{body}}
{settings}
{scripts}</body>
</html>
""",
        lang="zh-CN" if look.lang == "zh" else "en",
        classes=classes,
        root=look.root,
        peers=fill(' data-peers="{p}"', p=" ".join(look.peers)) if look.peers else NOTHING,
        product=look.t("product"),
        css=look.assets.get("exam.css", ""),
        scripts=join(
            fill('<script src="{s}"></script>\n', s=look.assets.get(name, ""))
            for name in SCRIPTS
            if look.peers or name != "elsewhere.js"
        ),
        skip=look.t("skip"),
        practice=fill(
            '<p class="practice"><b>{b}</b> {w}</p>', b=look.t("practice.badge"), w=look.t("practice.words")
        )
        if look.practice
        else NOTHING,
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


def moved_words(look: Look) -> str:
    """What a candidate is told who has just come from the other server; "" to others."""
    if look.moved is None:
        return ""
    taken, refused = look.moved
    words = look.t("moved", n=taken) if taken else look.t("moved.none")
    return words + (" " + look.t("moved.refused", n=refused) if refused else "")


def warning_box(look: Look, view: View, form: str = "", back: str = "") -> Html:
    """The invigilator's warning with the button that says it was read.

    With ``form`` it is a form of its own, shown only if there is a warning, and leads ``back``. Without, it is part of
    the paper's form, whose answers its button saves too, and is there for the script also if there is none.
    """
    if form and not view.warning_no:
        return NOTHING
    card = fill(
        '<div class="card"><h2 id="warning-title">{title}</h2><p id="warning-text" class="told">{text}</p>'
        '<p class="quiet">{lead}</p><p class="actions"><button type="submit" class="main" id="warning-read"{go}>'
        "{button}</button></p></div>",
        title=look.t("warning.title"),
        text=view.warning,
        lead=look.t("warning.lead" if view.state == "running" else "warning.lead.still"),
        go=NOTHING if form else fill(' name="go" value="warning:{no}"', no=view.warning_no),
        button=look.t("warning.button"),
    )
    if form:
        card = fill(
            '<form method="post" action="{action}">{hidden}{card}</form>',
            action=look.url("/warning-read"),
            hidden=hidden(form=form, count=str(view.warning_no), back=back),
            card=card,
        )
    return fill(
        '<div id="warning" class="warning" role="alert" aria-labelledby="warning-title" aria-describedby="warning-text"'
        "{off}>{card}</div>",
        off=NOTHING if view.warning_no else Html(" hidden"),
        card=card,
    )


def person_top(look: Look, view: View, *, timer: bool = False) -> Html:
    """Photo, name, slip number and seat; with ``timer`` the countdown and the word on the link. Nothing of it in practice."""
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
    if look.practice:
        return fill(
            '<div class="top" role="banner"><div class="wrap"><p class="product">{name}</p>{right}</div></div>',
            name=look.t("practice.start.title"),
            right=right,
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


def hidden(**values: str) -> Html:
    return Html(
        "".join(f'<input type="hidden" name="{name}" value="{esc(value)}">' for name, value in values.items())
    )
