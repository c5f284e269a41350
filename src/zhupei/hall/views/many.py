"""Acts on all of a room or of the hall at once that need a page: time after a fault, handing in at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhupei.hall import actions
from zhupei.hall.console import usual
from zhupei.hall.console.drawing import minutes
from zhupei.hall.forms import HandInForm, RoomTimeForm
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, room_of, session_of
from zhupei.hall.words import told

from .pieces import act_page, actor_of, batch_of, posted


class Place:
    """The room (``?room=``) or hall of a batch and session that an act is about."""

    def __init__(self, request: HttpRequest, pk: int, session: str) -> None:
        self.batch, room = batch_of(request, pk), request.GET.get("room", "")
        bundle = bundle_of(self.batch)
        session_of(bundle, session)
        self.session, self.room = session, room or None
        self.name = room_of(bundle, room).name if room else _("The whole hall")
        self.url = (
            reverse("hall:console", args=[pk, session, room])
            if room
            else reverse("hall:board", args=[pk, session])
        )
        with told():
            self.seats = engine().status(session, self.room)
        self.sitting = sum(one.state in ("running", "paused") for one in self.seats)


def _page(
    request: HttpRequest,
    place: Place,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    facts: Iterable[tuple[str, str]] = (),
    **context: Any,
) -> HttpResponse:
    context["facts"] = [(_("Which seats"), place.name), (_("Sitting now"), place.sitting), *facts]
    return act_page(request, form, act, to=place.url, batch=place.batch, back=place.url, **context)


def propose_room(request: HttpRequest, pk: int, session: str) -> HttpResponse:
    """Propose extra time for all of a room or of the hall at once, after a fault."""
    place, actor = Place(request, pk, session), actor_of(request)
    faults = actions.longest_faults(session)
    hit = [
        f"{one.seat_no} {one.name} {minutes(faults[one.candidate_id].seconds)}"
        for one in place.seats
        if one.candidate_id in faults
    ]
    return _page(
        request,
        place,
        RoomTimeForm(posted(request), usual=usual.faults()),
        lambda data: actions.propose_room(
            place.batch, session, place.room, minutes=data["minutes"] or 0, reason=data["reason"], by=actor
        ),
        done=lambda made: (
            ngettext(
                "Proposed for %(n)d person. It waits for a second person.",
                "Proposed for %(n)d persons. It waits for a second person, who decides once for all.",
                len(made),
            )
            % {"n": len(made)}
        ),
        facts=[(_("Cut off, no time given yet"), _(", ").join(hit) or _("nobody"))],
        heading=_("Extra time for all"),
        lead=_(
            "For a fault of the hall. The technical head or the exam officer decides, as a second person."
        ),
        submit_label=_("Propose the time"),
    )


def hand_in_room(request: HttpRequest, pk: int, session: str) -> HttpResponse:
    """Hand in for everybody who still sits in a room or in the hall."""
    place, actor = Place(request, pk, session), actor_of(request)
    return _page(
        request,
        place,
        HandInForm(posted(request), usual=usual.ends()),
        lambda data: actions.hand_in_room(
            place.batch, session, place.room, expected=data["expected"], reason=data["reason"], by=actor
        ),
        done=lambda n: ngettext("Handed in for %(n)d person.", "Handed in for %(n)d persons.", n) % {"n": n},
        heading=_("Hand in for all who still sit"),
        lead=_(
            "What is kept now is scored at once. Nobody there can go on; this cannot be undone. Type the number of those who "
            "still sit, so that nobody is overlooked."
        ),
        submit_label=_("Hand in for all"),
        danger=True,
    )
