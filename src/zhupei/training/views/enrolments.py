"""Pages of enrolment for institutions and their supervisors."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_POST

from zhupei.hours import api as hours
from zhupei.kernel.roles import INSTITUTION, Role
from zhupei.rulebook.api import decimal_parameter
from zhupei.training import access, actions, queries
from zhupei.training.choices import EnrolmentState
from zhupei.training.forms.classes import EnrolmentFilters, ImportForm
from zhupei.training.forms.plans import ReasonForm, upload_of
from zhupei.training.models import Enrolment
from zhupei.web.forms import row_numbers
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

MAX_AT_ONCE = 200


@require_GET
def enrolments(request: HttpRequest) -> HttpResponse:
    """The list of names and the queue of applications; those who wait come with a tick box."""
    actor = request.actor  # type: ignore[attr-defined]
    filters = EnrolmentFilters(request.GET)
    rows = access.enrolments_for(actor).select_related("training_class")
    training_class = None
    if filters.is_valid():
        values = filters.cleaned_data
        if values["q"]:
            rows = rows.filter(
                Q(person__name__icontains=values["q"]) | Q(training_class__name__icontains=values["q"])
            )
        if values["state"]:
            rows = rows.filter(state=values["state"])
        if values["training_class"]:
            rows = rows.filter(training_class_id=values["training_class"])
            training_class = access.classes_for(actor).filter(pk=values["training_class"]).first()
    page = page_by_key(rows, request, order=("-applied_at", "-pk"))
    reviews = actor.has(*access.REVIEWERS)
    accepted = hours.accepted_hours_of([row.pk for row in page.items]) if page.items else {}
    labels = [
        pgettext("training", "Name"),
        pgettext("training", "Class"),
        _("Post"),
        _("Applied"),
        _("Class hours"),
        _("State"),
    ]
    context = {
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "page": page,
        "training_class": training_class,
        "columns": [{"label": label} for label in labels],
        "rows": [
            {
                "pk": row.pk,
                "url": reverse("training:enrolment", kwargs={"pk": row.pk}),
                "cells": [
                    {"text": row.person.name, "url": reverse("training:enrolment", kwargs={"pk": row.pk})},
                    row.training_class.name,
                    row.post.name,
                    {"at": row.applied_at},
                    f"{accepted.get(row.pk, 0):f}" if row.state == EnrolmentState.ACCEPTED else "—",
                    {"state": row.state, "text": row.get_state_display()},
                ],
            }
            for row in page.items
        ],
        "bulk": reviews and any(row.state == EnrolmentState.APPLIED for row in page.items),
        "may_import": actor.has(Role.REGISTRAR)
        and training_class is not None
        and training_class.state == "enrolling",
    }
    return render(request, "training/enrolments.html", context)


def _timeline(found: Enrolment) -> list[dict[str, Any]]:
    verbs = {
        "apply": _("Application made"),
        "accept": _("Accepted"),
        "return": _("Returned"),
        "cancel": pgettext("training", "Cancelled"),
    }
    return [
        {"at": s.at, "who": s.person, "what": verbs.get(s.verb, s.verb), "why": s.reason, "tone": s.state}
        for s in found.steps.order_by("-at", "-pk")
    ]


@require_GET
def enrolment(request: HttpRequest, pk: int) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.enrolments_for(actor), pk=pk)
    person, training_class = found.person, found.training_class
    reviews = (
        actor.has(*access.REVIEWERS) and actor.organisation_id == training_class.institution.organisation_id
    )
    own_entry = actor.user_id in (found.applied_by_id, person.user_id)
    open_roster = training_class.state == "enrolling"
    context = {
        "enrolment": found,
        "person": person,
        "training_class": training_class,
        "checks": queries.application_checks(person, training_class, own=found),
        "hours": hours.accepted_hours(found.pk),
        "least": decimal_parameter("min_training_hours_per_post"),
        "entries": _timeline(found),
        "attendances": found.attendances.select_related("lesson").order_by("lesson__starts_at"),
        "may_accept": reviews and not own_entry and open_roster and found.state == EnrolmentState.APPLIED,
        "own_entry": reviews and own_entry and found.state == EnrolmentState.APPLIED,
        "may_return": reviews
        and not own_entry
        and open_roster
        and found.state in (EnrolmentState.APPLIED, EnrolmentState.ACCEPTED),
        "reason_form": ReasonForm(auto_id="return_%s"),
        "is_institution": actor.has(*INSTITUTION),
    }
    return render(request, "training/enrolment.html", context)


@require_POST
def enrolment_accept(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.enrolments_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.accept_enrolment(found, by=request.actor),  # type: ignore[attr-defined]
        success=_("Accepted; the learner has been told."),
        to="training:enrolment",
        pk=pk,
    )


@require_POST
def enrolment_return(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.enrolments_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.return_enrolment(
            found, reason=request.POST.get("reason", "")[:1000], by=request.actor
        ),  # type: ignore[attr-defined]
        success=_("Returned; the learner has been told why."),
        to="training:enrolment",
        pk=pk,
    )


@require_POST
def enrolments_accept(request: HttpRequest) -> Any:
    """Accept several: first shown with what would happen, then done."""
    actor = request.actor  # type: ignore[attr-defined]
    chosen = row_numbers(request.POST.getlist("enrolment")[:MAX_AT_ONCE])
    rows = list(
        access.enrolments_for(actor)
        .filter(pk__in=chosen)
        .select_related("training_class", "person__user")
        .order_by("pk")
    )
    if not rows:
        messages.warning(request, _("Tick the applications first."))
        return redirect("training:enrolments")
    if request.POST.get("confirmed") == "1":
        return perform(
            request,
            lambda: actions.accept_many(rows, by=actor),
            success=_("%(n)d applications accepted; the learners have been told.") % {"n": len(rows)},
            to="training:enrolments",
        )
    found = actions.preview_accept(rows, by=actor)
    context = {
        "good": [line for line in found if not line.problem],
        "bad": [line for line in found if line.problem],
    }
    return render(request, "training/enrolments_accept.html", context)


def class_import(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose a table of names; shown row by row before anybody is enrolled."""
    actor = request.actor  # type: ignore[attr-defined]
    training_class = get_object_or_404(access.classes_for(actor), pk=pk)
    form = ImportForm(*((request.POST, request.FILES) if request.method == "POST" else (None, None)))
    preview = None
    status = 200
    if request.method == "POST" and form.is_valid():
        upload = upload_of(form.cleaned_data["file"])
        assert upload is not None
        with refusals(form) as outcome:
            preview = actions.preview_import(training_class, upload, by=actor)
        if outcome.ok and preview is not None and preview.problems:
            status = 422
    context = {"training_class": training_class, "form": form, "preview": preview}
    return render(request, "training/class_import.html", context, status=max(status, status_of(form)))


@require_POST
def class_import_confirm(request: HttpRequest, pk: int) -> Any:
    actor = request.actor  # type: ignore[attr-defined]
    training_class = get_object_or_404(access.classes_for(actor), pk=pk)
    return perform(
        request,
        lambda: actions.import_enrolments(training_class, request.POST.get("token", ""), by=actor),
        success=_("The names are enrolled and wait for review by a colleague."),
        to=lambda _n: f"{reverse('training:enrolments')}?training_class={pk}",
    )


@require_GET
def import_template(request: HttpRequest) -> HttpResponse:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return file_response(actions.template(), "学员名单模板.xlsx", kind)
