"""Summaries before leaving a subject and before hand-in."""

from __future__ import annotations

from collections.abc import Sequence

from zhupei.delivery.engine.replies import View
from zhupei.delivery.html import Html, fill, join
from zhupei.delivery.pages.frame import NOTHING, Look, hidden, page, person_top, warning_box


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
        hidden=hidden(form=form, subject=following),
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
        hidden=hidden(form=form),
        back_url=look.url(f"/paper?subject={view.subject}"),
        back=look.t("back"),
        button=look.t("hand.button"),
        off=Html(" disabled") if early else NOTHING,
    )


def around(look: Look, view: View, title: str, part: Html, form: str, path: str) -> Html:
    """A summary as a page of its own, at ``path``."""
    body = fill(
        '<div id="main" role="main" class="wrap medium">{warning}{part}</div>',
        warning=warning_box(look, view, form, path),
        part=part,
    )
    return page(look, title, body, top=person_top(look, view, timer=True), kind="summary")


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
