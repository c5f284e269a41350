"""The centre's desk: queue, slot calendar, scheduling, filing, keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.exams import access, actions, jobs, keys, queries
from zhupei.exams.choices import ApplicationState
from zhupei.exams.forms import HallKeyForm, OpinionForm, ReasonForm, ReceiptForm, ScheduleForm, SessionRows
from zhupei.exams.models import BankApplication, Batch
from zhupei.kernel import clock, envelope
from zhupei.kernel.dates import add_months
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import calendar
from zhupei.web.access import may_open
from zhupei.web.forms import with_added_row
from zhupei.web.paging import page_by_key
from zhupei.web.views import refusals, status_of

from .applications import _first_sessions
from .pieces import act_on, act_page, actor_of

WAITING = (ApplicationState.SUBMITTED, ApplicationState.LATE, ApplicationState.SCHEDULED)


def queue(request: HttpRequest) -> HttpResponse:
    """What the centre has to decide, the next test first."""
    jobs.recompute_if_stale()
    rows = access.applications_for(actor_of(request)).filter(state__in=WAITING).select_related("batch")
    page = page_by_key(rows, request, order=("first_day", "pk"))
    days, today = calendar(), clock.today()
    for application in page.items:
        application.days_to_test = days.workdays_between(today, application.first_day)
    return render(request, "exams/queue.html", {"page": page})


def _day(text: str | None) -> date:
    """The day of the query, today if there is none or it lies further off than any test."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return clock.today()
    return day if 2000 <= day.year <= 2100 else clock.today()


def slots(request: HttpRequest) -> HttpResponse:
    """The slot calendar of the city: a week by half-hours or a month by days, and the same as a list."""
    day = _day(request.GET.get("day"))
    context: dict[str, Any] = {
        "day": day,
        "today": clock.today(),
        "may_plan": may_open(actor_of(request), "exams:queue"),
    }
    if request.GET.get("view") == "month":
        first = day.replace(day=1)
        weeks = queries.month_of(day)
        context |= {
            "weeks": weeks,
            "slots": [slot for week in weeks for one in week for slot in one.slots],
            "previous": add_months(first, -1),
            "next": add_months(first, 1),
        }
        return render(request, "exams/slots_month.html", context)
    context |= {
        "week": queries.week_of(day),
        "previous": day - timedelta(days=7),
        "next": day + timedelta(days=7),
    }
    return render(request, "exams/slots_week.html", context)


def _spans(rows: Any) -> list[Any]:
    return [one.span for one in rows.forms if one.cleaned_data.get("day")]


def _conflicts(application: BankApplication, spans: Sequence[Any]) -> list[queries.SlotConflict]:
    windows = queries.windows_of(application.total, application.clients_available, spans)
    batch = Batch.objects.filter(application=application).first()
    return queries.slot_conflicts(application.hall, windows, without=batch)


def schedule(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Decide on an application's time: conflicts are shown before, and refused when the bank or the hall is full."""
    actor = actor_of(request)
    application = get_object_or_404(access.applications_for(actor), pk=pk)
    if not (application.can("schedule") or application.can("reschedule")):
        messages.info(request, _("There is no slot to give here: the matter has moved on."))
        return redirect("exams:application", pk=pk)
    posted = request.POST if request.method == "POST" else None
    adding = posted is not None and "add_row" in posted
    wished = _first_sessions(application)
    batch = Batch.objects.filter(application=application).first()
    if batch is not None and batch.slots.exists():
        wished = [
            {
                "day": clock.local(one.starts_at).date(),
                "start": clock.local(one.starts_at).time(),
                "end": clock.local(one.ends_at).time(),
            }
            for one in batch.slots.all()
        ]
    form = ScheduleForm(posted)
    rows = SessionRows(
        with_added_row(posted, "sessions") if adding else posted, prefix="sessions", initial=wished or None
    )
    checked = False
    spans: list[Any] = []
    if posted is None:
        spans = [
            (one.starts_at, one.ends_at)
            for one in (batch.slots.all() if batch else application.sessions.all())
        ]
        spans = spans or [(one.starts_at, one.ends_at) for one in application.sessions.all()]
    elif not adding and form.is_valid() and rows.is_valid():
        spans = _spans(rows)
        if "check" in posted:
            checked = True
        else:
            with refusals(form) as outcome:
                done = actions.schedule(application, spans, opinion=form.cleaned_data["opinion"], by=actor)
            if outcome.ok:
                messages.success(
                    request,
                    _("Slot given: batch %(batch)s. File it with the education office next.")
                    % {"batch": done},
                )
                return redirect("exams:application", pk=pk)
    status = 200 if adding or checked else status_of(form)
    if posted is not None and not adding and status == 200 and rows.errors and any(rows.errors):
        status = 422
    windows = queries.windows_of(application.total, application.clients_available, spans) if spans else []
    context = {
        "application": application,
        "batch": batch,
        "form": form,
        "formset": rows,
        "checked": checked,
        "conflicts": _conflicts(application, spans) if spans else [],
        "windows": windows,
        "week": queries.week_of(clock.local(spans[0][0]).date() if spans else application.first_day),
        "late": application.state == ApplicationState.LATE,
        "may_decide": application.state != ApplicationState.LATE or actor.has(Role.CENTRE_APPROVER),
    }
    return render(request, "exams/schedule.html", context, status=status)


def application_return(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send an application back with an opinion."""
    actor = actor_of(request)
    application = get_object_or_404(access.applications_for(actor), pk=pk)
    return act_page(
        request,
        OpinionForm(request.POST or None),
        lambda data: actions.return_application(application, opinion=data["opinion"], by=actor),
        done=_("Application returned."),
        back=reverse("exams:application", args=[pk]),
        to=lambda _row: reverse("exams:queue"),
        title=_("Send the application back"),
        lead=f"{application.institution_name} · {application.first_day}",
        submit_label=_("Send back"),
    )


@require_POST
def file_with_office(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("Filed with the education office.")
    return act_on(
        request, access.applications_for, pk, actions.file_with_office, done=done, to="exams:application"
    )


def filings(request: HttpRequest) -> HttpResponse:
    """Filings to acknowledge, and those acknowledged."""
    actor = actor_of(request)
    rows = access.filings_for(actor)
    done = request.GET.get("done") == "1"
    page = page_by_key(rows.filter(received_at__isnull=not done), request)
    context = {
        "page": page,
        "done": done,
        "open_count": rows.filter(received_at=None).count(),
        "may_receive": may_open(actor, "exams:filing_receive"),
    }
    return render(request, "exams/filings.html", context)


def filing_receive(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Acknowledge one filing with its receipt number."""
    actor = actor_of(request)
    filing = get_object_or_404(access.filings_for(actor), pk=pk)
    names = {"batch": filing.application.batch, "unit": filing.application.institution_name}
    return act_page(
        request,
        ReceiptForm(request.POST or None),
        lambda data: actions.receive_filing(filing, data["receipt_no"], by=actor),
        done=_("Filing acknowledged."),
        back=reverse("exams:filings"),
        title=_("Acknowledge the filing"),
        lead=_("Batch %(batch)s of %(unit)s") % names,
        submit_label=_("Acknowledge"),
    )


def hall_keys(request: HttpRequest) -> HttpResponseBase:
    """The centre's public key, and the keys of the halls."""
    actor = actor_of(request)
    form = HallKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.register_hall_key(form.cleaned_data["hall"], form.cleaned_data["public_key"], by=actor)
        if outcome.ok:
            messages.success(request, _("Key registered."))
            return redirect("exams:keys")
    page = page_by_key(access.hall_keys_for(actor), request)
    context = {
        "form": form,
        "page": page,
        "public_key": keys.centre_public_key(),
        "machines": access.machines_for(actor).order_by("key__ended_at", "pk")[:200],
        "centre_fingerprint": envelope.spoken(envelope.fingerprint(keys.centre_public_key())),
    }
    return render(request, "exams/keys.html", context, status=status_of(form))


def hall_key_end(request: HttpRequest, pk: int) -> HttpResponseBase:
    """End a hall's key."""
    actor = actor_of(request)
    row = get_object_or_404(access.hall_keys_for(actor), pk=pk)
    return act_page(
        request,
        ReasonForm(request.POST or None),
        lambda data: actions.end_hall_key(row, reason=data["reason"], by=actor),
        done=_("Key ended."),
        back=reverse("exams:keys"),
        title=_("End the key of %(hall)s") % {"hall": row.hall.name},
        lead=_("Returns signed with this key are refused from now on. This cannot be undone."),
        submit_label=_("End the key"),
        danger=True,
    )
