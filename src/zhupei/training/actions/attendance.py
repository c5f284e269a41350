"""Every write of attendance: punches, roll call, closing a lesson (R024, R025)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.hours import api as hours
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import parameter
from zhupei.training import events, pins
from zhupei.training.choices import AttendanceState, ClassState, EnrolmentState, PunchKind, PunchMethod
from zhupei.training.models import Attendance, Enrolment, Lesson, Punch

SIGN_OUT_MINUTES = 30  # after the lesson's end
TRIES, TRIES_SECONDS = 10, 600  # wrong codes of one learner at one lesson


@dataclass(frozen=True)
class Window:
    """When learners may sign in and out at a lesson."""

    opens: datetime
    closes: datetime


def window_of(lesson: Lesson, *, opens_minutes: int | None = None) -> Window:
    """From ``sign_in_opens_minutes`` before the lesson to 30 minutes after its end. For many lessons, pass the parameter."""
    minutes = int(parameter("sign_in_opens_minutes")) if opens_minutes is None else opens_minutes
    return Window(
        lesson.starts_at - timedelta(minutes=minutes), lesson.ends_at + timedelta(minutes=SIGN_OUT_MINUTES)
    )


def leaves_early(lesson: Lesson, now: datetime) -> bool:
    """True if signing out now costs hours."""
    return now < lesson.ends_at - timedelta(minutes=int(parameter("late_minutes")))


@transaction.atomic
def punch(lesson: Lesson, kind: str, method: str, *, code: str, early: bool = False, by: Actor) -> Punch:
    """Sign a learner in or out at a lesson by the code on the teacher's screen (R024).

    ``method``: "qr" (the code of the link) or "pin". ``early`` confirms a sign-out that costs hours. A second call gives the
    punch that is there. Raises ``Refusal`` for a person not of the class, outside the window, or a code of another lesson
    or minute.
    """
    enrolment = _own_place(lesson, by)
    lesson = _open_lesson(lesson)
    done = Punch.objects.filter(lesson=lesson, enrolment=enrolment, kind=kind).first()
    if done is not None:
        return done
    now, window = clock.now(), window_of(lesson)
    if now < window.opens:
        raise Conflict(
            "too_early",
            _("Signing in opens at %(time)s. Come back then.")
            % {"time": f"{clock.local(window.opens):%H:%M}"},
        )
    if now > window.closes or (kind == PunchKind.IN and now >= lesson.ends_at):
        raise Conflict("too_late", _("This lesson is over; signing in or out is closed. Ask your teacher."))
    _check_code(lesson, method, code, by)
    if kind == PunchKind.OUT:
        if not Punch.objects.filter(lesson=lesson, enrolment=enrolment, kind=PunchKind.IN).exists():
            raise Conflict(
                "not_signed_in",
                _("You have not signed in at this lesson. Ask your teacher to call the roll."),
            )
        if leaves_early(lesson, now) and not early:
            raise Refusal(
                "leaves_early",
                _(
                    "The lesson goes on until %(time)s. If you sign out now, it counts fewer hours, and you cannot sign in again."
                )
                % {"time": f"{clock.local(lesson.ends_at):%H:%M}"},
                status=409,
            )
    return Punch.objects.create(
        lesson=lesson,
        enrolment=enrolment,
        kind=kind,
        method=method,
        at=now,
        by_user_id=by.user_id,
        ip=by.ip[:45],
        agent=by.agent[:300],
    )


def _own_place(lesson: Lesson, by: Actor) -> Enrolment:
    by.require(Role.LEARNER)
    assert by.user_id is not None
    enrolment = Enrolment.objects.filter(
        training_class_id=lesson.training_class_id, person__user_id=by.user_id, state=EnrolmentState.ACCEPTED
    ).first()
    if enrolment is None:
        raise Forbidden(
            "not_in_class",
            _("You are not on the list of names of this class. Ask the institution's registrar."),
        )
    return enrolment


def _open_lesson(lesson: Lesson) -> Lesson:
    lesson = (
        Lesson.objects.select_for_update(of=("self",))
        .select_related("training_class__institution")
        .get(pk=lesson.pk)
    )
    if lesson.training_class.state != ClassState.RUNNING:
        raise Conflict("class_not_running", _("The class has not started yet, or is over. Ask your teacher."))
    if lesson.closed_at is not None:
        raise Conflict("lesson_closed", _("The lesson is closed; its hours have been counted."))
    return lesson


def _check_code(lesson: Lesson, method: str, code: str, by: Actor) -> None:
    key = f"punch:{lesson.pk}:{by.user_id}"
    if cache.get(key, 0) >= TRIES:
        raise Refusal(
            "too_many_tries",
            _("Too many wrong codes. Wait ten minutes, or ask your teacher to call the roll."),
            status=429,
        )
    good = pins.is_link_code(lesson.pk, code) if method == PunchMethod.QR else pins.is_pin(lesson.pk, code)
    if not good:
        cache.add(key, 0, TRIES_SECONDS)
        cache.incr(key)
        raise Refusal(
            "wrong_code",
            _(
                "This code is not valid for this lesson, or its minute has passed. Read the code on the teacher's screen again."
            ),
            field="code",
        )


def may_lead(lesson: Lesson, by: Actor) -> None:
    """Raise ``Forbidden`` unless the actor is the lesson's teacher or the institution's teaching head."""
    by.require(
        Role.TEACHER, Role.TEACHING_HEAD, organisation_id=lesson.training_class.institution.organisation_id
    )
    if not by.has(Role.TEACHING_HEAD) and lesson.teacher.user_id != by.user_id:
        raise Forbidden(
            "other_teacher", _("This lesson is another teacher's. Its teacher or the teaching head leads it.")
        )


ROLL_MARKS = ("keep", "whole", "in", "out", "absent")


@transaction.atomic
def call_roll(lesson: Lesson, marks: Mapping[int, str], *, by: Actor) -> int:
    """Enter what the teacher sees, by enrolment: "whole" (present from beginning to end), "in" or "out" (now), "absent".

    Only what is missing is entered: a sign-in that a learner made stays. "absent" stands against sign-ins of others. Returns
    how many entries were made. "whole" needs the lesson to be over.
    """
    may_lead(lesson, by)
    lesson = _open_lesson(lesson)
    now = clock.now()
    if now < window_of(lesson).opens:
        raise Conflict("too_early", _("The roll is called when the lesson is near: sign-in is not open yet."))
    roster = set(
        lesson.training_class.enrolments.filter(
            state=EnrolmentState.ACCEPTED, pk__in=list(marks)
        ).values_list("pk", flat=True)
    )
    there = set(Punch.objects.filter(lesson=lesson).values_list("enrolment_id", "kind"))
    made: list[Punch] = []
    for enrolment_id in sorted(roster):
        mark = marks[enrolment_id]
        if mark == "whole" and now < lesson.ends_at:
            raise Conflict(
                "lesson_goes_on",
                _("Whole presence can be entered once the lesson is over; until then enter who has come."),
            )
        if mark == "out" and (enrolment_id, PunchKind.IN) not in there:
            continue
        entries = {
            "whole": ((PunchKind.IN, lesson.starts_at), (PunchKind.OUT, lesson.ends_at)),
            "in": ((PunchKind.IN, max(now, lesson.starts_at)),),
            "out": ((PunchKind.OUT, min(now, lesson.ends_at)),),
            "absent": ((PunchKind.ABSENT, now),),
        }.get(mark, ())
        for kind, at in entries:
            if (enrolment_id, kind) not in there:
                made.append(
                    Punch(
                        lesson=lesson,
                        enrolment_id=enrolment_id,
                        kind=kind,
                        method=PunchMethod.ROLL_CALL,
                        at=at,
                        by_user_id=by.user_id,
                        ip=by.ip[:45],
                        agent=by.agent[:300],
                    )
                )
    Punch.objects.bulk_create(made)
    if made:
        record(
            events.ROLL_CALLED,
            by=by,
            on=lesson,
            organisation_id=lesson.training_class.institution.organisation_id,
            after={"entries": [[row.enrolment_id, str(row.kind)] for row in made]},
        )
    return len(made)


@dataclass(frozen=True)
class Outcome:
    """What a learner's punches at a lesson come to."""

    state: str
    minutes: int
    credited: Decimal
    reason: str


def outcome_of(
    lesson: Lesson, punches: Mapping[str, datetime], *, late_minutes: int, minutes_per_hour: int
) -> Outcome:
    """The platform's rule for hours from punches (R025); its numbers are the parameters ``late_minutes`` and
    ``minutes_per_class_hour``.

    Minutes present are those between sign-in and sign-out that lie within the lesson. Who misses at most ``late_minutes``
    in all gets the lesson's full hours. Who misses more gets the minutes present divided by the minutes of a class hour,
    rounded down to a quarter. Without a sign-in, without a sign-out, or found absent at a roll call: none; a mistake is put
    right by a manual credit, which two persons decide.
    """
    if PunchKind.ABSENT in punches:
        return Outcome(AttendanceState.ABSENT, 0, Decimal(0), _("Found absent when the roll was called."))
    if PunchKind.IN not in punches:
        return Outcome(AttendanceState.ABSENT, 0, Decimal(0), _("No sign-in."))
    if PunchKind.OUT not in punches:
        text = _("No sign-out, so no hours. If you were there, ask the institution for a manual credit.")
        return Outcome(AttendanceState.LEFT_EARLY, 0, Decimal(0), text)
    came, left = max(punches[PunchKind.IN], lesson.starts_at), min(punches[PunchKind.OUT], lesson.ends_at)
    total = _minutes(lesson.starts_at, lesson.ends_at)
    present = max(0, _minutes(came, left))
    if total - present <= late_minutes:
        return Outcome(AttendanceState.PRESENT, present, lesson.hours, "")
    credited = min(lesson.hours, (Decimal(present * 4) / minutes_per_hour).to_integral_value(ROUND_DOWN) / 4)
    late, early = _minutes(lesson.starts_at, came), _minutes(left, lesson.ends_at)
    if late >= early:
        return Outcome(AttendanceState.LATE, present, credited, _("%(n)d minutes late.") % {"n": late})
    return Outcome(
        AttendanceState.LEFT_EARLY, present, credited, _("Left %(n)d minutes early.") % {"n": early}
    )


def _minutes(a: datetime, b: datetime) -> int:
    return int((b - a).total_seconds() // 60)


def outcomes(lesson: Lesson) -> list[tuple[Enrolment, Outcome]]:
    """What closing the lesson now would give everybody on the list of names."""
    late, per_hour = int(parameter("late_minutes")), int(parameter("minutes_per_class_hour"))
    punches: dict[int, dict[str, datetime]] = {}
    for row in Punch.objects.filter(lesson=lesson):
        punches.setdefault(row.enrolment_id, {})[row.kind] = row.at
    roster = (
        Enrolment.objects.filter(training_class_id=lesson.training_class_id, state=EnrolmentState.ACCEPTED)
        .select_related("person", "post")
        .order_by("pk")
    )
    return [
        (
            enrolment,
            outcome_of(lesson, punches.get(enrolment.pk, {}), late_minutes=late, minutes_per_hour=per_hour),
        )
        for enrolment in roster
    ]


@transaction.atomic
def close_lesson(lesson: Lesson, *, by: Actor) -> Lesson:
    """Close a lesson that is over: its attendance is computed and the hours go to the ledger, once (R022, R025).

    A second call changes nothing. Raises ``Refusal`` before the lesson's end.
    """
    may_lead(lesson, by)
    lesson = (
        Lesson.objects.select_for_update(of=("self",))
        .select_related("training_class__institution", "teacher")
        .get(pk=lesson.pk)
    )
    if lesson.closed_at is not None:
        return lesson
    lesson = _open_lesson(lesson)
    if clock.now() < lesson.ends_at:
        raise Conflict(
            "lesson_goes_on",
            _("The lesson goes on until %(time)s. Close it then.")
            % {"time": f"{clock.local(lesson.ends_at):%H:%M}"},
        )
    found = outcomes(lesson)
    Attendance.objects.bulk_create(
        [
            Attendance(
                lesson=lesson,
                enrolment=enrolment,
                state=outcome.state,
                minutes=outcome.minutes,
                credited=outcome.credited,
                reason=outcome.reason[:200],
            )
            for enrolment, outcome in found
        ],
        update_conflicts=True,
        unique_fields=["lesson", "enrolment"],
        update_fields=["state", "minutes", "credited", "reason"],
    )
    for enrolment, outcome in found:
        if outcome.credited > 0:
            hours.credit_attendance(
                person=enrolment.person,
                enrolment_id=enrolment.pk,
                organisation_id=lesson.training_class.institution.organisation_id,
                post_code=enrolment.post.code,
                hours=outcome.credited,
                source_key=f"lesson:{lesson.pk}",
                occurred_on=clock.local(lesson.starts_at).date(),
                note=f"{lesson.topic} {outcome.reason}".strip()[:200],
                by=by,
            )
    lesson.closed_at = clock.now()
    lesson.save(update_fields=["closed_at"])
    record(
        events.LESSON_CLOSED,
        by=by,
        on=lesson,
        organisation_id=lesson.training_class.institution.organisation_id,
        after={
            "on_list": len(found),
            "with_hours": sum(1 for _enrolment, outcome in found if outcome.credited > 0),
        },
    )
    return lesson
