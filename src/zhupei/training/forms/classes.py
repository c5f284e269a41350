"""Forms of classes, timetable, enrolment, attendance and archive."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from zhupei.institutions.api import Room, RoomKind, active_teachers, published_institutions
from zhupei.kernel import clock
from zhupei.rulebook.api import active_posts, division_names
from zhupei.training import periods
from zhupei.training.actions import LessonInput
from zhupei.training.choices import (
    REQUIRED_ARCHIVE,
    ArchiveKind,
    ClassState,
    EnrolmentState,
    PlanState,
    PunchKind,
)
from zhupei.training.models import Lesson, TrainingClass
from zhupei.web.forms import DOCUMENTS, DateField, FileField, TimeField, ZForm
from zhupei.web.templatetags.web import shanghai


class ClassForm(ZForm):
    name = forms.CharField(
        label=gettext_lazy("Name of the class"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Left empty: term and post."),
    )
    capacity = forms.IntegerField(label=pgettext_lazy("training", "Places"), min_value=1, max_value=100_000)


class PlaceForm(ZForm):
    """Room, teacher and topic, from what the class may use."""

    room = forms.ModelChoiceField(queryset=None, label=pgettext_lazy("training", "Room"))
    teacher = forms.ModelChoiceField(queryset=None, label=gettext_lazy("Teacher"))
    topic = forms.CharField(label=gettext_lazy("Topic"), max_length=200)

    def __init__(self, *args: Any, training_class: TrainingClass, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        room, teacher = self.fields["room"], self.fields["teacher"]
        assert isinstance(room, forms.ModelChoiceField)
        assert isinstance(teacher, forms.ModelChoiceField)
        room.queryset = Room.objects.filter(
            site=training_class.site, kind=RoomKind.CLASSROOM, is_active=True
        ).order_by("name")
        room.label_from_instance = lambda row: (
            _("%(room)s (%(seats)d seats)") % {"room": row.name, "seats": row.seats}
        )  # type: ignore[method-assign]
        teacher.queryset = active_teachers(training_class.institution)


class LessonForm(PlaceForm):
    day = forms.ChoiceField(label=gettext_lazy("Day"), help_text=gettext_lazy("The days of the plan."))
    start = TimeField(label=gettext_lazy("Begins"))
    end = TimeField(label=gettext_lazy("Ends"))

    field_order = ["day", "start", "end", "room", "teacher", "topic"]

    def __init__(
        self, *args: Any, training_class: TrainingClass, lesson: Lesson | None = None, **kwargs: Any
    ) -> None:
        if lesson is not None:
            starts, ends = clock.local(lesson.starts_at), clock.local(lesson.ends_at)
            kwargs["instance_values"] = {
                "day": starts.date().isoformat(),
                "start": starts.time(),
                "end": ends.time(),
                "room": lesson.room_id,
                "teacher": lesson.teacher_id,
                "topic": lesson.topic,
            }
        super().__init__(*args, training_class=training_class, **kwargs)
        days = sorted(periods.days_of(periods.from_json(training_class.plan_row.periods)))
        field = self.fields["day"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(day.isoformat(), shanghai(day)) for day in days]

    def lesson_input(self) -> LessonInput:
        values = self.cleaned_data
        return LessonInput(
            day=date.fromisoformat(values["day"]),
            start=values["start"],
            end=values["end"],
            room=values["room"],
            teacher=values["teacher"],
            topic=values["topic"],
        )


class ImportForm(ZForm):
    file = FileField(label=gettext_lazy("Table of names"), extensions=("xlsx",), max_bytes=2 * 1024 * 1024)


class PunchForm(ZForm):
    """What a learner sends: in or out, by PIN or by the link's code."""

    kind = forms.ChoiceField(
        choices=[(k.value, k.label) for k in (PunchKind.IN, PunchKind.OUT)], widget=forms.HiddenInput
    )
    link = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)
    code = forms.CharField(
        label=gettext_lazy("Six digits on the teacher's screen"),
        max_length=12,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )
    early = forms.BooleanField(
        label=gettext_lazy("I leave early and know that it counts fewer hours"), required=False
    )


class ArchiveForm(ZForm):
    kind = forms.ChoiceField(label=gettext_lazy("Kind of record"))
    file = FileField(
        label=gettext_lazy("File"),
        extensions=(*DOCUMENTS, "docx", "xlsx", "zip", "mp4"),
        max_bytes=200 * 1024 * 1024,
        required=False,
    )
    paper_location = forms.CharField(
        label=gettext_lazy("Where the paper lies"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("For paper records: building, room, cabinet, folder."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        needed = _("needed")
        field.choices = [
            (kind.value, f"{kind.label}（{needed}）" if kind in REQUIRED_ARCHIVE else kind.label)
            for kind in ArchiveKind
        ]


def _divisions() -> list[tuple[str, Any]]:
    return [("", _("All divisions")), *sorted(division_names().items())]


class _Filters(ZForm):
    q = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=60)

    def value(self, name: str) -> Any:
        return (
            self.cleaned_data.get(name)
            if self.is_valid() or name in getattr(self, "cleaned_data", {})
            else None
        )


class PlanFilters(_Filters):
    state = forms.ChoiceField(
        label=gettext_lazy("State"), choices=[("", gettext_lazy("All")), *PlanState.choices], required=False
    )
    year = forms.IntegerField(label=gettext_lazy("Year"), required=False, min_value=2000, max_value=2999)
    division = forms.ChoiceField(label=gettext_lazy("Division"), choices=_divisions, required=False)


class ClassFilters(_Filters):
    state = forms.ChoiceField(
        label=gettext_lazy("State"), choices=[("", gettext_lazy("All")), *ClassState.choices], required=False
    )
    post = forms.ModelChoiceField(queryset=None, label=gettext_lazy("Post"), required=False)
    division = forms.ChoiceField(label=gettext_lazy("Division"), choices=_divisions, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        post = self.fields["post"]
        assert isinstance(post, forms.ModelChoiceField)
        post.queryset = active_posts()


class EnrolmentFilters(_Filters):
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[("", gettext_lazy("All")), *EnrolmentState.choices],
        required=False,
    )
    training_class = forms.IntegerField(widget=forms.HiddenInput, required=False)


class OpenClassFilters(_Filters):
    post = forms.ModelChoiceField(queryset=None, label=gettext_lazy("Post"), required=False)
    division = forms.ChoiceField(label=gettext_lazy("Division"), choices=_divisions, required=False)
    institution = forms.ModelChoiceField(queryset=None, label=gettext_lazy("Institution"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        post, institution = self.fields["post"], self.fields["institution"]
        assert isinstance(post, forms.ModelChoiceField)
        assert isinstance(institution, forms.ModelChoiceField)
        post.queryset = active_posts()
        institution.queryset = published_institutions().order_by("full_name")


class DayFilters(ZForm):
    day = DateField(label=gettext_lazy("Day"), required=False)
