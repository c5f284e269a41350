"""Pages that say one thing: paused, a message, a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from zhupei.delivery.engine.replies import View
from zhupei.delivery.html import Html, fill, join
from zhupei.delivery.pages.frame import Look, page, person_top
from zhupei.kernel.errors import Refusal


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
