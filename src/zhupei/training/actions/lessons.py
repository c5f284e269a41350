"""Every write on a class's timetable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_DOWN, Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions.api import Room, RoomKind, Teacher
from zhupei.kernel import clock, schedule
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.rulebook.api import parameter
from zhupei.training import events, periods
from zhupei.training.access import MANAGERS
from zhupei.training.choices import ClassState, EnrolmentState
from zhupei.training.models import Lesson, TrainingClass
from zhupei.training.queries import clashes, day_words

from .classes import locked_class


@dataclass(frozen=True)
class LessonInput:
    """A lesson as the form gives it: local date and times."""

    day: date
    start: time
    end: time
    room: Room
    teacher: Teacher
    topic: str


def _open_for_change(training_class: TrainingClass, by: Actor) -> TrainingClass:
    by.require(*MANAGERS, organisation_id=training_class.institution.organisation_id)
    training_class = locked_class(training_class)
    if training_class.state not in (ClassState.ENROLLING, ClassState.RUNNING):
        raise Conflict("class_over", _("The class is over; its timetable stands."))
    return training_class


def _hours(starts_at: datetime, ends_at: datetime) -> Decimal:
    minutes = Decimal(int((ends_at - starts_at).total_seconds())) / 60
    return (minutes / int(parameter("minutes_per_class_hour"))).quantize(Decimal("0.01"), ROUND_DOWN)


def _check(lesson: Lesson, training_class: TrainingClass) -> None:
    """Raise ``Refusal`` if the lesson cannot be: wrong place or person, outside the plan, double booking, too few seats."""
    if lesson.ends_at <= lesson.starts_at:
        raise Refusal("times_reversed", _("The lesson ends before it begins."), field="end")
    if (
        lesson.room.site_id != training_class.site_id
        or lesson.room.kind != RoomKind.CLASSROOM
        or not lesson.room.is_active
    ):
        raise Refusal(
            "wrong_room",
            _("Lessons are held in the classrooms of the site in the plan."),
            clause="二（一）1",
            field="room",
        )
    if lesson.teacher.institution_id != training_class.institution_id or not lesson.teacher.is_active:
        raise Refusal(
            "wrong_teacher",
            _("This teacher does not teach at your institution now."),
            clause="二（一）2",
            field="teacher",
        )
    day = clock.local(lesson.starts_at).date()
    days = periods.days_of(periods.from_json(training_class.plan_row.periods))
    if day not in days:
        raise Refusal(
            "outside_plan",
            _("%(day)s is not a day of the plan (%(time)s). Choose one of its days, or change the plan.")
            % {"day": day_words(day), "time": training_class.plan_row.time_text},
            clause="附件2",
            field="day",
        )
    accepted = training_class.enrolments.filter(state=EnrolmentState.ACCEPTED).count()
    if accepted > lesson.room.seats:
        raise Refusal(
            "room_too_small",
            _("%(n)d persons are enrolled; %(room)s has %(seats)d seats. Choose a larger room.")
            % {"n": accepted, "room": lesson.room.name, "seats": lesson.room.seats},
            clause="二（一）1",
            field="room",
        )
    clash = clashes(lesson).first()
    if clash is not None:
        raise _clash(lesson, clash)


def _clash(lesson: Lesson, other: Lesson) -> Conflict:
    starts, ends = clock.local(other.starts_at), clock.local(other.ends_at)
    when = f"{day_words(starts.date())} {starts:%H:%M}–{ends:%H:%M}"
    if other.training_class_id == lesson.training_class_id:
        text, field = _("The class already has a lesson then: %(when)s."), "start"
    elif other.room_id == lesson.room_id:
        text, field = _("%(room)s is taken: %(when)s, %(name)s. Choose another room or time."), "room"
    else:
        text, field = (
            _("%(teacher)s teaches elsewhere then: %(when)s. Choose another teacher or time."),
            "teacher",
        )
    words = text % {
        "when": when,
        "room": other.room.name,
        "name": other.training_class.name,
        "teacher": lesson.teacher.name,
    }
    conflict = Conflict("double_booked", words)
    conflict.fields[field] = [words]
    return conflict


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, clock.SHANGHAI)


def _lock_resources(room: Room, teacher: Teacher) -> None:
    """Two bookings of one room or teacher wait for each other, so that the second sees the first."""
    Room.objects.select_for_update().get(pk=room.pk)
    Teacher.objects.select_for_update().get(pk=teacher.pk)


@transaction.atomic
def generate_timetable(
    training_class: TrainingClass, *, room: Room, teacher: Teacher, topic: str, by: Actor
) -> int:
    """A lesson for each half-day of the plan that has none yet, in one room with one teacher, to be edited; returns how many."""
    training_class = _open_for_change(training_class, by)
    _lock_resources(room, teacher)
    taken = [(lesson.starts_at, lesson.ends_at) for lesson in training_class.lessons.all()]
    count = 0
    for starts_at, ends_at in schedule.intervals(periods.from_json(training_class.plan_row.periods)):
        if any(schedule.overlaps((starts_at, ends_at), other) for other in taken):
            continue
        lesson = Lesson(
            training_class=training_class,
            room=room,
            teacher=teacher,
            topic=topic,
            starts_at=starts_at,
            ends_at=ends_at,
            hours=_hours(starts_at, ends_at),
        )
        _check(lesson, training_class)
        lesson.save()
        count += 1
    if not count:
        raise Conflict("nothing_to_generate", _("Every half-day of the plan has a lesson already."))
    _record(events.TIMETABLE_GENERATED, training_class, by, {"lessons": count})
    return count


@transaction.atomic
def add_lesson(training_class: TrainingClass, data: LessonInput, *, by: Actor) -> Lesson:
    """Add a lesson. Raises ``Refusal`` for a clash, a day outside the plan or too few seats."""
    training_class = _open_for_change(training_class, by)
    _lock_resources(data.room, data.teacher)
    lesson = Lesson(training_class=training_class)
    _set(lesson, data, training_class)
    _record(
        events.LESSON_ADDED,
        training_class,
        by,
        {"lesson": lesson.pk, "starts_at": lesson.starts_at.isoformat()},
    )
    return lesson


def _set(lesson: Lesson, data: LessonInput, training_class: TrainingClass) -> None:
    lesson.room, lesson.teacher, lesson.topic = data.room, data.teacher, data.topic
    lesson.starts_at, lesson.ends_at = _moment(data.day, data.start), _moment(data.day, data.end)
    lesson.hours = _hours(lesson.starts_at, lesson.ends_at)
    _check(lesson, training_class)
    lesson.save()


def _not_begun(lesson: Lesson) -> None:
    if lesson.closed_at is not None or lesson.punches.exists():
        raise Conflict(
            "lesson_begun", _("Learners have signed in at this lesson, or it is closed; it stands as it is.")
        )


@transaction.atomic
def edit_lesson(lesson: Lesson, data: LessonInput, *, by: Actor) -> Lesson:
    """Change a lesson at which nobody has signed in."""
    training_class = _open_for_change(lesson.training_class, by)
    _lock_resources(data.room, data.teacher)
    lesson = Lesson.objects.select_for_update(of=("self",)).get(pk=lesson.pk)
    _not_begun(lesson)
    before = {"starts_at": lesson.starts_at.isoformat(), "room": lesson.room_id, "teacher": lesson.teacher_id}
    _set(lesson, data, training_class)
    after = {"starts_at": lesson.starts_at.isoformat(), "room": lesson.room_id, "teacher": lesson.teacher_id}
    _record(events.LESSON_CHANGED, training_class, by, {"lesson": lesson.pk, **after}, before)
    return lesson


@transaction.atomic
def remove_lesson(lesson: Lesson, *, by: Actor) -> None:
    """Take a lesson out of the timetable, if nobody has signed in at it."""
    training_class = _open_for_change(lesson.training_class, by)
    lesson = Lesson.objects.select_for_update(of=("self",)).get(pk=lesson.pk)
    _not_begun(lesson)
    _record(
        events.LESSON_REMOVED,
        training_class,
        by,
        {},
        {"lesson": lesson.pk, "starts_at": lesson.starts_at.isoformat()},
    )
    lesson.delete()


def _record(
    code: str,
    training_class: TrainingClass,
    by: Actor,
    after: dict[str, object],
    before: dict[str, object] | None = None,
) -> None:
    record(
        code,
        by=by,
        on=training_class,
        organisation_id=training_class.institution.organisation_id,
        before=before,
        after=after,
    )
