"""Pages of classes and their timetable."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_POST

from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import decimal_parameter
from zhupei.training import access, actions, queries
from zhupei.training.choices import ClassState, EnrolmentState
from zhupei.training.forms.classes import ClassFilters, ClassForm, LessonForm, PlaceForm
from zhupei.training.forms.plans import ReasonForm
from zhupei.training.models import PlanRow, TrainingClass, TrainingPlan
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of


@require_GET
def classes(request: HttpRequest) -> HttpResponse:
    filters = ClassFilters(request.GET)
    rows = access.classes_for(request.actor)  # type: ignore[attr-defined]
    if filters.is_valid():
        values = filters.cleaned_data
        if values["q"]:
            rows = rows.filter(
                Q(name__icontains=values["q"]) | Q(institution__full_name__icontains=values["q"])
            )
        if values["state"]:
            rows = rows.filter(state=values["state"])
        if values["post"]:
            rows = rows.filter(post=values["post"])
        if values["division"]:
            rows = rows.filter(site__division_code=values["division"])
    page = page_by_key(rows, request, order=("-first_day", "-pk"))
    accepted = queries.accepted_of([row.pk for row in page.items])
    labels = [
        pgettext("training", "Class"),
        _("Post"),
        _("Institution"),
        _("Days"),
        _("Enrolled"),
        _("State"),
    ]
    context = {
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "page": page,
        "columns": [{"label": label} for label in labels],
        "rows": [
            {
                "url": reverse("training:class", kwargs={"pk": row.pk}),
                "cells": [
                    row.name,
                    row.post.name,
                    row.institution.full_name,
                    f"{queries.day_words(row.first_day)} – {queries.day_words(row.last_day)}",
                    f"{accepted.get(row.pk, 0)} / {row.capacity}",
                    {"state": row.state, "text": row.get_state_display()},
                ],
            }
            for row in page.items
        ],
    }
    return render(request, "training/classes.html", context)


def class_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Open a class for a row of a plan."""
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        PlanRow.objects.filter(plan__in=access.plans_for(actor)).select_related(
            "plan__institution", "plan__site", "post"
        ),
        pk=pk,
    )
    existing = TrainingClass.objects.filter(plan_row=row).first()
    if existing is not None and request.method != "POST":
        return redirect("training:class", pk=existing.pk)
    form = ClassForm(
        request.POST if request.method == "POST" else None, instance_values={"capacity": row.expected}
    )
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            made = actions.open_class(
                row, name=form.cleaned_data["name"], capacity=form.cleaned_data["capacity"], by=actor
            )
        if outcome.ok:
            messages.success(request, _("The class is open for enrolment. Next: its timetable."))
            return redirect("training:class", pk=made.pk)
    context = {"row": row, "form": form, "in_force": queries.is_in_force(row.plan)}
    return render(request, "training/class_open.html", context, status=status_of(form))


def _lesson_rows(training_class: TrainingClass, *, leads: bool, edits: bool) -> list[dict[str, Any]]:
    rows = []
    for lesson in training_class.lessons.select_related("room", "teacher"):
        starts, ends = clock.local(lesson.starts_at), clock.local(lesson.ends_at)
        where = (
            "training:lesson_board"
            if leads and training_class.state == ClassState.RUNNING
            else "training:lesson_edit"
        )
        usable = (leads and training_class.state == ClassState.RUNNING) or (
            edits and lesson.closed_at is None
        )
        rows.append(
            {
                "url": reverse(where, kwargs={"pk": lesson.pk}) if usable else "",
                "cells": [
                    f"{queries.day_words(starts.date())} {starts:%H:%M}–{ends:%H:%M}",
                    lesson.topic,
                    lesson.teacher.name,
                    lesson.room.name,
                    f"{lesson.hours:f}",
                    {"state": "closed", "text": pgettext("training", "Closed")}
                    if lesson.closed_at
                    else {"state": "planned", "text": _("Planned")},
                ],
            }
        )
    return rows


@require_GET
def training_class(request: HttpRequest, pk: int) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.classes_for(actor), pk=pk)
    own = actor.organisation_id == found.institution.organisation_id
    manages = own and actor.has(*access.MANAGERS)
    editable = found.state in (ClassState.ENROLLING, ClassState.RUNNING)
    states = dict(found.enrolments.values_list("state").annotate(n=Count("pk")))
    labels = [_("Time"), _("Topic"), _("Teacher"), pgettext("training", "Room"), _("Class hours"), _("State")]
    context = {
        "training_class": found,
        "facts": [
            (_("Institution"), found.institution.full_name),
            (_("Post"), found.post.name),
            (_("Site"), f"{found.site.name}（{found.site.address}）"),
            (_("Days"), f"{queries.day_words(found.first_day)} – {queries.day_words(found.last_day)}"),
            (_("Planned time"), found.plan_row.time_text),
            (_("Fee (yuan)"), f"{found.fee:f}"),
            (pgettext("training", "Places"), found.capacity),
            (_("Accepted"), states.get(EnrolmentState.ACCEPTED, 0)),
            (_("Waiting for review"), states.get(EnrolmentState.APPLIED, 0)),
        ],
        "plan": TrainingPlan.objects.get(pk=found.plan_row.plan_id),
        "hours": found.lessons.aggregate(n=Sum("hours"))["n"] or 0,
        "least": decimal_parameter("min_training_hours_per_post"),
        "columns": [{"label": label} for label in labels],
        "rows": _lesson_rows(found, leads=own and actor.has(*access.ROLL_CALLERS), edits=manages),
        "manages": manages,
        "editable": manages and editable,
        "problems": queries.start_problems(found) if manages and found.state == ClassState.ENROLLING else [],
        "may_start": manages and found.state == ClassState.ENROLLING,
        "may_finish": manages
        and found.state == ClassState.RUNNING
        and not found.lessons.filter(closed_at=None).exists(),
        "reviews": own and actor.has(*access.REVIEWERS),
        "may_import": own and actor.has(Role.REGISTRAR) and found.state == ClassState.ENROLLING,
        "place_form": PlaceForm(training_class=found, instance_values={"topic": found.post.name})
        if manages
        else None,
        "reason_form": ReasonForm(auto_id="cancel_%s"),
    }
    return render(request, "training/class.html", context)


def _own_class(request: HttpRequest, pk: int) -> TrainingClass:
    found: TrainingClass = get_object_or_404(access.classes_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return found


@require_POST
def class_start(request: HttpRequest, pk: int) -> Any:
    found = _own_class(request, pk)
    return perform(
        request,
        lambda: actions.start_class(found, by=request.actor),  # type: ignore[attr-defined]
        success=_("The class has started. Its list of names is closed."),
        to="training:class",
        pk=pk,
    )


@require_POST
def class_finish(request: HttpRequest, pk: int) -> Any:
    found = _own_class(request, pk)
    return perform(
        request,
        lambda: actions.finish_class(found, by=request.actor),  # type: ignore[attr-defined]
        success=_("The class is finished. Next: its archive."),
        to="training:archive",
        pk=pk,
    )


@require_POST
def class_cancel(request: HttpRequest, pk: int) -> Any:
    found = _own_class(request, pk)
    return perform(
        request,
        lambda: actions.cancel_class(found, reason=request.POST.get("reason", "")[:1000], by=request.actor),  # type: ignore[attr-defined]
        success=_("The class is cancelled; the learners have been told."),
        to="training:class",
        pk=pk,
    )


def timetable_generate(request: HttpRequest, pk: int) -> HttpResponse:
    """A lesson for each half-day of the plan."""
    found = _own_class(request, pk)
    data = request.POST if request.method == "POST" else None
    form = PlaceForm(data, training_class=found, instance_values={"topic": found.post.name})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        with refusals(form) as outcome:
            count = actions.generate_timetable(
                found,
                room=values["room"],
                teacher=values["teacher"],
                topic=values["topic"],
                by=request.actor,  # type: ignore[attr-defined]
            )
        if outcome.ok:
            messages.success(
                request,
                _("%(n)d lessons entered. Change teacher, room or topic where they differ.") % {"n": count},
            )
            return redirect("training:class", pk=pk)
    context = {"training_class": found, "form": form}
    return render(request, "training/timetable_generate.html", context, status=status_of(form))


def lesson_new(request: HttpRequest, pk: int) -> HttpResponse:
    found = _own_class(request, pk)
    form = LessonForm(request.POST if request.method == "POST" else None, training_class=found)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.add_lesson(found, form.lesson_input(), by=request.actor)  # type: ignore[attr-defined]
        if outcome.ok:
            messages.success(request, _("Lesson entered."))
            return redirect("training:class", pk=pk)
    context = {"training_class": found, "form": form, "lesson": None}
    return render(request, "training/lesson_edit.html", context, status=status_of(form))


def lesson_edit(request: HttpRequest, pk: int) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    lesson = get_object_or_404(access.lessons_for(actor), pk=pk)
    found = lesson.training_class
    form = LessonForm(request.POST if request.method == "POST" else None, training_class=found, lesson=lesson)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_lesson(lesson, form.lesson_input(), by=actor)
        if outcome.ok:
            messages.success(request, _("Lesson changed."))
            return redirect("training:class", pk=found.pk)
    context = {"training_class": found, "form": form, "lesson": lesson}
    return render(request, "training/lesson_edit.html", context, status=status_of(form))


@require_POST
def lesson_remove(request: HttpRequest, pk: int) -> Any:
    lesson = get_object_or_404(access.lessons_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.remove_lesson(lesson, by=request.actor),  # type: ignore[attr-defined]
        success=_("Lesson taken out of the timetable."),
        to="training:class",
        pk=lesson.training_class_id,
    )
