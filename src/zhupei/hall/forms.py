from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.web.forms import MEGABYTE, DateField, FileField, ZForm

from .choices import OWN_ACTS, CheckInMethod, CheckItem, IncidentKind

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
            "8 groups of 4 figures and a check letter, as the centre's page shows them or reads them out. Spaces and capitals "
            "do not matter."
        ),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
    )


class PassForm(ZForm):
    file = BundleField(
        label=_("Hall pass"), help_text=_("The file that the centre made for this machine; it ends in .zph.")
    )


class ResetForm(ZForm):
    """For whom of the hall a new way in is proposed, and why."""

    login = forms.ChoiceField(label=_("Colleague"))
    reason = forms.CharField(label=_("Reason"), max_length=300)

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].choices = [("", _("Choose one.")), *people]  # type: ignore[attr-defined]


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


class UsualForm(ZForm):
    """A reason in the person's own words, or one of the usual ones (also posted by the short forms of a seat's page)."""

    usual = forms.ChoiceField(label=_("Usual ones"), required=False, widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("In your own words"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, usual: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["usual"].choices = [(text, text) for text in usual]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["reason"] = data.get("reason", "").strip() or data.get("usual", "")
        if not data["reason"] and not self.errors:
            self.add_error("reason", _("Choose one, or say it in your own words."))
        return data


class TimeForm(UsualForm):
    fault = forms.ChoiceField(label=_("For which fault"), required=False, widget=forms.RadioSelect)
    minutes = forms.IntegerField(
        label=_("Minutes"),
        min_value=1,
        max_value=240,
        required=False,
        help_text=_("Leave it empty to give as long as the fault lasted."),
    )
    field_order = ["fault", "minutes", "usual", "reason"]

    def __init__(self, *args: Any, faults: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if faults:
            self.fields["fault"].choices = [*faults, ("", _("None of these"))]
            self.fields["fault"].initial = faults[0][0]
        else:
            del self.fields["fault"]
            self.fields["minutes"].required = True
            self.fields["minutes"].help_text = ""


class RoomTimeForm(UsualForm):
    minutes = forms.IntegerField(
        label=_("Minutes for each"),
        min_value=1,
        max_value=240,
        required=False,
        help_text=_(
            "Leave it empty to give those who were cut off as long as that lasted, and the others nothing."
        ),
    )
    field_order = ["minutes", "usual", "reason"]


class HandInForm(UsualForm):
    expected = forms.IntegerField(
        label=_("How many persons are sitting there"), min_value=1, max_value=100_000
    )
    field_order = ["expected", "usual", "reason"]


class MoveForm(UsualForm):
    seat = forms.ChoiceField(label=_("To the free seat"))
    field_order = ["seat", "usual", "reason"]

    def __init__(self, *args: Any, seats: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seat"].choices = seats


class IncidentForm(ZForm):
    kind = forms.ChoiceField(
        label=_("Kind of incident"), choices=[one for one in IncidentKind.choices if one[0] not in OWN_ACTS]
    )
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


class RehearsalForm(ZForm):
    """How many computers play, for how long (R131)."""

    site = forms.ChoiceField(label=_("Hall"), required=False)
    seats = forms.IntegerField(
        label=_("Computers that take part"),
        min_value=1,
        help_text=_("As many as will sit at once, spare computers included. Each gets a number from 1 on."),
        initial=50,
    )
    minutes = forms.IntegerField(
        label=_("Minutes of answering"),
        min_value=1,
        initial=1,
        help_text=_("One minute is enough for the figures."),
    )

    def __init__(self, *args: Any, sites: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sites:
            self.fields["site"].choices = sites  # type: ignore[attr-defined]
        else:
            del self.fields["site"]
