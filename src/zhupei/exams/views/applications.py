"""Annex 4 for the institution that applies and for everybody who reads it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.forms import BaseFormSet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.documents import api as documents
from zhupei.evidence.api import read
from zhupei.exams import access, actions, prints
from zhupei.exams.choices import APPLICATION_TONES, PLEDGE, ApplicationState
from zhupei.exams.forms import (
    ApplicationFilter,
    ApplicationForm,
    PostRows,
    SessionRows,
    SubmitForm,
    upload_of,
)
from zhupei.exams.models import ApplicationSession, BankApplication
from zhupei.institutions.api import institution_of
from zhupei.kernel import clock
from zhupei.kernel.roles import CENTRE
from zhupei.kernel.workdays import Deadline
from zhupei.rulebook.api import workdays_left
from zhupei.web.access import may_open
from zhupei.web.forms import with_added_row
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

from .pieces import actor_of, answers, timeline

EDITABLE = (ApplicationState.DRAFT, ApplicationState.RETURNED)


def application_list(request: HttpRequest) -> HttpResponse:
    """Applications that the actor sees, newest first."""
    actor = actor_of(request)
    filters = ApplicationFilter(request.GET)
    wanted, filtered = answers(filters)
    rows = access.applications_for(actor).select_related("batch")
    if wanted["q"]:
        rows = rows.filter(Q(institution_name__icontains=wanted["q"]) | Q(hall__name__icontains=wanted["q"]))
    if wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    page = page_by_key(rows, request)
    context = {
        "page": page,
        "filters": filters,
        "filtered": filtered,
        "may_add": may_open(actor, "exams:application_new"),
        "today": clock.today(),
    }
    return render(request, "exams/applications.html", context)


def _first_values(application: BankApplication | None, request: HttpRequest) -> dict[str, Any]:
    if application is None:
        institution = institution_of(actor_of(request))
        return (
            {"contact": institution.contact, "contact_mobile": institution.contact_phone}
            if institution
            else {}
        )
    names = (
        "clients_available",
        "draft_number",
        "lead",
        "lead_mobile",
        "contact",
        "contact_mobile",
        "signed_by",
        "signed_on",
    )
    return {"hall": application.hall_id, **{name: getattr(application, name) for name in names}}


def _first_sessions(application: BankApplication | None) -> list[dict[str, Any]]:
    if application is None:
        return []
    rows = []
    for one in application.sessions.all():
        start, end = clock.local(one.starts_at), clock.local(one.ends_at)
        rows.append({"day": start.date(), "start": start.time(), "end": end.time()})
    return rows


def _first_posts(application: BankApplication | None) -> list[dict[str, Any]]:
    if application is None:
        return []
    return [{"post": row.post_id, "count": row.count} for row in application.rows.order_by("post__position")]


def _filled(form: Any) -> bool:
    return bool(form.has_changed() and form.is_valid())


def _data(
    form: ApplicationForm, sessions: BaseFormSet[Any], posts: BaseFormSet[Any]
) -> actions.ApplicationData:
    values = form.cleaned_data
    return actions.ApplicationData(
        hall=values["hall"],
        clients_available=values["clients_available"],
        draft_number=values["draft_number"],
        lead=values["lead"],
        lead_mobile=values["lead_mobile"],
        contact=values["contact"],
        contact_mobile=values["contact_mobile"],
        signed_by=values["signed_by"],
        signed_on=values["signed_on"],
        signature=upload_of(values["signature"]),
        seal=upload_of(values["seal"]),
        sessions=[one.span for one in sessions.forms if one.cleaned_data.get("day")],
        rows=[
            (one.cleaned_data["post"], one.cleaned_data["count"])
            for one in posts.forms
            if one.cleaned_data.get("post")
        ],
    )


def application_edit(request: HttpRequest, pk: int | None = None) -> HttpResponseBase:
    """Fill in a new application or change one."""
    actor = actor_of(request)
    application = None
    if pk is not None:
        application = get_object_or_404(access.applications_for(actor), pk=pk)
        if application.state not in EDITABLE:
            messages.info(request, _("Only a draft or a returned application can be changed."))
            return redirect("exams:application", pk=application.pk)
    adding = request.POST.get("add_row") if request.method == "POST" else None
    posted = request.POST if request.method == "POST" else None
    form = ApplicationForm(posted, request.FILES or None, instance_values=_first_values(application, request))
    sessions = SessionRows(
        with_added_row(posted, "sessions") if posted is not None and adding == "sessions" else posted,
        prefix="sessions",
        initial=_first_sessions(application) or None,
    )
    posts = PostRows(
        with_added_row(posted, "posts") if posted is not None and adding == "posts" else posted,
        prefix="posts",
        initial=_first_posts(application) or None,
    )
    show_errors = adding is None
    if posted is not None and adding is None:
        good = [form.is_valid(), sessions.is_valid(), posts.is_valid()]
        if all(good):
            with refusals(form) as outcome:
                saved = actions.save_application(application, _data(form, sessions, posts), by=actor)
            if outcome.ok:
                messages.success(request, _("Application saved. Check it and submit it."))
                return redirect("exams:application", pk=saved.pk)
    status = 200 if adding is not None else status_of(form)
    if show_errors and posted is not None and status == 200 and (sessions.errors or posts.errors):
        status = 422
    context = {
        "form": form,
        "sessions": sessions,
        "posts": posts,
        "application": application,
        "show_errors": show_errors,
    }
    return render(request, "exams/application_edit.html", context, status=status)


def _facts(application: BankApplication) -> list[tuple[Any, Any]]:
    return [
        (_("Training unit (full name)"), application.institution_name),
        (_("Test place (detailed)"), application.address),
        (_("Computers available"), application.clients_available),
        (_("Persons in all"), application.total),
        (_("Batch number of your own"), application.draft_number or "—"),
        (_("Person in charge of the test"), application.lead),
        (_("Contact person"), application.contact),
        (_("Signed by (head of the unit)"), application.signed_by or "—"),
        (_("Date of signature"), application.signed_on),
    ]


def application_detail(request: HttpRequest, pk: int, form: SubmitForm | None = None) -> HttpResponse:
    """One application: what it says, where it stands, what can be done."""
    actor = actor_of(request)
    rows = (
        access.applications_for(actor)
        .select_related("batch", "filing", "signature", "seal")
        .prefetch_related(Prefetch("sessions", queryset=ApplicationSession.objects.order_by("starts_at")))
    )
    application = get_object_or_404(rows, pk=pk)
    own = (
        may_open(actor, "exams:application_submit")
        and application.institution.organisation_id == actor.organisation_id
    )
    editable = application.state in EDITABLE
    late = False
    left = None
    if application.deadline is not None:
        late = not Deadline(application.deadline, application.deadline_is_provisional).is_met_by(clock.now())
        left = workdays_left(application.deadline) if editable else None
    if own and editable and form is None:
        form = SubmitForm(late=late)
    centre = actor.has(*CENTRE)
    context = {
        "application": application,
        "facts": _facts(application),
        "posts": application.rows.select_related("post").order_by("post__position"),
        "batch": getattr(application, "batch", None),
        "filing": getattr(application, "filing", None),
        "pledge": PLEDGE,
        "form": form,
        "own": own,
        "editable": editable,
        "late": late,
        "late_text": actions.too_late_text(application) if own and editable and late else "",
        "left": left,
        "centre": centre,
        "may_decide": centre
        and (application.state != ApplicationState.LATE or may_open(actor, "exams:confirm")),
        "entries": timeline(application.steps.order_by("at", "pk"), "opinion", APPLICATION_TONES),
    }
    return render(
        request, "exams/application.html", context, status=status_of(form) if form is not None else 200
    )


@require_POST
def application_submit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Hand the application in, with the pledge."""
    actor = actor_of(request)
    application = get_object_or_404(access.applications_for(actor), pk=pk)
    form = SubmitForm(request.POST, late=True)
    if form.is_valid():
        with refusals(form) as outcome:
            done = actions.submit_application(
                application,
                pledged=form.cleaned_data["pledge"],
                late_reason=form.cleaned_data["late_reason"],
                by=actor,
            )
        if outcome.ok:
            text = _("Application submitted. The centre arranges the time and tells you.")
            if done.state == ApplicationState.LATE:
                text = _("Application submitted late. The centre decides whether to accept it.")
            messages.success(request, text)
            return redirect("exams:application", pk=pk)
    return application_detail(request, pk, form)


@require_POST
def application_withdraw(request: HttpRequest, pk: int) -> HttpResponseBase:
    actor = actor_of(request)
    application = get_object_or_404(access.applications_for(actor), pk=pk)
    return perform(
        request,
        lambda: actions.withdraw_application(application, by=actor),
        success=_("Application withdrawn."),
        to="exams:applications",
    )


def _name(application: BankApplication, extension: str) -> str:
    return f"附件4 {application.institution_name} {application.first_day}.{extension}"


def application_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    application = get_object_or_404(access.applications_for(actor_of(request)), pk=pk)
    data = documents.render_pdf(prints.bank_form(application))
    return file_response(data, _name(application, "pdf"), "application/pdf", inline=True)


def application_docx(request: HttpRequest, pk: int) -> HttpResponse:
    application = get_object_or_404(access.applications_for(actor_of(request)), pk=pk)
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return file_response(
        documents.render_docx(prints.bank_form(application)), _name(application, "docx"), kind
    )


def application_image(request: HttpRequest, pk: int, which: str) -> HttpResponse:
    """The uploaded signature or seal."""
    application = get_object_or_404(access.applications_for(actor_of(request)), pk=pk)
    file = {"signature": application.signature, "seal": application.seal}.get(which)
    if file is None:
        raise Http404
    return file_response(read(file), file.name, file.content_type, inline=True)
