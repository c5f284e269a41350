from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.web.forms import MEGABYTE, DateField, FileField, ZForm

from .choices import CheckInMethod, CheckItem, IncidentKind

PHOTO_HELP = _("Taken here and now: JPG or PNG, at most 5 MB.")


class BundleField(forms.FileField):
    """A bundle file, whatever it is called: its content is checked by its signature."""


class UploadForm(ZForm):
    file = BundleField(
        label=_("Bundle file"), help_text=_("The file that the centre sealed for this hall; it ends in .zpb.")
    )


class KeyForm(ZForm):
    key = forms.CharField(
        label=_("Key"),
        max_length=80,
        help_text=_(
            "32 figures from 0 to 9 and a to f, as the centre's page shows them; spaces do not matter."
        ),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
    )


class DayCheckForm(ZForm):
    """The points of the day that were found in order (R048)."""

    items = forms.MultipleChoiceField(
        label=_("In order"), choices=CheckItem.choices, widget=forms.CheckboxSelectMultiple, required=False
    )
    note = forms.CharField(
        label=_("Remark"),
        max_length=200,
        required=False,
        help_text=_("What was not in order, and what is done about it."),
    )


class SearchForm(ZForm):
    q = forms.CharField(
        label=_("Read the identity card, or type the slip number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autofocus": "autofocus", "autocomplete": "off", "data-private": ""}),
    )


def _photo(**kwargs: Any) -> FileField:
    return FileField(
        extensions=("jpg", "jpeg", "png"),
        max_bytes=5 * MEGABYTE,
        required=False,
        help_text=PHOTO_HELP,
        widget=forms.FileInput(attrs={"capture": "user", **kwargs.pop("attrs", {})}),
        **kwargs,
    )


class CheckInForm(ZForm):
    method = forms.ChoiceField(
        label=_("Identified by"), choices=CheckInMethod.choices, widget=forms.RadioSelect
    )
    alike = forms.ChoiceField(
        label=_("Is it the person on the photo?"),
        choices=[
            ("yes", _("Yes: face, photo and name fit")),
            ("unsure", _("Not sure: a second person shall look")),
        ],
        widget=forms.RadioSelect,
        initial="yes",
    )
    photo = _photo(label=_("Photo of the person at the door"))
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        required=False,
        help_text=_("Needed for a document instead of the card, for doubts, and for turning somebody away."),
    )
    late_reason = forms.CharField(
        label=_("Why let in late"),
        max_length=300,
        required=False,
        help_text=_(
            "Only when the time for late entry is over; the technical head or the exam officer decides."
        ),
    )

    def __init__(self, *args: Any, heads: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not heads:
            del self.fields["late_reason"]


class DecisionForm(ZForm):
    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, help_text=_("Needed for a refusal.")
    )


class LateDecisionForm(DecisionForm):
    late_reason = forms.CharField(
        label=_("Why let in late"),
        max_length=300,
        required=False,
        help_text=_(
            "Only when the time for late entry is over; the technical head or the exam officer decides."
        ),
    )


class ReasonForm(ZForm):
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}))


class TimeForm(ReasonForm):
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=240)
    fault = forms.ChoiceField(label=_("For which fault"), required=False)
    field_order = ["minutes", "fault", "reason"]

    def __init__(self, *args: Any, faults: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if faults:
            self.fields["fault"].choices = [("", _("None of these")), *faults]
        else:
            del self.fields["fault"]


class MoveForm(ReasonForm):
    seat = forms.ChoiceField(label=_("To the free seat"))
    field_order = ["seat", "reason"]

    def __init__(self, *args: Any, seats: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seat"].choices = seats


class IncidentForm(ZForm):
    kind = forms.ChoiceField(label=_("Kind of incident"), choices=IncidentKind.choices)
    candidate = forms.ChoiceField(label=_("About"), required=False)
    text = forms.CharField(
        label=_("What happened"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    photo = _photo(label=_("Photo"), attrs={"capture": "environment"})

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["candidate"].choices = [("", _("Nobody in particular")), *people]


class StaffForm(ZForm):
    person = forms.ChoiceField(label=_("Person"))
    trained_on = DateField(label=_("Trained on"))
    training = forms.CharField(
        label=_("Training"), max_length=200, help_text=_("Which training, held by whom.")
    )

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = people


class FilingForm(ZForm):
    filing_no = forms.CharField(label=_("Filing number"), max_length=60)
