"""Reads that hold a rule: warnings of a plan, differences of versions, who is ready, what is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from zhupei.hours import api as hours
from zhupei.institutions.api import Institution, RegistrationState, RoomKind, Site, trains
from zhupei.kernel import clock, identity
from zhupei.people import api as people
from zhupei.rulebook.api import Post, decimal_parameter, parameter
from zhupei.web.templatetags.web import shanghai

from . import periods
from .choices import REQUIRED_ARCHIVE, ArchiveKind, ClassState, EnrolmentState, PlanState
from .models import Enrolment, Lesson, PlanRow, TrainingClass, TrainingPlan

ACTIVE = (EnrolmentState.APPLIED, EnrolmentState.ACCEPTED)
BEGUN = (ClassState.RUNNING, ClassState.FINISHED, ClassState.ARCHIVED)
ENOUGH_EDUCATION = frozenset({"secondary_vocational", "college", "bachelor", "master"})


def day_words(day: date) -> str:
    """A day in words: 2026年9月29日."""
    return shanghai(day)


# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────


def seats_of(site: Site) -> int:
    """Seats in all classrooms of a site (R011)."""
    rooms = site.rooms.filter(kind=RoomKind.CLASSROOM, is_active=True)
    return int(rooms.aggregate(n=Sum("seats"))["n"] or 0)


def change_deadline(opening: date) -> date:
    """The last day (24:00) on which a changed plan may be filed (R180, J05)."""
    return opening - timedelta(days=int(parameter("plan_change_days")))


def is_in_force(plan: TrainingPlan, on: date | None = None) -> bool:
    """True if classes may be held under the plan: received, or filed and not returned by its opening day (J21)."""
    if plan.state == PlanState.RECEIVED:
        return True
    day = on or clock.today()
    return plan.state == PlanState.SUBMITTED and plan.first_day is not None and plan.first_day <= day


def plan_warnings(plan: TrainingPlan) -> list[str]:
    """What the institution should look at before filing; none of it blocks a draft."""
    found = []
    rows = list(plan.rows.select_related("post"))
    least = decimal_parameter("min_training_hours_per_post")
    for row in rows:
        if row.hours < least:
            found.append(
                _(
                    "%(post)s: %(hours)s class hours planned; %(least)s are needed, the plan cannot be filed below."
                )
                % {"post": row.post, "hours": f"{row.hours:f}", "least": f"{least:f}"}
            )
        times = periods.from_json(row.periods)
        if periods.lacks_break(times):
            found.append(
                _("%(post)s: more than six hours without a break. Breaks do not count as class hours.")
                % {"post": row.post}
            )
        resting = periods.rest_days(times)
        if resting:
            found.append(
                _(
                    "%(post)s: %(n)d of the days are holidays or weekends (the first: %(day)s). That is allowed."
                )
                % {"post": row.post, "n": len(resting), "day": day_words(resting[0])}
            )
        if not trains(plan.institution, row.post):
            found.append(_("%(post)s is not among the posts of your registration.") % {"post": row.post})
    names = [str(row.post) for row in rows]
    found += [
        _("%(post)s stands in more than one row.") % {"post": name}
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    missing = sequence_gaps(plan)
    if missing:
        found.append(
            _("The numbers of %(year)d are not without gaps: %(numbers)s was withdrawn or is missing.")
            % {"year": plan.year, "numbers": "、".join(map(str, missing))}
        )
    if plan.deadline_is_provisional:
        found.append(
            _("The holidays of that year are not published yet: the filing day is provisional and may move.")
        )
    return found


def sequence_gaps(plan: TrainingPlan) -> list[int]:
    """The numbers below this plan's own that no standing plan of the year carries (R164)."""
    used = set(
        TrainingPlan.objects.filter(institution_id=plan.institution_id, year=plan.year)
        .exclude(state=PlanState.WITHDRAWN)
        .values_list("sequence", flat=True)
    )
    return [n for n in range(1, plan.sequence) if n not in used]


@dataclass(frozen=True)
class Difference:
    """One line of the comparison of two versions (R180)."""

    label: Any
    old: str
    new: str

    @property
    def differs(self) -> bool:
        return self.old != self.new


def plan_differences(plan: TrainingPlan) -> list[Difference]:
    """Every field of a version beside that of the version it changes; rows by position."""
    old = plan.supersedes
    assert old is not None
    names = (
        "filled_on",
        "institution_name",
        "address",
        "teaching_head",
        "teaching_head_phone",
        "contact",
        "contact_phone",
        "opinion",
        "signed_by",
    )
    field = TrainingPlan._meta.get_field
    lines = [
        Difference(
            getattr(field(name), "verbose_name", name),
            _words(getattr(old, name)),
            _words(getattr(plan, name)),
        )
        for name in names
    ]
    before, after = list(old.rows.select_related("post")), list(plan.rows.select_related("post"))
    for at in range(max(len(before), len(after))):
        a, b = (rows[at] if at < len(rows) else None for rows in (before, after))
        for (label, old_words), (_label, new_words) in zip(_row_words(a), _row_words(b), strict=True):
            text = _("Row %(n)d: %(field)s") % {"n": at + 1, "field": label}
            lines.append(Difference(text, old_words, new_words))
    return lines


def _words(value: Any) -> str:
    return day_words(value) if isinstance(value, date) else str(value)


def _row_words(row: PlanRow | None) -> list[tuple[str, str]]:
    """A row's fields with their labels; empty words for a row that is not there."""
    return [
        (_("post"), str(row.post) if row else ""),
        (_("expected number"), str(row.expected) if row else ""),
        (_("planned time"), row.time_text if row else ""),
        (_("class hours"), f"{row.hours:f}" if row else ""),
        (_("fee (yuan)"), f"{row.fee:f}" if row else ""),
    ]


# ── classes ─────────────────────────────────────────────────────────────────────────────────────────────


def open_classes() -> QuerySet[TrainingClass]:
    """What the public may enrol in: classes that enrol, of published institutions, not yet begun, with places taken."""
    return (
        TrainingClass.objects.filter(
            state=ClassState.ENROLLING,
            first_day__gte=clock.today(),
            institution__state=RegistrationState.PUBLISHED,
        )
        .select_related("institution", "site", "post")
        .annotate(taken=Count("enrolments", filter=Q(enrolments__state__in=ACTIVE)))
    )


def accepted_of(classes: Iterable[int]) -> dict[int, int]:
    """How many are accepted in each of these classes, where anybody is."""
    rows = Enrolment.objects.filter(training_class__in=list(classes), state=EnrolmentState.ACCEPTED)
    return dict(rows.values_list("training_class").annotate(n=Count("pk")))


def lesson_hours(training_class: TrainingClass) -> Decimal:
    """Class hours of the timetable, to be held against the minimum (R022)."""
    return training_class.lessons.aggregate(n=Sum("hours"))["n"] or Decimal(0)


def lessons_outside_plan(training_class: TrainingClass) -> list[Lesson]:
    """Lessons on a day that the plan does not name."""
    days = periods.days_of(periods.from_json(training_class.plan_row.periods))
    return [
        lesson for lesson in training_class.lessons.all() if clock.local(lesson.starts_at).date() not in days
    ]


def start_problems(training_class: TrainingClass) -> list[str]:
    """Why a class cannot start yet; empty if it can. Each names the fact and what to do."""
    found = []
    plan = training_class.plan_row.plan
    if not is_in_force(plan):
        found.append(_("The plan is not in force: the centre has returned it or has not received it yet."))
    if clock.today() < training_class.first_day:
        found.append(_("The class begins on %(day)s.") % {"day": day_words(training_class.first_day)})
    least, planned = decimal_parameter("min_training_hours_per_post"), lesson_hours(training_class)
    if planned < least:
        found.append(
            _("The timetable has %(hours)s class hours; at least %(least)s are needed. Add lessons.")
            % {"hours": f"{planned:f}", "least": f"{least:f}"}
        )
    outside = lessons_outside_plan(training_class)
    if outside:
        found.append(
            _("%(n)d lessons lie on days that the plan does not name. Move them, or change the plan.")
            % {"n": len(outside)}
        )
    states = dict(training_class.enrolments.values_list("state").annotate(n=Count("pk")))
    if states.get(EnrolmentState.APPLIED):
        found.append(
            _(
                "%(n)d applications wait for review. Decide them first: the list of names is closed when the class starts."
            )
            % {"n": states[EnrolmentState.APPLIED]}
        )
    accepted = states.get(EnrolmentState.ACCEPTED, 0)
    if not accepted:
        found.append(_("Nobody is enrolled yet."))
    smallest = training_class.lessons.filter(room__seats__lt=accepted).select_related("room").first()
    if smallest is not None:
        found.append(
            _("%(n)d persons are enrolled, but %(room)s has only %(seats)d seats.")
            % {"n": accepted, "room": smallest.room.name, "seats": smallest.room.seats}
        )
    return found


def retention_of(training_class: TrainingClass) -> date | None:
    """The last day on which the class archive must be kept: five years from the last application (R028)."""
    last: date | None = training_class.enrolments.aggregate(n=Max("retain_until"))["n"]
    return last


def missing_archive(training_class: TrainingClass) -> list[ArchiveKind]:
    """The kinds of record that the class archive still lacks (R027)."""
    kinds = set(training_class.archive.values_list("kind", flat=True))
    return [kind for kind in REQUIRED_ARCHIVE if kind not in kinds]


# ── enrolment ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Check:
    """One check of an application (R020). ``tone``: done, waiting (look at it) or problem (cannot be accepted)."""

    label: Any
    tone: str
    text: str


def application_checks(
    person: people.Person, training_class: TrainingClass, *, own: Enrolment | None = None
) -> list[Check]:
    """What the rule asks of a person who wants to join a class: age, education, no second enrolment, photo."""
    return [
        check_age(person, age_limits()),
        check_education(person),
        _check_duplicate(person, training_class, own),
        Check(_("Photo"), "done", _("There is one."))
        if person.photo_id
        else Check(_("Photo"), "waiting", _("None yet. It is needed before the test, not for the class.")),
    ]


def age_limits() -> tuple[int, int]:
    """The ages admitted, both included."""
    return int(parameter("enrolment_min_age")), int(parameter("enrolment_max_age"))


def check_age(person: people.Person, limits: tuple[int, int]) -> Check:
    """The age check of one person."""
    label = _("Age")
    if person.birth_date is None:
        return Check(label, "waiting", _("The document does not tell the birth date. Look at the document."))
    low, high = limits
    age = identity.age_on(person.birth_date, clock.today())
    if low <= age <= high:
        return Check(label, "done", _("%(n)d years") % {"n": age})
    return Check(
        label,
        "problem",
        _("%(n)d years; admitted are %(low)d to %(high)d years.") % {"n": age, "low": low, "high": high},
    )


def check_education(person: people.Person) -> Check:
    """The education check of one person."""
    label = _("Education")
    if not person.education:
        return Check(label, "problem", _("Not given. Enter it under My data, or ask the registrar."))
    words = person.get_education_display()
    if person.education in ENOUGH_EDUCATION:
        return Check(label, "done", words)
    return Check(
        label,
        "waiting",
        _("%(education)s: below secondary vocational school. The institution decides.")
        % {"education": words},
    )


def _check_duplicate(person: people.Person, training_class: TrainingClass, own: Enrolment | None) -> Check:
    label = _("No second enrolment")
    others = Enrolment.objects.filter(
        person=person,
        post_id=training_class.post_id,
        state__in=ACTIVE,
        training_class__state__in=(ClassState.ENROLLING, ClassState.RUNNING),
    )
    if own is not None:
        others = others.exclude(pk=own.pk)
    other = others.select_related("training_class__institution").first()
    if other is None:
        return Check(label, "done", _("None for this post."))
    return Check(
        label,
        "problem",
        _("Already enrolled for this post: %(name)s, %(institution)s. Cancel that application first.")
        % {"name": other.training_class.name, "institution": other.training_class.institution},
    )


def places_left(training_class: TrainingClass) -> int:
    """Places neither accepted nor applied for."""
    return max(0, training_class.capacity - training_class.enrolments.filter(state__in=ACTIVE).count())


def ready_enrolments(institution: Institution, post: Post) -> list[Enrolment]:
    """Accepted enrolments of an institution for a post with enough hours (or an exception) for the test (R022).

    Whether the person is a candidate or holds a certificate already is for the upper rooms to say.
    """
    rows = list(
        Enrolment.objects.filter(
            training_class__institution=institution,
            post=post,
            state=EnrolmentState.ACCEPTED,
            training_class__state__in=BEGUN,
        )
        .select_related("person", "training_class", "post")
        .order_by("applied_at", "pk")
    )
    ready = hours.ready_for_test([row.pk for row in rows]) if rows else set()
    return [row for row in rows if row.pk in ready]


def last_lesson_end(enrolment: Enrolment) -> datetime | None:
    """When the last lesson of the enrolment's class ends; None without a timetable."""
    end: datetime | None = Lesson.objects.filter(training_class_id=enrolment.training_class_id).aggregate(
        n=Max("ends_at")
    )["n"]
    return end


def same_teacher(teacher_id: int, user_id: int | None) -> Q:
    """Lessons of a teacher: this row, or another institution's row of the same account."""
    found = Q(teacher_id=teacher_id)
    return found | Q(teacher__user_id=user_id) if user_id is not None else found


def clashes(lesson: Lesson) -> QuerySet[Lesson]:
    """Lessons at the same time in the same room, with the same teacher (of any institution), or of the same class."""
    same = Q(room_id=lesson.room_id) | same_teacher(lesson.teacher_id, lesson.teacher.user_id)
    same |= Q(training_class_id=lesson.training_class_id)
    return (
        Lesson.objects.filter(same, starts_at__lt=lesson.ends_at, ends_at__gt=lesson.starts_at)
        .exclude(pk=lesson.pk)
        .exclude(training_class__state=ClassState.CANCELLED)
        .select_related("room", "teacher", "training_class")
        .order_by(F("starts_at"))
    )
