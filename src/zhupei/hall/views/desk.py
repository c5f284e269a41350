from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from zhupei.evidence.api import read
from zhupei.hall import access, actions
from zhupei.hall.choices import CheckInDecision, CheckInMethod
from zhupei.hall.forms import CheckInForm, DecisionForm, LateDecisionForm, SearchForm
from zhupei.hall.process import engine
from zhupei.hall.queries import bundle_of, check_in_opens, moment, open_check_in, room_of, session_of
from zhupei.kernel.errors import Refusal
from zhupei.web.views import file_response, message_of, refusals, status_of

from .pieces import TONES, actor_of, batch_of, candidate_of, posted


def desk(request: HttpRequest, pk: int) -> HttpResponse:
    """Find who stands at the desk; whoever waits for a second person; the last ones."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle = bundle_of(batch)
    form = SearchForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            found = actions.find_candidate(batch, form.cleaned_data["q"], by=actor)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            form.add_error("q", message_of(refusal))
        else:
            url = reverse("hall:check_in", args=[pk, found.candidate.candidate_id])
            return redirect(f"{url}?{urlencode({'card': found.card})}" if found.card else url)
    people = {one.candidate_id: one for one in bundle.candidates}
    pending = list(batch.checkins.filter(decision=CheckInDecision.PENDING).order_by("at", "pk"))
    recent = list(batch.checkins.exclude(decision=CheckInDecision.PENDING).order_by("-pk")[:10])
    for row in [*pending, *recent]:
        row.candidate = people.get(row.candidate_key)
        row.is_own = row.by_1_id == actor.user_id
    counts = []
    for session in bundle.sessions:
        seats = engine().status(session.id)
        counts.append(
            {
                "session": session,
                "starts_at": moment(session.starts_at),
                "opens": check_in_opens(session),
                "in": sum(one.state != "not_admitted" for one in seats),
                "all": len(seats),
            }
        )
    context = {"batch": batch, "form": form, "pending": pending, "recent": recent, "counts": counts}
    return render(request, "hall/desk.html", context, status=status_of(form))


def check_in(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """One candidate at the desk: photo, name, seat; accept or turn away (R049, R050)."""
    batch, actor = batch_of(request, pk), actor_of(request)
    bundle, candidate = candidate_of(batch, key)
    card = request.POST.get("card") or request.GET.get("card") or ""
    card_read = bool(card) and actions.card_was_read(batch, key, card)
    initial = {"method": CheckInMethod.CARD if card_read else CheckInMethod.DOCUMENT, "alike": "yes"}
    form = CheckInForm(
        posted(request), request.FILES or None, initial=initial, heads=actor.has(*actions.HEADS)
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            row = actions.check_in(
                batch,
                key,
                method=data["method"],
                card=card,
                alike=data["alike"] == "yes",
                accept=request.POST.get("verdict") != "refuse",
                reason=data["reason"],
                photo=data["photo"].read() if data["photo"] else None,
                late_reason=data.get("late_reason", ""),
                by=actor,
            )
        if outcome.ok:
            said = {
                CheckInDecision.ACCEPTED: _("%(name)s is checked in: %(room)s, seat %(seat)s."),
                CheckInDecision.PENDING: _("%(name)s waits for the decision of a second person."),
                CheckInDecision.REFUSED: _("%(name)s was turned away."),
            }[CheckInDecision(row.decision)]
            seat = engine().seat(key)
            values = {
                "name": candidate.name,
                "room": room_of(bundle, seat.room_id).name,
                "seat": seat.seat_no,
            }
            messages.success(request, said % values)
            return redirect("hall:desk", pk=pk)
    seat = engine().seat(key)
    session = session_of(bundle, candidate.session_id)
    context = {
        "batch": batch,
        "candidate": candidate,
        "form": form,
        "card": card if card_read else "",
        "seat": seat,
        "tone": TONES[seat.state],
        "room": room_of(bundle, seat.room_id),
        "session": session,
        "starts_at": moment(session.starts_at),
        "known": open_check_in(batch, key),
        "earlier": batch.checkins.filter(candidate_key=key, decision=CheckInDecision.REFUSED).order_by("pk"),
    }
    return render(request, "hall/check_in.html", context, status=status_of(form))


def decide_check_in(request: HttpRequest, pk: int) -> HttpResponse:
    """The second person decides (R050)."""
    actor = actor_of(request)
    row = get_object_or_404(access.check_ins_for(actor), pk=pk)
    bundle, candidate = candidate_of(row.hall_batch, row.candidate_key)
    form_class = LateDecisionForm if actor.has(*actions.HEADS) else DecisionForm
    form = form_class(posted(request))
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.decide_check_in(
                row,
                accept=request.POST.get("verdict") == "accept",
                reason=form.cleaned_data["reason"],
                late_reason=form.cleaned_data.get("late_reason", ""),
                by=actor,
            )
        if outcome.ok:
            messages.success(request, _("The decision is kept."))
            return redirect("hall:desk", pk=row.hall_batch_id)
    seat = engine().seat(row.candidate_key)
    context = {
        "batch": row.hall_batch,
        "row": row,
        "candidate": candidate,
        "room": room_of(bundle, seat.room_id),
        "seat": seat,
        "form": form,
        "is_own": row.by_1_id == actor.user_id,
        "is_pending": row.decision == CheckInDecision.PENDING,
    }
    return render(request, "hall/decide_check_in.html", context, status=status_of(form))


def check_in_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """The photo taken at the door."""
    row = get_object_or_404(access.check_ins_for(actor_of(request)), pk=pk)
    if row.photo is None:
        raise Http404
    return file_response(read(row.photo), "photo.jpg", "image/jpeg", inline=True)


def photo(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """The candidate's photo on record, as it came in the bundle."""
    bundle, candidate = candidate_of(batch_of(request, pk), key)
    if not candidate.photo:
        raise Http404
    return file_response(bundle.photos[candidate.photo], "photo.jpg", "image/jpeg", inline=True)
