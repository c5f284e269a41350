"""The page of a client that plays a candidate by itself."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from zhupei.delivery.html import Html, fill
from zhupei.delivery.pages.frame import Look, page
from zhupei.delivery.rehearsal.words import CATALOGUES, say


def play_page(look: Look, query: Mapping[str, str], *, is_ready: bool) -> Html:
    """Seat and code are typed, or come in the address; the script does the rest."""
    words = {key: text for key, text in CATALOGUES[look.lang].items() if key.split(".")[0] in _SCRIPT}
    if not is_ready:
        body = fill(
            '<div id="main" role="main" class="wrap narrow"><div class="card"><h1>{title}</h1>'
            '<p class="lead">{lead}</p></div></div>',
            title=say(look.lang, "none.title"),
            lead=say(look.lang, "none"),
        )
        return page(look, say(look.lang, "title"), body, kind="rehearsal")
    body = fill(
        """<div id="main" role="main" class="wrap narrow"><div class="card">
<h1>{title}</h1>
<p class="lead">{lead}</p>
<noscript><p class="notice bad">{noscript}</p></noscript>
<div id="problem" class="notice bad" role="alert" hidden></div>
<form id="join" autocomplete="off" method="get" action="{action}">
<p class="field"><label for="seat">{seat}</label><span class="help" id="seat-help">{seat_help}</span>
<input id="seat" name="seat" value="{seat_value}" required maxlength="6" inputmode="numeric" aria-describedby="seat-help"></p>
<p class="field"><label for="code">{code}</label><span class="help" id="code-help">{code_help}</span>
<input id="code" name="code" value="{code_value}" required maxlength="12" aria-describedby="code-help"
 autocapitalize="characters" spellcheck="false"></p>
<p><button class="main wide" type="submit">{join}</button></p>
</form>
<div id="played" hidden><p class="state" id="state" role="status" aria-live="polite"></p>
<table class="summary"><tbody id="figures"></tbody></table></div>
</div></div>
<div id="rehearsal" data-words="{words}"></div>
<script src="{js}"></script>""",
        title=say(look.lang, "title"),
        lead=say(look.lang, "lead"),
        noscript=say(look.lang, "noscript"),
        action=look.url("/play"),
        seat=say(look.lang, "seat"),
        seat_help=say(look.lang, "seat.help"),
        seat_value=query.get("seat", "")[:6],
        code=say(look.lang, "code"),
        code_help=say(look.lang, "code.help"),
        code_value=query.get("code", "")[:12],
        join=say(look.lang, "join"),
        words=msgspec.json.encode(words).decode(),
        js=look.assets.get("rehearsal.js", ""),
    )
    return page(look, say(look.lang, "title"), body, kind="rehearsal")


_SCRIPT = {"state", "row", "ms", "told", "error"}
