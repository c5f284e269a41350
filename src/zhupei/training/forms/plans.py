"""The form of annex 2: head, rows by post, opinion and seal."""

from __future__ import annotations

import io
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms.formsets import BaseFormSet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from PIL import Image

from zhupei.institutions.api import Institution, SiteKind, approved_sites
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.schedule import Period, format_periods
from zhupei.rulebook.api import active_posts
from zhupei.training import periods
from zhupei.training.actions import PlanInput, RowInput, Upload
from zhupei.training.models import TrainingPlan
from zhupei.web.forms import DateField, FileField, PhoneField, TimeField, ZForm
from zhupei.web.views import message_of

MAX_PIXELS = 40_000_000


class SealField(FileField):
    """A seal or signature: PDF, or a picture that can really be opened and is not boundless."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_bytes=5 * 1024 * 1024, **kwargs)

    def to_python(self, data: Any) -> UploadedFile | None:
        file = super().to_python(data)
        if file is not None and not (file.name or "").lower().endswith(".pdf"):
            content = file.read()
            file.seek(0)
            try:
                with Image.open(io.BytesIO(content)) as image:
                    if image.width * image.height > MAX_PIXELS:
                        raise ValueError
                    image.verify()
            except Exception:  # a decoder of strangers' files may fail in any way
                raise ValidationError(
                    _("This picture cannot be opened. Save it again as PNG or JPG.")
                ) from None
        return file


class PlanForm(ZForm):
    """Everything of annex 2 but its rows."""

    site = forms.ModelChoiceField(
        queryset=None,
        label=gettext_lazy("Address of the class"),
        help_text=gettext_lazy("Teaching sites approved by the centre."),
    )
    filled_on = DateField(label=gettext_lazy("Date filled in"))
    teaching_head = forms.CharField(label=gettext_lazy("Teaching head"), max_length=50)
    teaching_head_phone = PhoneField(
        label=gettext_lazy("Teaching head's phone"),
        help_text=gettext_lazy("Mobile, or landline with area code: 023-63672000."),
    )
    contact = forms.CharField(label=pgettext_lazy("training", "Contact"), max_length=50)
    contact_phone = PhoneField(label=gettext_lazy("Contact's phone"))
    change_reason = forms.CharField(
        label=gettext_lazy("What changed and why"),
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=1000,
        required=False,
    )
    opinion = forms.CharField(
        label=gettext_lazy("Institution's opinion"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=500,
        required=False,
        help_text=gettext_lazy("Needed for filing."),
    )
    signed_by = forms.CharField(
        label=gettext_lazy("Person in charge (signature)"),
        max_length=50,
        required=False,
        help_text=gettext_lazy("Name. Needed for filing."),
    )
    signature = SealField(label=gettext_lazy("Picture of the signature"), required=False)
    seal = SealField(label=gettext_lazy("Seal, or scan of the sealed sheet"), required=False)
    key = forms.CharField(widget=forms.HiddenInput, max_length=36, required=False)
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)

    sections = [
        (
            gettext_lazy("Class and people"),
            ["site", "filled_on", "teaching_head", "teaching_head_phone", "contact", "contact_phone"],
        ),
    ]
    closing = ("change_reason", "opinion", "signed_by", "signature", "seal")

    def __init__(
        self, *args: Any, institution: Institution, plan: TrainingPlan | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        site = self.fields["site"]
        assert isinstance(site, forms.ModelChoiceField)
        site.queryset = approved_sites(institution, SiteKind.TEACHING)
        site.label_from_instance = lambda row: f"{row.name}（{row.address}）"  # type: ignore[method-assign]
        if plan is None or plan.supersedes_id is None:
            del self.fields["change_reason"]
        for name in ("signature", "seal"):
            file = getattr(plan, name, None)
            if file is not None:
                self.fields[name].help_text = _(
                    "Already there: %(name)s. Choose a file only to replace it."
                ) % {"name": file.name}

    def head(self) -> list[tuple[Any, list[Any]]]:
        return self.groups()[:1]

    def foot(self) -> list[Any]:
        return [self[name] for name in self.closing if name in self.fields]

    def clean_filled_on(self) -> Any:
        day = self.cleaned_data["filled_on"]
        if day > clock.today():
            raise ValidationError(_("The date filled in lies in the future."))
        return day


class RowForm(ZForm):
    """One post. The time is typed as on paper, or put together from days and hours; both at once are both kept."""

    post = forms.ModelChoiceField(queryset=None, label=gettext_lazy("Post"))
    expected = forms.IntegerField(label=gettext_lazy("Expected number"), min_value=1, max_value=100_000)
    fee = forms.DecimalField(
        label=gettext_lazy("Fee (yuan)"),
        min_value=0,
        max_digits=10,
        decimal_places=2,
        help_text=gettext_lazy("For one person; 0 if free."),
    )
    time_text = forms.CharField(
        label=gettext_lazy("Planned time"),
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=300,
        required=False,
        help_text=gettext_lazy(
            "As in the example: 2020年1月1-5日9:00-12:00、14:00-17:00. Several times: separate with ；."
        ),
    )
    first = DateField(label=gettext_lazy("From day"), required=False)
    last = DateField(label=gettext_lazy("To day"), required=False)
    start = TimeField(label=gettext_lazy("Begins"), required=False)
    end = TimeField(label=gettext_lazy("Ends"), required=False)
    pause = TimeField(label=gettext_lazy("Break from"), required=False)
    resume = TimeField(label=gettext_lazy("Break to"), required=False)

    plain = ("post", "expected", "fee", "time_text")
    parts = ("first", "last", "start", "end", "pause", "resume")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        post = self.fields["post"]
        assert isinstance(post, forms.ModelChoiceField)
        post.queryset = active_posts()

    def plain_fields(self) -> list[Any]:
        names = [*self.plain, "DELETE"]
        return [self[name] for name in names if name in self.fields]

    def part_fields(self) -> list[Any]:
        return [self[name] for name in self.parts]

    def parts_open(self) -> bool:
        return any(self[name].errors or self[name].value() for name in self.parts)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        text = "；".join(
            line.strip() for line in values.get("time_text", "").splitlines() if line.strip()
        ).rstrip("；;")
        try:
            period = self._period(values)
            if period is not None:
                periods.check([period])
                text = "；".join(part for part in (text, format_periods([period])) if part)
            if not text:
                self.add_error("time_text", _("Say when: type the time, or fill in days and hours below."))
            elif len(text) > 300:
                self.add_error("time_text", _("The text is too long for the form (300 characters)."))
            else:
                periods.read(text)
        except Refusal as refusal:
            self.add_error("time_text", message_of(refusal))
        values["time_text"] = text
        return values

    def _period(self, values: dict[str, Any]) -> Period | None:
        if not any(values.get(name) for name in self.parts):
            return None
        missing = [
            name for name in ("first", "start", "end") if not values.get(name) and name not in self.errors
        ]
        for name in missing:
            self.add_error(name, _("Fill this in, or leave all days and hours empty."))
        for name, other in (("pause", "resume"), ("resume", "pause")):
            if values.get(name) and not values.get(other) and other not in self.errors:
                self.add_error(other, _("A break needs both times."))
        if any(name in self.errors for name in self.parts):
            return None
        breaks = ((values["pause"], values["resume"]),) if values.get("pause") else ()
        return Period(
            values["first"], values.get("last") or values["first"], values["start"], values["end"], breaks
        )


class BaseRows(BaseFormSet):  # type: ignore[type-arg]
    """The rows of a plan; empty ones do not count."""

    def clean(self) -> None:
        if not any(self.errors) and not self.inputs():
            raise ValidationError(_("Enter at least one post."))

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].label = _("Remove this row")

    def inputs(self) -> list[RowInput]:
        return [
            RowInput(
                post=form.cleaned_data["post"],
                expected=form.cleaned_data["expected"],
                time_text=form.cleaned_data["time_text"],
                fee=form.cleaned_data["fee"],
            )
            for form in self.forms
            if form not in self.deleted_forms and form.cleaned_data.get("post")
        ]


PlanRows = forms.formset_factory(
    RowForm, formset=BaseRows, extra=1, max_num=60, validate_max=True, absolute_max=80, can_delete=True
)


def upload_of(file: UploadedFile | None) -> Upload | None:
    """An uploaded file as an action takes it; its type is told by its name, which the field has compared with its content."""
    if file is None:
        return None
    kinds = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg"}
    extension = (file.name or "").rpartition(".")[2].lower()
    return Upload(
        file.name or "", kinds.get(extension, file.content_type or "application/octet-stream"), file.read()
    )


def plan_input(form: PlanForm, rows: Any) -> PlanInput:
    """Form and rows as the action takes them."""
    values = form.cleaned_data
    return PlanInput(
        site=values["site"],
        filled_on=values["filled_on"],
        teaching_head=values["teaching_head"],
        teaching_head_phone=values["teaching_head_phone"],
        contact=values["contact"],
        contact_phone=values["contact_phone"],
        rows=rows.inputs(),
        opinion=values["opinion"],
        signed_by=values["signed_by"],
        change_reason=values.get("change_reason", ""),
        signature=upload_of(values["signature"]),
        seal=upload_of(values["seal"]),
    )


class SubmitForm(ZForm):
    """Filing: a reason only if it is late."""

    late_reason = forms.CharField(
        label=gettext_lazy("Reason for filing late"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=1000,
        required=False,
        help_text=gettext_lazy(
            "Only if the filing day has passed: the centre decides whether it accepts the plan."
        ),
    )


class OpinionForm(ZForm):
    opinion = forms.CharField(
        label=gettext_lazy("Opinion"),
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=1000,
        required=False,
    )


class ReasonForm(ZForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 2}), max_length=1000
    )
