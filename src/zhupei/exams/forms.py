"""Forms of the exams room."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from zhupei.kernel import clock
from zhupei.rulebook.api import active_posts
from zhupei.web.forms import (
    DOCUMENTS,
    IMAGES,
    DateField,
    FileField,
    MobileField,
    TimeField,
    ZForm,
    ZFormMixin,
)

from .actions import Upload
from .choices import ApplicationState, BatchState, ResultState
from .queries import open_halls

MEGABYTE = 1024 * 1024


def upload_of(file: UploadedFile | None) -> Upload | None:
    """A checked upload as the actions take it."""
    if not file:
        return None
    return Upload(file.read(), file.name or "", file.content_type or "application/octet-stream")


class HallChoice(forms.ModelChoiceField):
    """A hall with what the applicant needs to know of it."""

    def label_from_instance(self, hall: Any) -> str:
        return f"{hall.name}（{hall.institution.full_name}，{hall.exam_clients} 台，{hall.address}）"


class ApplicationForm(ZForm):
    """Annex 4 without its sessions and posts, which are rows of their own."""

    sections = [
        (_("Where"), ["hall", "clients_available", "draft_number"]),
        (_("Who is in charge"), ["lead", "lead_mobile", "contact", "contact_mobile"]),
        (_("Signature and seal"), ["signed_by", "signed_on", "signature", "seal"]),
    ]

    hall = HallChoice(
        queryset=None,
        label=_("Exam hall"),
        empty_label=_("Choose a hall"),
        help_text=_(
            "Every hall of the city that the centre has approved. Its address goes into the application."
        ),
    )
    clients_available = forms.IntegerField(
        label=_("Computers available"),
        min_value=1,
        max_value=5000,
        help_text=_("Without the spare ones; not more than the hall was accepted with."),
    )
    draft_number = forms.CharField(
        label=_("Batch number of your own"),
        required=False,
        max_length=20,
        help_text=_("May stay empty, such as 2019—001. The centre gives the city-wide number with the slot."),
    )
    lead = forms.CharField(label=_("Person in charge of the test"), max_length=50)
    lead_mobile = MobileField(label=_("Mobile of the person in charge"), max_length=20)
    contact = forms.CharField(label=_("Contact person"), max_length=50)
    contact_mobile = MobileField(label=_("Mobile of the contact"), max_length=20)
    signed_by = forms.CharField(label=_("Signed by (head of the unit)"), max_length=50, required=False)
    signed_on = DateField(label=_("Date of signature"), required=False)
    signature = FileField(label=_("Signature"), required=False, extensions=IMAGES, max_bytes=2 * MEGABYTE)
    seal = FileField(label=_("Seal of the unit"), required=False, extensions=IMAGES, max_bytes=2 * MEGABYTE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hall"].queryset = open_halls()


class SessionForm(ZFormMixin, forms.Form):
    """One session: a day, from, to."""

    day = DateField(label=_("Date"))
    start = TimeField(label=_("Begins at"))
    end = TimeField(label=_("Ends at"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("start") and data.get("end") and data["end"] <= data["start"]:
            raise ValidationError(_("The session ends before it begins."))
        return data

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Start and end as aware moments."""
        data = self.cleaned_data
        return (
            datetime.combine(data["day"], data["start"], clock.SHANGHAI),
            datetime.combine(data["day"], data["end"], clock.SHANGHAI),
        )


class RowForm(ZFormMixin, forms.Form):
    """How many persons of one post."""

    post = forms.ModelChoiceField(queryset=None, label=_("Post"), empty_label=_("Choose a post"))
    count = forms.IntegerField(label=_("Persons"), min_value=1, max_value=5000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["post"].queryset = active_posts()


SessionRows = forms.formset_factory(SessionForm, extra=0, min_num=1, max_num=40, absolute_max=60)
PostRows = forms.formset_factory(RowForm, extra=0, min_num=1, max_num=40, absolute_max=60)


class SubmitForm(ZForm):
    """The pledge and, if the application is late, why."""

    pledge = forms.BooleanField(label=_("We have read the pledge above and give it."), required=False)
    late_reason = forms.CharField(
        label=_("Reason for applying late"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, late: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not late:
            del self.fields["late_reason"]


class ReasonForm(ZForm):
    """A reason that is kept."""

    reason = forms.CharField(label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class OpinionForm(ZForm):
    """What the centre writes to the institution."""

    opinion = forms.CharField(label=_("Opinion"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class ScheduleForm(ZForm):
    """Words with the slot; may stay empty, except where a late application is accepted."""

    opinion = forms.CharField(
        label=_("Opinion"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class ReceiptForm(ZForm):
    """The education office's receipt."""

    receipt_no = forms.CharField(label=_("Receipt number"), max_length=60)


class ReturnForm(ZForm):
    """A hall's return."""

    file = forms.FileField(
        label=_("Return file of the hall"),
        help_text=_("The file that the hall's server made, ending in .zpr."),
    )


class HallKeyForm(ZForm):
    """The public key of a hall's own server."""

    hall = HallChoice(queryset=None, label=_("Exam hall"), empty_label=_("Choose a hall"))
    public_key = forms.CharField(
        label=_("Public key"),
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("130 hexadecimal digits that begin with 04, as the hall's server shows them."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hall"].queryset = open_halls()


class RequestField(forms.FileField):
    """A request of a hall's machine, whatever it is called: its content is checked by its signature."""


class MachineForm(ZForm):
    """A hall's own machine to be registered."""

    hall = HallChoice(queryset=None, label=_("Exam hall"), empty_label=_("Choose a hall"))
    file = RequestField(
        label=_("Request of the machine"),
        help_text=_("The file that “zhupei hall-setup” wrote on the hall's machine."),
    )
    fingerprint = forms.CharField(
        label=_("Fingerprint, as you heard it"),
        max_length=100,
        help_text=_(
            "32 figures from 0 to 9 and a to f, read out from the hall's machine; spaces do not matter."
        ),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    compared_with = forms.CharField(label=_("Read out by"), max_length=100)
    address = forms.CharField(
        label=_("Address of the centre for this hall"),
        max_length=200,
        help_text=_("Under which the hall's machine reaches this platform, such as https://zhupei.example."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hall"].queryset = open_halls()


class VoidForm(ReasonForm):
    """A proposal to void, with what proves it."""

    evidence = FileField(label=_("Evidence"), required=False, extensions=DOCUMENTS)


class DecideForm(ReasonForm):
    """Yes or no to a proposal to void."""

    accept = forms.TypedChoiceField(
        label=_("Decision"),
        choices=[("1", _("Void the result")), ("0", _("Refuse the proposal"))],
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    field_order = ["accept", "reason"]


class ApplicationFilter(ZForm):
    q = forms.CharField(label=_("Institution or hall"), required=False, max_length=60)
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("All")), *ApplicationState.choices]
    )


class BatchFilter(ZForm):
    q = forms.CharField(label=_("Batch number, institution or hall"), required=False, max_length=60)
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("All")), *BatchState.choices])


class CandidateFilter(ZForm):
    q = forms.CharField(label=_("Name or class"), required=False, max_length=60)


class ResultFilter(ZForm):
    q = forms.CharField(label=_("Name or slip number"), required=False, max_length=60)
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("All")), *ResultState.choices]
    )
    passed = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[("", _("All")), ("1", _("Passed")), ("0", _("Not passed"))],
    )
