from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.evidence.api import read
from zhupei.kernel.roles import Role
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, refusals, status_of

from . import access, actions
from .forms import CreditFilter, DecideForm, ProposeForm, ReasonForm
from .models import CreditState, HourEntry, HourException, Ledger, ManualCredit
from .queries import accepted_hours, accepted_hours_of, has_exception, needed_hours, post_names

PAGE = 50


def _lines(entries: QuerySet[HourEntry]) -> QuerySet[HourEntry]:
    """Entries with what reversed them and what they reverse, in one query."""
    return entries.select_related("reversed_by", "reverses")


# ── the learner ─────────────────────────────────────────────────────────────────────────────────────────


def mine(request: HttpRequest) -> HttpResponse:
    """My hours: a ring for each enrolment, and every line with its reason."""
    ledgers = list(access.own_ledgers(request.actor))
    ids = [ledger.enrolment_id for ledger in ledgers]
    sums, names, needed = accepted_hours_of(ids), post_names(), needed_hours()
    exceptions = {row.enrolment_id: row for row in HourException.objects.filter(enrolment_id__in=ids)}
    page = page_by_key(_lines(HourEntry.objects.filter(enrolment_id__in=ids)), request, size=PAGE)
    for entry in page.items:
        entry.post_name = names.get(entry.post_code, entry.post_code)
    rings = [
        {
            "ledger": ledger,
            "post": names.get(ledger.post_code, ledger.post_code),
            "hours": sums[ledger.enrolment_id],
            "exception": exceptions.get(ledger.enrolment_id),
        }
        for ledger in ledgers
    ]
    context = {"rings": rings, "page": page, "needed": needed, "several": len(ledgers) > 1}
    return render(request, "hours/mine.html", context)


# ── staff ───────────────────────────────────────────────────────────────────────────────────────────────


def _ledger(request: HttpRequest, enrolment_id: int) -> Ledger:
    return get_object_or_404(access.ledgers_for(request.actor), enrolment_id=enrolment_id)


def _may(request: HttpRequest, ledger: Ledger | HourEntry | ManualCredit, *roles: Any) -> bool:
    return request.actor.has(*roles) and request.actor.organisation_id == ledger.organisation_id


def ledger(request: HttpRequest, enrolment_id: int) -> HttpResponse:
    """The ledger of one enrolment, newest line first."""
    row = _ledger(request, enrolment_id)
    actions.note_reading(row, by=request.actor)
    hours, needed = accepted_hours(enrolment_id), needed_hours()
    exception = HourException.objects.filter(enrolment_id=enrolment_id).first()
    context = {
        "ledger": row,
        "post": post_names().get(row.post_code, row.post_code),
        "hours": hours,
        "needed": needed,
        "exception": exception,
        "page": page_by_key(_lines(HourEntry.objects.filter(enrolment_id=enrolment_id)), request, size=PAGE),
        "waiting": list(
            ManualCredit.objects.filter(enrolment_id=enrolment_id, state=CreditState.PROPOSED).order_by("pk")
        ),
        "may_propose": _may(request, row, *actions.PROPOSERS),
        "may_reverse": request.actor.has(Role.CENTRE_APPROVER) or _may(request, row, *actions.REVERSERS),
        "may_except": request.actor.has(Role.CENTRE_APPROVER) and exception is None and hours < needed,
    }
    return render(request, "hours/ledger.html", context)


def propose(request: HttpRequest, enrolment_id: int) -> HttpResponse:
    """Propose hours that the attendance does not show, with evidence."""
    row = _ledger(request, enrolment_id)
    form = ProposeForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        file = data["evidence"]
        with refusals(form) as outcome:
            actions.propose_credit(
                person=row.person,
                enrolment_id=enrolment_id,
                organisation_id=row.organisation_id,
                post_code=row.post_code,
                hours=data["hours"],
                occurred_on=data["occurred_on"],
                reason=data["reason"],
                evidence=file.read(),
                evidence_name=file.name,
                evidence_type=_type_of(file.name),
                by=request.actor,
            )
        if outcome.ok:
            messages.success(
                request, _("The credit is proposed. Another person of the institution decides on it.")
            )
            return redirect("hours:ledger", enrolment_id=enrolment_id)
    context = {"form": form, "ledger": row, "post": post_names().get(row.post_code, row.post_code)}
    return render(request, "hours/propose.html", context, status=status_of(form))


def _type_of(name: str) -> str:
    """The type of a file whose name and first bytes the form has compared."""
    kinds = {"pdf": "application/pdf", "png": "image/png"}
    return kinds.get(name.rsplit(".", 1)[-1].lower(), "image/jpeg")


def reverse(request: HttpRequest, pk: int) -> HttpResponse:
    """What a reversal leads to, then the reversal."""
    entry = get_object_or_404(access.entries_for(request.actor), pk=pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.reverse_entry(entry, reason=form.cleaned_data["reason"], by=request.actor)
        if outcome.ok:
            messages.success(request, _("The entry is reversed."))
            return redirect("hours:ledger", enrolment_id=entry.enrolment_id)
    after = accepted_hours(entry.enrolment_id) - entry.hours
    context = {
        "entry": entry,
        "form": form,
        "post": post_names().get(entry.post_code, entry.post_code),
        "consequences": [
            _("A new entry takes %(hours)s class hours back; the old one stays, struck through.")
            % {"hours": entry.hours},
            _("%(name)s then has %(after)s of %(needed)s class hours.")
            % {"name": entry.person.name, "after": after, "needed": needed_hours()},
            _("The learner is told, with the reason."),
        ],
    }
    return render(request, "hours/reverse.html", context, status=status_of(form))


def exception(request: HttpRequest, enrolment_id: int) -> HttpResponse:
    """Allow the test with fewer hours (the centre's approver)."""
    row = _ledger(request, enrolment_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.grant_exception(
                enrolment_id, row.organisation_id, form.cleaned_data["reason"], by=request.actor
            )
        if outcome.ok:
            messages.success(request, _("The exception is granted."))
            return redirect("hours:ledger", enrolment_id=enrolment_id)
    context = {
        "form": form,
        "ledger": row,
        "post": post_names().get(row.post_code, row.post_code),
        "hours": accepted_hours(enrolment_id),
        "needed": needed_hours(),
        "granted": has_exception(enrolment_id),
    }
    return render(request, "hours/exception.html", context, status=status_of(form))


def credit_list(request: HttpRequest) -> HttpResponse:
    """The manual credits of the institution; first those that wait for a decision."""
    filters = CreditFilter(request.GET or None)
    every = filters.is_bound and filters.is_valid() and filters.cleaned_data["state"] == "all"
    rows = access.credits_for(request.actor)
    if not every:
        rows = rows.filter(state=CreditState.PROPOSED)
    page = page_by_key(rows, request, order=("-pk",) if every else ("pk",))
    names = post_names()
    for row in page.items:
        row.post_name = names.get(row.post_code, row.post_code)
        row.is_own = row.proposed_by_id == request.actor.user_id
    return render(request, "hours/credits.html", {"page": page, "filters": filters, "every": every})


def _credit_page(request: HttpRequest, row: ManualCredit, form: DecideForm) -> HttpResponse:
    own = row.proposed_by_id == request.actor.user_id
    waiting = row.state == CreditState.PROPOSED
    context = {
        "credit": row,
        "form": form,
        "post": post_names().get(row.post_code, row.post_code),
        "hours": accepted_hours(row.enrolment_id),
        "needed": needed_hours(),
        "may_decide": waiting and not own and _may(request, row, *actions.DECIDERS),
        "waits_for_another": waiting and own,
    }
    return render(request, "hours/credit.html", context, status=status_of(form))


def credit(request: HttpRequest, pk: int) -> HttpResponse:
    """One manual credit: what is proposed, the evidence, the decision."""
    return _credit_page(request, get_object_or_404(access.credits_for(request.actor), pk=pk), DecideForm())


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(access.credits_for(request.actor), pk=pk)
    form = DecideForm(request.POST)
    verdict = request.POST.get("verdict")
    if verdict not in ("approve", "refuse"):
        form.add_error(None, _("Press one of the two buttons: approve or refuse."))
    if form.is_valid():
        with refusals(form) as outcome:
            actions.decide_credit(row, verdict == "approve", form.cleaned_data["reason"], by=request.actor)
        if outcome.ok:
            messages.success(
                request, _("The credit is approved.") if verdict == "approve" else _("The credit is refused.")
            )
            return redirect("hours:credits")
        row.refresh_from_db()
    return _credit_page(request, row, form)


def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(access.credits_for(request.actor), pk=pk)
    return file_response(read(row.evidence), row.evidence.name, row.evidence.content_type)
