from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .choices import (
    ArchiveKind,
    AttendanceState,
    ClassState,
    EnrolmentState,
    PlanState,
    PunchKind,
    PunchMethod,
)


class TrainingPlan(models.Model):
    """A training plan, annex 2 (R016, R017, R164–R181), in versions: a change is a new row that replaces the old one."""

    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField(_("year"))
    sequence = models.PositiveSmallIntegerField(_("term number"))
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    change_reason = models.TextField(_("reason for the change"), blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=PlanState.choices, default=PlanState.DRAFT, db_index=True
    )
    filled_on = models.DateField(_("date filled in"))
    institution_name = models.CharField(_("training institution (full name)"), max_length=200)
    site = models.ForeignKey(
        "institutions.Site", on_delete=models.PROTECT, related_name="+", verbose_name=_("site")
    )
    address = models.CharField(_("address of the class (detailed)"), max_length=300)
    teaching_head = models.CharField(_("teaching head"), max_length=50)
    teaching_head_phone = models.CharField(_("teaching head's phone"), max_length=30)
    contact = models.CharField(_("contact"), max_length=50)
    contact_phone = models.CharField(_("contact's phone"), max_length=30)
    opinion = models.TextField(_("institution's opinion"), blank=True)
    signed_by = models.CharField(_("person in charge (signature)"), max_length=50, blank=True)
    signature = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seal = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    first_day = models.DateField(_("first day of class"), null=True, blank=True)
    deadline = models.DateField(_("latest filing day"), null=True, blank=True)
    deadline_is_provisional = models.BooleanField(default=False)
    calendar_version = models.CharField(max_length=60, blank=True)
    rule_set = models.ForeignKey("rulebook.RuleSet", null=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(_("filed at"), null=True, blank=True)
    lateness_days = models.PositiveSmallIntegerField(_("working days late"), default=0)
    late_reason = models.TextField(_("reason for filing late"), blank=True)
    created_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=0)  # counts edits, so that a stale tab is noticed
    form_key = models.CharField(
        max_length=36, null=True, unique=True
    )  # of the form that made it: posted twice, made once

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "year", "sequence", "version"], name="plan_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.institution_name} {self.year}-{self.sequence} v{self.version}"


class PlanRow(models.Model):
    """One post of a plan (R172–R175). ``periods`` is ``kernel.schedule.Period`` as JSON; ``time_text`` what is printed."""

    plan = models.ForeignKey(TrainingPlan, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveSmallIntegerField()
    post = models.ForeignKey(
        "rulebook.Post", on_delete=models.PROTECT, related_name="+", verbose_name=_("post")
    )
    syllabus = models.ForeignKey(
        "rulebook.Syllabus", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    expected = models.PositiveIntegerField(_("expected number"))
    periods = models.JSONField(default=list)
    time_text = models.CharField(_("planned time"), max_length=300)
    hours = models.DecimalField(_("class hours"), max_digits=6, decimal_places=2, default=0)
    fee = models.DecimalField(_("fee (yuan)"), max_digits=10, decimal_places=2)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["plan", "position"], name="plan_row_position_once")]

    def __str__(self) -> str:
        return f"{self.post} × {self.expected}"


class PlanStep(models.Model):
    """One step of a plan. Append-only."""

    plan = models.ForeignKey(TrainingPlan, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=PlanState.choices)
    unit = models.CharField(max_length=200)
    person = models.CharField(max_length=100)
    opinion = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.plan} {self.verb}"


class TrainingClass(models.Model):
    """A class of one post, opened from a received plan's row."""

    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    plan_row = models.OneToOneField(PlanRow, on_delete=models.PROTECT, related_name="training_class")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("institutions.Site", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("class"), max_length=120)
    capacity = models.PositiveIntegerField(_("places"))
    fee = models.DecimalField(_("fee (yuan)"), max_digits=10, decimal_places=2)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    state = models.CharField(
        _("state"), max_length=10, choices=ClassState.choices, default=ClassState.ENROLLING, db_index=True
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["first_day"], name="class_by_day"),
            models.Index(fields=["institution", "first_day"], name="class_by_institution_day"),
        ]

    def __str__(self) -> str:
        return self.name


class Lesson(models.Model):
    """One half-day or lesson of a class's timetable, in one room with one teacher."""

    training_class = models.ForeignKey(TrainingClass, on_delete=models.CASCADE, related_name="lessons")
    room = models.ForeignKey(
        "institutions.Room", on_delete=models.PROTECT, related_name="+", verbose_name=_("room")
    )
    teacher = models.ForeignKey(
        "institutions.Teacher", on_delete=models.PROTECT, related_name="+", verbose_name=_("teacher")
    )
    topic = models.CharField(_("topic"), max_length=200)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    hours = models.DecimalField(_("class hours"), max_digits=4, decimal_places=2)
    pin = models.CharField(max_length=6, blank=True)
    pin_changed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="lesson_ends_after_start"
            )
        ]
        indexes = [
            models.Index(fields=["room", "starts_at"], name="lesson_by_room"),
            models.Index(fields=["teacher", "starts_at"], name="lesson_by_teacher"),
        ]

    def __str__(self) -> str:
        return f"{self.training_class} {self.starts_at:%m-%d %H:%M}"


class Enrolment(models.Model):
    """A person in a class (R020). ``applied_at`` starts the five-year clock of the records (R028).

    ``organisation_id`` repeats whose class it is, so that an institution's list is read in order from one index.
    """

    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="enrolments")
    training_class = models.ForeignKey(TrainingClass, on_delete=models.PROTECT, related_name="enrolments")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    organisation_id = models.BigIntegerField()
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=EnrolmentState.choices,
        default=EnrolmentState.APPLIED,
    )
    applied_at = models.DateTimeField(_("applied"))
    applied_by_id = models.BigIntegerField(null=True)
    reviewed_by = models.CharField(_("reviewed by"), max_length=200, blank=True)
    reviewed_by_id = models.BigIntegerField(null=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    retain_until = models.DateField(_("records kept until"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "training_class"], name="enrolment_once_per_class")
        ]
        indexes = [
            models.Index(fields=["applied_at"], name="enrolment_by_time"),
            models.Index(fields=["training_class", "state"], name="enrolment_by_class_state"),
            models.Index(fields=["state", "applied_at"], name="enrolment_by_state"),
            models.Index(fields=["organisation_id", "applied_at"], name="enrolment_by_unit"),
            models.Index(fields=["organisation_id", "state", "applied_at"], name="enrolment_by_unit_state"),
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.training_class}"


class EnrolmentStep(models.Model):
    """One step of an enrolment. Append-only."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=EnrolmentState.choices)
    person = models.CharField(max_length=100)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.enrolment} {self.verb}"


class Punch(models.Model):
    """One sign-in or sign-out of a learner at a lesson (R024). Append-only."""

    lesson = models.ForeignKey(Lesson, on_delete=models.PROTECT, related_name="punches")
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="punches")
    kind = models.CharField(max_length=4, choices=PunchKind.choices)
    method = models.CharField(max_length=12, choices=PunchMethod.choices)
    at = models.DateTimeField()
    by_user_id = models.BigIntegerField(null=True)
    ip = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lesson", "enrolment", "kind"], name="punch_once")]

    def __str__(self) -> str:
        return f"{self.enrolment} {self.kind}"


class Attendance(models.Model):
    """What a learner's punches at a lesson came to, written when the lesson is closed (R025)."""

    lesson = models.ForeignKey(Lesson, on_delete=models.PROTECT, related_name="attendances")
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="attendances")
    state = models.CharField(max_length=12, choices=AttendanceState.choices)
    minutes = models.PositiveIntegerField(_("minutes present"))
    credited = models.DecimalField(_("class hours credited"), max_digits=4, decimal_places=2)
    reason = models.CharField(_("why"), max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lesson", "enrolment"], name="attendance_once")]

    def __str__(self) -> str:
        return f"{self.enrolment} {self.state}"


class ArchiveItem(models.Model):
    """A piece of the class archive (R027–R029), electronic or on paper, kept until ``retain_until``."""

    training_class = models.ForeignKey(TrainingClass, on_delete=models.PROTECT, related_name="archive")
    kind = models.CharField(max_length=12, choices=ArchiveKind.choices)
    file = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    paper_location = models.CharField(_("where the paper lies"), max_length=200, blank=True)
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.training_class} {self.get_kind_display()}"
