"""The scores, right after hand-in (R038)."""

from __future__ import annotations

from datetime import UTC, datetime

from zhupei.delivery.engine.replies import View
from zhupei.delivery.html import Html, fill, join
from zhupei.delivery.pages.frame import Look, hidden, number, page, person_top
from zhupei.kernel import clock


def score_boxes(look: Look, view: View) -> Html:
    """The scores of the subjects, large."""
    scores, rules = view.receipt.scores, view.bundle.rules
    values = {"mark": number(rules.pass_mark), "full": number(rules.full_mark)}
    return join(
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


def result(look: Look, view: View, form: str) -> Html:
    """Both scores, large, what they mean and what comes next (R038)."""
    receipt, rules = view.receipt, view.bundle.rules
    scores = receipt.scores
    values = {"mark": number(rules.pass_mark), "full": number(rules.full_mark)}
    passed = bool(scores and scores.passed)
    lead = "result.lead.passed" if passed else "result.lead.failed"
    if passed and len(view.candidate.papers) < len(rules.subjects):
        lead = "result.lead.passed.carried"
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
        lead=look.t(lead, **values),
        boxes=score_boxes(look, view),
        at_label=look.t("result.at"),
        moment=moment,
        how=look.t(f"result.how.{receipt.submit_kind or 'hand'}"),
        next_title=look.t("result.next"),
        steps=join(fill("<li>{s}</li>", s=look.t(step)) for step in steps),
        leave=look.url("/leave"),
        hidden=hidden(form=form),
        leave_words=look.t("result.leave"),
    )
    return page(look, look.t("result.title"), body, top=person_top(look, view), kind="result")
