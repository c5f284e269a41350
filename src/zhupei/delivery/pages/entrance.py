"""Before the test: sign-in and the waiting page."""

from __future__ import annotations

from zhupei.delivery.engine.replies import View
from zhupei.delivery.html import Html, fill, join, paragraphs
from zhupei.delivery.pages.frame import NOTHING, Look, hidden, number, page, warning_box
from zhupei.kernel.errors import Refusal


def sign_in(
    look: Look, *, slip_no: str = "", problem: Refusal | None = None, wait_s: int = 0, practice: str = ""
) -> Html:
    trouble = NOTHING
    if problem is not None:
        trouble = fill(
            '<div class="notice bad" role="alert" id="problem"><h2>{title}</h2><p>{what}</p>{steps}<p>{todo}</p></div>',
            title=look.t("signin.problem"),
            what=look.t(f"error.{problem.code}"),
            steps=_again(look) if problem.code == "entry_taken" else NOTHING,
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
</form>{practice}</div></div>""",
        practice=fill('<p class="aside"><a href="{url}">{w}</a></p>', url=practice, w=look.t("practice.link"))
        if practice
        else NOTHING,
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


def _again(look: Look) -> Html:
    """How one who has started gets in again after his browser was closed: step by step."""
    steps = (look.t("signin.again.1"), look.t("signin.again.2"), look.t("signin.again.3"))
    return fill('<ol class="points">{steps}</ol>', steps=join(fill("<li>{s}</li>", s=one) for one in steps))


def wait(look: Look, view: View, form: str) -> Html:
    """The waiting page. It asks again by itself until the invigilator opens the room."""
    person, rules = view.candidate, view.bundle.rules
    titles = [
        paper.title for paper in (person.papers[code] for code in rules.subjects if code in person.papers)
    ]
    values = {
        "minutes": rules.minutes_for(person.papers),
        "full": number(rules.full_mark),
        "mark": number(rules.pass_mark),
    }
    points = [look.t("wait.rule.time" if len(titles) > 1 else "wait.rule.time.one", **values)]
    if len(titles) > 1 and rules.order == "sequence":
        points.append(look.t("wait.rule.sequence", first=titles[0], second=titles[1]))
    elif len(titles) > 1:
        points.append(look.t("wait.rule.free"))
    elif rules.carry_over:
        points.append(look.t("wait.rule.carried", title=titles[0]))
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
            hidden=hidden(form=form),
            button=look.t("wait.start"),
        )
        if view.opened
        else fill(
            '<p class="state quiet" id="wait-state" role="status">{words}</p>',
            words=look.t(
                "wait.over" if view.test_closed else "wait.paused" if view.room_paused else "wait.closed"
            ),
        )
    )
    body = fill(
        """<div id="main" role="main" class="wrap medium" data-page="wait"
 data-opened="{opened}" data-form="{form}" data-warning="{warned}">{warning}<div class="card">
<h1>{title}</h1>
<div class="identity">{photo}<div class="facts"><p class="bigname">{name}</p><dl>{facts}</dl></div></div>
<p class="lead">{check}</p>
{go}
</div>
<div class="card"><h2>{rules_title}</h2>{notice}<ul class="points">{points}</ul></div></div>""",
        opened="1" if view.opened else "0",
        form=form,
        warned=view.warning_no,
        warning=warning_box(look, view, form, "/wait"),
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
