"""Pages of lessons as they are held: board with code, roll call, closing."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from zhupei.documents.api import Roll, RollRow, render_pdf
from zhupei.kernel import clock, identity
from zhupei.kernel.errors import Forbidden
from zhupei.kernel.roles import Role
from zhupei.training import access, actions, pins
from zhupei.training.choices import AttendanceState, ClassState, EnrolmentState, PunchKind
from zhupei.training.models import Lesson, Punch
from zhupei.web.views import file_response, perform


@require_GET
def today(request: HttpRequest) -> HttpResponse:
    """The lessons of today and the unclosed ones before: a teacher's own, all of the institution for the teaching head."""
    actor = request.actor  # type: ignore[attr-defined]
    midnight = datetime.combine(clock.today(), time(), clock.SHANGHAI)
    rows = access.lessons_for(actor).filter(
        training_class__state=ClassState.RUNNING, starts_at__lt=midnight + timedelta(days=1), closed_at=None
    ) | access.lessons_for(actor).filter(
        training_class__state=ClassState.RUNNING,
        starts_at__gte=midnight,
        starts_at__lt=midnight + timedelta(days=1),
    )
    if not actor.has(Role.TEACHING_HEAD):
        rows = rows.filter(teacher__user_id=actor.user_id)
    return render(request, "training/today.html", {"lessons": list(rows.order_by("starts_at")[:100])})


def _led(request: HttpRequest, pk: int) -> Lesson:
    """A lesson that the actor leads."""
    lesson: Lesson = get_object_or_404(access.lessons_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    actions.may_lead(lesson, request.actor)  # type: ignore[attr-defined]
    return lesson


def _code_context(request: HttpRequest, lesson: Lesson) -> dict[str, Any]:
    window = actions.window_of(lesson)
    now = clock.now()
    is_open = (
        window.opens <= now <= window.closes
        and lesson.closed_at is None
        and lesson.training_class.state == ClassState.RUNNING
    )
    context: dict[str, Any] = {
        "lesson": lesson,
        "is_open": is_open,
        "window": window,
        "is_past": now > window.closes,
    }
    if is_open:
        path = reverse("training:punch", kwargs={"pk": lesson.pk})
        address = request.build_absolute_uri(f"{path}?code={pins.link_code(lesson.pk)}")
        context |= {
            "pin": pins.pin(lesson.pk),
            "seconds": pins.seconds_left(),
            "qr": segno.make(address, error="m").svg_data_uri(scale=6, border=4),
        }
    kinds = list(Punch.objects.filter(lesson=lesson).values_list("kind", flat=True))
    context |= {
        "signed_in": kinds.count(PunchKind.IN),
        "signed_out": kinds.count(PunchKind.OUT),
        "on_list": lesson.training_class.enrolments.filter(state=EnrolmentState.ACCEPTED).count(),
    }
    return context


@require_GET
def lesson_board(request: HttpRequest, pk: int) -> HttpResponse:
    """What the teacher shows to the class: QR code and digits, changing every minute."""
    return render(request, "training/lesson_board.html", _code_context(request, _led(request, pk)))


@require_GET
def lesson_code(request: HttpRequest, pk: int) -> HttpResponse:
    """The changing part of the board."""
    return render(request, "training/_lesson_code.html", _code_context(request, _led(request, pk)))


def roll_call(request: HttpRequest, pk: int) -> Any:
    actor = request.actor  # type: ignore[attr-defined]
    lesson = _led(request, pk)
    roster = list(
        lesson.training_class.enrolments.filter(state=EnrolmentState.ACCEPTED)
        .select_related("person")
        .order_by("person__name", "pk")
    )
    if request.method == "POST":
        marks = {row.pk: request.POST.get(f"mark-{row.pk}", "keep") for row in roster}
        return perform(
            request,
            lambda: actions.call_roll(lesson, marks, by=actor),
            success=_("The roll is entered."),
            to="training:roll_call",
            pk=pk,
        )
    punches: dict[int, dict[str, Any]] = {}
    for row in Punch.objects.filter(lesson=lesson):
        punches.setdefault(row.enrolment_id, {})[row.kind] = row
    over = clock.now() >= lesson.ends_at
    people = []
    for row in roster:
        there = punches.get(row.pk, {})
        marks_open = [("keep", _("Leave as it is"))]
        if over and (PunchKind.IN not in there or PunchKind.OUT not in there):
            marks_open.append(("whole", _("Present from beginning to end")))
        if not over and PunchKind.IN not in there:
            marks_open.append(("in", _("Has come now")))
        if PunchKind.IN in there and PunchKind.OUT not in there:
            marks_open.append(("out", _("Goes now")))
        if PunchKind.ABSENT not in there:
            marks_open.append(("absent", _("Is not here")))
        people.append(
            {
                "enrolment": row,
                "came": there.get(PunchKind.IN),
                "left": there.get(PunchKind.OUT),
                "absent": there.get(PunchKind.ABSENT),
                "marks": marks_open,
            }
        )
    return render(
        request,
        "training/roll_call.html",
        {"lesson": lesson, "people": people, "closed": lesson.closed_at is not None},
    )


def lesson_close(request: HttpRequest, pk: int) -> Any:
    """Show what closing gives everybody, then close."""
    lesson = _led(request, pk)
    if request.method == "POST":
        return perform(
            request,
            lambda: actions.close_lesson(lesson, by=request.actor),  # type: ignore[attr-defined]
            success=_("The lesson is closed; its hours are in the ledger."),
            to="training:class",
            pk=lesson.training_class_id,
        )
    if lesson.closed_at is not None:
        messages.info(request, _("This lesson is closed already."))
        return redirect("training:class", pk=lesson.training_class_id)
    found = actions.outcomes(lesson)
    window = actions.window_of(lesson)
    labels = [pgettext("training", "Name"), _("Attendance"), _("Minutes"), _("Class hours"), _("Why")]
    context = {
        "lesson": lesson,
        "too_soon": clock.now() < lesson.ends_at,
        "still_open": lesson.ends_at <= clock.now() <= window.closes,
        "window": window,
        "without_hours": sum(1 for _row, outcome in found if not outcome.credited),
        "columns": [{"label": label} for label in labels],
        "rows": [
            {
                "cells": [
                    row.person.name,
                    {"state": outcome.state, "text": _label(outcome.state)},
                    str(outcome.minutes),
                    f"{outcome.credited:f}",
                    outcome.reason or "—",
                ]
            }
            for row, outcome in found
        ],
    }
    return render(request, "training/lesson_close.html", context)


def _label(state: str) -> str:
    return str(AttendanceState(state).label)


@require_GET
def lesson_roll(request: HttpRequest, pk: int) -> HttpResponse:
    """The attendance sheet on paper; document numbers masked."""
    actor = request.actor  # type: ignore[attr-defined]
    lesson = get_object_or_404(access.lessons_for(actor), pk=pk)
    if actor.organisation_id != lesson.training_class.institution.organisation_id:
        raise Forbidden("other_organisation")
    punches: dict[tuple[int, str], Punch] = {
        (p.enrolment_id, p.kind): p for p in Punch.objects.filter(lesson=lesson)
    }
    roster = (
        lesson.training_class.enrolments.filter(state=EnrolmentState.ACCEPTED)
        .select_related("person", "post")
        .order_by("pk")
    )

    def at(enrolment_id: int, kind: str) -> str:
        punch = punches.get((enrolment_id, kind))
        return f"{clock.local(punch.at):%H:%M}" if punch else ""

    document = Roll(
        institution=lesson.training_class.institution.full_name,
        class_name=lesson.training_class.name,
        course=lesson.topic,
        teacher=lesson.teacher.name,
        place=f"{lesson.training_class.site.name} {lesson.room.name}",
        starts_at=lesson.starts_at,
        ends_at=lesson.ends_at,
        rows=tuple(
            RollRow(
                name=row.person.name,
                id_number=identity.mask_id(row.person.identity_number),
                post=row.post.name,
                arrived=at(row.pk, PunchKind.IN),
                left=at(row.pk, PunchKind.OUT),
                remark="点名缺勤" if (row.pk, PunchKind.ABSENT) in punches else "",
            )
            for row in roster
        ),
    )
    return file_response(
        render_pdf(document),
        f"考勤表-{lesson.training_class.name}-{lesson.pk}.pdf",
        "application/pdf",
        inline=True,
    )
