"""The practice's own pages: the first one, and the scores with right answers and explanations."""

from __future__ import annotations

from collections.abc import Mapping

from zhupei.delivery.engine.replies import View
from zhupei.delivery.formats.papers import Child, Paper, Slot, Unit
from zhupei.delivery.html import Html, fill, join
from zhupei.delivery.pages.frame import NOTHING, Look, hidden, number, page, person_top
from zhupei.delivery.pages.result import score_boxes
from zhupei.delivery.pages.units import LETTERS
from zhupei.delivery.practice.items import SUBJECTS
from zhupei.delivery.practice.sheets import MINUTES, explanations


def first(look: Look, *, wait_s: int = 0) -> Html:
    """What this is, and the button."""
    trouble = NOTHING
    if wait_s:
        trouble = fill(
            '<div class="notice bad" role="alert"><p>{what} {todo}</p></div>',
            what=look.t("error.too_many"),
            todo=look.t("error.too_many.do", seconds=wait_s),
        )
    points = [
        look.t(
            "practice.start.papers",
            subjects=len(SUBJECTS),
            items=len(explanations()) // len(SUBJECTS),
            minutes=MINUTES,
        ),
        look.t("practice.start.same"),
        look.t("practice.start.end"),
        look.t("practice.start.nothing"),
    ]
    body = fill(
        """<div id="main" role="main" class="wrap narrow"><div class="card">
<h1>{title}</h1>
<p class="lead">{lead}</p>
{trouble}
<ul class="points">{points}</ul>
<form method="post" action="{action}">
<p class="actions"><button class="main wide big" type="submit">{button}</button></p>
</form></div></div>""",
        title=look.t("practice.start.title"),
        lead=look.t("practice.start.lead"),
        trouble=trouble,
        points=join(fill("<li>{p}</li>", p=point) for point in points),
        action=look.url("/enter"),
        button=look.t("practice.start.button"),
    )
    return page(look, look.t("practice.start.title"), body, kind="signin")


def result(look: Look, view: View, form: str, why: Mapping[str, str]) -> Html:
    """Both scores, then every question with what was given, what is right, and why."""
    subjects = [code for code in view.bundle.rules.subjects if code in view.candidate.papers]
    body = fill(
        """<div id="main" role="main" class="wrap medium" data-page="result"><div class="card">
<h1>{title}</h1>
<p class="lead">{lead}</p>
<div class="scores">{boxes}</div>
<form method="post" action="{leave}">{hidden}
<p class="actions how"><button class="main" type="submit">{again}</button></p></form></div>
{solutions}</div>""",
        title=look.t("result.title"),
        lead=look.t("practice.answers.lead"),
        boxes=score_boxes(look, view),
        leave=look.url("/leave"),
        hidden=hidden(form=form),
        again=look.t("practice.answers.again"),
        solutions=join(_solutions(look, view, view.candidate.papers[code], why) for code in subjects),
    )
    return page(look, look.t("result.title"), body, top=person_top(look, view), kind="result")


def _solutions(look: Look, view: View, paper: Paper, why: Mapping[str, str]) -> Html:
    slots = list(paper.slots())
    parts = []
    for unit_no, unit in enumerate(paper.units, 1):
        own = [slot for slot in slots if slot.unit_no == unit_no]
        if unit.kind == "case":
            parts.append(fill('<div class="background"><p>{stem}</p></div>', stem=unit.stem))
        asked: tuple[Unit | Child, ...] = unit.children or (unit,)
        parts += [
            _solution(look, view, paper.subject, slot, one, why.get(slot.key, ""))
            for slot, one in zip(own, asked, strict=True)
        ]
    return fill(
        '<div class="card"><h2>{title}</h2>{parts}</div>',
        title=f"{paper.title} · {look.t('practice.answers.title')}",
        parts=join(parts),
    )


def _solution(look: Look, view: View, subject: str, slot: Slot, asked: Unit | Child, why: str) -> Html:
    given = view.answers.get((subject, slot.key), ())
    right = view.bundle.keys[slot.key].right
    good = set(given) == set(right)

    def words(chosen: tuple[str, ...]) -> Html:
        rows = [
            fill("<dd>{letter}. {text}</dd>", letter=LETTERS[at], text=option.text)
            for at, option in enumerate(asked.options)
            if option.id in chosen
        ]
        return join(rows) or fill("<dd>{none}</dd>", none=look.t("sheet.empty"))

    return fill(
        '<div class="solution"><p class="no">{no}</p><p class="stem">{stem}</p>'
        '<p class="was {kind}"><span aria-hidden="true">{sign}</span> {verdict} <span class="quiet">{marks}</span></p>'
        '<dl><dt>{given_label}</dt>{given}<dt>{right_label}</dt>{right}</dl><p class="why"><b>{why_label}</b> {why}</p></div>',
        no=slot.no,
        stem=asked.stem,
        kind="right" if good else "wrong",
        sign="√" if good else "×",
        verdict=look.t("practice.answers.right" if good else "practice.answers.wrong"),
        marks=look.t("paper.marks", marks=number(slot.marks)),
        given_label=look.t("practice.answers.given"),
        given=words(given),
        right_label=look.t("practice.answers.key"),
        right=words(right),
        why_label=look.t("practice.answers.why"),
        why=why,
    )
