"""Pages of learners, and the public list of open classes. Phone first."""

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
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.people.api import person_of
from zhupei.rulebook.api import decimal_parameter, parameter
from zhupei.training import access, actions, pins, queries
from zhupei.training.choices import ClassState, EnrolmentState, PunchKind, PunchMethod
from zhupei.training.forms.classes import OpenClassFilters, PunchForm
from zhupei.training.models import Enrolment, Lesson, Punch
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of


@require_GET
def open_classes(request: HttpRequest) -> HttpResponse:
    filters = OpenClassFilters(request.GET)
    rows = queries.open_classes()
    if filters.is_valid():
        values = filters.cleaned_data
        if values["q"]:
            rows = rows.filter(
                Q(name__icontains=values["q"])
                | Q(post__name__icontains=values["q"])
                | Q(institution__full_name__icontains=values["q"])
                | Q(site__address__icontains=values["q"])
            )
        for name, column in (
            ("post", "post"),
            ("institution", "institution"),
            ("division", "site__division_code"),
        ):
            if values[name]:
                rows = rows.filter(**{column: values[name]})
    page = page_by_key(rows, request, order=("first_day", "pk"), size=20)
    labels = [
        pgettext("training", "Class"),
        _("Post"),
        _("Institution"),
        pgettext("training", "Place"),
        _("Begins"),
        _("Fee (yuan)"),
        _("Free places"),
    ]
    context = {
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "page": page,
        "columns": [{"label": label} for label in labels],
        "rows": [
            {
                "url": reverse("training:open_class", kwargs={"pk": row.pk}),
                "cells": [
                    row.name,
                    row.post.name,
                    row.institution.full_name,
                    row.site.address,
                    {"deadline": row.first_day, "workdays_left": None},
                    f"{row.fee:f}",
                    str(max(0, row.capacity - row.taken)) if row.taken < row.capacity else _("full"),
                ],
            }
            for row in page.items
        ],
    }
    return render(request, "training/open_classes.html", context)


@require_GET
def open_class(request: HttpRequest, pk: int) -> HttpResponse:
    """One open class: what, where, when, how much; and for a learner, whether he can join."""
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(queries.open_classes(), pk=pk)
    person = person_of(actor) if actor.has(Role.LEARNER) else None
    mine = Enrolment.objects.filter(training_class=found, person=person).first() if person else None
    checks = queries.application_checks(person, found, own=mine) if person else []
    free = max(0, found.capacity - found.taken)
    context = {
        "training_class": found,
        "facts": [
            (_("Post"), found.post.name),
            (_("Institution"), found.institution.full_name),
            (pgettext("training", "Place"), f"{found.site.name}，{found.site.address}"),
            (_("Time"), found.plan_row.time_text),
            (_("Class hours"), f"{found.plan_row.hours:f}"),
            (_("Fee (yuan)"), f"{found.fee:f}"),
            (_("Free places"), _("%(free)d of %(all)d") % {"free": free, "all": found.capacity}),
        ],
        "free": free,
        "is_learner": actor.has(Role.LEARNER),
        "person": person,
        "mine": mine if mine and mine.state in queries.ACTIVE else None,
        "checks": checks,
        "may_apply": person is not None and free > 0 and not any(check.tone == "problem" for check in checks),
    }
    return render(request, "training/open_class.html", context)


@require_POST
def enrol(request: HttpRequest, pk: int) -> Any:
    actor = request.actor  # type: ignore[attr-defined]
    training_class = get_object_or_404(queries.open_classes(), pk=pk)
    person = person_of(actor)
    if person is None:
        messages.warning(request, _("Enter your personal data first; then apply."))
        return redirect("training:open_class", pk=pk)
    return perform(
        request,
        lambda: actions.apply(training_class, person, by=actor),
        success=_("Your application is with the institution. You will be told here."),
        to=lambda made: reverse("training:my_class", kwargs={"pk": made.pk}),
    )


@require_GET
def my_classes(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    rows = list(access.own_enrolments(actor).order_by("-applied_at", "-pk")[:100])
    accepted = hours.accepted_hours_of([row.pk for row in rows]) if rows else {}
    least = decimal_parameter("min_training_hours_per_post")
    now = clock.now()
    upcoming = (
        Lesson.objects.filter(
            training_class__in=[
                row.training_class_id for row in rows if row.state == EnrolmentState.ACCEPTED
            ],
            ends_at__gte=now,
            training_class__state=ClassState.RUNNING,
        )
        .select_related("room", "training_class__site")
        .order_by("starts_at")
        .first()
    )
    context = {
        "cards": [{"enrolment": row, "hours": accepted.get(row.pk, 0)} for row in rows],
        "least": least,
        "next_lesson": upcoming,
        "has_person": person_of(actor) is not None,
    }
    return render(request, "training/my_classes.html", context)


@require_GET
def my_class(request: HttpRequest, pk: int) -> HttpResponse:
    """One's own class: what to do next, hours with their reasons, timetable."""
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.own_enrolments(actor), pk=pk)
    training_class = found.training_class
    punches: dict[int, set[str]] = {}
    for lesson_id, kind in Punch.objects.filter(enrolment=found).values_list("lesson_id", "kind"):
        punches.setdefault(lesson_id, set()).add(kind)
    attendance = {row.lesson_id: row for row in found.attendances.all()}
    now = clock.now()
    opens = int(parameter("sign_in_opens_minutes"))
    lessons = []
    for lesson in training_class.lessons.select_related("room", "teacher"):
        window = actions.window_of(lesson, opens_minutes=opens)
        is_open = (
            training_class.state == ClassState.RUNNING
            and found.state == EnrolmentState.ACCEPTED
            and lesson.closed_at is None
            and window.opens <= now <= window.closes
        )
        lessons.append(
            {
                "lesson": lesson,
                "attendance": attendance.get(lesson.pk),
                "kinds": punches.get(lesson.pk, set()),
                "can_punch": is_open and PunchKind.OUT not in punches.get(lesson.pk, set()),
            }
        )
    context = {
        "enrolment": found,
        "training_class": training_class,
        "lessons": lessons,
        "punch_now": next((row["lesson"] for row in lessons if row["can_punch"]), None),
        "hours": hours.accepted_hours(found.pk),
        "least": decimal_parameter("min_training_hours_per_post"),
        "may_cancel": training_class.state == ClassState.ENROLLING
        and found.state in (EnrolmentState.APPLIED, EnrolmentState.ACCEPTED, EnrolmentState.RETURNED),
        "may_apply_again": training_class.state == ClassState.ENROLLING
        and found.state in (EnrolmentState.RETURNED, EnrolmentState.CANCELLED),
    }
    return render(request, "training/my_class.html", context)


@require_POST
def my_enrolment_cancel(request: HttpRequest, pk: int) -> Any:
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.own_enrolments(actor), pk=pk)
    return perform(
        request,
        lambda: actions.cancel_enrolment(found, by=actor),
        success=_("Your application is taken back."),
        to="training:my_classes",
    )


def punch(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign in or out at a lesson: one button; by the link of the QR code, or by typing the six digits."""
    actor = request.actor  # type: ignore[attr-defined]
    lesson = get_object_or_404(Lesson.objects.select_related("training_class", "room"), pk=pk)
    enrolment = access.own_enrolments(actor).filter(training_class_id=lesson.training_class_id).first()
    done = (
        {row.kind: row for row in Punch.objects.filter(lesson=lesson, enrolment=enrolment)}
        if enrolment is not None
        else {}
    )
    kind = PunchKind.OUT if PunchKind.IN in done else PunchKind.IN
    link = request.GET.get("code", "")
    if request.method == "POST":
        form = PunchForm(request.POST)
        if form.is_valid():
            values = form.cleaned_data
            by_link = bool(values["link"]) and not values["code"]
            with refusals(form) as outcome:
                made = actions.punch(
                    lesson,
                    values["kind"],
                    PunchMethod.QR if by_link else PunchMethod.PIN,
                    code=values["link"] if by_link else values["code"],
                    early=values["early"],
                    by=actor,
                )
            if outcome.ok:
                at = f"{clock.local(made.at):%H:%M}"
                text = (
                    _("Signed in at %(time)s.") if made.kind == PunchKind.IN else _("Signed out at %(time)s.")
                )
                messages.success(request, text % {"time": at})
                assert enrolment is not None
                return redirect("training:my_class", pk=enrolment.pk)
    else:
        form = PunchForm(initial={"kind": kind, "link": link})
    context = {
        "lesson": lesson,
        "enrolment": enrolment,
        "form": form,
        "kind": kind,
        "done": done,
        "finished": PunchKind.OUT in done,
        "by_link": bool(form["link"].value()) and pins.is_link_code(lesson.pk, str(form["link"].value())),
        "stale": bool(link) and not pins.is_link_code(lesson.pk, link),
        "early": kind == PunchKind.OUT and actions.leaves_early(lesson, clock.now()),
    }
    return render(request, "training/punch.html", context, status=status_of(form))
