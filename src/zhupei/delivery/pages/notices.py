"""Pages that say one thing: paused, a message, a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from zhupei.delivery.engine.replies import View
from zhupei.delivery.html import Html, fill, join
from zhupei.delivery.pages.frame import NOTHING, Look, hidden, page, person_top, warning_box
from zhupei.kernel.errors import Refusal


def paused(look: Look, view: View, form: str) -> Html:
    body = fill(
        '<div id="main" role="main" class="wrap narrow" data-page="paused">{warning}<div class="card pause"><h1>{title}</h1>'
        '<p class="lead">{lead}</p></div></div>',
        warning=warning_box(look, view, form, "/paper"),
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


def crossed(look: Look, path: str) -> Html:
    """At the other server: goes on by itself, and by a button."""
    body = fill(
        '<div id="main" role="main" class="wrap narrow"><div class="card"><h1>{title}</h1><p class="lead">{lead}</p>'
        '<p class="actions"><a class="button main" href="{url}">{words}</a></p></div></div>',
        title=look.t("cross.title"),
        lead=look.t("cross.lead"),
        url=look.url(path),
        words=look.t("cross.button"),
    )
    head = fill('<meta http-equiv="refresh" content="0; url={url}">\n', url=look.url(path))
    return page(look, look.t("cross.title"), body, head=head, kind="crossed")


def _elsewhere(look: Look, others: Iterable[tuple[str, str]]) -> Html:
    """Ways to the hall's other servers: with the carry token one goes on there, without one signs in there."""
    ways = []
    for peer, carry in others:
        words = look.t("other.go", host=peer.partition("://")[2])
        if carry:
            ways.append(
                fill(
                    '<form method="post" action="{peer}{path}">{hidden}'
                    '<p class="actions"><button class="main">{words}</button></p></form>',
                    peer=peer,
                    path=look.url("/cross"),
                    hidden=hidden(carry=carry),
                    words=words,
                )
            )
        else:
            ways.append(
                fill(
                    '<p class="actions"><a class="button main" href="{peer}{path}">{words}</a></p>',
                    peer=peer,
                    path=look.url("/"),
                    words=words,
                )
            )
    if not ways:
        return NOTHING
    return fill(
        '<div class="card"><h2>{title}</h2><p>{lead}</p>{ways}</div>',
        title=look.t("other.title"),
        lead=look.t("other.lead"),
        ways=join(ways),
    )


def error(
    look: Look,
    problem: Refusal,
    *,
    home: bool = False,
    values: dict[str, object] | None = None,
    others: Iterable[tuple[str, str]] = (),
) -> Html:
    """What happened and what to do, for a refusal; ``others``: the hall's other servers and this candidate's token for them."""
    elsewhere = _elsewhere(look, others)
    what, todo = look.t(f"error.{problem.code}"), look.t(f"error.{problem.code}.do", **(values or {}))
    body = fill(
        '<div id="main" role="main" class="wrap narrow"><div class="card"><p class="quiet">{title}</p><h1>{what}</h1>'
        '<h2>{do}</h2><p class="lead">{todo}</p><p class="actions"><a class="button{main}" href="{url}">{words}</a></p>'
        '<p class="quiet">{code}</p></div>{others}</div>',
        others=elsewhere,
        main=NOTHING if elsewhere else " main",
        title=look.t("error.title"),
        what=what,
        do=look.t("error.do"),
        todo=todo,
        url=look.url("/"),
        words=look.t("error.home" if home else "error.back"),
        code=problem.code,
    )
    return page(look, what, body, kind="error")
